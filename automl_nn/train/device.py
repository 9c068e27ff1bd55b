"""How the processor computes while networks are trained."""

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch

from automl_nn.data.read import release_unused
from automl_nn.errors import BudgetError

T = TypeVar("T")
R = TypeVar("R")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""What glibc calls its limits in `mallopt`."""

KEPT_BYTES, SINGLE_BYTES, N_SINGLE = 2**28, 2**25, 2**16
"""Freed memory that a process keeps; a single piece of more than the second goes back at once, if there are not more
than the third."""


@cache
def keep_memory() -> None:
    """Let this process use the memory that a pass through a network frees for the next one.

    Else the C library may give it back after each pass, and the system clears it anew for the next. Only glibc has such
    limits, elsewhere nothing happens.

    Source:
        mallopt(3) of the Linux manual; the second limit is the largest it takes.

    Example:
        >>> keep_memory()
    """
    _limit(M_MMAP_THRESHOLD, SINGLE_BYTES)
    _limit(M_TRIM_THRESHOLD, KEPT_BYTES)


@contextmanager
def all_memory_kept() -> Iterator[None]:
    """Let all memory that a training step frees be there for the next one inside the block, in pieces of any size.

    The steps of a large network are alike, but the system would clear their memory each time: a third of the time of a
    step of recurrent networks on long windows. After the block, what is free goes back.

    Example:
        >>> with all_memory_kept():
        ...     torch.ones(2**24).sum().item()
        16777216.0
    """
    keep_memory()
    _limit(M_MMAP_MAX, 0)
    _limit(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        _limit(M_MMAP_MAX, N_SINGLE)
        _limit(M_TRIM_THRESHOLD, KEPT_BYTES)
        release_unused()


def _limit(name: int, value: int) -> None:
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(name, value)


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let torch compute with this many threads inside the block.

    Small networks are fastest with one thread: below a width of about 256 the threads cost more than they bring.
    Numbers too small for a full mantissa (under 1e-38) count as zero meanwhile: to compute with them takes a hundred
    times as long, and they are what exponentials and moments of dead units become. Memory is kept, see `keep_memory`.

    Raises:
        BudgetError: The number is not positive.

    Example:
        >>> with threads(1):
        ...     torch.get_num_threads()
        1
    """
    if n_threads < 1:
        raise BudgetError(f"n_threads = {n_threads} is not possible: it is at least 1.")
    keep_memory()
    n_before, flushed_before = torch.get_num_threads(), _flushes()
    torch.set_num_threads(n_threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed_before)
        torch.set_num_threads(n_before)


def _flushes() -> bool:
    """Whether numbers too small for a full mantissa count as zero: torch only lets one set it."""
    return not torch.tensor([1e-39]).mul(1.0).any()


def each_alone(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What a function makes of each item, in their order; as many at a time as torch has threads, one for each of them.

    Threads that share an operation wait for each other at its end: where other programs were busy, two of them took
    three to thirteen times as long as one.

    Args:
        function: What is done, with one thread.
        items: What it is done with; several threads do so at once.

    Example:
        >>> each_alone(lambda rows: rows.sum().item(), [torch.arange(3), torch.arange(4)])
        [3, 6]
    """
    n_threads = min(torch.get_num_threads(), len(items))

    def alone(item: T) -> R:
        with threads(1):
            return function(item)

    if n_threads < 2:
        return [alone(item) for item in items]
    with threads(1), ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(alone, items))
