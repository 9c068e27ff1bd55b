"""The training of trials that share a stack: configs become networks, the networks learn, best epochs are kept."""

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor

from automl_nn.errors import DivergedError
from automl_nn.model.backbones import WHOLE
from automl_nn.model.build import bucket, build
from automl_nn.model.network import Network, joined
from automl_nn.model.ridge import Answers
from automl_nn.model.views import view_of
from automl_nn.search.encodings import Encoded, Encodings
from automl_nn.search.memory import PeakMemory
from automl_nn.space.options import Config
from automl_nn.store.records import EpochRow, Outcome, SpikeRow
from automl_nn.task.base import Task
from automl_nn.train.batches.rows import Rows
from automl_nn.train.epoch import Epoch
from automl_nn.train.loop import Training, stack_loss
from automl_nn.train.losses.entropy import class_shares
from automl_nn.train.losses.stack_loss import Targets, by_place
from automl_nn.train.precision import Precision, may_round
from automl_nn.train.stability import Spike
from automl_nn.train.stop import Best, Patience, State
from automl_nn.train.trained import Trained, several_to_bytes

LEAST_EPOCHS = 8
"""Epochs of networks of images that a search makes time for."""


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """What an epoch did to one of the trials.

    Args:
        trial: Place of its config.
        row: The epoch.
        best: Its best score so far.
        failure: Why its training broke down; None if it did not.
        is_stale: Whether its patience has ended.
    """

    trial: int
    row: EpochRow
    best: float
    failure: str | None
    is_stale: bool


