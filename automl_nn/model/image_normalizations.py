"""Normalizations of maps: over pixels as rows, or over groups of units and all pixels of an image."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.normalizations import NORMALIZATIONS, BatchNorm, GroupNorm, NoNorm, RMSNorm
from automl_nn.model.stack import apart, together
from automl_nn.space.options import Option, Options


@final
class OfPixels(nn.Module):
    """A normalization of rows for which each pixel is a row.

    Args:
        rows: The normalization, which reads `(k, rows, d)`.

    Shape:
        `(k, batch, height, width, d)`.

    Example:
        >>> x = torch.randn(1, 8, 5, 5, 3)
        >>> batch = F.batch_norm(x[0].permute(0, 3, 1, 2), None, None, training=True)
        >>> ours = OfPixels(BatchNorm(k=1, d=3, eps=1e-5))(x)
        >>> torch.allclose(ours[0].permute(0, 3, 1, 2), batch, atol=1e-5)
        True
    """

    def __init__(self, rows: nn.Module) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "k batch height width d"]:
        y: Tensor = self.rows(x.flatten(1, 3))
        return y.view(x.shape)


@final
class MapGroupNorm(nn.Module):
    """Each image's units to mean 0 and variance 1 within groups of neighbouring units, over all pixels together.

    Args:
        k: Number of networks.
        d: Width.
        eps: Added to the variance.
        n_groups: Most groups; the largest number is taken that divides the width. As many groups as units make it
            instance normalization; where that leaves a single value to a group, all units are one group.

    Source:
        Wu and He (2018), arXiv:1803.08494; Ulyanov et al. (2016), arXiv:1607.08022 for groups of one unit.

    Example:
        >>> x = torch.randn(2, 3, 4, 4, 32)
        >>> one = F.group_norm(x[1].permute(0, 3, 1, 2), 8).permute(0, 2, 3, 1)
        >>> torch.allclose(MapGroupNorm(k=2, d=32, eps=1e-5, n_groups=8)(x)[1], one, atol=1e-5)
        True
    """

    def __init__(self, *, k: int, d: int, eps: float, n_groups: int) -> None:
        super().__init__()
        self.eps = eps
        self.n_groups = max(n for n in range(1, min(n_groups, d) + 1) if d % n == 0)
        self.scale = nn.Parameter(torch.ones(k, d))
        self.shift = nn.Parameter(torch.zeros(k, d))

    def forward(self, x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "k batch height width d"]:
        return together([self._one(own, i) for i, own in enumerate(apart(x))])

    def _one(self, x: Float[Tensor, "batch height width d"], i: int) -> Float[Tensor, "batch height width d"]:
        seen = x.permute(0, 3, 1, 2).to(self.scale.dtype)  # in bfloat16 torch takes four times as long
        n_groups = 1 if seen[0].numel() == self.n_groups else self.n_groups
        y = F.group_norm(seen, n_groups, self.scale[i], self.shift[i], self.eps)
        return y.permute(0, 2, 3, 1).to(x.dtype)


def _batch(*, k: int, d: int, eps: float) -> OfPixels:
    return OfPixels(BatchNorm(k=k, d=d, eps=eps))


def _layer(*, k: int, d: int, eps: float) -> OfPixels:
    return OfPixels(GroupNorm(k=k, d=d, eps=eps))


def _rms(*, k: int, d: int, eps: float) -> OfPixels:
    return OfPixels(RMSNorm(k=k, d=d, eps=eps))


def _instance(*, k: int, d: int, eps: float) -> MapGroupNorm:
    return MapGroupNorm(k=k, d=d, eps=eps, n_groups=d)


_EPS = NORMALIZATIONS["batch"].space

IMAGE_NORMALIZATIONS: Options[nn.Module] = Options(
    "normalization",
    {
        "none": Option(NoNorm, source="none: the units as they are"),
        "batch": Option(_batch, _EPS, source="arXiv:1502.03167"),
        "layer": Option(_layer, _EPS, source="arXiv:1607.06450, pixel by pixel as in arXiv:2201.03545"),
        "rms": Option(_rms, _EPS, source="arXiv:1910.07467, pixel by pixel"),
        "group": Option(MapGroupNorm, NORMALIZATIONS["group"].space, source="arXiv:1803.08494"),
        "instance": Option(_instance, _EPS, source="arXiv:1607.08022"),
    },
)
"""Normalizations between a convolution and its activation: made from their knobs, `k` and the width `d`."""
