"""Steps of series in a long table: which rows belong together, and in which order."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.roles import convert
from automl_nn.errors import DataError, did_you_mean

Integers = npt.NDArray[np.int64]

ENOUGH_STEPS = 2_000_000
"""Steps from which the parts and the roles of channels are told, where there are more."""

STEPS_AT_ONCE = 1 << 18
"""Steps whose times are looked at together."""

MAX_RATE_RATIO = 1.5
"""Series whose median distances between steps differ by more are of different sampling rates."""


@final
@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """The columns of a long table that say which series a row belongs to, and when it was.

    Args:
        series: Column of the series; None if all rows are one series.
        time: Column of the times; None if the rows of a series are in their order.
        per_step: Whether each step has a label of its own; else a series has one, which its rows repeat.
        horizon: How many steps later the value is that a step is asked for; 0 asks for its own label. With several,
            each later value is a quantity of its own, `<target>+<steps>`.

    Example:
        >>> SeriesColumns("patient", "minute").to_json()
        {'series': 'patient', 'time': 'minute', 'per_step': True, 'horizon': 0}
        >>> SeriesColumns("patient", horizon=(1, 2, 6)).furthest
        6
    """

    series: str | None = None
    time: str | None = None
    per_step: bool = True
    horizon: int | tuple[int, ...] = 0

    def __post_init__(self) -> None:
        if not isinstance(self.horizon, int):
            several = tuple(sorted(set(self.horizon)))
            object.__setattr__(self, "horizon", several if len(several) > 1 else sum(several))
        is_possible = self.horizon == 0 or (self.per_step and min(self.horizons) > 0)
        if not is_possible:
            raise DataError(
                f"horizon = {self.horizon} is not possible: it is a number of steps, 1 or more, and asks for a value "
                "at each step (--per-step)."
            )

    @property
    def horizons(self) -> tuple[int, ...]:
        """Each number of steps after which a value is asked for; none where steps are asked for their own labels."""
        if isinstance(self.horizon, tuple):
            return self.horizon
        return (self.horizon,) if self.horizon else ()

    @property
    def furthest(self) -> int:
        """Steps until the last value that is asked for."""
        return max(self.horizons, default=0)

    @property
    def names(self) -> list[str]:
        """The columns that there are."""
        return [name for name in (self.series, self.time) if name is not None]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {**asdict(self), "horizon": list(self.horizon) if isinstance(self.horizon, tuple) else self.horizon}


@final
@dataclass(frozen=True, eq=False)
class Steps:
    """The rows of a long table as steps, series by series.

    Args:
        n_steps: Number of steps.
        moved: Row of the table of each step; None where the steps stand in the order of the rows.
        starts: Step at which each series begins.
        names: Name of each series.
        columns: The columns that told.
        seconds: Usual distance between two steps of a series; None if times are numbers, or not given.

    Example:
        >>> frame = pd.DataFrame({"patient": ["a", "b", "a"], "minute": [0, 0, 1]})
        >>> steps = Steps.of(frame, SeriesColumns("patient", "minute"))
        >>> steps.order.tolist(), steps.starts.tolist(), steps.numbers.tolist()
        ([0, 2, 1], [0, 2], [0, 0, 1])
    """

    n_steps: int
    moved: Integers | None
    starts: Integers
    names: npt.NDArray[Any]
    columns: SeriesColumns
    seconds: float | None = None

    @staticmethod
    def of(frame: pd.DataFrame, columns: SeriesColumns) -> "Steps":
        """Find the series of a long table; rows of several may be mixed.

        Raises:
            DataError: A column or a value in it is missing, the times of a series are not ascending, or series were
                sampled at different rates.
        """
        for name in columns.names:
            _refuse_gaps(frame, name)
        moved, starts, names = _found(frame, columns.series)
        steps = Steps(len(frame), moved, starts, names, columns)
        return steps if columns.time is None else steps._timed(frame[columns.time])

    def sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of the long table in the order of the steps; no copy if they are already."""
        if self.moved is None:
            return frame.reset_index(drop=True)
        return frame.iloc[self.moved].reset_index(drop=True)

    def pieces(self) -> Iterator[tuple[slice | Integers, Integers]]:
        """Some series at a time: the rows of the table that are their steps, and where each of them begins among these.

        Example:
            >>> steps = Steps.of(pd.DataFrame({"s": [0, 1, 0]}), SeriesColumns("s"))
            >>> [(rows.tolist(), starts.tolist()) for rows, starts in steps.pieces()]
            [([0, 2, 1], [0, 2])]
        """
        for first, last in self._blocks():
            begin, end = int(self.starts[first]), int(self.offsets[last])
            rows = slice(begin, end) if self.moved is None else self.moved[begin:end]
            yield rows, self.starts[first:last] - begin

    @property
    def order(self) -> Integers:
        """Row of the table of each step."""
        return np.arange(self.n_steps) if self.moved is None else self.moved

    @property
    def sizes(self) -> Integers:
        """Number of steps of each series."""
        return np.diff(self.starts, append=self.n_steps)

    @property
    def offsets(self) -> Integers:
        """First step of each series, and the number of all steps."""
        return np.append(self.starts, self.n_steps)

    @property
    def numbers(self) -> npt.NDArray[np.int32]:
        """Number of the series of each step, from 0."""
        return np.repeat(np.arange(len(self.starts), dtype=np.int32), self.sizes)

    @property
    def lasts(self) -> Integers:
        """The last step of each series."""
        return np.asarray(self.starts + self.sizes - 1)

    @property
    def places(self) -> Integers:
        """Number of each step in its series, from 0."""
        places = np.arange(self.n_steps)
        places -= np.repeat(self.starts, self.sizes)
        return places

    def every(self, stride: int) -> Integers:
        """The first step of each series, and every so many steps behind it.

        Example:
            >>> Steps.of(pd.DataFrame({"s": [0, 0, 0, 1, 1]}), SeriesColumns("s")).every(2).tolist()
            [0, 2, 3]
        """
        n_each = (self.sizes + stride - 1) // stride
        places = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
        return np.asarray(np.repeat(self.starts, n_each) + stride * places)

    def numbers_at(self, rows: npt.ArrayLike) -> Integers:
        """Number of the series of some steps, from 0."""
        return np.searchsorted(self.starts, np.asarray(rows), side="right") - 1

    def stretches(self, rows: npt.ArrayLike) -> Integers:
        """Where stretches of neighbours begin among some steps, ascending.

        Args:
            rows: Numbers of steps.

        Example:
            >>> steps = Steps.of(pd.DataFrame({"s": ["a", "a", "a", "b"]}), SeriesColumns("s"))
            >>> steps.stretches([0, 2, 3]).tolist()
            [0, 1, 2]
        """
        taken = np.asarray(rows)
        behind_gaps = np.concatenate([start + _behind_gaps(some) for start, some in _overlapping(taken)])
        first_of_series = np.searchsorted(taken, self.starts.astype(taken.dtype))  # of other types, all are copied
        begin = np.concatenate(
            [behind_gaps, first_of_series[first_of_series < len(taken)], np.zeros(1, dtype=np.int64)]
        )
        return np.unique(begin[: len(begin) if len(taken) else 0])

    def _name(self, number: int) -> Any:
        """A series' name as a plain value."""
        return self.names[number : number + 1].tolist()[0]

    def _timed(self, times: "pd.Series[Any]") -> "Steps":
        """The same steps with the distance between them, if their times are possible."""
        is_plain, medians = pd.api.types.is_numeric_dtype(times), np.full(len(self.starts), np.nan)
        moments = times.to_numpy() if is_plain else convert(times, "datetime").to_numpy()
        for first, last in self._blocks():
            steps = slice(int(self.starts[first]), int(self.offsets[last]))
            ordered = moments[steps] if self.moved is None else moments[self.moved[steps]]
            ordered = convert(pd.Series(ordered, name=times.name), "numeric").to_numpy() if is_plain else ordered
            numbers = np.repeat(np.arange(first, last), self.sizes[first:last])
            medians[first:last] = self._distances(ordered, numbers, str(times.name))
        self._check_rates(medians, str(times.name))
        if moments.dtype.kind != "M" or np.isnan(medians).all():
            return self
        return replace(self, seconds=float(np.nanmedian(medians)) * _unit_in_seconds(moments))

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Series that are looked at together: the first one, and the one after the last."""
        first = 0
        while first < len(self.starts):
            last = int(np.searchsorted(self.starts, self.starts[first] + STEPS_AT_ONCE))
            last = max(first + 1, last)
            yield first, last
            first = last

    def _distances(self, ordered: npt.NDArray[Any], numbers: Integers, name: str) -> npt.NDArray[np.float64]:
        """The median distance of the steps of each series, in the unit of the times; NaN for a single step."""
        distance, within = np.diff(ordered).astype("float64"), np.diff(numbers) == 0
        wrong = np.flatnonzero(within & ~(distance > 0))
        if len(wrong):
            at = int(wrong[0])
            raise DataError(self._disorder(name, int(numbers[at]), ordered[numbers == numbers[at]]))
        medians = pd.Series(distance[within]).groupby(numbers[:-1][within]).median()
        return np.asarray(medians.reindex(np.arange(numbers[0], numbers[-1] + 1)).to_numpy())

    def _disorder(self, name: str, number: int, times: npt.NDArray[Any]) -> str:
        """Why the times of a series do not ascend: one of them comes twice, perhaps far apart, or they are mixed."""
        series, again = self._name(number), pd.Series(times).duplicated().to_numpy()
        if again.any():
            return (
                f"Series {series!r} has two steps at {name} = {times[again][0]}: keep one of them, or name the column "
                "that tells two series apart."
            )
        at = int(np.flatnonzero(times[1:] < times[:-1])[0])
        return (
            f"The times of series {series!r} are not sorted: {times[at + 1]} follows {times[at]}; sort the rows by "
            f"{name!r}."
        )

    def _check_rates(self, medians: npt.NDArray[np.float64], name: str) -> None:
        if np.isnan(medians).all():
            return
        longest, shortest = int(np.nanargmax(medians)), int(np.nanargmin(medians))
        ratio = medians[longest] / medians[shortest]
        if ratio > MAX_RATE_RATIO:
            slow, fast = self._name(longest), self._name(shortest)
            raise DataError(
                f"The steps of series {slow!r} are {ratio:.3g} times as far apart as those of "
                f"{fast!r}: bring all series to one rate, or leave {name!r} out so that steps are counted."
            )


def _overlapping(rows: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Some rows at a time, the last of which is the first one of the next piece; and where they begin."""
    return ((start, rows[start : start + STEPS_AT_ONCE + 1]) for start in range(0, max(len(rows), 1), STEPS_AT_ONCE))


