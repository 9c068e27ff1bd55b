"""Rows without a label take part in training: by what the network itself is sure of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from automl_nn.model.network import Network
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Integer, Real
from automl_nn.task.base import Family
from automl_nn.train.batches import Fold, Rows, one_after_the_other
from automl_nn.train.stack_loss import StackLoss, Targets


@final
@dataclass(frozen=True)
class Pseudo:
    """How rows without a label take part.

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
    """Labelled rows, and behind them others whose labels change from epoch to epoch.

    Args:
        pseudo: How the others take part.
        train: Labelled rows.
        others: Rows without a label.
        family: How the task reads outputs.
    """

    def __init__(self, pseudo: Pseudo, train: Rows, others: Rows, *, family: Family) -> None:
        self._pseudo, self._others, self._family, self._n_labelled = pseudo, others, family, len(train)
        self.rows = one_after_the_other([train, others])
        self.targets = Targets.of(self.rows.y, self.rows.weight, family=family)
        self.n_read = pseudo.n_read(n_labelled=len(train), n_unlabelled=len(others))

    def shuffle(self, first: int, n: int, generator: torch.Generator) -> Int[Tensor, " n_read"]:
        """The order of an epoch, for `Batches`."""
        del first, n
        return self._pseudo.order(self._n_labelled, len(self._others), generator=generator)

    def renew(self, network: Network, loss: StackLoss, *, progress: float) -> None:
        """Let the networks say the labels of the next epoch, once they are trained enough.

        Args:
            network: The networks as they are now.
            loss: Their losses.
            progress: Share of the epochs that are over.
        """
        if progress < self._pseudo.start or self.targets.weight is None:
            return
        told = self._pseudo.labels(loss.correct(network.predict(self._others.inputs)), family=self._family)
        assert told.weight is not None
        self.targets.y[self._n_labelled :] = told.y
        self.targets.weight[self._n_labelled :] = told.weight


def pseudo_rows(fold: Fold, config: Mapping[str, Any], *, family: Family) -> PseudoRows | None:
    """The rows of a training in which those without a label take part; None if they do not.

    Args:
        fold: What is learned from.
        config: A train config.
        family: How the task reads outputs.
    """
    pseudo = PSEUDO.make(config["pseudo"]) if "pseudo" in config else None
    if pseudo is None or fold.unlabelled is None:
        return None
    return PseudoRows(pseudo, fold.train, fold.unlabelled, family=family)


def ignored() -> None:
    """Rows without a label are left out."""


PSEUDO: Options[Pseudo | None] = Options(
    "pseudo",
    {
        "none": Option(ignored, source="none: rows without a label are left out"),
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
"""How rows without a label take part in training."""
