"""The convolutional network for small images."""

from collections.abc import Sequence
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.image import (
    SIDE,
    VIEWS,
    Convolution2d,
    ImageShape,
    ViewingBackbone,
    as_map,
    maxima,
    pooled,
)
from automl_nn.space.options import Option
from automl_nn.space.ranges import Integer


@final
class CNN(ViewingBackbone):
    """Stages of convolutions over squares of nine pixels, each twice as wide and half as large as the one before.

    A stage is convolution, maximum of squares of four, normalization, activation, then residual blocks that start as
    nothing. Mean and maximum over the pixels of the last one leave the network, after dropout. Where a single pixel is
    left, convolutions have no weights for neighbours.

    Args:
        shape: The images.
        side: The longest side in pixels that convolutions see.
        d_block: Width of the first convolution.
        n_blocks: Number of stages.
        n_residual: Residual blocks of each stage.
        views: Views of an image that are averaged in evaluation; see `views_of`.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, batch, channels, height, width)`, output `(k, batch, d_out)`.

    Source:
        He et al. (2016), arXiv:1512.03385, in the small form of Page (2018), "How to train your ResNet" (ResNet-9);
        maxima come before normalizations as in Jordan (2024), arXiv:2404.00498, which leaves them a quarter of the
        work; branches start at zero as in Goyal et al. (2017), arXiv:1706.02677; the mean beside the maximum is ours.

    Example:
        >>> import torch
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> shape, parts = ImageShape(3, 12, 8), plain_parts(k=2, d_in=1)
        >>> net = CNN(shape=shape, side=64, d_block=8, n_blocks=2, n_residual=1, views="one", parts=parts)
        >>> net(torch.zeros(1, 5, 3, 12, 8)).shape
        torch.Size([2, 5, 64])
    """

    def __init__(
        self, *, shape: ImageShape, side: int, d_block: int, n_blocks: int, n_residual: int, views: str, parts: Parts
    ) -> None:
        widths = [d_block * 2**stage for stage in range(n_blocks + 1)]
        super().__init__(d_out=2 * widths[-1], views=views)
        self._shape = shape.shrunk(side)
        taps = _taps(self._shape, n_blocks=n_blocks)
        self.first = Layer(shape.channels, d_block, n_taps=taps[0], parts=parts)
        self.stages = nn.ModuleList(
            _Stage(*widths[i : i + 2], n_taps=taps[i : i + 2], n_residual=n_residual, parts=parts)
            for i in range(n_blocks)
        )
        self.dropout = parts.dropout

    def seen(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        x = self.first(as_map(x, shape=self._shape))
        for stage in self.stages:
            x = stage(x)
        hidden: Tensor = self.dropout(pooled(x).to(self.first.convolution.weight.dtype))
        return hidden


@final
class Layer(nn.Module):
    """Convolution over squares of nine pixels, perhaps the maximum of squares of four, normalization, activation."""

    def __init__(self, d_in: int, d_out: int, *, parts: Parts, n_taps: int = 3, halves: bool = False) -> None:
        super().__init__()
        self._halves = halves
        self.convolution = Convolution2d(parts.k, d_in, d_out, n_taps=n_taps)
        self.norm, self.activation = parts.normalization(d_out), parts.activation

    def forward(self, x: Float[Tensor, "#k batch height width d_in"]) -> Float[Tensor, "k batch h w d_out"]:
        x = self.convolution(x)
        hidden: Tensor = self.activation(self.norm(maxima(x) if self._halves else x))
        return hidden


@final
class _Stage(nn.Module):
    """To another width and half the size, then residual blocks; `n_taps` before and after the size is halved."""

    def __init__(self, d_in: int, d_out: int, *, n_taps: Sequence[int], n_residual: int, parts: Parts) -> None:
        super().__init__()
        whole, halved = n_taps
        self.layer = Layer(d_in, d_out, n_taps=whole, parts=parts, halves=True)
        self.blocks = nn.ModuleList(_Block(d_out, n_taps=halved, parts=parts) for _ in range(n_residual))

    def forward(self, x: Float[Tensor, "k batch height width d_in"]) -> Float[Tensor, "k batch h w d_out"]:
        x = self.layer(x)
        for block in self.blocks:
            x = x + block(x)
        return x


@final
class _Block(nn.Module):
    """What one residual block adds."""

    def __init__(self, d: int, *, n_taps: int, parts: Parts) -> None:
        super().__init__()
        self.first = Layer(d, d, n_taps=n_taps, parts=parts)
        self.second = Convolution2d(parts.k, d, d, n_taps=n_taps, zero=True)

    def forward(self, x: Float[Tensor, "k batch h w d"]) -> Float[Tensor, "k batch h w d"]:
        added: Tensor = self.second(self.first(x))
        return added


def _taps(shape: ImageShape, *, n_blocks: int) -> list[int]:
    """Pixels on a side of the square that a convolution reads, before the first stage and behind each: 3, or only 1."""
    sides = [max(shape.height, shape.width) >> n_halved for n_halved in range(n_blocks + 1)]
    return [3 if side > 1 else 1 for side in sides]


OPTION: Option[Backbone] = Option(
    CNN,
    {
        **SIDE,
        **VIEWS,
        "n_blocks": Integer(2, 4, default=3, valid=(1, 8)),
        "d_block": Integer(8, 64, default=16, log=True, valid=(1, 1024)),
        "n_residual": Integer(0, 2, default=1, valid=(0, 8)),
    },
    source="arXiv:1512.03385",
)
