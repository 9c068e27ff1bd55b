"""How good a stack is at the moment: losses and scores of named parts, in evaluation mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.data.images.maps import kept_places
from automl_nn.errors import DataError
from automl_nn.model.network import Network
from automl_nn.task.base import Task
from automl_nn.train.batches.rows import Fold, Rows
from automl_nn.train.losses.stack_loss import StackLoss, Targets, by_place, n_places
from automl_nn.train.losses.triplet import EASE

N_STATISTICS = 4096
"""Training rows from which batch normalization's statistics are estimated anew."""

N_JUDGED = 100_000
"""Training rows, at most, whose loss and scores are told after each epoch."""

N_IMAGES = 512
"""Both numbers for images: one costs what thousands of rows cost, and each of its pixels is a row for statistics."""

Scores = dict[str, NDArray[np.float64]]
"""Name of a score to its value for each network, `(k,)`."""


@final
@dataclass(frozen=True)
class Verdict:
    """Losses and scores of one part.

    Args:
        loss: Loss of each network, as it is trained; the mean over the folds.
        scores: Scores of each network, over the rows of all folds; NaN where its output is not finite.
        output: Outputs free of the loss's shift, `(k, n_rows, d_out)`; of maps, a row for each of the pixels by which
            they are compared.
    """

    loss: NDArray[np.float64]
    scores: Scores
    output: NDArray[Any]


@final
class Judge:
    """Judges a stack on one part of the data.

    Where there are several folds, each has rows, networks and losses of its own, and the scores are those of all their
    rows together: a row is judged by the networks of its fold.

    Args:
        folds: The part's rows in each fold.
        task: What the scores are.
    """

    def __init__(self, folds: Sequence[Rows], *, task: Task) -> None:
        self._folds, self._task = folds, task
        self._targets = [Targets.of(rows.y, rows.weight, family=task.family) for rows in folds]
        y = torch.cat([rows.y for rows in folds])
        n_each = n_places(y, d_out=task.d_out, family=task.family)
        self._kept = torch.from_numpy(kept_places(len(y), n_each)).to(y.device) if n_each > 1 else None
        self._n_rows = len(y)
        self._y = self._compared(by_place(y, d_out=task.d_out, family=task.family)[None])[0].cpu().numpy()

    @torch.no_grad()
    def __call__(self, networks: Sequence[Network], losses: Sequence[StackLoss]) -> Verdict:
        """Losses and scores as the networks are now.

        Args:
            networks: The networks of each fold, k in each.
            losses: Their losses.
        """
        outputs = [network.predict(rows.inputs) for network, rows in zip(networks, self._folds, strict=True)]
        found = zip(losses, outputs, self._targets, strict=True)
        loss = torch.stack([own(output, targets) for own, output, targets in found]).mean(0)
        corrected = torch.cat([own.correct(output) for own, output in zip(losses, outputs, strict=True)], dim=1)
        output = self._compared(corrected).cpu().numpy()
        return Verdict(loss.cpu().double().numpy(), self._scores(output) | self._counts(losses, outputs), output)

    def _counts(self, losses: Sequence[StackLoss], outputs: Sequence[Tensor]) -> Scores:
        """What the losses count, over all folds."""
        found = zip(losses, outputs, self._targets, strict=True)
        counts = [own.counts(output, targets) for own, output, targets in found]
        known = [count.cpu().double() for count in counts if count is not None]
        if not known:
            return {}
        total = torch.stack(known).sum(0).numpy()
        return {name: total[:, place] for place, name in enumerate(EASE)}

    def _compared(self, rows: Float[Tensor, "k n d"]) -> Float[Tensor, "k n_compared d"]:
        """Of maps, the pixels by which they are compared."""
        if self._kept is None:
            return rows
        return rows.view(len(rows), self._n_rows, -1, rows.shape[2]).index_select(2, self._kept).flatten(1, 2)

    def _scores(self, outputs: NDArray[Any]) -> Scores:
        found = [self._task.scores(self._y, output) if np.isfinite(output).all() else {} for output in outputs]
        names = dict.fromkeys([self._task.metric, *(name for scores in found for name in scores)])
        return {name: np.array([scores.get(name, np.nan) for scores in found]) for name in names}


def n_statistics(train: Rows) -> int:
    """Training rows from which statistics are estimated."""
    return N_STATISTICS if train.inputs.images is None else N_IMAGES


def n_judged(fold: Fold) -> int:
    """Training rows that are judged beside the rows that choose: not more than these."""
    return min(len(fold.val), N_JUDGED if fold.train.inputs.images is None else N_IMAGES)


def subsample(rows: Rows, n_rows: int) -> Rows:
    """At most `n_rows` rows, always the same ones, in their order; their ids are their places among all.

    Raises:
        DataError: Not a single row is left.
    """
    if min(len(rows), n_rows) == 0:
        raise DataError("Training and validation need rows, but one of the two parts has none: give each at least one.")
    places = rows.inputs.draw(n_rows, generator=torch.Generator().manual_seed(0))
    inputs, weight = rows.inputs[places], None if rows.weight is None else rows.weight[places]
    return Rows(inputs, rows.y[places].to(inputs.numbers.dtype), weight, ids=places)
