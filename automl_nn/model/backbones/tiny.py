"""Convolutions of maps so small that each of their pixels sees all others: dense layers over whole images."""

from functools import lru_cache
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

N_PIXELS = 4
"""Of more pixels, whole images have too many pairs."""


def are_tiny(x: Float[Tensor, "batch height width d_in"], *, n_taps: int) -> bool:
    """Whether each pixel sees all others, and there are few of them.

    Example:
        >>> are_tiny(torch.empty(64, 2, 2, 8), n_taps=3), are_tiny(torch.empty(64, 3, 1, 8), n_taps=3)
        (True, False)
    """
    height, width = x.shape[1:3]
    return not x.is_cuda and max(height, width) <= n_taps // 2 + 1 and height * width <= N_PIXELS


def convolve_tiny(
    x: Float[Tensor, "batch height width d_in"], weight: Float[Tensor, "_ d_out"], *, n_taps: int
) -> Float[Tensor, "batch height width d_out"]:
    """A convolution of stride 1 over images that are continued by zeros, which are left out here.

    One product of matrices for the whole image: of 1 x 1 pixels, a ninth of what a convolution of nine taps multiplies.

    Args:
        x: Images for which `are_tiny` holds.
        weight: `(n_taps * n_taps * d_in, d_out)`; what of it is seen is rounded to the type of the images.
        n_taps: Pixels on a side of the square that is seen, odd.

    Example:
        >>> x, weight = torch.tensor([[[[1.0], [10.0]]]]), torch.arange(9.0).view(9, 1)
        >>> convolve_tiny(x, weight, n_taps=3).flatten().tolist()  # 4 * 1 + 5 * 10, 3 * 1 + 4 * 10
        [54.0, 43.0]
    """
    height, width, d_in = x.shape[1:]
    n = height * width
    taps = torch.tensor(_taps(height, width, n_taps), device=x.device)
    pairs = weight.view(n_taps * n_taps, d_in, -1).index_select(0, taps).to(x.dtype)
    whole = pairs.view(n, n, d_in, -1).transpose(1, 2).reshape(n * d_in, -1)
    return (x.flatten(1) @ whole).view(len(x), height, width, -1)


@lru_cache
def _taps(height: int, width: int, n_taps: int) -> tuple[int, ...]:
    """By which tap each pixel (the outer loop) is seen from each pixel."""
    pixels = list(product(range(height), range(width)))
    reach = n_taps // 2
    return tuple((i - k + reach) * n_taps + j - m + reach for (i, j), (k, m) in product(pixels, pixels))
