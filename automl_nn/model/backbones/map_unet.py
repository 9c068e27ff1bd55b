"""The two-dimensional U-Net, for one answer per pixel."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.cnn import Layer
from automl_nn.model.backbones.image import (
    SIDE,
    Convolution2d,
    ImageShape,
    MapBackbone,
    as_map,
    maxima,
    planes,
    planes_of,
)
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Integer

MAX_GROWTH = 4
"""How much wider the lower levels become than the first."""


@final
class MapUNet(MapBackbone):
    """Convolutions on the image, on its halves, on their halves, and back up, with what each level saw.

    Each level is up to four times as wide as the first and has one convolution on each side; the lowest one has
    dropout. Where the image was shrunk, the last map is stretched to the image's size between its pixels. With a patch
    of several pixels, these come as units of one and leave as pixels again: a quarter of the work for a patch of 2.

    Args:
        shape: The images.
        side: The longest side in pixels that convolutions see.
        patch: Pixels on a side of a square that is read as one.
        n_levels: How often the image is halved.
        d_block: Width of the first level.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, batch, channels, height, width)`, output `(k, batch, d_out, height, width)`.

    Source:
        Ronneberger et al. (2015), arXiv:1505.04597, with images continued by zeros and one convolution on each level
        and side; patches as in Shi et al. (2016), arXiv:1609.05158, at both ends.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> shape, parts = ImageShape(3, 13, 7), plain_parts(k=2, d_in=1)
        >>> net = MapUNet(shape=shape, side=64, patch=2, n_levels=2, d_block=8, parts=parts)
        >>> net(torch.zeros(1, 5, 3, 13, 7)).shape
        torch.Size([2, 5, 8, 13, 7])
    """

    def __init__(self, *, shape: ImageShape, side: int, patch: int, n_levels: int, d_block: int, parts: Parts) -> None:
        super().__init__(d_out=d_block)
        widths = [d_block * min(2**level, MAX_GROWTH) for level in range(n_levels + 1)]
        self._shape, self._patch = shape.shrunk(side), patch
        d_in = shape.channels * patch**2
        self.down = nn.ModuleList(
            Layer(before, own, parts=parts) for before, own in zip([d_in, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            Layer(below + own, own, parts=parts) for own, below in zip(widths[-2::-1], widths[::-1], strict=False)
        )
        self.dropout = parts.dropout
        self.last = Convolution2d(parts.k, d_block, d_block * patch**2, n_taps=1) if patch > 1 else None

    def forward(
        self, x: Float[Tensor, "#k batch channels height width"]
    ) -> Float[Tensor, "k batch d_out height width"]:
        size, seen = (x.shape[3], x.shape[4]), []
        x = in_patches(as_map(x, shape=self._shape), self._patch)
        for layer in self.down[:-1]:
            x = layer(x)
            seen.append(x)
            x = maxima(x)
        x = self.down[-1](x)
        x = self.dropout(x.flatten(2)).view(x.shape)
        for layer in self.up:
            beside = seen.pop()
            x = layer(torch.cat([_stretched(x, beside), beside], dim=-1))
        return self._in_full_size(x, size)

    def _in_full_size(self, x: Float[Tensor, "k batch h w d"], size: tuple[int, int]) -> Tensor:
        y = planes(x if self.last is None else self.last(x)).to(next(self.parameters()).dtype)
        if self.last is not None:
            y = F.pixel_shuffle(y, self._patch)[:, :, : self._shape.height, : self._shape.width]
        if tuple(y.shape[2:]) != size:
            y = F.interpolate(y, size=size, mode="bilinear", align_corners=False)
        return y.reshape(*x.shape[:2], *y.shape[1:])


def in_patches(x: Float[Tensor, "k batch height width d"], patch: int) -> Float[Tensor, "k batch h w d_patch"]:
    """Squares of pixels as one pixel each, whose units stand side by side; an image is continued by zeros.

    Example:
        >>> in_patches(torch.arange(6.0).view(1, 1, 2, 3, 1), 2).flatten(2).tolist()
        [[[0.0, 1.0, 3.0, 4.0, 2.0, 0.0, 5.0, 0.0]]]
    """
    if patch == 1:
        return x
    height, width = x.shape[2:4]
    filled = F.pad(planes(x), (0, -width % patch, 0, -height % patch))
    return planes_of(F.pixel_unshuffle(filled, patch), k=len(x))


def _stretched(x: Float[Tensor, "k batch h w d"], like: Float[Tensor, "k batch height width _"]) -> Tensor:
    """Each pixel repeated until the map is as large as the other one."""
    return planes_of(F.interpolate(planes(x), size=like.shape[2:4], mode="nearest"), k=len(x))


OPTION: Option[Backbone] = Option(
    MapUNet,
    {
        **SIDE,
        "patch": Choice((1, 2), default=2, also=Integer(1, 16, default=2)),
        "n_levels": Integer(2, 4, default=3, valid=(0, 8)),
        "d_block": Integer(8, 64, default=16, log=True, valid=(1, 1024)),
    },
    source="arXiv:1505.04597",
)
