"""Orders of rows in which some of one class follow each other: what triplets need to be found in a batch."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor


@final
class ByClass:
    """Draws rows in groups of one class.

    A batch of b rows then holds groups of `n_same` rows of b / n_same classes, or of fewer where chance puts two groups
    of one class together. Classes of one row, which no triplet needs, are left out; a class that does not fill its last
    group fills it with rows that it had already.

    Args:
        y: Number of the class of each row.
        n_same: Rows of a group.

    Source:
        Hermans, Beyer and Leibe (2017), arXiv:1703.07737, section 2: P classes of K rows each.

    Example:
        >>> order = ByClass(torch.tensor([[0.0], [1.0]] * 4), n_same=2)
        >>> rows = order(0, 8, torch.Generator().manual_seed(0))
        >>> (rows.view(-1, 2) % 2).diff().abs().sum().item(), sorted(rows.tolist())
        (0, [0, 1, 2, 3, 4, 5, 6, 7])
    """

    def __init__(self, y: Float[Tensor, "n_rows 1"], *, n_same: int) -> None:
        self._codes, self._n_same = y[:, 0].cpu(), n_same

    def __call__(self, first: int, n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
        """An order of `n` of the rows from `first` on, some of which may occur twice.

        Args:
            first: The first row.
            n: How many rows there are from there on, and are drawn.
            generator: Source of randomness.
        """
        codes = self._codes[first : first + n]
        of_class = [(codes == code).nonzero().squeeze(1) for code in sorted(set(codes.tolist()))]
        groups = [self._groups(rows, generator) for rows in of_class if len(rows) > 1]
        if not groups:
            return first + torch.randperm(n, generator=generator)
        every = torch.cat(groups)
        order = every[torch.randperm(len(every), generator=generator)].flatten()
        return first + _filled(order, n)

    def _groups(self, rows: Int[Tensor, " n_of_class"], generator: torch.Generator) -> Int[Tensor, "n_groups n_same"]:
        order = rows[torch.randperm(len(rows), generator=generator)]
        n_groups = -(-len(rows) // self._n_same)
        return _filled(order, n_groups * self._n_same).view(n_groups, self._n_same)


def _filled(rows: Int[Tensor, " n_known"], n: int) -> Int[Tensor, " n"]:
    """So many rows, from the first one again where there are fewer."""
    return rows[torch.arange(n) % len(rows)]
