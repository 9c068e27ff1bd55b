"""Alarms of a network that scores every step of a series: the decision that is stored with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from automl_nn.decide.calibration.calibrate import fit_calibration
from automl_nn.decide.decision import Decision
from automl_nn.decide.drift import Histogram
from automl_nn.decide.events.choose import EventChoice, choose_events, event_metrics
from automl_nn.decide.events.goals import event_utility
from automl_nn.decide.events.online import OnlineTrigger
from automl_nn.decide.events.rules import PER_STEPS
from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError
from automl_nn.task.base import Task
from automl_nn.task.events import Events

N_CURVE = 60
"""Thresholds of a curve."""


@final
@dataclass(frozen=True)
class EventCuts(Decision):
    """When to alarm in a series, from outputs of its steps.

    Args:
        choice: The trigger, in calibrated logits, and what is known about it.
    """

    family: ClassVar[str] = "events"

    choice: EventChoice

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        return {"choice": EventChoice.from_json(values["choice"])}

    @property
    def thresholds(self) -> tuple[float, float]:
        """The calibrated probabilities that start an alarm and keep it up."""
        trigger = self.choice.trigger
        return float(expit(trigger.high)), float(expit(trigger.low))

    @property
    def utility(self) -> float:
        """Worth to expect on new series."""
        return self.choice.utility

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before trusting it."""
        return self.choice.warnings

    @property
    def of_probabilities(self) -> EventChoice:
        """The choice with thresholds as calibrated probabilities, for whoever reads them."""
        high, low = self.thresholds
        lower, upper = (float(end) for end in expit(self.choice.interval))
        plain = {**self.choice.metrics_of_threshold}
        plain["threshold"] = float(expit(plain["threshold"]))
        trigger = replace(self.choice.trigger, high=high, low=low)
        return replace(self.choice, trigger=trigger, interval=(lower, upper), metrics_of_threshold=plain)

    def find(self, output: npt.ArrayLike, *, offsets: npt.ArrayLike | None = None) -> Events:
        """The alarms.

        Args:
            output: Network outputs of the steps, (n_steps, 1).
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.

        Raises:
            DecisionError: As for `apply`.
            DataError: The offsets do not part the steps.
        """
        return self.choice.trigger.find(self.scores(output), offsets=offsets)

    def online(self) -> OnlineTrigger:
        """The same alarms for one series whose `scores` come step by step."""
        return OnlineTrigger(self.choice.trigger)

    def scores(self, output: npt.ArrayLike) -> Array:
        """What the trigger reads: the calibrated logit of each step, (n_steps,).

        Args:
            output: Network outputs of the steps, (n_steps, 1).

        Raises:
            DecisionError: As for `apply`.
        """
        return self._calibrated(output)[:, 0]

    def apply(self, output: npt.ArrayLike, *, offsets: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
        """1 for each step of an alarm, (n_steps,); it depends on the other steps of its series.

        Args:
            output: Network outputs of the steps, (n_steps, 1).
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.

        Raises:
            DecisionError: As for `Decision`.
            DataError: The offsets do not part the steps.
        """
        return self.find(output, offsets=offsets).marks()

    def probability(self, output: npt.ArrayLike) -> Array:
        probability: Array = expit(self._calibrated(output))
        return np.hstack([1 - probability, probability]) if self.kind == "binary" else probability

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike, *, offsets: npt.ArrayLike | None = None) -> pd.DataFrame:
        """What other upper thresholds would give: precision and recall of events, and utility.

        Args:
            output: Network outputs of the steps, (n_steps, 1).
            y: Encoded labels, NaN where unknown, (n_steps, 1).
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.
        """
        logits, labels = self._calibrated(output)[:, 0], np.asarray(y, dtype=np.float64)[:, 0]
        if self.goal is None or not (labels == 1).any():
            raise DecisionError("The curve of events needs a goal and an event: label some.")
        trigger, utility = self.choice.trigger, event_utility(self.goal)
        rows = []
        for high in np.unique(np.quantile(logits[labels == 1], np.linspace(0, 1, N_CURVE))):
            moved = replace(trigger, high=float(high), low=float(high) - (trigger.high - trigger.low))
            found = event_metrics(moved, logits, y=labels, offsets=offsets, tolerance=self.choice.tolerance)
            tp, fp, fn = (np.array(float(found[name])) for name in ("found", "false_alarms", "missed"))
            worth = utility.of(tp, fp, fn, np.isfinite(labels).sum() / PER_STEPS - tp - fp - fn)
            row = {"threshold": float(expit(high)), "logit": float(high), "utility": float(worth)}
            rows.append({"label": "event", **row, "precision": found["precision"], "recall": found["recall"]})
        return pd.DataFrame(rows)


def decide_events(
    task: Task,
    output: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    tolerance: int,
    offsets: npt.ArrayLike | None = None,
    goal: Goal | None = None,
    **given: Any,
) -> EventCuts:
    """Choose when to alarm, from outputs of steps that the network was not trained on.

    Args:
        task: What the outputs mean: one label for each step.
        output: Stored outputs of the steps, free of the loss's own shift, (n_steps, 1).
        y: Encoded labels, NaN where unknown, (n_steps, 1).
        tolerance: Steps on either side of an event that still count as it.
        offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.
        goal: What the decision is for, counted in events; F1 unless given.
        given: What else `choose_events` takes.

    Raises:
        DecisionError: The series do not carry a decision, or the goal does not suit events.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> rng = np.random.default_rng(0)
        >>> y, offsets = np.tile(np.repeat([0, 1], [180, 20]), 50)[:, None], np.arange(0, 10_001, 200)
        >>> task = Binary(("fault",), "average_precision")
        >>> decision = decide_events(task, rng.normal(5 * y - 4), y, tolerance=2, offsets=offsets)
        >>> decision.apply(np.repeat([-9.0, 5.0, -9.0], [90, 20, 90])[:, None]).sum()
        np.int64(20)
    """
    outputs, targets = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if outputs.ndim != 2 or outputs.shape[1] != 1 or outputs.shape != targets.shape:
        raise DecisionError(f"Outputs {outputs.shape} and labels {targets.shape} must be one for each step: (n, 1).")
    if not np.isfinite(outputs).all():
        raise DecisionError(f"{(~np.isfinite(outputs)).sum()} steps have an output that is not finite.")
    goal = goal or Goal("f1")
    calibration = fit_calibration(outputs, targets, family="labels")
    logits = calibration.apply(outputs)[:, 0]
    choice = choose_events(logits, targets[:, 0], goal=goal, tolerance=tolerance, offsets=offsets, **given)
    histograms = (Histogram.of(task.targets[0], outputs[:, 0]),)
    return EventCuts(task.kind, goal, calibration, histograms=histograms, choice=choice)
