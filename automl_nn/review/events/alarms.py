"""The numbers behind a decision on events: every alarm and every miss as a row, the worst ones first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.decider import Decider
from automl_nn.decide.events.choose import EventChoice
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.events.goals import describe_events
from automl_nn.decide.events.stored import offsets_of_groups
from automl_nn.errors import DecisionError
from automl_nn.search.problems.step_names import StepNames
from automl_nn.task.event_metrics import Column, judged, known_steps
from automl_nn.task.events import Array, Events, Indices, match, offsets_of
from automl_nn.task.random_scores import against_random

FOUND, REPEATED, FALSE, UNKNOWN, MISSED = "found", "repeated", "false alarm", "unknown", "missed"
"""What became of an alarm or an event: a repeated alarm is a second one in the same event, an unknown one lies mostly
on steps without a label."""

N_DRAWS, FEW_DRAWS, MANY_STEPS = 5, 1, 1_000_000
"""Random scores that are drawn beside the true ones, and how many where there are more than so many steps."""


@final
@dataclass(frozen=True, eq=False)
class Watched:
    """Labelled series with the alarms of a trigger.

    Args:
        scores: In the unit of the trigger's thresholds, (n_steps,).
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        alarms: What the trigger found.
        choice: The trigger, and what is known about it.
        names: Name of each series, (n_series,).
        times: When each step was, (n_steps,).
    """

    scores: Column
    y: Column
    alarms: Events
    choice: EventChoice
    names: npt.NDArray[Any]
    times: npt.NDArray[Any]

    @staticmethod
    def of(
        scores: npt.ArrayLike,
        y: npt.ArrayLike,
        choice: EventChoice,
        *,
        offsets: npt.ArrayLike | None = None,
        names: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> "Watched":
        """Look for alarms.

        Args:
            scores: In the unit of the trigger's thresholds, (n_steps,).
            y: Labels in {0, 1}, NaN where unknown, (n_steps,).
            choice: The trigger, and what is known about it.
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.
            names: Name of each series, (n_series,); their numbers unless given.
            times: When each step was, (n_steps,); its number in its series unless given.

        Example:
            >>> from automl_nn.decide.goal import Goal
            >>> from automl_nn.decide.events.choose import choose_events
            >>> y = np.tile([0, 0, 0, 1, 1, 0, 0, 0], 10)
            >>> choice = choose_events(y + 0.5, y, goal=Goal("f1"), tolerance=0)
            >>> set(Watched.of(y + 0.5, y, choice).table()["kind"])
            {'found'}
        """
        labels, values = known_steps(y, scores)
        parts = offsets_of(offsets, n_steps=len(values))
        numbers = np.arange(len(values)) - np.repeat(parts[:-1], np.diff(parts))
        return Watched(
            scores=values,
            y=labels,
            alarms=choice.trigger.find(values, offsets=parts),
            choice=choice,
            names=np.arange(len(parts) - 1) if names is None else np.asarray(names),
            times=numbers if times is None else np.asarray(times),
        )

    @property
    def offsets(self) -> Indices:
        """First step of each series, and the number of all steps, (n_series + 1,)."""
        return self.alarms.offsets

    def table(self) -> pd.DataFrame:
        """One row for each alarm and each missed event, in the order of their steps.

        Returns:
            `kind` (`found`, `repeated`, `false alarm`, `unknown`, `missed`), `series`, `start` and `end` (times of the
            first and of the last step), `n_steps`, `peak` (highest score), and `step` (number of the first step).
        """
        true = Events.of(self.y, offsets=self.offsets)
        event = match(self.alarms, true, tolerance=self.choice.tolerance)
        missed = np.setdiff1d(np.arange(len(true)), event)
        parts = [self._rows(self.alarms, self._kinds(event)), self._rows(true.take(missed), MISSED)]
        return pd.concat(parts, ignore_index=True).sort_values("step", ignore_index=True)

    def _kinds(self, event: Indices) -> npt.NDArray[np.str_]:
        first = np.zeros(len(event), dtype=bool)
        first[np.unique(event, return_index=True)[1]] = True
        unknown = Events.of(np.isnan(self.y), offsets=self.offsets)
        known = judged(self.alarms.start, self.alarms.stop, unknown=unknown)
        return np.where(event >= 0, np.where(first, FOUND, REPEATED), np.where(known, FALSE, UNKNOWN))

    def _rows(self, events: Events, kind: npt.ArrayLike) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "kind": np.broadcast_to(np.asarray(kind, dtype=object), len(events)),
                "series": self.names[events.series],
                "start": self.times[events.start],
                "end": self.times[events.stop - 1],
                "n_steps": events.length,
                "peak": self._peaks(events),
                "step": events.start,
            }
        )

    def _peaks(self, events: Events) -> Array:
        if not len(events):
            return np.zeros(0)
        inside = self.scores[events.marks() == 1]
        peaks = np.maximum.reduceat(inside, np.r_[0, np.cumsum(events.length)[:-1]])
        return peaks.astype(np.float64)

    def worst(self, n: int = 10) -> pd.DataFrame:
        """The worst errors: false alarms with the highest scores, then missed events with the lowest ones.

        Args:
            n: Most rows of either kind.

        Returns:
            Rows of `table`.
        """
        table = self.table()
        false = table[table["kind"] == FALSE].sort_values(["peak", "n_steps"], ascending=False).head(n)
        missed = table[table["kind"] == MISSED].sort_values(["peak", "n_steps"]).head(n)
        return pd.concat([false, missed], ignore_index=True)

    def around(self, step: int, *, n_steps: int, context: int) -> pd.DataFrame:
        """Steps around an alarm or an event, for a drawing.

        Args:
            step: Its first step.
            n_steps: Its length.
            context: Steps on either side.

        Returns:
            One row for each step of the same series: `time`, `score`, `label`, `alarm` (0 or 1).
        """
        series = int(np.searchsorted(self.offsets, step, side="right")) - 1
        first = max(step - context, int(self.offsets[series]))
        last = min(step + n_steps + context, int(self.offsets[series + 1]))
        alarm = (self.alarms.before(np.arange(first + 1, last + 1)) - self.alarms.before(np.arange(first, last))) > 0
        columns = {"time": self.times[first:last], "score": self.scores[first:last], "label": self.y[first:last]}
        return pd.DataFrame(columns | {"alarm": alarm.astype(np.int64)})


def watch(decision: EventCuts, decider: Decider, *, names: StepNames | None = None) -> Watched:
    """The alarms of a decision in the series that it was made on, by calibrated probabilities.

    Args:
        decision: What `weigh_events` returned.
        decider: What it was made on.
        names: What series are called; their numbers, in the order in which they first occur in the data, unless given.

    Raises:
        DecisionError: The rows are no steps of series.
    """
    groups = decider.groups
    if groups is None:
        raise DecisionError("The rows are no steps of series: tune with --per-step and --series-id first.")
    offsets = offsets_of_groups(groups)
    scores = decision.probability(decider.output)[:, -1]
    numbers = groups.reshape(-1)[offsets[:-1]].astype(np.int64)
    called = numbers if names is None else names.called(numbers)
    return Watched.of(scores, decider.y[:, 0], decision.of_probabilities, offsets=offsets, names=called)


def event_report(choice: EventChoice) -> dict[str, Any]:
    """When to alarm, what that is worth, and how sure both are; keys as in a threshold's report."""
    trigger = choice.trigger
    return {
        "threshold": trigger.high,
        "threshold_low": trigger.low,
        "interval": list(choice.interval),
        "min_duration": trigger.min_duration,
        "merge_gap": trigger.merge_gap,
        "cool_down": trigger.cool_down,
        "tolerance": choice.tolerance,
        "utility": choice.utility,
        "utility_interval": list(choice.utility_interval),
        "optimism": choice.optimism,
        "rule": choice.rule,
        "n_steps": choice.n_steps,
        "n_series": choice.n_series,
        "n_events": choice.n_events,
        "out_of_bag": dict(choice.out_of_bag),
        "metrics": {"with_trigger": dict(choice.metrics), "with_threshold": dict(choice.metrics_of_threshold)},
        "warnings": list(choice.warnings),
    }


