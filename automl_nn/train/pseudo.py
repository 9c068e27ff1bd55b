"""Missing labels take part in training: rows without any, and gaps between others, by what the network is sure of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from automl_nn.model.network import Network
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Integer, Real
from automl_nn.task.base import Family
from automl_nn.train.batches.rows import Fold, Rows, one_after_the_other
from automl_nn.train.losses.entropy import class_shares
from automl_nn.train.losses.stack_loss import StackLoss, Targets


@final
@dataclass(frozen=True)
class Pseudo:
    """How rows without a label take part, and labels that are missing beside others of their row.

    After each epoch, the network's own prediction becomes the label of a row where it is sure enough. Such labels are
    made anew each time, so that a wrong one need not stay.

    Args:
        threshold: Least probability of a class, or of yes or no, to count as sure.
        weight: What such a label counts, beside 1 of a true one.
        start: Share of the epochs that are over before any is made.
        n_each: Rows without a label that are read in an epoch for each labelled row, at most.

    Source:
        Lee (2013), "Pseudo-label: the simple and efficient semi-supervised learning method"; the threshold as in Sohn
        et al. (2020), arXiv:2001.07685.
    """

    threshold: float
    weight: float
    start: float
    n_each: int

    def n_read(self, *, n_labelled: int, n_unlabelled: int) -> int:
        """Rows of an epoch."""
        return n_labelled + min(n_unlabelled, self.n_each * n_labelled)

    def order(self, n_labelled: int, n_unlabelled: int, *, generator: torch.Generator) -> Int[Tensor, " n_read"]:
        """The rows of an epoch: all labelled ones and some others, which lie behind them.

        Args:
            n_labelled: How many there are of the former.
            n_unlabelled: How many there are of the latter.
            generator: Source of randomness.

        Example:
            >>> order = Pseudo(0.9, 1.0, 0.0, 1).order(2, 9, generator=torch.Generator().manual_seed(0))
            >>> len(order), int((order < 2).sum())
            (4, 2)
        """
        n_read = self.n_read(n_labelled=n_labelled, n_unlabelled=n_unlabelled)
        others = n_labelled + torch.randperm(n_unlabelled, generator=generator)[: n_read - n_labelled]
        every = torch.cat([torch.arange(n_labelled), others])
        return every[torch.randperm(n_read, generator=generator)]

    def labels(self, output: Float[Tensor, "k n d_out"], *, family: Family) -> Targets:
        """What the networks are sure of, and what it counts.

        Args:
            output: Their outputs, free of the loss's own shift.
            family: How the task reads outputs.

        Example:
            >>> sure = Pseudo(0.9, 0.5, 0.0, 1).labels(torch.tensor([[[4.0], [-4.0], [1.0]]]), family="labels")
            >>> sure.y.flatten().tolist(), sure.weight.flatten().tolist()
            ([1.0, 0.0, 1.0], [0.5, 0.5, 0.0])
        """
        if family == "classes":
            most, y = output.softmax(-1).mean(0).max(-1, keepdim=True)
            return Targets(y.to(output.dtype), self.weight * (most >= self.threshold).to(output.dtype))
        p = output.sigmoid().mean(0)
        sure = torch.maximum(p, 1 - p) >= self.threshold
        return Targets((p > 0.5).to(output.dtype), self.weight * sure.to(output.dtype))


@final
class PseudoRows:
    """Labelled rows, and behind them others; labels that are missing change from epoch to epoch.

    Args:
        pseudo: How missing labels take part.
        train: Labelled rows, some of whose labels may be missing.
        others: Rows without a label; None if there are none.
        family: How the task reads outputs.
    """

    def __init__(self, pseudo: Pseudo, train: Rows, others: Rows | None, *, family: Family) -> None:
        self._pseudo, self._family, self._n_labelled = pseudo, family, len(train)
        self._n_others = 0 if others is None else len(others)
        self.rows = one_after_the_other([train] if others is None else [train, others])
        self.targets = Targets.of(self.rows.y, self.rows.weight, family=family)
        self.n_read = pseudo.n_read(n_labelled=len(train), n_unlabelled=self._n_others)
        self._open = with_gaps(self.rows.y).nonzero().squeeze(1)
        known, rows = self.rows.y[self._open].isfinite(), self.rows.weight
        self._known = known.all(1, keepdim=True) if family == "classes" else known
        self._weight = None if rows is None else rows[self._open].unsqueeze(1)

    def shuffle(self, first: int, n: int, generator: torch.Generator) -> Int[Tensor, " n_read"]:
        """The order of an epoch, for `Batches`."""
        del first, n
        return self._pseudo.order(self._n_labelled, self._n_others, generator=generator)

    def renew(self, network: Network, loss: StackLoss, *, progress: float) -> None:
        """Let the networks say the missing labels of the next epoch, once they are trained enough.

        Args:
            network: The networks as they are now.
            loss: Their losses.
            progress: Share of the epochs that are over.
        """
        if progress < self._pseudo.start or self.targets.weight is None:
            return
        output = network.predict(self.rows.inputs[self._open])
        told = self._pseudo.labels(loss.correct(output), family=self._family)
        assert told.weight is not None
        weight = told.weight if self._weight is None else told.weight * self._weight
        y = class_shares(told.y, d_out=self.rows.y.shape[1])  # one-hot where true labels are shares, else as it is
        self.targets.y[self._open] = torch.where(self._known, self.targets.y[self._open], y)
        self.targets.weight[self._open] = torch.where(self._known, self.targets.weight[self._open], weight)


def pseudo_rows(fold: Fold, config: Mapping[str, Any], *, family: Family) -> PseudoRows | None:
    """The rows of a training in which missing labels take part; None if they do not, or none is missing.

    Args:
        fold: What is learned from.
        config: A train config.
        family: How the task reads outputs.
    """
    pseudo = PSEUDO.make(config["pseudo"]) if "pseudo" in config else None
    if pseudo is None or (fold.unlabelled is None and not with_gaps(fold.train.y).any()):
        return None
    return PseudoRows(pseudo, fold.train, fold.unlabelled, family=family)


def with_gaps(y: Float[Tensor, "n_rows d_y"]) -> Bool[Tensor, " n_rows"]:
    """Which rows lack a label.

    Example:
        >>> with_gaps(torch.tensor([[1.0, 0.0], [1.0, float("nan")]])).tolist()
        [False, True]
    """
    return ~y.isfinite().all(1)


def ignored() -> None:
    """Missing labels are left out."""


PSEUDO: Options[Pseudo | None] = Options(
    "pseudo",
    {
        "none": Option(ignored, source="none: missing labels are left out"),
        "confident": Option(
            Pseudo,
            {
                "threshold": Real(0.7, 0.99, default=0.95, valid=(0.0, 1.0)),
                "weight": Real(0.1, 1.0, default=0.5, log=True, valid=(0.0, 100.0)),
                "start": Choice((0.1, 0.3), default=0.3, also=Real(0.0, 1.0, default=0.3)),
                "n_each": Choice((2, 4), default=4, also=Integer(1, 1000, default=4)),
            },
            source="Lee (2013); arXiv:2001.07685",
        ),
    },
)
"""How missing labels take part in training."""
