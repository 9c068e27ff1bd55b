"""Updates of embedding tables that touch only the rows of the batch, whatever the vocabulary."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.model.stack import take
from automl_nn.train.gradients import RowGradient
from automl_nn.train.optimizers import EPSILON, RowRule


@final
class RowUpdater:
    """The optimizer of the tables of a stack: Adam or momentum for the rows that occur, and nothing for the others.

    Moments of a row stand still while the row does not occur, and rows do not decay.

    Args:
        tables: Tables `(k * n, d)`, the rows of each network together.
        rules: One rule for each network.
        lr_factors: Factor on the learning rates, for each table; 1 unless given.

    Source:
        `torch.optim.SparseAdam`, with a learning rate for each network.

    Example:
        >>> table = torch.zeros(2, 1)
        >>> touched = RowGradient(torch.tensor([1]), torch.tensor([0]), torch.ones(1, 1))
        >>> one, zero = torch.ones(1), torch.zeros(1)
        >>> RowUpdater([table], [RowRule(0.0)]).step([touched], one, divisor=one, skip=zero)
        >>> table.tolist()
        [[0.0], [-1.0]]
    """

    def __init__(
        self, tables: Sequence[Tensor], rules: Sequence[RowRule], *, lr_factors: Sequence[float] | None = None
    ) -> None:
        like = tables[0]
        self._lr_factors = lr_factors or [1.0] * len(tables)
        self._tables = [table.detach() for table in tables]
        self._first = [torch.zeros_like(table) for table in self._tables]
        self._second = [torch.zeros_like(table) for table in self._tables]
        self._momentum = like.new_tensor([rule.momentum for rule in rules])
        self._decay = like.new_tensor([rule.second or 0.0 for rule in rules])
        self._adaptive = torch.tensor([rule.second is not None for rule in rules], device=like.device)
        self._n_steps = like.new_zeros(len(rules))

    def keep(self, indices: Sequence[int], tables: Sequence[Tensor], *, k: int) -> None:
        """Go on with these of `k` networks.

        Args:
            indices: Which networks.
            tables: Their tables.
            k: Networks before.
        """
        self._tables = [table.detach() for table in tables]
        self._first = [take(moment, indices, k=k) for moment in self._first]
        self._second = [take(moment, indices, k=k) for moment in self._second]
        chosen = list(indices)
        self._momentum, self._decay = self._momentum[chosen], self._decay[chosen]
        self._adaptive, self._n_steps = self._adaptive[chosen], self._n_steps[chosen]

    def step(
        self,
        touched: Sequence[RowGradient],
        rate: Float[Tensor, " k"],
        *,
        divisor: Float[Tensor, " k"],
        skip: Float[Tensor, " k"],
    ) -> None:
        """Move the touched rows.

        Args:
            touched: The gradient of each table.
            rate: Learning rate of this step.
            divisor: What the gradient is divided by.
            skip: 1 leaves a network's rows as they are.
        """
        self._n_steps += 1 - skip
        for place, gradient in enumerate(touched):
            self._move(place, _without(gradient, skip), rate, divisor)

    def _move(self, place: int, gradient: RowGradient, rate: Tensor, divisor: Tensor) -> None:
        rows, network = gradient.rows, gradient.network
        values = gradient.values / _column(divisor, network)
        momentum, decay = _column(self._momentum, network), _column(self._decay, network)
        adaptive, n_steps = _column(self._adaptive, network), _column(self._n_steps, network)
        first = momentum * self._first[place][rows] + torch.where(adaptive, 1 - momentum, 1.0) * values
        second = torch.lerp(values.square(), self._second[place][rows], decay.expand_as(values))
        self._first[place][rows], self._second[place][rows] = first, second
        root = (second / (1 - decay**n_steps)).sqrt() + EPSILON
        direction = torch.where(adaptive, first / (1 - momentum**n_steps) / root, values + momentum * first)
        self._tables[place][rows] -= self._lr_factors[place] * _column(rate, network) * direction


def _column(knob: Tensor, network: Tensor) -> Tensor:
    """A network's knob for each of its rows, `(n_touched, 1)`."""
    return knob[network].unsqueeze(1)


def _without(gradient: RowGradient, skip: Tensor) -> RowGradient:
    kept = skip[gradient.network] == 0
    return RowGradient(gradient.rows[kept], gradient.network[kept], gradient.values[kept])
