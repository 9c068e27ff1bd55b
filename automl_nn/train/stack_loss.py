"""The losses of a whole stack: one number per network, averaged over that network's own labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.task.base import Family
from automl_nn.train.groups import Groups
from automl_nn.train.losses import class_shares, losses_for


@final
@dataclass(frozen=True)
class Targets:
    """Labels without gaps, and what each of them counts.

    Args:
        y: Labels; 0 where one is missing.
        weight: Weight of each entry of the loss, 0 where its label is missing; None if all count alike.
    """

    y: Float[Tensor, "*rows d_y"]
    weight: Float[Tensor, "*rows d_entry"] | None = None

    @staticmethod
    def of(y: Float[Tensor, "*rows d_y"], weight: Float[Tensor, "*rows"] | None = None, *, family: Family) -> "Targets":
        """Labels as a task encodes them, NaN where one is missing.

        Args:
            y: Encoded labels.
            weight: Weight of each row.
            family: A row of `classes` is one entry of the loss, which needs all of its labels.

        Example:
            >>> Targets.of(torch.tensor([[1.0, float("nan")]]), family="labels").weight.tolist()
            [[1.0, 0.0]]
        """
        known = y.isfinite()
        if family == "classes":
            known = known.all(-1, keepdim=True)
        if weight is None and bool(known.all()):
            return Targets(y)
        entries = known.to(y.dtype)
        return Targets(y.nan_to_num(), entries if weight is None else entries * weight.unsqueeze(-1).to(y.dtype))

    def share(self, *, d_out: int, family: Family) -> Float[Tensor, " d_out"]:
        """Share of positives of each label, or of the rows of each class; of no meaning for values."""
        y = class_shares(self.y, d_out=d_out) if family == "classes" else self.y
        if self.weight is None:
            return y.reshape(-1, d_out).mean(0)
        weight = self.weight.expand_as(y).reshape(-1, d_out)
        return (weight * y.reshape(-1, d_out)).sum(0) / weight.sum(0).clamp_min(torch.finfo(y.dtype).tiny)


@final
class StackLoss:
    """The loss of each network of a stack, by its own config.

    Args:
        configs: One loss config for each network.
        targets: The training labels: weights come from their shares.
        family: How the task reads outputs.
        d_out: Number of output columns.

    Example:
        >>> targets = Targets(torch.tensor([[0.0], [1.0]]))
        >>> loss = StackLoss([{"name": "focal", "gamma": 0.0, "tau": 0.0}], targets, family="labels", d_out=1)
        >>> bool(loss(torch.zeros(1, 2, 1), targets).isclose(torch.tensor([2.0]).log()))
        True
    """

    def __init__(self, configs: Sequence[Mapping[str, Any]], targets: Targets, *, family: Family, d_out: int) -> None:
        share = targets.share(d_out=d_out, family=family)
        self._losses = Groups(losses_for(family), configs, device=share.device, context={"share": share})
        self._places = torch.arange(len(configs), device=share.device)

    @property
    def shift(self) -> Float[Tensor, "k d_out"]:
        """What the weights add to an ideal output: add it to the prior's output to start training there."""
        return self._losses.map(lambda loss, places: loss.shift.expand(len(places), -1), self._places)

    def __call__(self, output: Float[Tensor, "k batch d_out"], targets: Targets) -> Float[Tensor, " k"]:
        """The mean over the known labels of each network.

        Args:
            output: Raw network outputs.
            targets: Labels of each network, `(k, batch, d_y)`, or `(batch, d_y)` if they share their rows.
        """
        y = targets.y.expand(len(output), -1, -1)
        entries = self._losses.map(lambda loss, outputs, labels: loss.entries(outputs, labels), output, y)
        if targets.weight is None:
            return entries.mean((1, 2))
        weight = targets.weight.expand_as(entries)
        return (entries * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(torch.finfo(weight.dtype).tiny)

    def correct(self, output: Float[Tensor, "k rows d_out"]) -> Float[Tensor, "k rows d_out"]:
        """Outputs free of what weights and focusing did to them: what scores and decisions read."""
        return self._losses.map(lambda loss, outputs: loss.correct(outputs), output)
