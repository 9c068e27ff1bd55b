"""What series show before any training: how many events there are, how long, and which channels have gaps."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.data.findings import Finding
from automl_nn.data.parting.split import Split
from automl_nn.data.series.steps import STEPS_AT_ONCE, Integers, Steps
from automl_nn.data.table import Table

FEW_EVENTS = 20

MANY_ENDS = 10
"""Series from which on their ends are compared with all steps."""


def event_sizes(positive: npt.NDArray[np.bool_], steps: Steps) -> Integers:
    """Number of steps of each event: a run of positive steps of one series.

    Args:
        positive: Which steps are positive `(n_steps,)`.
        steps: The series.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 0, 1]}), SeriesColumns("s"))
        >>> event_sizes(np.array([True, False, True, True]), steps).tolist()
        [1, 1, 1]
    """
    places = np.flatnonzero(positive)
    if len(places) == 0:
        return np.zeros(0, dtype=np.int64)
    begins = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    first = np.isin(places, steps.starts)
    begins = np.union1d(begins, np.flatnonzero(first))
    return np.diff(begins, append=len(places)).astype(np.int64)


def ends_tell(y: npt.NDArray[Any], steps: Steps) -> bool:
    """Whether the end of a series tells its labels: they are nearly the same at all ends, and unlike those elsewhere.

    So it is where machines were recorded until they failed. A network that sees where a series ends then needs nothing
    else, and fails on series that go on: it must not look ahead.

    Args:
        y: Labels or quantities of the steps, NaN where missing `(n_steps, d)`.
        steps: The series.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": np.repeat(range(12), 50)}), SeriesColumns("s"))
        >>> left = np.tile(np.arange(49, -1, -1.0), 12)[:, None]
        >>> ends_tell(left, steps), ends_tell(np.roll(left, 25), steps)
        (True, False)
    """
    ends = y[steps.lasts]
    ends = ends[~np.isnan(ends).any(axis=1)]
    level, spread = _level_and_spread(y)
    if len(ends) < MANY_ENDS or not (spread > 0).all():
        return False
    is_apart = np.abs(ends.mean(axis=0) - level) > spread
    return bool((is_apart & (ends.std(axis=0) < spread / 10)).any())


def _level_and_spread(y: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each column, some steps at a time; NaN for a column without a value."""
    total = np.zeros((3, y.shape[1]))
    for start in range(0, len(y), STEPS_AT_ONCE):
        some = y[start : start + STEPS_AT_ONCE].astype(np.float64)
        total += [np.isfinite(some).sum(axis=0), np.nansum(some, axis=0), np.nansum(np.square(some), axis=0)]
    with np.errstate(invalid="ignore"):
        level, square = total[1:] / total[0]
    return level, np.sqrt(np.maximum(square - np.square(level), 0))


def find_in_series(table: Table, steps: Steps, y: npt.NDArray[Any] | None) -> tuple[Finding, ...]:
    """Look through the steps of series.

    Args:
        table: One row a step.
        steps: The series.
        y: Labels `(n_steps, n_labels)`, 0, 1 or NaN; None if they are none.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> frame = pd.DataFrame({"s": [0] * 4, "x": [1.0, 2.0, 3.0, None]})
        >>> steps = Steps.of(frame, SeriesColumns("s"))
        >>> found = find_in_series(Table.from_frame(frame[["x"]]), steps, np.array([[0], [1], [1], [0]]))
        >>> for finding in found:
        ...     print(finding.message)
        1 of 4 steps (25 %) has no value.
        There is 1 event in 1 of 1 series, 2 steps long in the median: scores will be uncertain.
    """
    return (*_channels(table), *_events(steps, y))


