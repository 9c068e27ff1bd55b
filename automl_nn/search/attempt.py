"""One trial's training: a config becomes a network, the network learns, the best epoch is kept."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal, final

import numpy as np
import torch

from automl_nn.errors import DivergedError
from automl_nn.model.build import build
from automl_nn.model.encoders import ENCODERS, Encoder
from automl_nn.search.memory import PeakMemory
from automl_nn.search.problem import Problem
from automl_nn.search.records import EpochRow, Outcome, SpikeRow
from automl_nn.space.options import Config
from automl_nn.train.batches import Rows
from automl_nn.train.loop import Epoch, fit
from automl_nn.train.stack_loss import StackLoss, Targets
from automl_nn.train.stop import Best, until_stale, within
from automl_nn.train.trained import Trained


@final
class Encodings:
    """A problem's rows as networks read them, encoded once for each encoder config.

    Args:
        problem: What is given.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._known: dict[str, tuple[Encoder, Rows, Rows]] = {}

    def of(self, config: Mapping[str, Any]) -> tuple[Encoder, Rows, Rows]:
        """The fitted encoder, the rows that train and the rows that choose."""
        key = json.dumps(config, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._encode(config)
        return self._known[key]

    def _encode(self, config: Mapping[str, Any]) -> tuple[Encoder, Rows, Rows]:
        table, split = self.problem.table, self.problem.split
        encoder = ENCODERS.make(config, table=table.take(split.train))
        return encoder, self._rows(encoder, split.train), self._rows(encoder, split.val)

    def _rows(self, encoder: Encoder, rows: Any) -> Rows:
        weight = self.problem.weight
        return Rows(
            inputs=encoder.transform(self.problem.table.take(rows)),
            y=torch.from_numpy(self.problem.y[rows]),
            weight=None if weight is None else torch.from_numpy(weight[rows]),
            ids=torch.from_numpy(np.asarray(rows, dtype=np.int64)),
        )


@final
class Attempt:
    """A network in training.

    Args:
        encodings: The rows.
        config: A draw from the space.
        seed: Seed of weights, order and dropout.
    """

    def __init__(self, encodings: Encodings, config: Config, *, seed: int) -> None:
        self._started, self._memory = time.monotonic(), PeakMemory()
        self._task, self._config, self._seed = encodings.problem.task, config, seed
        self._encoder, self._train, self._val = encodings.of(config["model"]["encoder"])
        targets = Targets.of(self._train.y, self._train.weight, family=self._task.family)
        self._share = targets.share(d_out=self._task.d_out, family=self._task.family)
        self._network = build(
            [config["model"]],
            self._train.inputs,
            n_numeric=self._encoder.n_numeric,
            vocabularies=self._encoder.vocabularies,
            d_out=self._task.d_out,
            output_bias=self._prior() + self._loss(targets).shift,
            seeds=[seed],
        )
        self._best = Best(self._network)
        self._n_done, self._is_late = 0, False

    def _loss(self, targets: Targets) -> StackLoss:
        return StackLoss([self._config["train"]["loss"]], targets, family=self._task.family, d_out=self._task.d_out)

    def _prior(self) -> torch.Tensor:
        return torch.from_numpy(self._task.prior_output(self._train.y.numpy())).float()

    @property
    def n_parameters(self) -> int:
        """Trained numbers of the network."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    def epochs(self, *, seconds: float) -> Iterator[EpochRow]:
        """Train, one epoch at a time.

        Args:
            seconds: The epoch that is under way after so many is the last one, and is cut short.

        Raises:
            DivergedError: The network stopped being finite; its last epoch has been yielded.
        """
        train = self._config["train"]
        rows, seeds = (self._train, self._val), [self._seed]
        epochs = fit(self._network, *rows, [train], task=self._task, seeds=seeds, seconds=seconds)
        for epoch in until_stale(within(epochs, seconds), train["patience"]):
            self._best.update(epoch)
            self._n_done += 1
            self._is_late = time.monotonic() - self._started >= seconds
            yield _row(epoch, self._task.metric)
            if 0 in epoch.failures:
                raise DivergedError(epoch.failures[0])

    @property
    def score(self) -> float:
        """The best epoch's score."""
        return float(self._best.score[0])

    def outcome(self, state: Literal["complete", "pruned"]) -> Outcome:
        """What is kept of the trial: its best epoch's score, outputs and network.

        Raises:
            DivergedError: No epoch had a score.
        """
        if not np.isfinite(self.score):
            raise DivergedError(
                f"No epoch had a finite {self._task.metric}: the rows that choose may lack a class, or the target is "
                "too large for the loss."
            )
        return Outcome(
            state=state,
            score=self.score,
            best_epoch=int(self._best.epoch[0]),
            stopped=self._stopped(state),
            seconds=time.monotonic() - self._started,
            n_parameters=self.n_parameters,
            peak_memory_mb=self._memory.mb,
            output=None if self._best.output is None else np.asarray(self._best.output[0]),
            payload=self.trained().to_bytes(),
        )

    def _stopped(self, state: str) -> str | None:
        """Why training ended before its last epoch; None if it did not."""
        if state == "pruned":
            return "pruned"
        if self._n_done >= self._config["train"]["n_epochs"]:
            return None
        return "timeout" if self._is_late else "patience"

    def trained(self) -> Trained:
        """The network at its best epoch."""
        self._best.restore()
        return Trained(
            model=self._config["model"],
            loss=self._config["train"]["loss"],
            family=self._task.family,
            share=tuple(self._share.tolist()),
            encoder=self._encoder,
            state=self._network.network_state(0),
        )


def _row(epoch: Epoch, metric: str) -> EpochRow:
    """The epoch of a stack of one, as the store keeps it."""
    metrics = {part: {name: float(score[0]) for name, score in scores.items()} for part, scores in epoch.scores.items()}
    return EpochRow(
        number=epoch.number,
        train_loss=float(epoch.train_loss[0]),
        val_loss=float(epoch.val_loss[0]),
        score=float(epoch.score[0]),
        train_score=metrics["train"][metric],
        metrics=metrics,
        grad_norm_median=float(epoch.grad_norm_median[0]),
        grad_norm_p90=float(epoch.grad_norm_p90[0]),
        grad_norm_max=float(epoch.grad_norm_max[0]),
        clipped=float(epoch.clipped[0]),
        skipped=int(epoch.skipped[0]),
        learning_rate=float(epoch.learning_rate[0]),
        seconds=epoch.seconds,
        rows_per_second=epoch.rows_per_second,
        spikes=[SpikeRow(s.step, s.kind, float(s.value), [int(i) for i in s.row_ids]) for s in epoch.spikes],
    )
