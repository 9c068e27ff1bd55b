"""Which networks of a stack to stop, and which of their epochs to keep."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.errors import BudgetError
from automl_nn.train.epoch import Epoch
from automl_nn.train.loop import Training

State = dict[str, Tensor]
"""Weights and buffers of one network."""


@final
class Patience:
    """Which candidates of a stack have not become better for too long.

    Args:
        patience: Number of epochs without a new best score, for each candidate.

    Raises:
        BudgetError: One is not positive.
    """

    def __init__(self, patience: Sequence[int]) -> None:
        if min(patience) < 1:
            raise BudgetError(f"patience = {min(patience)} is not possible: it is a number of epochs, at least 1.")
        self._patience = np.array(patience)
        self._best = np.full(len(patience), -np.inf)
        self._since = np.zeros(len(patience), dtype=np.int64)

    def stale(self, epoch: Epoch) -> list[int]:
        """The places of the candidates whose patience this epoch has ended; to be asked once for each epoch."""
        candidates = list(epoch.candidates)
        better = epoch.score > self._best[candidates]
        self._best[candidates] = np.where(better, epoch.score, self._best[candidates])
        self._since[candidates] = np.where(better, 0, self._since[candidates] + 1)
        return np.flatnonzero(self._since[candidates] >= self._patience[candidates]).tolist()


@final
class Best:
    """The best epoch of each candidate of a stack, with the weights that its networks had.

    An epoch is better if its score is greater, or equal with a smaller validation loss. A candidate without a single
    finite score keeps `score` -inf, epoch 0 and no states.

    Args:
        training: The stack in training.
    """

    def __init__(self, training: Training) -> None:
        k = len(training.candidates)
        self._training = training
        self._loss = np.full(k, np.inf)
        self.score: NDArray[np.float64] = np.full(k, -np.inf)
        self.epoch: NDArray[np.int64] = np.zeros(k, dtype=np.int64)
        self.output: list[NDArray[Any] | None] = [None] * k
        self.states: list[list[State]] = [[] for _ in range(k)]

    def update(self, epoch: Epoch) -> None:
        """Keep the candidates that are better than they have ever been; call it before anything else is done."""
        for place, candidate in enumerate(epoch.candidates):
            score, loss = float(epoch.score[place]), float(epoch.val_loss[place])
            if (score, -loss) > (self.score[candidate], -self._loss[candidate]):
                self.score[candidate], self._loss[candidate], self.epoch[candidate] = score, loss, epoch.number
                self.output[candidate] = epoch.output[place].copy()
                network = self._training.network
                self.states[candidate] = [network.network_state(i) for i in self._training.networks(place)]