def beside_random(watched: Watched, *, seed: int) -> pd.DataFrame:
    """What random scores would get with the same trigger, one row a metric; see `against_random`.

    Args:
        watched: Labelled series with alarms.
        seed: Seed of the random scores.

    Raises:
        DataError: No step is positive.
    """
    return against_random(
        watched.y,
        watched.scores,
        find=lambda scores: watched.choice.trigger.find(scores, offsets=watched.offsets),
        tolerance=watched.choice.tolerance,
        rng=np.random.default_rng(seed),
        n_draws=FEW_DRAWS if len(watched.y) > MANY_STEPS else N_DRAWS,
    )


def in_time(choice: EventChoice, step_seconds: float) -> dict[str, float]:
    """Figures per day and in seconds.

    Args:
        choice: The trigger, and what is known about it.
        step_seconds: Distance between two steps.
    """
    return {
        "step_seconds": step_seconds,
        "false_alarms_per_day": choice.metrics["false_alarms_per_1000_steps"] * 86.4 / step_seconds,
        "mean_delay_seconds": choice.metrics["mean_delay"] * step_seconds,
    }


def compared_events(reports: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Decisions on events side by side, one row each.

    Args:
        reports: From a goal in words to what `event_report` or `alarms_report` returned.
    """
    names = ("threshold", "threshold_low", "min_duration", "merge_gap", "utility", "utility_interval", "rule")
    found = ("precision", "recall", "f1", "found", "missed", "false_alarms")
    return [
        {"goal": goal, **{name: report[name] for name in names}}
        | {name: report["metrics"]["with_trigger"][name] for name in found}
        for goal, report in reports.items()
    ]


def alarms_report(decision: EventCuts) -> dict[str, Any]:
    """As `event_report`, with thresholds as calibrated probabilities, and the goal counted in events."""
    goal = {} if decision.goal is None else {"goal": describe_events(decision.goal)}
    return event_report(decision.of_probabilities) | goal
