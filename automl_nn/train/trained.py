"""A trained network with all it needs to read a table: what is stored for a trial, and what predicts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from automl_nn.data.images.arrays import Images
from automl_nn.data.table import Table
from automl_nn.errors import ModelFileError
from automl_nn.model.backbones.image import ImageShape
from automl_nn.model.build import build
from automl_nn.model.encoders import Encoder, Inputs
from automl_nn.model.images import ImageRows
from automl_nn.model.network import Network
from automl_nn.model.views import view_of
from automl_nn.space.options import Config
from automl_nn.task.base import Family
from automl_nn.train.losses.stack_loss import StackLoss, Targets


@final
@dataclass(frozen=True)
class Trained:
    """One network, its encoder, and what its loss did to its outputs.

    Args:
        model: The network's config.
        loss: The loss's config.
        family: How the task reads outputs.
        share: Share of positives, or of each class, in the training rows `(d_out,)`; the loss's weights come from it.
        encoder: Reads a table.
        state: Weights and buffers, leading dimension 1.
        shape: What its images look like; None if it reads none.
        architecture: Which pretrained layers it has; None for no such ones.
    """

    model: Config
    loss: Config
    family: Family
    share: tuple[float, ...]
    encoder: Encoder
    state: Mapping[str, Tensor] = field(repr=False)
    shape: ImageShape | None = None
    architecture: str | None = None

    @cached_property
    def network(self) -> Network:
        """The network as a stack of one.

        Raises:
            ModelFileError: Its weights are none of a network that is built today.
        """
        view, d_dense = view_of(self.model), self.encoder.d_dense
        empty = Inputs(
            torch.zeros(0, d_dense if view is None else view.width(d_dense)),
            torch.zeros(0, len(self.encoder.vocabularies)).long(),
            images=None if self.shape is None else ImageRows.none(self.shape),
        )
        network = build(
            [self.model],
            empty,
            n_numeric=self.encoder.n_numeric,
            vocabularies=self.encoder.vocabularies,
            d_out=len(self.share),
            output_bias=torch.zeros(1, len(self.share)),
            seeds=[0],
            architecture=self.architecture,
        )
        try:
            network.to(self._dtype).load_state_dict(dict(self.state))
        except RuntimeError as error:
            backbone = self.model["backbone"]["name"]
            raise ModelFileError(
                f"The weights of a stored {backbone} do not fit the one that this version builds: "
                "predict with the version that trained it, or train it anew."
            ) from error
        return network.eval()  # which several threads may ask at once

    @property
    def _dtype(self) -> torch.dtype:
        return next(tensor.dtype for tensor in self.state.values() if tensor.is_floating_point())

    @property
    def _n_places(self) -> int:
        """Pixels of a row that have an output each."""
        return self.shape.height * self.shape.width if self.shape and self.network.says_pixels else 1

    def output(
        self, table: Table, *, starts: NDArray[np.int64] | None = None, images: Images | None = None
    ) -> NDArray[np.float32]:
        """Corrected outputs for the rows of a table `(n, d_out)`, in evaluation mode.

        Of maps, there is a row for each pixel, image after image.

        Args:
            table: The rows.
            starts: Where rows are steps of series: the row at which each series begins.
            images: The image of each row.
        """
        share = torch.tensor([self.share], dtype=self._dtype)
        like = Targets(share.repeat(1, self._n_places))
        loss = StackLoss([self.loss], like, family=self.family, d_out=len(self.share))
        inputs = self.encoder.transform(table).to(self._dtype)
        if starts is not None:
            inputs = replace(inputs, starts=torch.from_numpy(starts))
        if images is not None:
            inputs = replace(inputs, images=ImageRows.of(images))
        output = loss.correct(self._said(inputs))
        return np.asarray(output[0].numpy(), dtype=np.float32)

    def _said(self, inputs: Inputs) -> Tensor:
        """What the network says, of steps that are told what surrounds them a piece after the other."""
        view = view_of(self.model)
        if view is None or not len(inputs):
            return self.network.predict(inputs)
        said = [self.network.predict(view.read(piece).to(self._dtype)) for _, piece in view.pieces(inputs)]
        return torch.cat(said, dim=1)

    def to_bytes(self) -> bytes:
        """Weights and description as one safetensors blob."""
        description = {
            "model": self.model,
            "loss": self.loss,
            "family": self.family,
            "share": list(self.share),
            "encoder": self.encoder.to_json(),
            **({} if self.shape is None else {"shape": asdict(self.shape)}),
            **({} if self.architecture is None else {"architecture": self.architecture}),
        }
        blob: bytes = save({name: tensor.contiguous() for name, tensor in self.state.items()}, metadata(description))
        return blob

    @staticmethod
    def from_bytes(blob: bytes) -> "Trained":
        """The network that `to_bytes` stored.

        Raises:
            ModelFileError: The blob is truncated or is none of ours.
        """
        try:
            state, description = load(blob), read_metadata(blob)
            return Trained(
                model=description["model"],
                loss=description["loss"],
                family=description["family"],
                share=tuple(description["share"]),
                encoder=Encoder.from_json(description["encoder"]),
                state=state,
                shape=ImageShape(**description["shape"]) if "shape" in description else None,
                architecture=description.get("architecture"),
            )
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelFileError(f"The stored network cannot be read ({error}): write the model anew.") from error


def several_to_bytes(networks: Sequence[Trained]) -> bytes:
    """Networks that predict together, such as those of the folds: their blobs one after the other."""
    return b"".join(network.to_bytes() for network in networks)


def several_from_bytes(blob: bytes) -> tuple[Trained, ...]:
    """The networks that `several_to_bytes` stored.

    Raises:
        ModelFileError: The blob is truncated or is none of ours.
    """
    networks = []
    while blob:
        size = _size_of_first(blob)
        networks.append(Trained.from_bytes(blob[:size]))
        blob = blob[size:]
    return tuple(networks)


def _size_of_first(blob: bytes) -> int:
    """Length of the first safetensors blob: 8 bytes that say how long the header is, the header, the data."""
    start = 8 + int.from_bytes(blob[:8], "little")
    try:
        entries = [entry for name, entry in json.loads(blob[8:start]).items() if name != "__metadata__"]
        return start + max((entry["data_offsets"][1] for entry in entries), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"The stored network cannot be read ({error}): write the model anew.") from error


def metadata(description: Mapping[str, Any]) -> dict[str, str]:
    """A description as the header of a safetensors blob holds it; `read_metadata` brings it back."""
    return {"automl_nn": json.dumps(description)}


def read_metadata(blob: bytes) -> dict[str, Any]:
    """The description in the header of a safetensors blob: 8 bytes of length, then JSON."""
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    description: dict[str, Any] = json.loads(header["__metadata__"]["automl_nn"])
    return description
