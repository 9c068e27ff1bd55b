"""The convolutional network in the manner of transformers, for small images."""

from itertools import pairwise
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.image import SIDE, VIEWS, Convolution2d, ImageShape, ViewingBackbone, as_map, pooled
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Integer

EXPANSION = 4
"""How much wider the middle of a block is."""


@final
class ConvNeXt(ViewingBackbone):
    """Stages of blocks, each stage twice as wide and half as large as the one before.

    A block looks at each unit's own neighbourhood (a depthwise convolution), normalizes, and mixes the units of each
    pixel by two dense layers with the activation between them; it starts as nothing. Mean and maximum over the pixels
    leave the network, normalized, after dropout.

    Args:
        shape: The images.
        side: The longest side in pixels that convolutions see.
        d_block: Width of the first stage.
        n_stages: Number of stages.
        n_blocks: Blocks of each stage.
        n_taps: Pixels on a side of the neighbourhood, odd.
        views: Views of an image that are averaged in evaluation; see `views_of`.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, batch, channels, height, width)`, output `(k, batch, d_out)`.

    Source:
        Liu et al. (2022), arXiv:2201.03545; for small images the first convolution halves them once instead of twice,
        stages are equally deep, and branches start at zero instead of at a small scale.

    Example:
        >>> import torch
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> shape, parts = ImageShape(3, 12, 8), plain_parts(k=2, d_in=1)
        >>> net = ConvNeXt(shape=shape, side=64, d_block=8, n_stages=2, n_blocks=1, n_taps=5, views="one", parts=parts)
        >>> net(torch.zeros(1, 5, 3, 12, 8)).shape
        torch.Size([2, 5, 32])
    """

    def __init__(
        self,
        *,
        shape: ImageShape,
        side: int,
        d_block: int,
        n_stages: int,
        n_blocks: int,
        n_taps: int,
        views: str,
        parts: Parts,
    ) -> None:
        widths = [d_block * 2**stage for stage in range(n_stages)]
        super().__init__(d_out=2 * widths[-1], views=views)
        self._shape = shape.shrunk(side)
        self.first = Convolution2d(parts.k, shape.channels, d_block, n_taps=3, stride=2)
        self.norm = parts.normalization(d_block)
        self.stages = nn.ModuleList(_stage(d, n_blocks=n_blocks, n_taps=n_taps, parts=parts) for d in widths)
        self.between = nn.ModuleList(_Halve(d_in, d_out, parts=parts) for d_in, d_out in pairwise(widths))
        self.last, self.dropout = parts.normalization(widths[-1]), parts.dropout

    def seen(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        x = self.norm(self.first(as_map(x, shape=self._shape)))
        x = self.stages[0](x)
        for halve, stage in zip(self.between, list(self.stages)[1:], strict=True):
            x = stage(halve(x))
        hidden: Tensor = self.dropout(pooled(self.last(x)).to(self.first.weight.dtype))
        return hidden


@final
class _Halve(nn.Module):
    """Normalization, then a convolution at every second pixel."""

    def __init__(self, d_in: int, d_out: int, *, parts: Parts) -> None:
        super().__init__()
        self.norm = parts.normalization(d_in)
        self.convolution = Convolution2d(parts.k, d_in, d_out, n_taps=3, stride=2)

    def forward(self, x: Float[Tensor, "k batch height width d_in"]) -> Float[Tensor, "k batch h w d_out"]:
        halved: Tensor = self.convolution(self.norm(x))
        return halved


def _stage(d: int, *, n_blocks: int, n_taps: int, parts: Parts) -> nn.Sequential:
    return nn.Sequential(*(_Block(d, n_taps=n_taps, parts=parts) for _ in range(n_blocks)))


@final
class _Block(nn.Module):
    """A residual block."""

    def __init__(self, d: int, *, n_taps: int, parts: Parts) -> None:
        super().__init__()
        self.depthwise = Convolution2d(parts.k, d, d, n_taps=n_taps, n_groups=d)
        self.norm, self.activation = parts.normalization(d), parts.activation
        self.wide = Convolution2d(parts.k, d, EXPANSION * d, n_taps=1)
        self.narrow = Convolution2d(parts.k, EXPANSION * d, d, n_taps=1, zero=True)

    def forward(self, x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "k batch height width d"]:
        added: Tensor = self.narrow(self.activation(self.wide(self.norm(self.depthwise(x)))))
        return x + added


OPTION: Option[Backbone] = Option(
    ConvNeXt,
    {
        **SIDE,
        **VIEWS,
        "n_stages": Integer(2, 4, default=3, valid=(1, 8)),
        "n_blocks": Integer(1, 3, default=2, valid=(0, 16)),
        "d_block": Integer(16, 64, default=32, log=True, valid=(1, 1024)),
        "n_taps": Choice((3, 5, 7), default=5),
    },
    source="arXiv:2201.03545",
)
