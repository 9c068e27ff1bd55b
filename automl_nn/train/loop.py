"""The loop: the only place that trains, a generator of epochs. Who does not ask on, stops."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.data.read import release_unused
from automl_nn.errors import SpaceError
from automl_nn.model.network import Network
from automl_nn.task.base import Task
from automl_nn.train.batches.feed import Feeder
from automl_nn.train.batches.rows import Fold, Rows
from automl_nn.train.batches.windows import WindowBatches
from automl_nn.train.epoch import Epoch
from automl_nn.train.judge import Judge, Verdict, n_judged, n_statistics, subsample
from automl_nn.train.losses.stack_loss import FoldLosses, StackLoss, Targets
from automl_nn.train.naming import names_of
from automl_nn.train.pace import N_WARM_STEPS, seconds_per_step
from automl_nn.train.precision import set_precision
from automl_nn.train.pseudo import pseudo_rows
from automl_nn.train.reconstruction import branch_of
from automl_nn.train.record import Record
from automl_nn.train.space import bucket
from automl_nn.train.stability import Bands, Spike, SpikeKind
from automl_nn.train.step import Step, Stepper

Config = Mapping[str, Any]

MANY_JUDGED = 1 << 18
"""With more validation rows, what judging them has needed is given back to the system before training goes on."""

N_FEW_IMAGES = 64
"""Images by which it is told how long an evaluation takes."""


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
    yield from Training(network, [Fold(train, val)], configs, task=task, seeds=seeds).epochs(seconds=seconds)


@final
class Training:
    """A stack in training, some of whose candidates may be left out on the way.

    The networks stand fold by fold: those of the first fold for every candidate, then those of the second, and so on.

    Args:
        network: The stack: a network for each fold and candidate.
        folds: What the networks learn from; several for a cross-validation.
        configs: A train config for each candidate; all of one `bucket`.
        task: What is asked: family of losses and scores.
        seeds: One for each network, for its order of rows: a network sees the same batches in a stack as alone.

    Raises:
        SpaceError: The configs do not fit into one stack, or not to the network.
        DataError: A part has no rows.
    """

    def __init__(
        self,
        network: Network,
        folds: Sequence[Fold],
        configs: Sequence[Config],
        *,
        task: Task,
        seeds: Sequence[int],
    ) -> None:
        _check(network, configs, seeds, n_folds=len(folds))
        device, dtype = next(network.parameters()).device, set_precision(network, configs[0]["precision"])
        folds = [fold.to(device, dtype=dtype) for fold in folds]
        self.network, self.candidates = network, tuple(range(len(configs)))
        self._folds, self._configs, self._task = folds, list(configs), task
        self._val = Judge([fold.val for fold in folds], task=task)
        judged = [subsample(fold.train, n_judged(fold)).to(device, dtype=dtype) for fold in folds]
        self._train = Judge(judged, task=task)
        statistics = [subsample(fold.train, n_statistics(fold.train)).to(device, dtype=dtype) for fold in folds]
        self._statistics = [rows.inputs for rows in statistics]
        self._losses = self._own_losses()
        self._pseudo = pseudo_rows(folds[0], configs[0], family=task.family) if len(folds) == 1 else None
        self._batches, self._ids = Feeder(network, folds, configs[0], task, seeds, self._pseudo).feed()
        self.n_epochs = int(configs[0]["n_epochs"])
        self._stepper = Stepper(
            self.network,
            self._configs * len(folds),
            loss=FoldLosses(self._losses),
            n_steps=self._batches.n_steps * self.n_epochs,
            branch=branch_of(network, folds[0], configs[0], seeds=seeds) if len(folds) == 1 else None,
            names=names_of(network, folds, configs, d=task.d_out),
        )
        self._parts = self._own_parts()
        for part, fold in zip(self._parts, folds, strict=True):
            part.remember(fold.train.inputs)
            part.remember(fold.val.inputs)
        self._bands: dict[SpikeKind, Bands] = {"loss": Bands(), "norm": Bands()}
        self._failures: dict[int, str] = {}
        self._alive = np.ones(len(configs), dtype=bool)
        self._judging = 0.0

    def _own_losses(self) -> list[StackLoss]:
        return [stack_loss(fold.train, self._configs, task=self._task) for fold in self._folds]

    def _own_parts(self) -> list[Network]:
        """The networks of each fold, as stacks that share the tensors of the whole."""
        k, n_folds = len(self.candidates), len(self._folds)
        return [self.network] if n_folds == 1 else [self.network.part(f * k, (f + 1) * k) for f in range(n_folds)]

    def networks(self, place: int) -> list[int]:
        """The networks of the candidate at this place, one of each fold."""
        return [fold * len(self.candidates) + place for fold in range(len(self._folds))]

    def keep(self, places: Sequence[int]) -> None:
        """Go on with the candidates at these places only: the others no longer cost anything.

        Args:
            places: Places in the present stack, ascending.
        """
        networks = [fold * len(self.candidates) + place for fold in range(len(self._folds)) for place in places]
        self.network = self.network.select(networks)
        self.candidates = tuple(self.candidates[place] for place in places)
        self._configs = [self._configs[place] for place in places]
        self._losses = self._own_losses()
        self._batches.keep(networks)
        self._stepper.keep(networks, self.network, loss=FoldLosses(self._losses))
        for bands in self._bands.values():
            bands.keep(networks)
        self._parts = self._own_parts()
        self._failures = {new: self._failures[old] for new, old in enumerate(places) if old in self._failures}
        self._alive = self._alive[list(places)]

    def epochs(self, *, seconds: float = math.inf, judging: float = 0.0) -> Iterator[Epoch]:
        """Train; the generator ends after `n_epochs`, or when no candidate is alive.

        Args:
            seconds: Wall time for all epochs: the last one ends early enough to be evaluated by then.
            judging: What the first evaluation is expected to take of it; of later ones it is known.
        """
        end, number, self._judging = time.perf_counter() + seconds, 0, judging
        while number < self.n_epochs:
            number += 1
            yield self._epoch(number, end=end)
            if not self._alive.any() or time.perf_counter() + self._judging >= end:
                return

    def plan_epochs(self, n_epochs: int) -> None:
        """Let training and its schedules end after another epoch than was planned; those that are done stay done."""
        self.n_epochs = n_epochs
        self._stepper.plan_steps(self._batches.n_steps * n_epochs)

    def pace(self, seconds: float) -> float:
        """Seconds that the steps of an epoch take; the networks are trained by it, so let it have a copy of them.

        Args:
            seconds: About how long to measure; a few steps in any case, or one if they are very long.
        """
        self.network.reach(1.0)  # by when every layer learns
        n_warm = N_WARM_STEPS if self._folds[0].train.inputs.images is None else 1  # those of images take long
        steps = chain.from_iterable(self._steps(math.inf) for _ in range(self.n_epochs))
        return self._batches.n_steps * seconds_per_step(steps, seconds=seconds, n_warm=n_warm)

    def pace_of_judging(self) -> float:
        """Seconds that an evaluation takes; where rows are images, as a few of them tell."""
        few = self._folds[0].val.inputs[:N_FEW_IMAGES]
        begun = time.perf_counter()
        if few.images is None:
            self._judge()
            return time.perf_counter() - begun
        self._parts[0].predict(few)
        n_images = sum(len(fold.val) + n_judged(fold) + n_statistics(fold.train) for fold in self._folds)
        return (time.perf_counter() - begun) * n_images / len(few)

    def _epoch(self, number: int, *, end: float) -> Epoch:
        start = time.perf_counter()
        self.network.train()
        record = Record.of(self._steps(end - self._judging))
        trained = time.perf_counter()
        train, val = self._judge()
        if self._pseudo is not None:
            self._pseudo.renew(self.network, self._losses[0], progress=number / self.n_epochs)
        self._judging = time.perf_counter() - trained
        found = self._spikes(record)
        self._bury(number, record, val)
        return Epoch(
            number=number,
            train_loss=train.loss,
            val_loss=val.loss,
            scores={"train": train.scores, "val": val.scores},
            score=np.where(self._alive, val.scores[self._task.metric], np.nan),
            **self._told(record),
            seconds=time.perf_counter() - start,
            rows_per_second=len(record.loss) * self._batches.batch_size * self.network.k / (trained - start),
            spikes=found,
            alive=self._alive.copy(),
            failures=dict(self._failures),
            output=val.output,
            candidates=self.candidates,
        )

    def _judge(self) -> tuple[Verdict, Verdict]:
        """Scores of the sample of training rows and of the validation rows."""
        for network, statistics in zip(self._parts, self._statistics, strict=True):
            network.recalibrate(statistics)
        verdicts = self._train(self._parts, self._losses), self._val(self._parts, self._losses)
        if max(len(fold.val) for fold in self._folds) > MANY_JUDGED:
            release_unused()
        return verdicts

    def _told(self, record: Record) -> dict[str, Any]:
        """What the steps of an epoch tell about each candidate."""
        norms = {name: self._by_candidate(norm) for name, norm in record.norms().items()}
        return {
            "grad_norm_median": norms["grad_norm_median"].mean(0),
            "grad_norm_p90": norms["grad_norm_p90"].mean(0),
            "grad_norm_max": norms["grad_norm_max"].max(0),
            "clipped": self._by_candidate(record.clipped()).mean(0),
            "skipped": self._by_candidate(record.skip.sum(0)).sum(0),
            "learning_rate": self._by_candidate(record.rate[-1]).mean(0),
        }

    def _by_candidate(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of all networks as `(n_folds, k)`."""
        return values.reshape(len(self._folds), len(self.candidates))

    def _steps(self, end: float) -> Iterator[Step]:
        for number, batch in enumerate(self._batches.epoch()):
            step = self._stepper.step(batch)
            if isinstance(self._batches, WindowBatches):
                self._batches.learn(number, batch, self._stepper.output)
            yield step
            if time.perf_counter() >= end:
                return

    def _spikes(self, record: Record) -> tuple[Spike, ...]:
        alive = np.tile(self._alive, len(self._folds))
        found = record.spikes(self._bands, alive=alive, row_ids=self._row_ids)
        return tuple(replace(spike, network=spike.network % len(self.candidates)) for spike in found)

    def _row_ids(self, i: int, step: int) -> NDArray[np.int64]:
        return self._ids[self._batches.rows(i, step)].numpy()

    def _bury(self, number: int, record: Record, val: Verdict) -> None:
        """Find the candidates whose training broke down in this epoch."""
        every = np.asarray(self._by_candidate(np.asarray(record.broken.all(0))).any(0))
        mute = np.array([not np.isfinite(output).all() for output in val.output])
        for place in np.flatnonzero(self._alive & (every | mute)).tolist():
            what = "every step had a loss or gradient that" if every[place] else "the validation output"
            self._failures[place] = f"In epoch {number} {what} was not finite: lower the learning rate, or clip."
            self._alive[place] = False
            for i in self.networks(place):
                self._stepper.kill(i)


def _check(network: Network, configs: Sequence[Config], seeds: Sequence[int], *, n_folds: int) -> None:
    if not len(configs) * n_folds == len(seeds) == network.k:
        raise SpaceError(
            f"A stack of {network.k} networks takes {network.k // n_folds} configs and {network.k} seeds, "
            f"not {len(configs)} configs and {len(seeds)} seeds."
        )
    buckets = dict.fromkeys(map(bucket, configs))
    if len(buckets) > 1:
        raise SpaceError(
            f"One stack has one batch_size, n_epochs and precision, but the configs have {list(buckets)}: "
            "train them apart."
        )
