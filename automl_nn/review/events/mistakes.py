"""The worst errors in series with a label for each step: events that scored low, and other steps that scored high."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.events.stored import half_a_usual_event
from automl_nn.task.events import Events, offsets_of, series_of

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

N_WORST = 10
N_CANDIDATES = 5000
"""Steps that are looked at for the highest ones apart from each other."""

CONTEXT = 40
"""Steps on either side of an event that are shown."""


def weakest_events(
    y: npt.ArrayLike, scores: npt.ArrayLike, *, offsets: npt.ArrayLike, n: int = N_WORST
) -> pd.DataFrame:
    """The events whose highest score is lowest: a threshold must lie below it to find them.

    Args:
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        scores: Greater is more positive, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).
        n: Most events.

    Returns:
        `series` (number in the order of `offsets`), `step` (first one in its series), `length`, `peak` and `at` (first
        step over all series).

    Example:
        >>> weakest_events([0, 1, 0, 1, 0], [0.1, 0.9, 0.1, 0.2, 0.3], offsets=[0, 5])["peak"].tolist()
        [0.2, 0.9]
    """
    values = np.asarray(scores, dtype=np.float64)
    events = Events.of(y, offsets=offsets)
    if not len(events):
        return _rows(events.start, events.length, np.zeros(0), events.offsets)
    inside = values[events.marks() == 1]
    peaks = np.maximum.reduceat(inside, np.r_[0, np.cumsum(events.length)[:-1]])
    order = np.argsort(peaks, kind="stable")[:n]
    return _rows(events.start[order], events.length[order], peaks[order], events.offsets)


def strongest_alarms(
    y: npt.ArrayLike, scores: npt.ArrayLike, *, offsets: npt.ArrayLike, n: int = N_WORST
) -> pd.DataFrame:
    """The highest scores apart from any event and from each other: a threshold must lie above them to keep still.

    Args:
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        scores: Greater is more positive, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).
        n: Most steps.

    Returns:
        As `weakest_events`; the length is 1.

    Example:
        >>> strongest_alarms([0, 1, 0, 0, 0], [0.8, 0.9, 0.1, 0.2, 0.3], offsets=[0, 5])["step"].tolist()
        [4]
    """
    labels, values = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    parts = offsets_of(offsets, n_steps=len(values))
    apart = max(1, half_a_usual_event(labels, parts))
    near = Events.of(labels, offsets=parts).widened(apart).marks() == 1
    free = np.flatnonzero((labels == 0) & ~near)
    highest = free[np.argsort(-values[free], kind="stable")[:N_CANDIDATES]]
    chosen = _apart(highest, 4 * apart + 1, n)
    return _rows(chosen, np.ones(len(chosen), dtype=np.int64), values[chosen], parts)


def _apart(steps: Indices, distance: int, n: int) -> Indices:
    """The first of these steps that lie so far from each other."""
    chosen: list[int] = []
    for step in steps:
        if len(chosen) == n:
            break
        if all(abs(int(step) - other) >= distance for other in chosen):
            chosen.append(int(step))
    return np.array(chosen, dtype=np.int64)


def _rows(at: Indices, length: Indices, peak: Array, offsets: Indices) -> pd.DataFrame:
    series = series_of(at, offsets)
    return pd.DataFrame({"series": series, "step": at - offsets[series], "length": length, "peak": peak, "at": at})


def steps_around(
    at: int, y: npt.ArrayLike, scores: npt.ArrayLike, *, offsets: npt.ArrayLike, length: int = 1
) -> pd.DataFrame:
    """The steps around an event or an alarm in its series, for a drawing.

    Args:
        at: Its first step over all series.
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        scores: Greater is more positive, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).
        length: Its number of steps.

    Returns:
        `step` (in its series), `score` and `label`.
    """
    labels, values = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    parts = offsets_of(offsets, n_steps=len(values))
    series = int(series_of(np.array([at]), parts)[0])
    first, last = max(at - CONTEXT, int(parts[series])), min(at + length + CONTEXT, int(parts[series + 1]))
    steps = np.arange(first, last) - parts[series]
    return pd.DataFrame({"step": steps, "score": values[first:last], "label": labels[first:last]})
