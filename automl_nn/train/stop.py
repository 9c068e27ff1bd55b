"""When to stop asking for epochs, and which of them to keep."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.errors import BudgetError
from automl_nn.model.network import Network
from automl_nn.train.loop import Epoch


def until_stale(epochs: Iterable[Epoch], patience: int) -> Iterator[Epoch]:
    """Epochs until no network that is alive has had a new best score for `patience` epochs.

    Args:
        epochs: What `fit` yields.
        patience: Number of epochs without a new best score.

    Raises:
        BudgetError: `patience` is not positive.
    """
    if patience < 1:
        raise BudgetError(f"patience = {patience} is not possible: it is a number of epochs, at least 1.")
    return _until_stale(epochs, patience)


def _until_stale(epochs: Iterable[Epoch], patience: int) -> Iterator[Epoch]:
    best: NDArray[np.float64] = np.array(-np.inf)
    since: NDArray[np.int64] = np.array(0)
    for epoch in epochs:
        yield epoch
        better = epoch.score > best
        best, since = np.where(better, epoch.score, best), np.where(better, 0, since + 1)
        if (since[epoch.alive] >= patience).all():
            return


def within(epochs: Iterable[Epoch], seconds: float) -> Iterator[Epoch]:
    """Epochs until `seconds` have passed since the first one was asked for; at least one.

    An epoch that has begun is finished, unless `fit` was told the same time: then it ends with its step.

    Args:
        epochs: What `fit` yields.
        seconds: Wall time.

    Raises:
        BudgetError: `seconds` is not positive.
    """
    if not seconds > 0:
        raise BudgetError(f"seconds = {seconds} is not possible: a time budget is above 0.")
    return _within(epochs, seconds)


def _within(epochs: Iterable[Epoch], seconds: float) -> Iterator[Epoch]:
    end = time.perf_counter() + seconds
    for epoch in epochs:
        yield epoch
        if time.perf_counter() >= end:
            return


@final
class Best:
    """The best epoch of each network of a stack, with the weights it had.

    An epoch is better if its score is greater, or equal with a smaller validation loss. A network without a single
    finite score keeps `score` -inf and epoch 0.

    Args:
        network: The stack that is being trained.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._states: list[dict[str, Tensor]] = [{} for _ in range(network.k)]
        self._loss = np.full(network.k, np.inf)
        self.score: NDArray[np.float64] = np.full(network.k, -np.inf)
        self.epoch: NDArray[np.int64] = np.zeros(network.k, dtype=np.int64)
        self.output: NDArray[Any] | None = None

    def update(self, epoch: Epoch) -> None:
        """Keep the networks that are better than they have ever been; call it before the next epoch is asked for."""
        if self.output is None:
            self.output = epoch.output.copy()
        equal = (epoch.score == self.score) & (epoch.val_loss < self._loss)
        better = np.flatnonzero((epoch.score > self.score) | equal)
        for i in better.tolist():
            self._states[i] = self._network.network_state(i)
        self.output[better] = epoch.output[better]
        self.score[better], self._loss[better] = epoch.score[better], epoch.val_loss[better]
        self.epoch[better] = epoch.number

    def restore(self) -> None:
        """Give every network the weights of its best epoch; one that has none keeps what it has."""
        states = [state or self._network.network_state(i) for i, state in enumerate(self._states)]
        self._network.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