@final
class Attempt:
    """Trials in training, in one stack, each with a network for each fold.

    Args:
        encodings: The rows.
        configs: Draws from the space, all of one bucket.
        seeds: Seed of weights, order and dropout of each.
    """

    def __init__(self, encodings: Encodings, configs: Sequence[Config], *, seeds: Sequence[int]) -> None:
        self._since, self._memory = time.monotonic(), PeakMemory()
        self._task, self._configs = encodings.problem.task, list(configs)
        self._rows = encodings.of(configs[0]["model"]["encoder"], view_of(configs[0]["model"]))
        by_fold = [[seed + fold for seed in seeds] for fold in range(len(self._rows))]
        self._network = _network(self._rows, self._configs, task=self._task, seeds=by_fold)
        self._seeds = [seed for own in by_fold for seed in own]
        self.n_parameters = sum(parameter.numel() for parameter in self._network.parameters()) // len(configs)
        self._seconds = np.zeros(len(configs))
        self._paces: dict[Precision, float] = {}
        self._judging: float | None = None
        self.plan_epochs(int(configs[0]["train"]["n_epochs"]))

    @property
    def may_round(self) -> bool:
        """Whether training in bfloat16 would be another training."""
        backbone = self._network.backbone
        n_rows = int(self._configs[0]["train"]["batch_size"]) * backbone.window * backbone.n_members
        return may_round(self._network, n_rows=n_rows)

    @property
    def kind(self) -> Hashable:
        """What stacks have in common that are faster in the same precision: networks of images are all of one kind."""
        if self._reads_images:
            return "images"
        return bucket(self._configs[0]["model"]), self._configs[0]["train"]["batch_size"], len(self._configs)

    @property
    def least_epochs(self) -> int:
        """Epochs without which a network is not worth much; those of images learn little in one."""
        return LEAST_EPOCHS if self._reads_images else 1

    @property
    def _reads_images(self) -> bool:
        return self._rows[0].fold.train.inputs.images is not None

    def plan_epochs(self, n_epochs: int, *, precision: Precision | None = None) -> None:
        """Let the schedules end with this epoch; to be called before the first one.

        Args:
            n_epochs: The epoch.
            precision: In which to train from now on; as the configs have it unless given.
        """
        self._precision = precision or self._configs[0]["train"]["precision"]
        self._training = self._new_training(self._network, n_epochs, self._precision)
        self._best = Best(self._training)
        self._patience = Patience([int(config["train"]["patience"]) for config in self._configs])

    def _new_training(self, network: Network, n_epochs: int, precision: Precision) -> Training:
        own = {"n_epochs": n_epochs, "precision": precision}
        configs = [{**config["train"], **own} for config in self._configs]
        return Training(network, [encoded.fold for encoded in self._rows], configs, task=self._task, seeds=self._seeds)

    def pace(self, seconds: float, precision: Precision | None = None) -> float:
        """Seconds that an epoch takes, measured once for each precision; no network is changed by it.

        Args:
            seconds: About how long to measure.
            precision: In which to train; the planned one unless given.
        """
        precision = precision or self._precision
        precision = "float32" if precision == "auto" else precision
        if precision not in self._paces:
            network = self._network.select(range(self._network.k))
            training = self._new_training(network, self._training.n_epochs, precision)
            self._paces[precision] = training.pace(seconds)
            self._judging = training.pace_of_judging() if self._judging is None else self._judging
        return self._paces[precision] + (self._judging or 0.0)

    def epochs(self, *, seconds: float) -> Iterator[list[Progress]]:
        """Train, one epoch at a time: what it did to each trial that is still trained.

        Args:
            seconds: The epoch that would go on for longer is the last one, and is cut short to be judged by then.
        """
        for epoch in self._training.epochs(seconds=seconds, judging=self._judging or 0.0):
            self._best.update(epoch)
            self._share_time(epoch)
            stale = self._patience.stale(epoch)
            yield [self._progress(epoch, place, is_stale=place in stale) for place in range(len(epoch.candidates))]

    def correct_epochs(self, n_epochs: int) -> None:
        """Let the schedules end with another epoch than was planned, while they are on their way."""
        self._training.plan_epochs(n_epochs)

    def _share_time(self, epoch: Epoch) -> None:
        """What has passed since the last time, in equal parts to the trials that it was spent on."""
        trials, before = list(epoch.candidates), self._since
        self._since = time.monotonic()
        self._seconds[trials] += (self._since - before) / len(trials)

    def _progress(self, epoch: Epoch, place: int, *, is_stale: bool) -> Progress:
        trial = epoch.candidates[place]
        row = _row(epoch, place, metric=self._task.metric)
        return Progress(trial, row, float(self._best.score[trial]), epoch.failures.get(place), is_stale)

    def keep(self, trials: Sequence[int]) -> None:
        """Go on with these trials only, of those that are still trained."""
        self._training.keep([place for place, trial in enumerate(self._training.candidates) if trial in trials])

    def seconds(self, trial: int) -> float:
        """A trial's share of the time so far."""
        return float(self._seconds[trial])

    def outcome(self, trial: int, state: Literal["complete", "pruned"], *, stopped: str | None) -> Outcome:
        """What is kept of a trial: its best epoch's score, outputs and networks.

        Args:
            trial: Place of its config.
            state: How it ended.
            stopped: Why it ended before its last epoch; None if it did not.

        Raises:
            DivergedError: No epoch had a score.
        """
        if not np.isfinite(self._best.score[trial]):
            raise DivergedError(
                f"No epoch had a finite {self._task.metric}: the rows that choose may lack a class, or the target is "
                "too large for the loss."
            )
        return Outcome(
            state=state,
            score=float(self._best.score[trial]),
            best_epoch=int(self._best.epoch[trial]),
            stopped=stopped,
            seconds=self.seconds(trial),
            n_parameters=self.n_parameters,
            peak_memory_mb=self._memory.mb,
            output=self._best.output[trial],
            payload=several_to_bytes(self.trained(trial)),
        )

    def trained(self, trial: int) -> list[Trained]:
        """The networks of a trial at its best epoch, one of each fold."""
        config, states = self._configs[trial], self._best.states[trial]
        architecture = self._network.architecture
        return [
            trained_of(encoded, config, state, task=self._task, architecture=architecture)
            for encoded, state in zip(self._rows, states, strict=True)
        ]


