"""The gradients of a stack in one buffer, so that every network has its own norm and its own update."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@final
@dataclass(frozen=True)
class Slices:
    """Parameters of one network that move by the same rule, as views: writing to them changes the stack.

    Args:
        values: The parameters.
        gradients: Their gradients.
        decays: Whether they decay: weights do, biases, scales and shifts do not.
        lr_factor: Factor on the network's learning rate.
    """

    values: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    decays: bool = True
    lr_factor: float = 1.0


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

    A module whose parameters learn faster or slower than the others says so by a class attribute `LR_FACTORS`, from
    the parameter's name to the factor on the learning rate.

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
        factors = dict(_trained(network))
        self.tables = [parameter for parameter in factors if parameter.shape[0] != k]
        self.table_factors = [factors[table] for table in self.tables]
        self.touched: list[RowGradient] = []
        self._k = k
        self._stacked = [parameter for parameter in factors if parameter.shape[0] == k]
        self._factors = [factors[parameter] for parameter in self._stacked]
        sizes = [parameter.numel() // k for parameter in self._stacked]
        self._buffer = self._stacked[0].new_zeros(k, sum(sizes))
        pieces = torch.split(self._buffer, sizes, dim=1)
        self._views = [piece.view_as(parameter) for piece, parameter in zip(pieces, self._stacked, strict=True)]

    def slices(self, i: int) -> list[Slices]:
        """What network i owns, but for its rows of tables; parameters that move alike are together."""
        groups: dict[tuple[bool, float], Slices] = {}
        for parameter, view, factor in zip(self._stacked, self._views, self._factors, strict=True):
            decays = parameter.dim() >= 3
            group = groups.setdefault((decays, factor), Slices(decays=decays, lr_factor=factor))
            group.values.append(parameter.detach()[i])
            group.gradients.append(view[i])
        return list(groups.values())

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


def _trained(network: nn.Module) -> Iterator[tuple[Tensor, float]]:
    """Each parameter that is trained, with the factor on its learning rate."""
    for module in network.modules():
        factors = getattr(module, "LR_FACTORS", {})
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and parameter.numel():
                yield parameter, factors.get(name, 1.0)