def _behind_gaps(rows: npt.NDArray[Any]) -> Integers:
    """Where rows do not follow the ones before them."""
    return 1 + np.flatnonzero(rows[1:] != rows[:-1] + 1)


def _unit_in_seconds(moments: npt.NDArray[Any]) -> float:
    """Seconds of the unit in which moments are counted."""
    one: Any = np.ones(1, dtype=f"m8[{np.datetime_data(moments.dtype)[0]}]")
    return float((one / np.timedelta64(1, "s"))[0])


def _found(frame: pd.DataFrame, name: str | None) -> tuple[Integers | None, Integers, npt.NDArray[Any]]:
    """The row of each step, None if they are in order; the first step of each series; and its name.

    Where the rows of each series stand together, as in most files, only the first of them is looked up.
    """
    if name is None:
        alone = np.zeros(min(1, len(frame)), dtype=np.int64)
        return None, alone, alone
    keys = _keys(frame[name])
    heads = np.flatnonzero(np.append(np.ones(min(1, len(keys)), dtype=bool), keys[1:] != keys[:-1]))
    numbers, found = pd.factorize(keys[heads])
    names = np.asarray(pd.Index(frame[name].iloc[heads].unique()))
    if len(found) == len(heads):
        return None, heads, names
    numbers = np.repeat(numbers.astype(np.int32), np.diff(heads, append=len(keys)))
    sizes = np.bincount(numbers)
    return np.argsort(numbers, kind="stable"), np.cumsum(sizes) - sizes, names


def _keys(values: "pd.Series[Any]") -> npt.NDArray[Any]:
    """What is equal where values are, and cheap to compare: plain numbers themselves."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf":
        return values.to_numpy()
    return pd.factorize(values)[0].astype(np.int32)


def _refuse_gaps(frame: pd.DataFrame, name: str) -> None:
    if name not in frame:
        raise DataError(f"There is no column {name!r}. {did_you_mean(name, frame.columns)}")
    missing = frame[name].isna().to_numpy()
    if missing.any():
        raise DataError(f"Column {name!r} is missing in row {int(missing.argmax())}: every step needs one.")
