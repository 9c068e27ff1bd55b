"""How the processor computes while networks are trained."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from automl_nn.errors import BudgetError

FEW_ROWS = 65_536
"""Rows that one thread predicts in a moment."""


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
    times as long, and they are what exponentials and moments of dead units become.

    Raises:
        BudgetError: The number is not positive.

    Example:
        >>> with threads(1):
        ...     torch.get_num_threads()
        1
    """
    if n_threads < 1:
        raise BudgetError(f"n_threads = {n_threads} is not possible: it is at least 1.")
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)
