"""The losses of a whole stack: one number per network, averaged over that network's own labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float, Real
from torch import Tensor

from automl_nn.task.base import Family
from automl_nn.train.groups import Groups
from automl_nn.train.losses.entropy import class_shares
from automl_nn.train.losses.options import losses_for
from automl_nn.train.members import as_rows, pooled


@final
@dataclass(frozen=True)
class Targets:
    """Labels without gaps, and what each of them counts.

    Args:
        y: Labels; 0 where one is missing.
        weight: Weight of each entry of the loss, 0 where its label is missing; None if all count alike.
    """

    y: Real[Tensor, "*rows d_y"]
    weight: Float[Tensor, "*rows d_entry"] | None = None

    @staticmethod
    def of(y: Real[Tensor, "*rows d_y"], weight: Float[Tensor, "*rows"] | None = None, *, family: Family) -> "Targets":
        """Labels as a task encodes them, NaN where one is missing.

        Args:
            y: Encoded labels.
            weight: Weight of each row.
            family: A row of `classes` is one entry of the loss, which needs all of its labels.

        Example:
            >>> Targets.of(torch.tensor([[1.0, float("nan")]]), family="labels").weight.tolist()
            [[1.0, 0.0]]
        """
        if weight is None and not y.is_floating_point():  # bytes have no gaps
            return Targets(y)
        known = y.isfinite()
        if family == "classes":
            known = known.all(-1, keepdim=True)
        if weight is None and bool(known.all()):
            return Targets(y)
        entries = known.to(y.dtype)
        return Targets(y.nan_to_num(), entries if weight is None else entries * weight.unsqueeze(-1).to(y.dtype))

    def share(self, *, d_out: int, family: Family) -> Float[Tensor, " d_out"]:
        """Share of positives of each label, or of the rows of each class; of no meaning for values and embeddings."""
        if family == "embedding":
            return self.y.new_zeros(d_out)
        y = class_shares(self.y, d_out=d_out) if family == "classes" else self.y
        if self.weight is None:
            rows = y.reshape(-1, d_out)
            if y.is_floating_point():
                return rows.mean(0)
            counts = [column.count_nonzero() for column in rows.unbind(1)]  # of all columns at once: 8 bytes a label
            return torch.stack(counts) / len(rows)
        weight = self.weight.expand_as(y).reshape(-1, d_out)
        return (weight * y.reshape(-1, d_out)).sum(0) / weight.sum(0).clamp_min(torch.finfo(y.dtype).tiny)


@final
class StackLoss:
    """The loss of each network of a stack, by its own config.

    The outputs of a network with several members stand side by side: its loss is the mean of theirs. So do those of the
    pixels of a map, each of which is a row here.

    Args:
        configs: One loss config for each network.
        targets: The training labels: weights come from their shares. Where they have `d_out` columns for each of
            several places, so have outputs.
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
        self._family, self._d_out, self._n_places = family, d_out, n_places(targets.y, d_out=d_out, family=family)
        self._losses = Groups(losses_for(family), configs, device=share.device, context={"share": share})
        self._places = torch.arange(len(configs), device=share.device)

    @property
    def shift(self) -> Float[Tensor, "k d_out"]:
        """What the weights add to an ideal output: add it to the prior's output to start training there."""
        return self._losses.map(lambda loss, places: loss.shift.expand(len(places), -1), self._places)

    def __call__(self, output: Float[Tensor, "k batch outputs"], targets: Targets) -> Float[Tensor, " k"]:
        """The mean over the known labels of each network.

        Args:
            output: Raw network outputs, `d_out` for each member or place.
            targets: Labels of each network, `(k, batch, d_y)`, or `(batch, d_y)` if they share their rows.
        """
        n_members = output.shape[2] // (self._d_out * self._n_places)
        y = self._rows(targets.y.expand(len(output), -1, -1), n_members)
        rows = as_rows(output, d_out=self._d_out)
        entries = self._losses.map(lambda loss, outputs, labels: loss.entries(outputs, labels), rows, y)
        if targets.weight is None:
            return entries.mean((1, 2))
        weight = self._rows(targets.weight.expand(len(output), -1, -1), n_members).expand_as(entries)
        return (entries * weight).sum((1, 2)) / weight.sum((1, 2)).clamp_min(torch.finfo(weight.dtype).tiny)

    def counts(self, output: Float[Tensor, "k batch outputs"], targets: Targets) -> Float[Tensor, "k n_counts"] | None:
        """What the losses count, if they do: triplets."""
        if any(loss.counts is None for loss in self._losses.parts):
            return None
        y = targets.y.expand(len(output), -1, -1)
        return self._losses.map(lambda loss, outputs, labels: loss.counts(outputs, labels), output, y)

    def correct(self, output: Float[Tensor, "k rows outputs"]) -> Float[Tensor, "k places d_out"]:
        """Outputs free of what weights and focusing did to them, members made one: what scores and decisions read.

        Where rows have several places, each of these is a row of the result.
        """
        rows = as_rows(output, d_out=self._d_out)
        corrected = self._losses.map(lambda loss, outputs: loss.correct(outputs), rows)
        return pooled(corrected, n_rows=output.shape[1] * self._n_places, family=self._family)

    def _rows(self, labels: Float[Tensor, "k batch d"], n_members: int) -> Float[Tensor, "k rows d_entry"]:
        """Labels or weights in the rows of the outputs."""
        if self._n_places > 1:
            return as_rows(labels, d_out=labels.shape[2] // self._n_places)
        return _for_members(labels, n_members)


def n_places(y: Real[Tensor, "*rows d_y"], *, d_out: int, family: Family) -> int:
    """How many places, such as pixels, the labels of a row belong to; 1 for anything but maps.

    Example:
        >>> n_places(torch.zeros(3, 8), d_out=2, family="values")
        4
    """
    return 1 if family == "classes" else max(1, y.shape[-1] // d_out)


def by_place(y: Real[Tensor, "n d_y"], *, d_out: int, family: Family) -> Real[Tensor, "n_places d"]:
    """Labels with a row for each place.

    Example:
        >>> by_place(torch.zeros(3, 8), d_out=2, family="values").shape
        torch.Size([12, 2])
    """
    return y.reshape(len(y) * n_places(y, d_out=d_out, family=family), -1) if len(y) else y[:, :d_out]


def _for_members(rows: Float[Tensor, "k batch d"], n_members: int) -> Float[Tensor, "k member_rows d"]:
    return rows if n_members == 1 else rows.repeat_interleave(n_members, dim=1)


@final
class FoldLosses:
    """The losses of a stack whose networks stand fold by fold: each fold has shares of labels of its own.

    Args:
        losses: The losses of the networks of each fold.

    Example:
        >>> targets = Targets(torch.tensor([[0.0], [1.0]]))
        >>> half = StackLoss([{"name": "focal", "gamma": 0.0, "tau": 0.0}], targets, family="labels", d_out=1)
        >>> both = Targets(targets.y.expand(2, 2, 1))
        >>> FoldLosses([half, half])(torch.zeros(2, 2, 1), both).shape
        torch.Size([2])
    """

    def __init__(self, losses: Sequence[StackLoss]) -> None:
        self._losses = tuple(losses)

    def __call__(self, output: Float[Tensor, "k batch d_out"], targets: Targets) -> Float[Tensor, " k"]:
        """The mean over the known labels of each network."""
        if len(self._losses) == 1:
            return self._losses[0](output, targets)
        n_folds = len(self._losses)
        weights = [None] * n_folds if targets.weight is None else targets.weight.chunk(n_folds)
        parts = zip(self._losses, output.chunk(n_folds), targets.y.chunk(n_folds), weights, strict=True)
        return torch.cat([loss(outputs, Targets(y, weight)) for loss, outputs, y, weight in parts])