def trained_of(rows: Encoded, config: Config, state: State, *, task: Task, architecture: Any) -> Trained:
    """A network of a fold as it is kept.

    Args:
        rows: The fold.
        config: Its draw from the space.
        state: Its weights.
        task: What is asked.
        architecture: `Network.architecture` of its stack.
    """
    train = rows.fold.train
    targets = Targets.of(train.y, train.weight, family=task.family)
    return Trained(
        model=config["model"],
        loss=config["train"]["loss"],
        family=task.family,
        share=tuple(targets.share(d_out=task.d_out, family=task.family).tolist()),
        encoder=rows.encoder,
        state=state,
        shape=train.inputs.image_shape,
        architecture=architecture,
    )


def _network(
    rows: Sequence[Encoded], configs: Sequence[Config], *, task: Task, seeds: Sequence[Sequence[int]]
) -> Network:
    """The networks of all trials, fold by fold; those of a fold start from its own training rows."""
    stacks = [stack_of(own, configs, task=task, seeds=own_seeds) for own, own_seeds in zip(rows, seeds, strict=True)]
    return stacks[0] if len(stacks) == 1 else joined(stacks)


def stack_of(rows: Encoded, configs: Sequence[Config], *, task: Task, seeds: Sequence[int]) -> Network:
    """Untrained networks that start from the training rows of one fold.

    Args:
        rows: The fold.
        configs: A draw from the space for each network, all of one bucket.
        task: What is asked.
        seeds: A seed for each network.
    """
    train = rows.fold.train
    shift = stack_loss(train, [config["train"] for config in configs], task=task).shift
    y = by_place(train.y, d_out=task.d_out, family=task.family)
    return build(
        [config["model"] for config in configs],
        train.inputs,
        n_numeric=rows.encoder.n_numeric,
        vocabularies=rows.encoder.vocabularies,
        d_out=task.d_out,
        output_bias=torch.from_numpy(task.prior_output(y.numpy())).float() + shift,
        seeds=seeds,
        draws_head=task.family == "embedding",
        answers=_answers(train, shift, task) if configs[0]["model"]["backbone"]["name"] in WHOLE else None,
    )


def _answers(train: Rows, shift: Tensor, task: Task) -> Answers | None:
    """What should be said of the steps that train; of embeddings it is not known."""
    if task.family == "embedding":
        return None
    y = train.y.float()
    if task.family == "classes":
        y = class_shares(y, d_out=task.d_out).where(y.isfinite().all(1, keepdim=True), torch.nan)
    return Answers(y, task.family, shift)


def _row(epoch: Epoch, place: int, *, metric: str) -> EpochRow:
    """The epoch of one candidate, as the store keeps it; the time is its share of the stack's."""
    metrics: dict[str, Any] = {
        part: {name: float(score[place]) for name, score in scores.items()} for part, scores in epoch.scores.items()
    }
    spikes = [spike for spike in epoch.spikes if spike.network == place]
    return EpochRow(
        number=epoch.number,
        train_loss=float(epoch.train_loss[place]),
        val_loss=float(epoch.val_loss[place]),
        score=float(epoch.score[place]),
        train_score=metrics["train"][metric],
        metrics=metrics,
        grad_norm_median=float(epoch.grad_norm_median[place]),
        grad_norm_p90=float(epoch.grad_norm_p90[place]),
        grad_norm_max=float(epoch.grad_norm_max[place]),
        clipped=float(epoch.clipped[place]),
        skipped=int(epoch.skipped[place]),
        learning_rate=float(epoch.learning_rate[place]),
        seconds=epoch.seconds / len(epoch.candidates),
        rows_per_second=epoch.rows_per_second,
        spikes=list({(s.step, s.kind): _spike(s) for s in reversed(spikes)}.values()),
    )


def _spike(spike: Spike) -> SpikeRow:
    return SpikeRow(spike.step, spike.kind, float(spike.value), [int(i) for i in spike.row_ids])
