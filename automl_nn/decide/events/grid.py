"""Every trigger that is tried, and what it alarms and finds in each part of the series."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.blocks import MIN_UNITS, block_starts
from automl_nn.decide.cells import evenly
from automl_nn.decide.events.trigger import Ends, Trigger, cooled, joined, started
from automl_nn.task.event_metrics import Column, judged
from automl_nn.task.events import Array, Events, Indices, matched, series_of

DROPS = (1.0, 1.5, 2.5, 5.0, 10.0)
"""How many times as many steps reach the lower threshold as reach the upper one."""

GAPS, DURATIONS = (0.12, 0.25, 0.5, 1.0), (0.15, 0.3, 0.6, 0.9)
"""Gaps that are bridged and least durations, as shares of a usual event with its tolerance."""

N_PEAKS, N_INSIDE, N_TAIL = 40, 16, 8
"""Upper thresholds that are tried: at most so many at the highest scores of events, at the scores of their steps, and
at rising shares of all steps."""

MAX_SHARE, MAX_KEPT, MAX_RATIO = 0.5, 2_000_000, 2
"""A threshold that more steps reach than half of them, and than 2,000,000 or 2 for each step near an event, is not
tried."""

MAX_UNITS = 400
"""More series than this are drawn in bundles."""


@final
@dataclass(frozen=True, eq=False)
class Recording:
    """Scores of labelled series, and what is drawn as a whole in resamples.

    Args:
        scores: Greater is more positive, (n_steps,).
        true: The events.
        windows: The events with their tolerance, (n_events,).
        unknown: Runs of steps without a label.
        bounds: First step of each block that is drawn as a whole, (n_blocks,); a series, or a part of one.
        unit: What each block is drawn with, (n_blocks,).
    """

    scores: Column
    true: Events
    windows: Events
    unknown: Events
    bounds: Indices
    unit: Indices

    @property
    def n_units(self) -> int:
        """Number of things to draw."""
        return int(self.unit.max()) + 1

    def unit_of(self, at: Indices) -> Indices:
        """What the steps `at` are drawn with."""
        return self.unit[np.searchsorted(self.bounds, at, side="right") - 1]

    def events(self) -> Array:
        """Number of events in each unit, (n_units,)."""
        return np.bincount(self.unit_of(self.true.start), minlength=self.n_units).astype(np.float64)

    def known(self) -> Array:
        """Number of labelled steps in each unit, (n_units,)."""
        ends = np.r_[self.bounds[1:], self.true.n_steps]
        steps = ends - self.bounds - (self.unknown.before(ends) - self.unknown.before(self.bounds))
        return np.bincount(self.unit, weights=steps, minlength=self.n_units).astype(np.float64)


def _laid(events: Events, gap: int) -> Events:
    """Events as if `gap` more steps lay between the series, so that no rule reaches across."""
    moved = gap * events.series
    return Events(events.start + moved, events.stop + moved, events.offsets)


def record(
    scores: Column,
    y: Column,
    *,
    offsets: Indices,
    tolerance: int,
    groups: npt.NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> Recording:
    """Series as a recording.

    Args:
        scores: Finite where labelled, (n_steps,).
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).
        tolerance: Steps on either side of an event that still count as it.
        groups: Index of what each series belongs to, (n_series,): drawn as a whole.
        rng: Randomness of bundles.
    """
    true = Events.of(y, offsets=offsets)
    windows, unknown = true.widened(tolerance), Events.of(np.isnan(y), offsets=offsets)
    bounds, unit = _units(true, windows, groups=groups, rng=rng)
    return Recording(scores, true, windows, unknown, bounds, unit)


def _units(
    true: Events, windows: Events, *, groups: Indices | None, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    offsets = true.offsets
    filled = np.flatnonzero(np.diff(offsets))
    unit = np.arange(len(filled)) if groups is None else groups[filled]
    n = len(np.unique(unit))
    if n >= MIN_UNITS:
        bundle = rng.permutation(n) % min(n, MAX_UNITS)
        return offsets[filled], bundle[np.unique(unit, return_inverse=True)[1]]
    blocks = block_starts(np.r_[offsets[filled], true.n_steps], longest=int(windows.length.max(initial=1)))
    return blocks, np.arange(len(blocks))


@final
@dataclass(frozen=True)
class Axes:
    """The triggers that are tried: each combination.

    Args:
        high: Upper thresholds, ascending, (n_high,); no score reaches the last one.
        low: Lower thresholds of each, as many steps below it as `DROPS` says, (n_high, n_drops).
        merge_gap: Gaps that are bridged, ascending from 0 unless given.
        min_duration: Least durations, ascending from 1 unless given.
        cool_down: Steps behind an alarm in which no other begins.
    """

    high: Array
    low: Array
    merge_gap: tuple[int, ...]
    min_duration: tuple[int, ...]
    cool_down: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """How many there are of each: thresholds, drops, gaps, durations."""
        return len(self.high), self.low.shape[1], len(self.merge_gap), len(self.min_duration)

    def trigger(self, index: int) -> Trigger:
        """The trigger at an index into all combinations."""
        high, drop, gap, duration = (int(i) for i in np.unravel_index(index, self.shape))
        return Trigger(
            high=float(self.high[high]),
            low=float(self.low[high, drop]),
            min_duration=self.min_duration[duration],
            merge_gap=self.merge_gap[gap],
            cool_down=self.cool_down,
        )


def axes_for(
    recording: Recording, y: Column, *, min_duration: int | None, merge_gap: int | None, cool_down: int
) -> Axes:
    """Thresholds where events have their scores, durations and gaps as long as a part of a usual event.

    Args:
        recording: The series.
        y: Labels, (n_steps,).
        min_duration: The only one to try, if given.
        merge_gap: The only one to try, if given.
        cool_down: Steps behind an alarm in which no other begins.
    """
    usual = float(np.median(recording.windows.length))
    top, counts = _ranked(recording, y)
    marked = np.minimum(np.ceil(np.multiply.outer(counts, DROPS)).astype(np.int64), len(top) - 1)
    never = float(top[0]) + 1 + 1e-6 * abs(float(top[0]))
    cuts = np.vstack([_below(top, marked), np.full(len(DROPS), never)])
    return Axes(
        high=cuts[:, 0],
        low=cuts,
        merge_gap=_parts(usual, GAPS, least=0) if merge_gap is None else (merge_gap,),
        min_duration=_parts(usual, DURATIONS, least=1) if min_duration is None else (min_duration,),
        cool_down=cool_down,
    )


def _parts(length: float, shares: tuple[float, ...], *, least: int) -> tuple[int, ...]:
    return tuple(sorted({least, *(max(round(share * length), least) for share in shares)}))


def _ranked(recording: Recording, y: Column) -> tuple[Column, Indices]:
    """The greatest scores, falling, and how many of them the upper thresholds mark, falling."""
    scores, n = recording.scores, recording.true.n_steps
    most = max(MAX_KEPT, MAX_RATIO * int(recording.windows.length.sum()))
    n_top = min(max(int(MAX_SHARE * n), 2), most, n - 1) + 1
    top = np.sort(np.partition(scores, n - n_top)[n - n_top :])[::-1]
    inside = scores[y == 1]
    peaks = np.maximum.reduceat(inside, np.r_[0, np.cumsum(recording.true.length)[:-1]])
    tail = top[np.geomspace(max(len(peaks) // 4, 1), n_top - 1, N_TAIL).astype(np.int64) - 1]
    values = np.concatenate([_evenly(peaks, N_PEAKS), _evenly(inside, N_INSIDE), tail])
    counts = np.unique(len(top) - np.searchsorted(top[::-1], values))
    return top, counts[counts < len(top)][::-1]


def _evenly(values: Column, n: int) -> Column:
    """So many of the values, evenly by rank."""
    return np.sort(values)[evenly(np.arange(len(values)), n)]


def _below(top: Column, marked: Indices) -> Array:
    """The cut-off that marks the first `marked` of the falling scores, and those that equal the last of them."""
    upper = top[marked - 1].astype(np.float64)
    behind = len(top) - np.searchsorted(top[::-1], top[marked - 1])
    lower = top[np.minimum(behind, len(top) - 1)].astype(np.float64)
    middle = lower / 2 + upper / 2
    return np.where(middle > lower, middle, upper)


@final
@dataclass(frozen=True, eq=False)
class Tally:
    """What each trigger alarms and finds in each unit.

    Args:
        alarms: Alarms, those mostly on unknown steps left out, (*shape, n_units).
        found: Events that an alarm belongs to, (*shape, n_units).
        delay: Steps from the start of each found event until its alarm has lasted as long as it must, none where that
            is before; summed, (*shape, n_units).
        events: Events, (n_units,).
        known: Labelled steps, (n_units,).
    """

    alarms: npt.NDArray[np.float32]
    found: npt.NDArray[np.float32]
    delay: npt.NDArray[np.float32]
    events: Array
    known: Array


def tally_triggers(recording: Recording, axes: Axes) -> Tally:
    """Try every trigger on the series.

    Thresholds rise, and of the steps only those that reach the present one are kept, so that few steps are looked at
    often. Durations cost nothing: an alarm counts for all that are not longer than it is.
    """
    silence = max(*axes.merge_gap, axes.cool_down) + 1
    counting = _Counting.of(recording, axes, silence=silence)
    n_units = recording.n_units
    counts = np.zeros((3, *axes.shape, n_units), dtype=np.float32)
    for (level, drop), ends in _alarms(recording, axes, silence=silence):
        for g, gap in enumerate(axes.merge_gap):
            counts[:, level, drop, g] = counting.count(joined(ends, gap))
    alarms, found, delay = counts
    return Tally(alarms, found, delay, recording.events(), recording.known())


def _alarms(recording: Recording, axes: Axes, *, silence: int) -> Iterator[tuple[tuple[int, int], Ends]]:
    """The alarms of each pair of thresholds, with `silence` more steps between the series."""
    at = np.flatnonzero(recording.scores >= axes.low.min())
    scores, offsets = recording.scores[at], recording.true.offsets
    at = at + silence * series_of(at, offsets)
    for level, high in enumerate(axes.high):
        kept = scores >= axes.low[level:].min()
        at, scores = at[kept], scores[kept]
        above = at[scores >= high]
        for drop, low in enumerate(axes.low[level]):
            reached = at[scores >= low]
            breaks = np.diff(reached) > 1
            runs = reached[np.r_[True, breaks][: len(reached)]], reached[np.r_[breaks, True][: len(reached)]] + 1
            yield (level, drop), started(runs, above)


@final
@dataclass(frozen=True, eq=False)
class _Counting:
    """Counts alarms and found events by unit and duration."""

    windows: Events
    true: Events
    unknown: Events
    bounds: Indices
    unit: Indices
    event_unit: Indices
    n_units: int
    min_duration: Indices
    cool_down: int

    @staticmethod
    def of(recording: Recording, axes: Axes, *, silence: int) -> "_Counting":
        series = series_of(recording.bounds, recording.true.offsets)
        return _Counting(
            windows=_laid(recording.windows, silence),
            true=_laid(recording.true, silence),
            unknown=_laid(recording.unknown, silence),
            bounds=recording.bounds + silence * series,
            unit=recording.unit,
            event_unit=recording.unit_of(recording.true.start),
            n_units=recording.n_units,
            min_duration=np.array(axes.min_duration),
            cool_down=axes.cool_down,
        )

    def count(self, ends: Ends) -> Array:
        """Alarms, found events and their delay, (3, n_durations, n_units)."""
        if not self.cool_down:
            return self._count(ends, self.min_duration)
        counts = []
        for i, least in enumerate(self.min_duration):
            kept = ends[1] - ends[0] >= least
            counts.append(self._count(cooled((ends[0][kept], ends[1][kept]), self.cool_down), self.min_duration[[i]]))
        return np.concatenate(counts, axis=1)

    def _count(self, ends: Ends, least: Indices) -> Array:
        start, stop = ends
        duration = np.searchsorted(least, stop - start, side="right") - 1
        long = duration >= 0
        start, stop, duration = start[long], stop[long], duration[long]
        event = matched(start, stop, windows=self.windows)
        right = event >= 0
        counted = right | judged(start, stop, unknown=self.unknown) if len(self.unknown) else np.ones_like(right)
        unit = self.unit[np.searchsorted(self.bounds, start[counted], side="right") - 1]
        alarms = self._by_duration(unit, duration[counted], len(least))
        found, delay = np.zeros_like(alarms), np.zeros_like(alarms)
        event, begun, duration = event[right], start[right], duration[right]
        for i, steps in enumerate(least):
            long = duration >= i
            which, begun_long = event[long], begun[long]
            first = np.flatnonzero(np.diff(which, prepend=-1))
            late = np.maximum(begun_long[first] + steps - 1 - self.true.start[which[first]], 0)
            found[i] = np.bincount(self.event_unit[which[first]], minlength=self.n_units)
            delay[i] = np.bincount(self.event_unit[which[first]], weights=late, minlength=self.n_units)
        return np.stack([alarms, found, delay])

    def _by_duration(self, unit: Indices, duration: Indices, n: int) -> Array:
        """How many last at least as long as each of the durations, (n_durations, n_units)."""
        counts = np.bincount(duration * self.n_units + unit, minlength=n * self.n_units).reshape(n, self.n_units)
        return np.cumsum(counts[::-1], axis=0, dtype=np.float64)[::-1]
