"""Several elementwise passes over a large tensor, piece by piece, so that each piece stays in the processor's cache."""

from collections.abc import Callable

import torch
from torch import Tensor

N_IN_CACHE = 2**16
"""Numbers in a piece."""


def in_cache(passes: Callable[..., None], x: Tensor, *, n_results: int) -> list[Tensor]:
    """What elementwise passes make of a tensor.

    Args:
        passes: `passes(x, *results)` fills results of the size of `x`.
        x: Numbers.
        n_results: How many results there are.

    Example:
        >>> in_cache(lambda x, y: torch.exp(x, out=y), torch.zeros(2, 3), n_results=1)[0].sum()
        tensor(6.)
    """
    x = x.contiguous()
    results = [torch.empty_like(x) for _ in range(n_results)]
    if x.numel() <= N_IN_CACHE or x.is_cuda:
        passes(x, *results)
        return results
    for pieces in zip(*(torch.split(tensor.view(-1), N_IN_CACHE) for tensor in (x, *results)), strict=True):
        passes(*pieces)
    return results
