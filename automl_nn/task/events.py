"""Events: runs of steps in series, and which alarm belongs to which event."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DataError

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Events:
    """Intervals of steps, ascending and apart from each other; none reaches over a series' end.

    Steps are counted through all series, one behind the other.

    Args:
        start: First step of each event, (n_events,).
        stop: The step behind its last one, (n_events,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).

    Example:
        >>> events = Events.of(np.array([0, 1, 1, 1, 0, 1]), offsets=[0, 3, 6])
        >>> events.start.tolist(), events.stop.tolist(), events.series.tolist()
        ([1, 3, 5], [3, 4, 6], [0, 1, 1])
    """

    start: Indices
    stop: Indices
    offsets: Indices

    @staticmethod
    def of(marked: npt.ArrayLike, *, offsets: npt.ArrayLike | None = None) -> "Events":
        """The runs of marked steps.

        Args:
            marked: 0 or 1 for each step, (n_steps,); a missing one, NaN, ends a run.
            offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.

        Raises:
            DataError: The offsets do not part the steps.
        """
        values = np.asarray(marked)
        parts = offsets_of(offsets, n_steps=len(values))
        start, stop = runs(np.flatnonzero(values == 1), parts)
        return Events(start, stop, parts)

    def __len__(self) -> int:
        return len(self.start)

    def numbers(self) -> Indices:
        """For each step the number of its event in its series, from 1; 0 where there is none, (n_steps,).

        Example:
            >>> Events.of(np.array([0, 1, 1, 0, 1, 0, 1]), offsets=[0, 5, 7]).numbers().tolist()
            [0, 1, 1, 0, 2, 0, 1]
        """
        first = np.searchsorted(self.series, self.series)
        numbers = self.marks()
        numbers[numbers == 1] = np.repeat(1 + np.arange(len(self)) - first, self.length)
        return numbers

    @cached_property
    def series(self) -> Indices:
        """Index of each event's series, (n_events,)."""
        return series_of(self.start, self.offsets)

    @property
    def n_steps(self) -> int:
        """Number of steps of all series."""
        return int(self.offsets[-1])

    @property
    def length(self) -> Indices:
        """Number of steps of each event, (n_events,)."""
        return self.stop - self.start

    def marks(self) -> npt.NDArray[np.int64]:
        """1 for each step of an event, 0 for the others, (n_steps,).

        Example:
            >>> Events.of([0, 1, 1, 0]).marks().tolist()
            [0, 1, 1, 0]
        """
        turns = np.zeros(self.n_steps + 1, dtype=np.int8)
        turns[self.start] += 1
        turns[self.stop] -= 1
        return np.cumsum(turns[:-1], dtype=np.int64)

    def take(self, kept: Mask | Indices) -> "Events":
        """Some of the events."""
        return Events(self.start[kept], self.stop[kept], self.offsets)

    def before(self, at: Indices) -> Indices:
        """Number of steps of events in front of each of the steps `at`.

        Example:
            >>> Events.of([1, 1, 0, 1]).before(np.array([0, 1, 3, 4])).tolist()
            [0, 1, 2, 3]
        """
        covered = np.r_[0, np.cumsum(self.length)]
        index = np.searchsorted(self.start, at, side="right") - 1
        inside = np.where(index < 0, 0, np.minimum(at, np.r_[self.stop, 0][index]) - np.r_[self.start, 0][index])
        return np.asarray(covered[np.maximum(index, 0)] + inside, dtype=np.int64)

    def widened(self, tolerance: int) -> "Events":
        """The events with `tolerance` more steps on either side; two that would meet part what lies between them.

        Raises:
            DataError: The tolerance is negative.

        Example:
            >>> wide = Events.of([0, 1, 0, 0, 0, 1, 0]).widened(2)
            >>> wide.start.tolist(), wide.stop.tolist()
            ([0, 3], [3, 7])
        """
        if tolerance < 0:
            raise DataError(f"tolerance = {tolerance} is not possible: give 0 steps or more.")
        first, last = self.offsets[self.series], self.offsets[self.series + 1]
        middle = self.stop[:-1] + (self.start[1:] - self.stop[:-1]) // 2
        start = np.maximum(np.maximum(self.start - tolerance, first), np.r_[0, middle][: len(self)])
        stop = np.minimum(np.minimum(self.stop + tolerance, last), np.r_[middle, self.n_steps][: len(self)])
        return Events(start, stop, self.offsets)