def find_in_parts(
    steps: Steps, split: Split, codes: npt.NDArray[Any], *, classes: Sequence[object] = (), has_events: bool = False
) -> Iterator[Finding]:
    """What is worth knowing about how series were parted.

    Args:
        steps: The series.
        split: The steps that train and those that choose.
        codes: Which of the classes each step is of, NaN where that is unknown `(n_steps,)`.
        classes: The classes; none where it is not classes that are asked for.
        has_events: Whether runs of steps of code 1 are events.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 0, 0]}), SeriesColumns("s"))
        >>> for found in find_in_parts(steps, Split(np.array([0, 1]), np.array([3])), np.zeros(4)):
        ...     print(found.message.partition(" Networks")[0])
        Series were parted by time, their last 25 % of the steps choose: scores tell how well the same series go on.
    """
    if steps.columns.per_step and ends_tell(codes[:, None], steps):
        yield Finding(
            "ends",
            "note",
            "",
            "The end of a series tells its labels, as where machines were recorded until they failed: "
            "networks look back only.",
        )
    val = split.val
    is_by_time = len(val) > 0 and _trains_too(steps.numbers_at(val[:1])[0], steps, (split.folds or (split,))[0].train)
    if is_by_time and split.folds:
        yield Finding(
            "blocks",
            "note",
            "",
            f"Series were cut into {len(split.folds)} blocks of time, each of which chooses between networks that "
            "learned from the others, later ones too: scores flatter where series drift.",
        )
    elif is_by_time:
        share = 100 * len(val) / steps.n_steps
        yield Finding(
            "parted",
            "note",
            "",
            f"Series were parted by time, their last {share:.2g} % of the steps choose: scores tell how well the same "
            "series go on. Networks learn from these steps, the newest, only if trained again in the end, as a search "
            "with a time limit does with those it has time for, and `Study.refit` or --refit with all that are chosen.",
        )
        if has_events and len(steps.starts) == 1:  # folds of several series are whole ones
            yield from _few_that_choose(codes == 1, steps, val)
    for code in sorted({*np.unique(codes[np.isfinite(codes)])} - {*np.unique(codes[val])}) if classes else ():
        yield Finding(
            "unjudged",
            "warning",
            "",
            f"Class {classes[int(code)]} lies in no series that chooses: it is learned, but no score tells how well.",
        )


def _few_that_choose(positive: npt.NDArray[np.bool_], steps: Steps, val: Integers) -> Iterator[Finding]:
    """Where only some of the events choose, how all of them may."""
    chooses = np.zeros(len(positive), dtype=bool)
    chooses[val] = True
    n, n_events = len(event_sizes(positive & chooses, steps)), len(event_sizes(positive, steps))
    if n < min(FEW_EVENTS, n_events):
        yield Finding(
            "few_choose",
            "warning",
            "",
            f"{n} of {n_events} events lie among the steps that choose, too few for a sure decision: with 5 folds "
            "(--folds 5) all choose, in blocks of time, and later steps train for earlier ones.",
        )


def _trains_too(series: int, steps: Steps, train: npt.NDArray[Any]) -> bool:
    """Whether some of the steps of a series train."""
    first, last = np.searchsorted(train, steps.offsets[series : series + 2].astype(train.dtype))
    return bool(last > first)


def _channels(table: Table) -> Iterator[Finding]:
    for column in table.columns:
        if column.role == "dropped":
            yield Finding("dropped", "note", column.name, column.reason)
            continue
        n_missing = int(table.frame[column.name].isna().sum())
        if n_missing:
            has = f"steps ({100 * n_missing / table.n_rows:.2g} %) {'has' if n_missing == 1 else 'have'}"
            yield Finding("missing", "note", column.name, f"{n_missing} of {table.n_rows} {has} no value.")


def _events(steps: Steps, y: npt.NDArray[Any] | None) -> Iterator[Finding]:
    for label in range(0 if y is None else y.shape[1]):
        assert y is not None
        positive = np.asarray(y[:, label] == 1)
        sizes = event_sizes(positive, steps)
        n_with = len(np.unique(steps.numbers_at(np.flatnonzero(positive))))
        few = len(sizes) < FEW_EVENTS
        many = "There is 1 event" if len(sizes) == 1 else f"There are {len(sizes):,} events"
        long = f"{np.median(sizes):.3g} steps long in the median" if len(sizes) else "none of any length"
        message = f"{many} in {n_with:,} of {len(steps.starts):,} series, {long}"
        yield Finding(
            "events", "warning" if few else "note", "", message + (": scores will be uncertain." if few else ".")
        )
