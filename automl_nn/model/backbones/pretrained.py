"""A pretrained network of images under a head: its features as they are, or fine-tuned."""

import hashlib
from functools import lru_cache
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from automl_nn.errors import SpaceError
from automl_nn.model.backbones.base import Backbone, Parts, Remembering
from automl_nn.model.backbones.image import ImageBackbone, ImageShape
from automl_nn.model.backbones.memory import Memory
from automl_nn.model.normalizations import BatchNorm
from automl_nn.model.pretrained import empty_network, features, read_pretrained
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Held, Integer, Real, Text

N_DEPTHS = 12
"""Parts of a network, from its input to its output, between which the learning rate decays."""


@final
class Pretrained(Remembering, ImageBackbone):
    """The features of a pretrained network, each brought to mean 0 and deviation 1, and a hidden layer above them.

    Where all of its layers are frozen, the features of an image are computed once and kept for later epochs and
    trainings. Otherwise the head learns alone at first, and then the layers that are not frozen learn with it, those
    near the input more slowly. Frozen features are those of the images as they are: nothing augments them.

    Args:
        shape: The images.
        weights: A folder with weights in safetensors, or a name on the Hugging Face hub.
        side: Sides in pixels to which images are stretched or shrunk, whatever their proportion.
        frozen: Share of the layers, from the input on, that keep their weights; 1 for all.
        head_first: Share of the training in which the head learns alone.
        lr_share: Learning rate of the last layer, as a share of the head's.
        lr_decay: Factor on the learning rate from each twelfth of the network to the one before.
        statistics: `frozen` if batch normalization keeps the statistics it came with, `learned` if it goes on learning
            them.
        d_head: Width of the hidden layer; 0 for none.
        parts: What stands between the layers; its `architecture` describes the layers of a stored network, whose
            weights are loaded afterwards.

    Shape:
        Input `(k or 1, batch, channels, height, width)`, output `(k, batch, d_out)`.

    Raises:
        ModelFileError: There are no such weights.
        SpaceError: There is no name of weights, or the network reads other channels than the images have.

    Source:
        Kumar et al. (2022), arXiv:2202.10054 (head first); Clark et al. (2020), arXiv:2003.10555 (decay by layer);
        ranges of Arango et al. (2024), arXiv:2306.03828; normalized features as in He et al. (2022), arXiv:2111.06377.
        Images are standardized by their own data set rather than by that of the weights.
    """

    def __init__(
        self,
        *,
        shape: ImageShape,
        weights: str,
        side: int,
        frozen: float,
        head_first: float,
        lr_share: float,
        lr_decay: float,
        statistics: str,
        d_head: int,
        parts: Parts,
    ) -> None:
        network, self.architecture = _network(weights, parts.architecture)
        self._channels, self._side = _channels(network, shape), side
        d_features = self._width(network)
        super().__init__(d_out=d_head or d_features)
        self._skeleton = (network,)  # not a submodule: its own weights are only copied from
        self._statistics, self._head_first = statistics, head_first
        self._names = {name: f"borrowed__{name.replace('.', '__')}" for name in network.state_dict()}
        self.LR_FACTORS = self._register(network, parts.k, frozen=frozen, lr_share=lr_share, lr_decay=lr_decay)
        self._progress = 0.0
        self.is_fixed = frozen == 1.0
        self.memory = _memory(_digest(network) if self.is_fixed else "", side)
        self.norm = BatchNorm(k=parts.k, d=d_features, eps=1e-5)
        self.dense = Linear(parts.k, d_features, d_head) if d_head else None
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        found = torch.stack([self._of_network(x[i if len(x) > 1 else 0], i) for i in range(len(self.norm.scale))])
        hidden = self.norm(found)
        if self.dense is not None:
            hidden = self.activation(self.dense(hidden))
        kept: Tensor = self.dropout(hidden)
        return kept

    def _of_network(self, x: Float[Tensor, "batch channels height width"], i: int) -> Float[Tensor, "batch d"]:
        if self.is_fixed:
            with torch.no_grad():
                return self.memory.of(x.contiguous(), network=0, compute=lambda some: self._computed(some, i))
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._progress >= self._head_first):
            return self._computed(x, i)

    def reach(self, progress: float) -> None:
        """Note how much of the training is over, between 0 and 1; there is no way back."""
        self._progress = max(self._progress, progress)

    def _computed(self, x: Float[Tensor, "batch channels height width"], i: int) -> Float[Tensor, "batch d"]:
        """Features by the weights of network `i`."""
        (network,) = self._skeleton
        network.to(x.device)
        learns = self.training and self._statistics == "learned" and torch.is_grad_enabled()
        for part in network.modules():
            if isinstance(part, _BatchNorm):
                part.train(learns)
        own = {f"network.{name}": getattr(self, ours)[i] for name, ours in self._names.items()}
        found: Tensor = torch.func.functional_call(_Features(network), own, (self._fitted(x),))
        return found.to(self.norm.scale.dtype)

    def _fitted(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch c side side"]:
        """Images in the size and with the channels that the network reads."""
        if tuple(x.shape[2:]) != (self._side, self._side):
            shrinks = min(x.shape[2:]) > self._side
            x = F.interpolate(x, (self._side, self._side), mode="bilinear", align_corners=False, antialias=shrinks)
        x = x.expand(-1, self._channels, -1, -1) if x.shape[1] == 1 else x
        return x.contiguous(memory_format=torch.channels_last)

    def _width(self, network: nn.Module) -> int:
        """Number of features."""
        try:
            with torch.no_grad():
                return int(features(network, torch.zeros(1, self._channels, self._side, self._side)).shape[1])
        except (TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SpaceError(
                f"The pretrained network cannot read images of {self._side} x {self._side} pixels ({reason}): choose "
                "another model.backbone.side, or weights of a network of images."
            ) from error

    def _register(
        self, network: nn.Module, k: int, *, frozen: float, lr_share: float, lr_decay: float
    ) -> dict[str, float]:
        """Take over weights and statistics, a copy for each network of the stack; the factor of each learning rate."""
        parameters, factors = dict(network.named_parameters()), dict[str, float]()
        n_frozen = round(frozen * len(parameters))
        for number, (name, parameter) in enumerate(parameters.items()):
            own = parameter.detach().expand(k, *parameter.shape).clone()
            self.register_parameter(self._names[name], nn.Parameter(own, requires_grad=number >= n_frozen))
            depth = N_DEPTHS - 1 - number * N_DEPTHS // len(parameters)
            factors[self._names[name]] = lr_share * lr_decay**depth
        for name, buffer in network.state_dict().items():
            if name not in parameters:
                self.register_buffer(self._names[name], buffer.detach().expand(k, *buffer.shape).clone())
        return factors


@final
class _Features(nn.Module):
    """`features` as a module, which is what torch calls with other weights."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return features(self.network, images)


def _network(weights: str, architecture: str | None) -> tuple[nn.Module, str]:
    if architecture is not None:
        return empty_network(architecture), architecture
    if not weights:
        raise SpaceError("Which weights? Set model.backbone.weights to a folder with safetensors, or to a hub name.")
    return read_pretrained(weights)


def _channels(network: Any, shape: ImageShape) -> int:
    """Channels that the network reads."""
    wanted = int(getattr(network.config, "num_channels", 3))
    if shape.channels not in (1, wanted):
        raise SpaceError(f"The pretrained network reads {wanted} channels, but the images have {shape.channels}.")
    return wanted


def _digest(network: nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in network.state_dict().values():
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _shared_memory(digest: str, side: int) -> Memory:
    del digest, side
    return Memory()


def _memory(digest: str, side: int) -> Memory:
    """Where features are kept: those of the last frozen network are kept for all trainings of this process."""
    return _shared_memory(digest, side) if digest else Memory()


OPTION: Option[Backbone] = Option(
    Pretrained,
    {
        "weights": Held(Text("")),
        "side": Held(Choice((64, 128, 224), default=128, also=Integer(8, 1024, default=128))),
        "frozen": Choice((1.0, 0.8, 0.4, 0.0), also=Real(0.0, 1.0, default=1.0)),
        "head_first": Held(Real(0.0, 0.5, default=0.2, valid=(0.0, 1.0))),
        "lr_share": Real(0.01, 1.0, default=0.1, log=True, valid=(0.0, 10.0)),
        "lr_decay": Choice((0.75, 0.65, 1.0), also=Real(0.1, 1.0, default=0.75)),
        "statistics": Choice(("frozen", "learned")),
        "d_head": Choice((0, 128, 512), also=Integer(0, 16384, default=0)),
    },
    source="arXiv:2202.10054",
)
