"""A stack of k networks: embeddings, a backbone, a head."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Remembering
from automl_nn.model.backbones.fusion import Fusion
from automl_nn.model.backbones.image import MapBackbone
from automl_nn.model.backbones.pretrained import Pretrained
from automl_nn.model.dropout import Dropout
from automl_nn.model.embeddings import CategoryEmbedding
from automl_nn.model.encoders import Inputs
from automl_nn.model.heads import Head, MapHead, MemberHead
from automl_nn.model.normalizations import BatchNorm
from automl_nn.model.numeric import NumericEmbedding
from automl_nn.model.readings import Reading, mean_map
from automl_nn.model.stack import Noise, part, select, take

MIN_WINDOWS = 64
"""Windows that a sequence network reads at a time when it predicts."""


@final
class Network(nn.Module):
    """A stack of k networks; `build` makes it.

    Args:
        embedding: For the numeric columns, which are the first of `dense`.
        n_numeric: How many they are.
        categories: For the codes.
        backbone: The hidden layers.
        head: From the last of them to the outputs.
        noise: The networks' sources of randomness in training.
        scale: For the values of images; None where none are read.
        fusion: Joins the hidden units of images with the columns beside them; None where there are no such columns.
        readings: How an image is shown to it once it is trained; the mean of what it says of each counts.

    Shape:
        `dense` is `(k or 1, batch, d_in)`, `codes` `(k or 1, batch, n_codes)`, `pixels` `(k or 1, batch, channels,
        height, width)`; a leading dimension of 1 is shared by all networks. The output is `(k, batch, n_members *
        d_out)`: a network with several members has the outputs of each of them side by side; `StackLoss.correct` makes
        one of them.
    """

    def __init__(
        self,
        *,
        embedding: NumericEmbedding,
        n_numeric: int,
        categories: CategoryEmbedding,
        backbone: Backbone,
        head: Head | MapHead | MemberHead,
        noise: Noise,
        scale: nn.Module | None = None,
        fusion: Fusion | None = None,
        readings: tuple[Reading, ...] = (Reading(),),
    ) -> None:
        super().__init__()
        self.n_numeric, self.readings = n_numeric, readings
        self.embedding, self.categories = embedding, categories
        self.backbone, self.head, self.noise = backbone, head, noise
        self.scale, self.fusion = scale, fusion

    @property
    def k(self) -> int:
        """Number of networks."""
        return len(self.noise.generators)

    @property
    def architecture(self) -> str | None:
        """Which pretrained layers it has; None for no such ones."""
        return self.backbone.architecture if isinstance(self.backbone, Pretrained) else None

    @property
    def is_fixed(self) -> bool:
        """Whether it reads images by features that never change, so that these may be kept."""
        return isinstance(self.backbone, Pretrained) and self.backbone.is_fixed

    @property
    def says_pixels(self) -> bool:
        """Whether there is an output for each pixel of an image."""
        return isinstance(self.backbone, MapBackbone)

    @property
    def n_members(self) -> int:
        """Predictors inside each network."""
        return self.backbone.n_members

    @property
    def generators(self) -> list[torch.Generator]:
        """The networks' own sources of randomness, from their seeds."""
        return self.noise.generators

    def forward(
        self,
        dense: Float[Tensor, "#k batch d_in"],
        codes: Int[Tensor, "#k batch n_codes"],
        pixels: Tensor | None = None,
    ) -> Float[Tensor, "k batch outputs"]:
        hidden = self.backbone(self.features(dense, codes)) if pixels is None else self.seen(pixels)
        if self.fusion is not None:
            hidden = self.fusion(hidden, self.features(dense, codes))
        output: Tensor = self.head(hidden)
        return output

    def scaled(self, pixels: Tensor) -> Float[Tensor, "k batch channels height width"]:
        """Images as the backbone reads them."""
        assert self.scale is not None, "this network reads no images"
        values: Tensor = self.scale(pixels)
        return values

    def seen(self, pixels: Tensor) -> Tensor:
        """Hidden units of images, before anything beside them is looked at."""
        hidden: Tensor = self.backbone(self.scaled(pixels))
        return hidden

    def inner_modules(self) -> Iterator[nn.Module]:
        """The hidden layers: whose weights initializers draw."""
        yield from self.backbone.modules()
        if self.fusion is not None:
            yield from self.fusion.modules()

    def read(self, inputs: Inputs) -> Float[Tensor, "k batch outputs"]:
        """Outputs for rows that all networks share, read at once."""
        pixels = inputs.pixels
        output: Tensor = self(inputs.dense[None], inputs.codes[None], None if pixels is None else pixels[None])
        return output

    def _read_often(self, inputs: Inputs) -> Float[Tensor, "k batch outputs"]:
        """Outputs as of `read`, the mean over all ways in which images are shown."""
        if len(self.readings) == 1:
            return self.read(inputs)
        dense, codes, pixels = inputs.dense[None], inputs.codes[None], inputs.pixels
        assert pixels is not None, "rows without images are read once"
        outputs = [self(dense, codes, reading.shown(pixels)[None]) for reading in self.readings]
        if not self.says_pixels:
            return torch.stack(outputs).mean(0)
        height, width = pixels.shape[2:]
        maps = [output.unflatten(2, (height, width, -1)).movedim(-1, 2) for output in outputs]
        return mean_map(maps, self.readings).movedim(2, -1).flatten(2)

    def features(
        self, dense: Float[Tensor, "#k batch d_in"], codes: Int[Tensor, "#k batch n_codes"]
    ) -> Float[Tensor, "#k batch d_features"]:
        """What the backbone reads: embedded numbers, the other dense columns, vectors of the codes."""
        numbers, others = dense[..., : self.n_numeric], dense[..., self.n_numeric :]
        parts = [self.embedding(numbers), others]
        if codes.shape[-1]:
            parts.append(self.categories(codes))
        if parts[0] is numbers and len(parts) == 2:
            return dense
        k = max(len(part) for part in parts)
        return torch.cat([part.expand(k, -1, -1) for part in parts], dim=-1)

    @torch.no_grad()
    def fade(self, factors: Sequence[float]) -> None:
        """Drop at these multiples of the networks' rates from now on."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.fade(factors)

    def reach(self, progress: float) -> None:
        """Tell pretrained layers how much of the training is over, between 0 and 1."""
        if isinstance(self.backbone, Pretrained):
            self.backbone.reach(progress)

    @torch.no_grad()
    def predict(self, inputs: Inputs, *, batch_size: int = 4096) -> Float[Tensor, "k n_rows outputs"]:
        """Outputs of every network for every row, in evaluation mode.

        Args:
            inputs: Rows, on the network's device.
            batch_size: Rows at a time, of all members together; the outputs do not depend on it.
        """
        length, looks_back = self.backbone.length, self.backbone.looks_back
        batch_size = max(batch_size // self.n_members, 1)
        n_rows = max(batch_size, MIN_WINDOWS * length) if length > 1 else batch_size
        with evaluating(self):
            batches = inputs.batches(n_rows, length=length, looks_back=looks_back)
            outputs = (self._read_often(batch) for batch in batches)
            return inputs.joined(outputs, n_rows=n_rows, length=length, looks_back=looks_back)

    def remember(self, inputs: Inputs) -> None:
        """Let a backbone of fixed features compute those of these rows now, once for the whole training."""
        if isinstance(self.backbone, Remembering) and self.backbone.is_fixed:
            with self.backbone.memory.open():
                self.predict(inputs)

    def select(self, indices: Sequence[int]) -> "Network":
        """A copy with these networks only, in this order; each goes on with its own randomness."""
        return select(self, indices, k=self.k)

    def part(self, first: int, last: int) -> "Network":
        """The networks from `first` to before `last` as a stack that shares their tensors."""
        return part(self, first, last, k=self.k)

    def network_state(self, i: int) -> dict[str, Tensor]:
        """A copy of the state of network `i` alone, which a stack of one can load."""
        return {name: take(tensor, [i], k=self.k) for name, tensor in self.state_dict().items()}

    @torch.no_grad()
    def recalibrate(self, inputs: Inputs, *, batch_size: int = 4096) -> None:
        """Estimate the running statistics of batch normalization anew, with the weights as they are now.

        Args:
            inputs: Training rows.
            batch_size: Rows at a time; the statistics are averages over the batches, weighted by their rows.
        """
        norms = [module for module in self.modules() if isinstance(module, BatchNorm)]
        if not norms:
            return
        momenta, seen = [norm.momentum for norm in norms], 0
        with evaluating(self):
            for batch in inputs.batches(batch_size, length=self.backbone.length):
                seen += len(batch)
                for norm in norms:
                    norm.train()
                    norm.momentum = len(batch) / seen
                self.read(batch)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def joined(stacks: Sequence[Network]) -> Network:
    """Stacks of one bucket and one size as a single one: the networks of the first, then those of the second, ...

    Raises:
        ValueError: The stacks have different sizes.
    """
    k = stacks[0].k
    if any(stack.k != k for stack in stacks):
        raise ValueError(f"Stacks of one size can be joined, not of {[stack.k for stack in stacks]}.")
    whole = stacks[0].select([i % k for i in range(k * len(stacks))])
    for place, stack in enumerate(stacks):
        whole.part(place * k, (place + 1) * k).load_state_dict(stack.state_dict())
    for stack in stacks:
        if isinstance(whole.backbone, Remembering) and isinstance(stack.backbone, Remembering):
            whole.backbone.memory.learn(stack.backbone.memory)
    whole.noise.generators = [generator for stack in stacks for generator in stack.generators]
    return whole


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, the former mode after it.

    Example:
        >>> layer = nn.Dropout()
        >>> with evaluating(layer):
        ...     layer.training
        False
        >>> layer.training
        True
    """
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
