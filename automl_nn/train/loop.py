"""The loop: the only place that trains, a generator of epochs. Who does not ask on, stops."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.errors import SpaceError
from automl_nn.model.network import Network
from automl_nn.task.base import Task
from automl_nn.train.batches import Batches, Rows
from automl_nn.train.judge import N_STATISTICS, Judge, Scores, Verdict, subsample
from automl_nn.train.record import Record
from automl_nn.train.space import bucket
from automl_nn.train.stability import Bands, Spike, SpikeKind
from automl_nn.train.stack_loss import StackLoss, Targets
from automl_nn.train.step import Step, Stepper

Config = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Epoch:
    """What an epoch did to each of the k networks; every array has one value for each.

    Args:
        number: 1 for the first epoch.
        train_loss: Loss as it is trained, of a fixed sample of the training rows, in evaluation mode.
        val_loss: The same of the validation rows.
        scores: `"train"` and `"val"` to score names to values, of the same two parts.
        score: The task's metric on the validation part; greater is better; NaN for a network that failed.
        grad_norm_median: Median gradient norm before clipping, over the steps that were finite.
        grad_norm_p90: Its 90th percentile.
        grad_norm_max: Its maximum.
        clipped: Share of the steps whose gradient was clipped.
        skipped: Number of steps left out because a loss or gradient was not finite.
        learning_rate: Learning rate of the last step.
        seconds: Wall time, evaluation included.
        rows_per_second: Training rows per second of all networks together, evaluation not included.
        spikes: Steps that were far outside the recent band.
        alive: Whether the network is still being trained.
        failures: Network to the sentence that says why it is not.
        output: Validation outputs free of the loss's shift, `(k, n_val, d_out)`.
    """

    number: int
    train_loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    scores: Mapping[str, Scores]
    score: NDArray[np.float64]
    grad_norm_median: NDArray[np.float64]
    grad_norm_p90: NDArray[np.float64]
    grad_norm_max: NDArray[np.float64]
    clipped: NDArray[np.float64]
    skipped: NDArray[np.int64]
    learning_rate: NDArray[np.float64]
    seconds: float
    rows_per_second: float
    spikes: tuple[Spike, ...]
    alive: NDArray[np.bool_]
    failures: Mapping[int, str]
    output: NDArray[Any]


def stack_loss(train: Rows, configs: Sequence[Config], *, task: Task) -> StackLoss:
    """The losses of a stack; its `shift` belongs into the networks' output bias.

    Args:
        train: Training rows: weights come from the shares of their labels.
        configs: A train config for each network.
        task: What is asked.
    """
    targets = Targets.of(train.y, train.weight, family=task.family)
    return StackLoss([config["loss"] for config in configs], targets, family=task.family, d_out=task.d_out)


def fit(
    network: Network,
    train: Rows,
    val: Rows,
    configs: Sequence[Config],
    *,
    task: Task,
    seeds: Sequence[int],
    seconds: float = math.inf,
) -> Iterator[Epoch]:
    """Train a stack; yield after every epoch.

    A network whose training breaks down stays where it is: it is reported in `Epoch.failures`, its neighbours do not
    notice. The generator ends after `n_epochs`, or when no network is alive.

    Args:
        network: The stack, on the device to train on; it is changed in place, and takes on the configs' precision.
        train: Training rows.
        val: Validation rows, which are only scored.
        configs: A train config for each network; all of one `bucket`.
        task: What is asked: family of losses and scores.
        seeds: One for each network, for its order of rows: a network sees the same batches in a stack as alone.
        seconds: Wall time after which an epoch ends with the step that is under way; see `within` for ending there.

    Raises:
        SpaceError: The configs do not fit into one stack, or not to the network.
        DataError: A part has no rows.
    """
    training = _Training(network, train, val, configs, task=task, seeds=seeds)
    end = time.perf_counter() + seconds
    for number in range(1, int(configs[0]["n_epochs"]) + 1):
        yield training.epoch(number, end=end)
        if not training.alive.any():
            return


@final
class _Training:
    """The state of one call of `fit`."""

    def __init__(
        self, network: Network, train: Rows, val: Rows, configs: Sequence[Config], *, task: Task, seeds: Sequence[int]
    ) -> None:
        _check(network, configs, seeds)
        device, dtype = next(network.parameters()).device, getattr(torch, configs[0]["precision"])
        train, val = train.to(device, dtype=dtype), val.to(device, dtype=dtype)
        loss = stack_loss(train, configs, task=task)
        self._network, self._metric = network.to(dtype), task.metric
        self._val = Judge(val, loss=loss, task=task)
        self._train = Judge(subsample(train, len(val)), loss=loss, task=task)
        self._statistics = subsample(train, N_STATISTICS).inputs
        targets = Targets.of(train.y, train.weight, family=task.family)
        self._batches = Batches(train.inputs, targets, batch_size=int(configs[0]["batch_size"]), seeds=seeds)
        n_steps = self._batches.n_steps * int(configs[0]["n_epochs"])
        self._stepper = Stepper(network, configs, loss=loss, n_steps=n_steps)
        self._bands: dict[SpikeKind, Bands] = {"loss": Bands(), "norm": Bands()}
        self._ids = train.ids.cpu()
        self._failures: dict[int, str] = {}
        self.alive = np.ones(network.k, dtype=bool)

    def epoch(self, number: int, *, end: float) -> Epoch:
        start = time.perf_counter()
        self._network.train()
        steps = list(self._steps(end))
        record = Record.of(steps)
        trained = time.perf_counter()
        self._network.recalibrate(self._statistics)
        train, val = self._train(self._network), self._val(self._network)
        found = record.spikes(self._bands, alive=self.alive, row_ids=self._row_ids)
        self._bury(number, record, val)
        return Epoch(
            number=number,
            train_loss=train.loss,
            val_loss=val.loss,
            scores={"train": train.scores, "val": val.scores},
            score=np.where(self.alive, val.scores[self._metric], np.nan),
            **record.norms(),
            clipped=record.clipped(),
            skipped=record.skip.sum(0),
            learning_rate=record.rate[-1],
            seconds=time.perf_counter() - start,
            rows_per_second=len(steps) * self._batches.batch_size * self._network.k / (trained - start),
            spikes=found,
            alive=self.alive.copy(),
            failures=dict(self._failures),
            output=val.output,
        )

    def _steps(self, end: float) -> Iterator[Step]:
        for batch in self._batches.epoch():
            yield self._stepper.step(batch)
            if time.perf_counter() >= end:
                return

    def _row_ids(self, i: int, step: int) -> NDArray[np.int64]:
        return self._ids[self._batches.rows(i, step)].numpy()

    def _bury(self, number: int, record: Record, val: Verdict) -> None:
        """Find the networks whose training broke down in this epoch."""
        every = np.asarray(record.skip.all(0))
        mute = np.array([not np.isfinite(output).all() for output in val.output])
        for i in np.flatnonzero(self.alive & (every | mute)).tolist():
            what = "every step had a loss or gradient" if every[i] else "the validation output"
            self._failures[i] = f"In epoch {number} {what} that was not finite: lower the learning rate, or clip."
            self.alive[i] = False
            self._stepper.kill(i)


def _check(network: Network, configs: Sequence[Config], seeds: Sequence[int]) -> None:
    if not len(configs) == len(seeds) == network.k:
        raise SpaceError(
            f"A stack of {network.k} networks takes {network.k} configs and seeds, "
            f"not {len(configs)} configs and {len(seeds)} seeds."
        )
    buckets = dict.fromkeys(map(bucket, configs))
    if len(buckets) > 1:
        raise SpaceError(
            f"One stack has one batch_size, n_epochs and precision, but the configs have {list(buckets)}: "
            "train them apart."
        )
