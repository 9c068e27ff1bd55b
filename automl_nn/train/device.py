"""How the processor computes while networks are trained."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from automl_nn.errors import BudgetError

FEW_ROWS = 65_536
"""Rows that one thread predicts in a moment."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""What glibc calls its limits in `mallopt`."""

KEPT_BYTES, SINGLE_BYTES = 2**28, 2**25
"""Freed memory that a process keeps for its next step; a single piece of more than the second goes back at once."""


@cache
def keep_memory() -> None:
    """Let this process use the memory that a training step frees for the next one.

    Else the C library may give it back after each step, and the system clears it anew for the next: a quarter of the
    time of a step of recurrent networks. Only glibc has such limits, elsewhere nothing happens.

    Source:
        mallopt(3) of the Linux manual; the second limit is the largest it takes.

    Example:
        >>> keep_memory()
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, SINGLE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def threads_for(n_rows: int) -> int:
    """Threads that predict so many rows of numbers.

    The operations on few rows are short. Where other programs are busy, threads that wait for each other between them
    took three to nine times as long as one thread.

    Example:
        >>> threads_for(1)
        1
    """
    return 1 if n_rows <= FEW_ROWS else torch.get_num_threads()


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
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
