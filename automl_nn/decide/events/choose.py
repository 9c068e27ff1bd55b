"""Choose when to alarm, from stored scores of single steps, with intervals, or refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.blocks import MIN_UNITS
from automl_nn.decide.events.goals import event_utility, in_alarms
from automl_nn.decide.events.grid import Axes, Recording, axes_for, record, tally_triggers
from automl_nn.decide.events.rules import (
    DEFAULT,
    EVENT_RULES,
    FOR_FEW,
    EventSweep,
    best_trigger,
    compare_rules,
    plain_threshold,
    settle,
)
from automl_nn.decide.events.trigger import Trigger, check_steps
from automl_nn.decide.goal import Goal
from automl_nn.decide.honest import TAILS
from automl_nn.errors import DecisionError, did_you_mean
from automl_nn.task.event_metrics import Column, count_events, known_steps
from automl_nn.task.events import Indices, offsets_of

OUT_OF_BAG = "out-of-bag"
"""The name that leaves the choice between the rules to the series."""

MIN_EVENTS = 5
"""Events below which a choice is refused."""

FEW_EVENTS = 20
"""Events below which a choice warns and the rules are not compared."""


@final
@dataclass(frozen=True)
class EventChoice:
    """A chosen trigger and how sure it is.

    Args:
        trigger: When to alarm; its thresholds are in the unit of the scores.
        interval: Where the upper threshold lies in 90 % of the resamples.
        tolerance: Steps on either side of an event that still count as it.
        utility: Worth to expect on new series: the worth on these less `optimism`.
        utility_interval: Where that worth lies, with 90 % confidence.
        optimism: By how much the choice promises more on the series that it was made on (bootstrap estimate).
        rule: The rule that chose.
        metrics: What the trigger finds on these series.
        metrics_of_threshold: The same for the best single threshold, and where it lies.
        n_steps: Labelled steps.
        n_series: Series.
        n_events: Events among them.
        warnings: What to know before trusting it.
        out_of_bag: What each rule is worth on series that did not choose; empty if the rules were not compared.
    """

    trigger: Trigger
    interval: tuple[float, float]
    tolerance: int
    utility: float
    utility_interval: tuple[float, float]
    optimism: float
    rule: str
    metrics: Mapping[str, float]
    metrics_of_threshold: Mapping[str, float]
    n_steps: int
    n_series: int
    n_events: int
    warnings: tuple[str, ...]
    out_of_bag: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "EventChoice":
        """Read a choice from plain values."""
        tuples = {name: tuple(values[name]) for name in ("interval", "utility_interval", "warnings")}
        return EventChoice(**{**values, **tuples, "trigger": Trigger.from_json(values["trigger"])})


def choose_events(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    goal: Goal,
    tolerance: int,
    offsets: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    min_duration: int | None = None,
    merge_gap: int | None = None,
    cool_down: int = 0,
    rule: str = OUT_OF_BAG,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> EventChoice:
    """Choose thresholds, least duration and bridged gap that are worth most among those that keep the constraints.

    Candidates lie where the events have their scores and are as long as a part of a usual event, some thousand of
    them. Each is counted once in every series; resamples draw series (blocks of time where there are fewer than ten),
    and whatever is reported comes from those counts. Only the ranks of the scores matter. Of equally good triggers
    the one that alarms soonest is taken.

    Args:
        scores: Greater is more positive, of any unit, (n_steps,); of series that the model was not trained on.
        y: Labels in {0, 1}, NaN where unknown, (n_steps,); runs of 1 are the events.
        goal: What the decision is for, counted in events: a utility without true negatives, `cost` of a false alarm
            and of a missed event, the least `min_precision` or `min_recall`, `max_alarms` in a period.
        tolerance: Steps on either side of an event that still count as it; see `task.events.match`.
        offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.
        groups: What each series belongs to, (n_series,): drawn as a whole.
        min_duration: Least number of steps of an alarm; chosen unless given.
        merge_gap: Largest number of steps between two alarms that are one; chosen unless given.
        cool_down: Steps behind an alarm in which no other begins.
        rule: A name of `EVENT_RULES`, or `out-of-bag`: the first of them, unless another one proves to be better on
            series that did not choose. Under constraints the rules are not compared; below 20 events the broad
            plateau is taken.
        n_bootstrap: Resamples, 10 or more.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The scores or labels cannot be used, there are fewer than 5 events, or no trigger keeps the
            constraints; the message names the nearest one.
        DataError: The columns do not fit each other.

    Source:
        A score's thresholds judged together: Ebbers, Serizel & Haeb-Umbach (2022), arXiv:2201.13148. Bootstrap of
        whole series: Davison & Hinkley (1997), section 3.8.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.tile(np.repeat([0, 1], [180, 20]), 50)
        >>> offsets = np.arange(0, 10_001, 200)
        >>> choice = choose_events(rng.normal(2 * y), y, goal=Goal("f1"), tolerance=3, offsets=offsets)
        >>> choice.n_events, choice.metrics["f1"] > choice.metrics_of_threshold["f1"]
        (50, True)
    """
    utility = event_utility(goal)
    _check(rule, n_bootstrap=n_bootstrap)
    _check_spans(min_duration=min_duration, merge_gap=merge_gap, cool_down=cool_down, tolerance=tolerance)
    labels, values = _columns(scores, y)
    parts, rng = offsets_of(offsets, n_steps=len(values)), np.random.default_rng(seed)
    recording = record(values, labels, offsets=parts, tolerance=tolerance, groups=_codes(groups, parts), rng=rng)
    _check_enough(recording)
    axes = axes_for(recording, labels, min_duration=min_duration, merge_gap=merge_gap, cool_down=cool_down)
    tally = tally_triggers(recording, axes)
    sweep = EventSweep(tally, np.ones((1, recording.n_units)), utility, goal.constraints)
    if sweep.short.min() > 0:
        raise DecisionError(_unreachable(sweep))
    rule, worth = (rule, {}) if rule != OUT_OF_BAG else _best_rule(sweep, n_events=len(recording.true), rng=rng)
    settled = settle(sweep, rule, n_bootstrap=n_bootstrap, rng=rng)
    trigger, plain = axes.trigger(settled.index), axes.trigger(int(plain_threshold(sweep)[0]))
    metrics, of_threshold = (
        event_metrics(one, values, y=labels, offsets=parts, tolerance=tolerance) for one in (trigger, plain)
    )
    return EventChoice(
        trigger=trigger,
        interval=_interval(axes, settled.again, trigger),
        tolerance=tolerance,
        utility=settled.promise.utility,
        utility_interval=settled.promise.interval,
        optimism=settled.promise.optimism,
        rule=rule,
        metrics=metrics,
        metrics_of_threshold={"threshold": plain.high, **of_threshold},
        n_steps=int(tally.known.sum()),
        n_series=len(parts) - 1,
        n_events=len(recording.true),
        warnings=tuple(_warnings(recording, metrics, goal=goal, missed=settled.missed)),
        out_of_bag=worth,
    )


def _best_rule(sweep: EventSweep, *, n_events: int, rng: np.random.Generator) -> tuple[str, Mapping[str, float]]:
    """The rule that proves to be best on series that did not choose, and what each is worth there, if they can tell."""
    if n_events < FEW_EVENTS:
        return FOR_FEW, {}
    return (DEFAULT, {}) if sweep.constraints else compare_rules(sweep, rng=rng)


def _interval(axes: Axes, again: Indices, trigger: Trigger) -> tuple[float, float]:
    """Where the threshold falls in 90 % of the resamples, around the chosen one."""
    tried = axes.high[np.unravel_index(again, axes.shape)[0]]
    low, high = np.quantile(np.append(tried, trigger.high), TAILS, method="inverted_cdf")
    return float(min(low, trigger.high)), float(max(high, trigger.high))


def event_metrics(
    trigger: Trigger, scores: npt.ArrayLike, *, y: npt.ArrayLike, offsets: npt.ArrayLike | None, tolerance: int
) -> dict[str, float]:
    """What a trigger finds in labelled series, as plain values.

    Args:
        trigger: When to alarm.
        scores: In the unit of the trigger's thresholds, (n_steps,).
        y: Labels, NaN where unknown, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,); None for one series.
        tolerance: Steps on either side of an event that still count as it.

    Example:
        >>> found = event_metrics(Trigger(0.5, 0.5), [0.1, 0.9, 0.1], y=[0, 1, 0], offsets=None, tolerance=0)
        >>> found["precision"], found["missed"], found["false_alarms"]
        (1.0, 0, 0)
    """
    counts = count_events(trigger.find(scores, offsets=offsets), y, tolerance=tolerance)
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "found": counts.n_found,
        "missed": counts.n_events - counts.n_found,
        "false_alarms": counts.n_false,
        "false_alarms_per_1000_steps": counts.false_alarms_per(1000),
        "mean_delay": counts.mean_delay,
    }


def _check(rule: str, *, n_bootstrap: int) -> None:
    if rule not in (OUT_OF_BAG, *EVENT_RULES):
        raise DecisionError(f"Unknown rule {rule!r}. {did_you_mean(rule, (OUT_OF_BAG, *EVENT_RULES))}")
    if n_bootstrap < 10:
        raise DecisionError(f"n_bootstrap = {n_bootstrap} is too few for an interval: give 10 or more.")


def _check_spans(**given: int | None) -> None:
    for name, steps in given.items():
        if steps is not None:
            check_steps(name, steps, least=int(name == "min_duration"))


def _columns(scores: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Column, Column]:
    labels, values = known_steps(y, scores)
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise DecisionError(f"{wrong} of {len(values)} scores are not finite: fill them in, or leave their series out.")
    return labels, values


def _codes(groups: npt.ArrayLike | None, offsets: Indices) -> Indices | None:
    if groups is None:
        return None
    names = np.asarray(groups)
    if names.shape != (len(offsets) - 1,):
        raise DecisionError(f"The groups {names.shape} must be one for each of the {len(offsets) - 1} series.")
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _check_enough(recording: Recording) -> None:
    n = len(recording.true)
    if n < MIN_EVENTS:
        raise DecisionError(
            f"An event decision needs at least {MIN_EVENTS} events, but there are {n}: label {MIN_EVENTS - n} more."
        )
    if recording.true.length.sum() == recording.known().sum():
        raise DecisionError("Every labelled step is part of an event, so there is no false alarm: label others as 0.")


def _unreachable(sweep: EventSweep) -> str:
    at = int(best_trigger(sweep)[0])
    tp, fp, fn = (float(count.reshape(-1)[at]) for count in sweep.counts[:3])
    return (
        f"No trigger keeps {in_alarms(sweep.constraints)} on {tp + fn:g} events: the nearest one alarms {tp + fp:g} "
        f"times with precision {tp / max(tp + fp, 1):.4g} and recall {tp / (tp + fn):.4g}, so ask for that or less."
    )


def _warnings(recording: Recording, metrics: Mapping[str, float], *, goal: Goal, missed: float) -> list[str]:
    n, warnings = len(recording.true), []
    if n < FEW_EVENTS:
        warnings.append(f"Only {n} events: the trigger is uncertain; label {FEW_EVENTS - n} more.")
    filled = int((np.diff(recording.true.offsets) > 0).sum())
    if filled < MIN_UNITS:
        warnings.append(
            f"Only {filled} series: the intervals come from blocks of time within them and say little about another "
            "series."
        )
    if missed > 0.1:
        warnings.append(
            f"{in_alarms(goal.constraints)} is not kept in {missed:.0%} of the resamples: ask with a margin."
        )
    if not metrics["found"] + metrics["false_alarms"]:
        warnings.append("The best trigger never alarms: the scores do not help here.")
    return warnings
