"""How good a stack is at the moment: losses and scores of named parts, in evaluation mode."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.errors import DataError
from automl_nn.model.network import Network
from automl_nn.task.base import Task
from automl_nn.train.batches import Rows
from automl_nn.train.stack_loss import StackLoss, Targets

N_STATISTICS = 4096
"""Training rows from which batch normalization's statistics are estimated anew."""

Scores = dict[str, NDArray[np.float64]]
"""Name of a score to its value for each network, `(k,)`."""


@final
@dataclass(frozen=True)
class Verdict:
    """Losses and scores of one part.

    Args:
        loss: Loss of each network, as it is trained.
        scores: Scores of each network; NaN where its output is not finite.
        output: Outputs free of the loss's shift, `(k, n_rows, d_out)`.
    """

    loss: NDArray[np.float64]
    scores: Scores
    output: NDArray[Any]


@final
class Judge:
    """Judges a stack on one part of the data.

    Args:
        rows: The part.
        loss: The loss of each network.
        task: What the scores are.
    """

    def __init__(self, rows: Rows, *, loss: StackLoss, task: Task) -> None:
        self._rows, self._loss, self._task = rows, loss, task
        self._targets = Targets.of(rows.y, rows.weight, family=task.family)
        self._y = rows.y.cpu().numpy()

    @torch.no_grad()
    def __call__(self, network: Network) -> Verdict:
        """Losses and scores as the network is now."""
        output = network.predict(self._rows.inputs)
        loss = self._loss(output, self._targets).cpu().double().numpy()
        corrected = self._loss.correct(output).cpu().numpy()
        return Verdict(loss, self._scores(corrected), corrected)

    def _scores(self, outputs: NDArray[Any]) -> Scores:
        found = [self._task.scores(self._y, output) if np.isfinite(output).all() else {} for output in outputs]
        names = dict.fromkeys([self._task.metric, *(name for scores in found for name in scores)])
        return {name: np.array([scores.get(name, np.nan) for scores in found]) for name in names}


def subsample(rows: Rows, n_rows: int) -> Rows:
    """At most `n_rows` rows, always the same ones, in their order.

    Raises:
        DataError: Not a single row is left.
    """
    if min(len(rows), n_rows) == 0:
        raise DataError("Training and validation need rows, but one of the two parts has none: give each at least one.")
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:n_rows]
    return rows.take(chosen.sort().values)
