"""Labels of steps that are given as intervals: from when until when something was so."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.read import as_frame
from automl_nn.data.roles import convert
from automl_nn.data.series.steps import SeriesColumns, Steps
from automl_nn.errors import DataError, did_you_mean

SERIES, START, END, LABEL = "series", "start", "end", "label"
"""Columns of a table of intervals; the first one may be named as in the table of the steps."""

OUTSIDE = "none"
"""Label of steps outside of all intervals where labels are texts; 0 where they are numbers."""


def label_intervals(frame: Any, intervals: Any, target: str, *, series: SeriesColumns) -> pd.DataFrame:
    """A long frame with a label for each step, from a table of intervals.

    Steps from `start` to `end`, both included, have the interval's label, or 1 where intervals have none; all other
    steps have 0, or `none` where labels are texts. A step is not labelled where the label of its interval is missing.

    Args:
        frame: One row a step.
        intervals: The columns `series` (or as the frame calls it; left out where there is a single series), `start` and
            `end`, times of the frame or numbers of steps from 0 where it has no times, and perhaps `label`.
        target: Name of the new column.
        series: The columns of series and time.

    Raises:
        DataError: The column is there already, an interval is of an unknown series, ends before it starts, reaches over
            an end of its series or holds no step, or two that overlap have other labels.

    Example:
        >>> frame = pd.DataFrame({"pump": ["a"] * 4 + ["b"] * 2, "minute": [0, 1, 2, 3, 0, 1]})
        >>> intervals = pd.DataFrame({"pump": ["a", "b"], "start": [1, 0], "end": [2, 0]})
        >>> label_intervals(frame, intervals, "leak", series=SeriesColumns("pump", "minute"))["leak"].tolist()
        [0, 1, 1, 0, 1, 0]
    """
    rows, found = as_frame(frame), as_frame(intervals)
    if target in rows:
        raise DataError(f"There is a column {target!r} already, so intervals cannot say what it is: name another one.")
    given = _Intervals.of(found, rows, series)
    labels = _outside(given.labels, n_rows=len(rows))
    taken = np.full(len(rows), -1)
    for number, steps in given.steps():
        other = taken[steps].max(initial=-1)
        if other >= 0 and not _equal(given.labels[other], given.labels[number]):
            raise DataError(
                f"Interval {number} overlaps interval {other} and has another label "
                f"({given.labels[number]!r} in place of {given.labels[other]!r}): a step has one."
            )
        taken[steps], labels[steps] = number, given.labels[number]
    return rows.assign(**{target: pd.Series(labels).infer_objects()})


@final
@dataclass(frozen=True, eq=False)
class _Intervals:
    """Checked intervals, and the steps they are of."""

    owners: npt.NDArray[np.int64]
    start: npt.NDArray[Any]
    end: npt.NDArray[Any]
    labels: list[Any]
    sorted_steps: Steps
    moments: npt.NDArray[Any]

    @staticmethod
    def of(found: pd.DataFrame, rows: pd.DataFrame, columns: SeriesColumns) -> "_Intervals":
        steps = Steps.of(rows, columns)
        moments = steps.places if columns.time is None else _moments(rows[columns.time])[steps.order]
        start, end = (_ends(found, name, like=moments) for name in (START, END))
        backwards = np.flatnonzero(end < start)
        if len(backwards):
            at = int(backwards[0])
            raise DataError(
                f"Interval {at} starts at {start[at]} and ends at {end[at]}, before that: exchange the two."
            )
        labels = found[LABEL].tolist() if LABEL in found else [1] * len(found)
        return _Intervals(_owners(found, steps, columns), start, end, labels, steps, moments)

    def steps(self) -> "list[tuple[int, npt.NDArray[np.int64]]]":
        """Number of each interval, and the rows of the frame that lie in it."""
        return [(number, self._steps(number)) for number in range(len(self.owners))]

    def _steps(self, number: int) -> npt.NDArray[np.int64]:
        owner, start, end = self.owners[number], self.start[number], self.end[number]
        first, last = self.sorted_steps.offsets[owner : owner + 2]
        own = self.moments[first:last]
        name = self.sorted_steps.names[[owner]].tolist()[0]
        if start < own[0] or end > own[-1]:
            raise DataError(
                f"Interval {number} lasts from {start} to {end}, but series {name!r} from {own[0]} to {own[-1]}: "
                "cut it, since there are no steps to label outside."
            )
        begin, stop = np.searchsorted(own, start), np.searchsorted(own, end, side="right")
        if begin == stop:
            raise DataError(
                f"Interval {number}, from {start} to {end}, lies between two steps of series {name!r}: widen it to the "
                "steps that it is to label."
            )
        return np.asarray(self.sorted_steps.order[first + begin : first + stop])


def _moments(times: "pd.Series[Any]") -> npt.NDArray[Any]:
    return convert(times, "numeric" if pd.api.types.is_numeric_dtype(times) else "datetime").to_numpy()


def _ends(found: pd.DataFrame, name: str, *, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Starts or ends, in the form of the times of the steps."""
    if name not in found:
        raise DataError(f"The intervals have no column {name!r}. {did_you_mean(name, found.columns)}")
    missing = found[name].isna().to_numpy()
    if missing.any():
        raise DataError(f"Interval {int(missing.argmax())} has no {name}: every interval needs one.")
    is_numeric = np.issubdtype(like.dtype, np.number)
    if is_numeric != pd.api.types.is_numeric_dtype(found[name]):
        kinds = ("numbers", "moments") if is_numeric else ("moments", "numbers")
        raise DataError(f"The times of steps are {kinds[0]}, but {name!r} of intervals holds {kinds[1]}: use the same.")
    return convert(found[name], "numeric" if is_numeric else "datetime").to_numpy()


def _owners(found: pd.DataFrame, steps: Steps, columns: SeriesColumns) -> npt.NDArray[np.int64]:
    """The number of the series of each interval."""
    name = columns.series if columns.series in found else SERIES
    if columns.series is None or (name not in found and len(steps.starts) == 1):
        return np.zeros(len(found), dtype=np.int64)
    if name not in found:
        raise DataError(f"The intervals have no column {columns.series!r}. {did_you_mean(SERIES, found.columns)}")
    numbers = pd.Index(steps.names).astype("str").get_indexer(found[name].astype("str"))
    unknown = np.flatnonzero(numbers < 0)
    if len(unknown):
        at = int(unknown[0])
        raise DataError(f"Interval {at} is of series {found[name].tolist()[at]!r}, but there is no such series.")
    return np.asarray(numbers, dtype=np.int64)


def _outside(labels: list[Any], *, n_rows: int) -> npt.NDArray[Any]:
    """The label of steps outside of all intervals, at each step."""
    are_texts = any(isinstance(label, str) for label in labels)
    return np.full(n_rows, OUTSIDE if are_texts else 0, dtype=object)


def _equal(first: Any, second: Any) -> bool:
    return bool(first == second or (pd.isna(first) and pd.isna(second)))
