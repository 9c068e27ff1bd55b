"""From scores of single steps to alarms: two thresholds, a least duration, a gap that is bridged, a pause."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DecisionError
from automl_nn.task.events import Events, Indices, offsets_of, runs

Ends = tuple[Indices, Indices]
"""First step of each alarm and the step behind its last one, ascending."""


@final
@dataclass(frozen=True)
class Trigger:
    """When an alarm begins, when it ends, and which ones are left out.

    An alarm begins at a step whose score reaches `high` and lasts until one falls below `low`. Then alarms of a series
    are joined where at most `merge_gap` steps lie between them, those shorter than `min_duration` are dropped, and so
    are those that begin within `cool_down` steps behind the one before.

    Args:
        high: Score that starts an alarm.
        low: Score that keeps it up, `high` or less.
        min_duration: Least number of steps of an alarm.
        merge_gap: Largest number of steps between two alarms that are one.
        cool_down: Steps behind an alarm in which no other begins.

    Raises:
        DecisionError: A value is not possible.

    Example:
        >>> trigger = Trigger(high=0.8, low=0.5, min_duration=2)
        >>> alarms = trigger.find([0.1, 0.6, 0.9, 0.6, 0.2, 0.9, 0.1])
        >>> alarms.start.tolist(), alarms.stop.tolist()
        ([2], [4])
    """

    high: float
    low: float
    min_duration: int = 1
    merge_gap: int = 0
    cool_down: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.high) and self.low <= self.high and not math.isnan(self.low)):
            raise DecisionError(f"high = {self.high:g} and low = {self.low:g}: give low as a number up to high.")
        for name, least in (("min_duration", 1), ("merge_gap", 0), ("cool_down", 0)):
            check_steps(name, getattr(self, name), least=least)

    def find(self, scores: npt.ArrayLike, *, offsets: npt.ArrayLike | None = None) -> Events:
        """The alarms.

        Args:
            scores: Greater is more positive, (n_steps,).
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.

        Raises:
            DecisionError: A score is not a number.
            DataError: The offsets do not part the steps.
        """
        values = np.asarray(scores)
        if np.isnan(values).any():
            raise DecisionError(f"{np.isnan(values).sum()} of {len(values)} scores are not numbers: fill them in.")
        parts = offsets_of(offsets, n_steps=len(values))
        pause = max(self.merge_gap, self.cool_down) + 1
        series = np.arange(len(parts) - 1)
        at = np.flatnonzero(values >= self.low)
        ends = started(runs(at, parts), at[values[at] >= self.high])
        silence = pause * np.repeat(series, np.diff(np.searchsorted(ends[0], parts)))
        start, stop = joined((ends[0] + silence, ends[1] + silence), self.merge_gap)
        kept = stop - start >= self.min_duration
        start, stop = cooled((start[kept], stop[kept]), self.cool_down)
        index = np.searchsorted(parts[:-1] + pause * series, start, side="right") - 1
        return Events(start - pause * index, stop - pause * index, parts)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Trigger":
        """Read a trigger from plain values."""
        return Trigger(**values)


def check_steps(name: str, steps: float, *, least: int) -> None:
    """Refuse what is no number of steps.

    Raises:
        DecisionError: It is not whole, or too small.
    """
    if steps != int(steps) or steps < least:
        raise DecisionError(f"{name} = {steps:g} is not possible: give a whole number of steps, {least} or more.")


def started(low: Ends, high: Indices) -> Ends:
    """The part of each run from its first high step on; runs without one are left out.

    Args:
        low: Runs of steps that keep an alarm up.
        high: Steps that start one, ascending; each of them is in a run.

    Example:
        >>> start, stop = started((np.array([0, 5]), np.array([4, 7])), np.array([2, 3]))
        >>> start.tolist(), stop.tolist()
        ([2], [4])
    """
    run = np.searchsorted(low[0], high, side="right") - 1
    first = np.flatnonzero(np.diff(run, prepend=-1))
    return high[first], low[1][run[first]]


def joined(ends: Ends, gap: int) -> Ends:
    """Alarms joined where at most `gap` steps lie between them.

    Example:
        >>> [end.tolist() for end in joined((np.array([0, 5, 9]), np.array([3, 6, 10])), 2)]
        [[0, 9], [6, 10]]
    """
    start, stop = ends
    apart = start[1:] - stop[:-1] > gap
    return start[np.r_[True, apart][: len(start)]], stop[np.r_[apart, True][: len(stop)]]


def cooled(ends: Ends, pause: int) -> Ends:
    """Alarms without those that begin within `pause` steps behind the last one that is kept.

    Example:
        >>> [end.tolist() for end in cooled((np.array([0, 5, 9]), np.array([3, 6, 10])), 5)]
        [[0, 9], [3, 10]]
    """
    start, stop = ends
    if not pause or not len(start):
        return ends
    after = np.searchsorted(start, stop + pause).tolist()
    kept, at = [], 0
    while at < len(after):
        kept.append(at)
        at = after[at]
    return start[kept], stop[kept]
