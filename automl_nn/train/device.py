"""Where to train, and with how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from automl_nn.errors import BudgetError, SpaceError


def pick_device(name: str = "auto") -> torch.device:
    """The device to train on.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto` for the first GPU if there is one.

    Raises:
        SpaceError: There is no such device, or this machine has none.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SpaceError(f"The device {name!r} cannot be used here: take 'cpu' or 'auto'.") from error


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Let torch compute with this many threads inside the block.

    Small networks are fastest with one thread: below a width of about 256 the threads cost more than they bring.

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
    try:
        yield
    finally:
        torch.set_num_threads(before)
