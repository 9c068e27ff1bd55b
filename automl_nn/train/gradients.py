"""The gradients of a stack in one buffer, so that every network has its own norm and its own update."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@final
@dataclass(frozen=True)
class Slices:
    """What one network of a stack owns, as views: writing to them changes the stack.

    Args:
        weights: Matrices, which decay.
        weight_gradients: Their gradients.
        others: Biases, scales and shifts, which do not.
        other_gradients: Their gradients.
    """

    weights: list[Tensor]
    weight_gradients: list[Tensor]
    others: list[Tensor]
    other_gradients: list[Tensor]


@final
@dataclass(frozen=True)
class RowGradient:
    """The gradient of those rows of a table that occurred in a batch.

    Args:
        rows: Their indices, each once.
        network: The network that owns each row.
        values: Their gradients.
    """

    rows: Int[Tensor, " n_touched"]
    network: Int[Tensor, " n_touched"]
    values: Float[Tensor, "n_touched d"]


@final
class Gradients:
    """The gradients of a stack of k networks.

    A parameter's first dimension is k, or it is a *table*: the rows of k vocabularies one after the other,
    `(k * n, d)`, whose gradient is sparse.

    Args:
        network: The stack.
        k: Number of networks in it.

    Example:
        >>> stack = nn.ParameterList([torch.ones(2, 3, 4), torch.ones(2, 4)])
        >>> gradients = Gradients(stack, k=2)
        >>> sum((p * torch.tensor([3.0, 0.0]).view(2, *[1] * (p.dim() - 1))).sum() for p in stack).backward()
        >>> gradients.collect().tolist()
        [12.0, 0.0]
    """

    def __init__(self, network: nn.Module, *, k: int) -> None:
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.numel()]
        self.tables = [parameter for parameter in parameters if parameter.shape[0] != k]
        self.touched: list[RowGradient] = []
        self._k = k
        self._stacked = [parameter for parameter in parameters if parameter.shape[0] == k]
        sizes = [parameter.numel() // k for parameter in self._stacked]
        self._buffer = self._stacked[0].new_zeros(k, sum(sizes))
        pieces = torch.split(self._buffer, sizes, dim=1)
        self._views = [piece.view_as(parameter) for piece, parameter in zip(pieces, self._stacked, strict=True)]

    def slices(self, i: int) -> Slices:
        """What network i owns."""
        pairs = [(parameter.detach()[i], view[i]) for parameter, view in zip(self._stacked, self._views, strict=True)]
        weights = [pair for pair in pairs if pair[0].dim() >= 2]
        others = [pair for pair in pairs if pair[0].dim() < 2]
        return Slices(*_unzipped(weights), *_unzipped(others))

    def collect(self) -> Float[Tensor, " k"]:
        """Move the gradients that `backward` left into the buffer, and return each network's norm."""
        found = [_gradient(parameter).reshape(self._k, -1) for parameter in self._stacked]
        torch.cat(found, dim=1, out=self._buffer)
        norm: Tensor = torch.linalg.vector_norm(self._buffer, dim=1)
        if self.tables:
            self.touched = [self._rows(table) for table in self.tables]
            norm = self._with_rows(norm)
        for parameter in (*self._stacked, *self.tables):
            parameter.grad = None
        return norm

    def _rows(self, table: Tensor) -> RowGradient:
        gradient = _gradient(table)
        gradient = gradient.coalesce() if gradient.is_sparse else gradient.to_sparse(1).coalesce()
        rows = gradient.indices()[0]
        return RowGradient(rows, rows // (len(table) // self._k), gradient.values())

    def _with_rows(self, norm: Tensor) -> Tensor:
        squares = norm.square()
        for touched in self.touched:
            squares = squares.index_add(0, touched.network, touched.values.square().sum(1))
        return squares.sqrt()


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _unzipped(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
