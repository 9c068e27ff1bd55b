"""How well scores find positive steps, and alarms find events.

Labels are one number a step, 0 or 1, NaN where it is not known; a metric leaves unknown steps out. Point-adjusted
scores are not among the metrics: a random score does well on those (Kim et al. 2022, arXiv:2109.05257).
"""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DataError
from automl_nn.task import ranking
from automl_nn.task.events import Events, Indices, Mask, match

Column = npt.NDArray[np.floating[Any]]


def known_steps(y: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Column, Column]:
    """Labels and scores as columns that fit each other.

    Raises:
        DataError: Their lengths differ, a label is neither 0 nor 1, or a score of a known step is not finite.
    """
    labels, values = np.asarray(y, dtype=np.float32), np.asarray(scores)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    if labels.ndim != 1 or labels.shape != values.shape:
        raise DataError(f"Labels {labels.shape} and scores {values.shape} must be columns with one entry a step.")
    known = ~np.isnan(labels)
    wrong = labels[known & (labels != 0) & (labels != 1)]
    if len(wrong):
        raise DataError(f"The label {wrong[0]:g} is neither 0 nor 1: code events as 1 and unknown steps as NaN.")
    odd = int((known & ~np.isfinite(values)).sum())
    if odd:
        raise DataError(f"{odd} of {len(values)} steps have a score that is not finite: label those steps NaN.")
    return labels, values


def average_precision(y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Average precision over the steps, exact: precision at each positive step's score, averaged.

    It sorts the steps: 30,000,000 of them in single precision take seconds.

    Args:
        y: Labels, (n_steps,).
        scores: Greater is more positive, (n_steps,).

    Returns:
        The average precision; NaN without a positive step.

    Raises:
        DataError: As for `known_steps`.

    Source:
        Equal to `sklearn.metrics.average_precision_score`.

    Example:
        >>> round(average_precision([0, 1, np.nan, 1], [0.1, 0.4, 0.9, 0.3]), 3)
        1.0
    """
    labels, values = known_steps(y, scores)
    return ranking.average_precision(labels, values) if (labels == 1).any() else float("nan")


@final
@dataclass(frozen=True)
class EventCounts:
    """Events that were found, missed, and alarmed for nothing.

    Args:
        n_events: Events that happened.
        n_found: Events that an alarm belongs to.
        n_alarms: Alarms; those mostly on unknown steps are left out.
        n_steps: Steps whose label is known.
        delay: Steps from the start of each found event to that of its first alarm, negative if the alarm came before;
            (n_found,).

    Example:
        >>> counts = EventCounts(n_events=4, n_found=3, n_alarms=6, n_steps=2000, delay=np.array([0, 2, 5]))
        >>> counts.precision, counts.recall, counts.f1, counts.false_alarms_per(1000)
        (0.5, 0.75, 0.6, 1.5)
    """

    n_events: int
    n_found: int
    n_alarms: int
    n_steps: int
    delay: Indices

    @property
    def n_false(self) -> int:
        """Alarms that are not the first one of an event."""
        return self.n_alarms - self.n_found

    @property
    def precision(self) -> float:
        """Share of the alarms that found an event; 0 without an alarm."""
        return self.n_found / max(self.n_alarms, 1)

    @property
    def recall(self) -> float:
        """Share of the events that were found; 0 without an event."""
        return self.n_found / max(self.n_events, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.n_found / max(self.n_alarms + self.n_events, 1)

    @property
    def mean_delay(self) -> float:
        """Mean delay in steps; NaN if nothing was found."""
        return float(self.delay.mean()) if len(self.delay) else float("nan")

    def false_alarms_per(self, n_steps: float) -> float:
        """False alarms in so many steps: 1,000 of them, or as many as a day has."""
        return self.n_false * n_steps / max(self.n_steps, 1)


def count_events(alarms: Events, y: npt.ArrayLike, *, tolerance: int) -> EventCounts:
    """Compare alarms with events, one to one: a second alarm in the same event is a false one.

    Args:
        alarms: What was found.
        y: Labels, (n_steps,); its runs of 1 are the events.
        tolerance: Steps on either side of an event that still count as it; see `match`.

    Raises:
        DataError: The labels have another number of steps.

    Source:
        Event-based counts: Mesaros, Heittola & Virtanen (2016), doi:10.3390/app6060162, section 3.2.

    Example:
        >>> y = np.array([0, 1, 1, 0, 0, 0, 1, 1])
        >>> counts = count_events(Events.of([0, 0, 1, 1, 0, 1, 0, 0]), y, tolerance=1)
        >>> counts.n_found, counts.delay.tolist()
        (2, [1, -1])
    """
    labels = np.asarray(y, dtype=np.float32)
    if labels.shape != (alarms.n_steps,):
        raise DataError(f"Labels {labels.shape} must be one for each of the {alarms.n_steps} steps of the alarms.")
    true, unknown = Events.of(labels, offsets=alarms.offsets), Events.of(np.isnan(labels), offsets=alarms.offsets)
    event = match(alarms, true, tolerance=tolerance)
    found, first = np.unique(event[event >= 0], return_index=True)
    at = alarms.start[event >= 0][first]
    return EventCounts(
        n_events=len(true),
        n_found=len(found),
        n_alarms=int(((event >= 0) | judged(alarms.start, alarms.stop, unknown=unknown)).sum()),
        n_steps=int(len(labels) - unknown.length.sum()),
        delay=at - true.start[found],
    )


def judged(start: Indices, stop: Indices, *, unknown: Events) -> Mask:
    """Whether at least half of each alarm's steps have a known label, (n_alarms,)."""
    return np.asarray(2 * (unknown.before(stop) - unknown.before(start)) <= stop - start)