def offsets_of(offsets: npt.ArrayLike | None, *, n_steps: int) -> Indices:
    """Offsets that were checked; one series of all steps unless given.

    Raises:
        DataError: They do not part the steps.

    Example:
        >>> offsets_of(None, n_steps=5).tolist()
        [0, 5]
    """
    if offsets is None:
        return np.array([0, n_steps], dtype=np.int64)
    parts = np.asarray(offsets)
    whole = parts.ndim == 1 and len(parts) > 1 and np.issubdtype(parts.dtype, np.integer)
    if not whole or parts[0] != 0 or parts[-1] != n_steps or (np.diff(parts) < 0).any():
        raise DataError(
            f"The offsets do not part {n_steps} steps: they are whole numbers that rise from 0 to {n_steps}."
        )
    return parts.astype(np.int64)


def series_of(at: Indices, offsets: Indices) -> Indices:
    """Index of the series that each step is in.

    Example:
        >>> series_of(np.array([0, 2, 3]), np.array([0, 3, 3, 5])).tolist()
        [0, 0, 2]
    """
    return np.asarray(np.searchsorted(offsets, at, side="right") - 1, dtype=np.int64)


def runs(at: npt.NDArray[Any], offsets: Indices) -> tuple[Indices, Indices]:
    """First step and the step behind the last one of each run of neighbouring steps.

    Args:
        at: Steps, ascending, (n_marked,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).

    Example:
        >>> [ends.tolist() for ends in runs(np.array([1, 2, 3, 7]), np.array([0, 3, 9]))]
        [[1, 3, 7], [3, 4, 8]]
    """
    if not len(at):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    breaks = np.diff(at) > 1
    across = np.searchsorted(at, offsets[1:-1])
    across = across[(across > 0) & (across < len(at))]
    breaks[across - 1] = True
    last = np.flatnonzero(breaks)
    return at[np.r_[0, last + 1]].astype(np.int64), at[np.r_[last, len(at) - 1]].astype(np.int64) + 1


def match(alarms: Events, true: Events, *, tolerance: int) -> Indices:
    """Index of the event that each alarm belongs to, -1 if to none; (n_alarms,).

    An alarm belongs to an event if at least half of its steps lie within the event widened by the tolerance. So an
    alarm that never ends is not right for having met an event somewhere; several alarms may belong to one event, and
    an alarm to one event only.

    Args:
        alarms: What was found.
        true: What happened, in the same series.
        tolerance: Steps on either side of an event that still count as it.

    Source:
        The detection tolerance criterion, at one half, of Bilen et al. (2020), arXiv:1910.08440, section 3; the
        tolerance is the collar of Mesaros, Heittola & Virtanen (2016), doi:10.3390/app6060162.

    Example:
        >>> true = Events.of([0, 1, 1, 0, 0, 0, 0, 0])
        >>> match(Events.of([0, 0, 1, 1, 0, 0, 1, 0]), true, tolerance=0).tolist()
        [0, -1]
    """
    return matched(alarms.start, alarms.stop, windows=true.widened(tolerance))


def matched(start: Indices, stop: Indices, *, windows: Events) -> Indices:
    """As `match`, of alarms as two columns and events that are widened already."""
    if not len(windows):
        return np.full(len(start), -1, dtype=np.int64)

    def holding(at: Indices) -> Indices:
        index = np.maximum(np.searchsorted(windows.start, at, side="right") - 1, 0)
        inside = np.minimum(stop, windows.stop[index]) - np.maximum(start, windows.start[index])
        return np.where(2 * inside >= stop - start, index, -1)

    lower = holding(start + (stop - start - 1) // 2)  # a window that holds half of an alarm has one of its middle steps
    return np.where(lower >= 0, lower, holding(start + (stop - start) // 2))
