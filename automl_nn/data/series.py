"""Steps of series in a long table: which rows belong together, in which order, and how they are parted."""

from dataclasses import asdict, dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.roles import convert
from automl_nn.data.split import Split, grouped_split, time_split
from automl_nn.errors import DataError, SplitError, did_you_mean

Integers = npt.NDArray[np.int64]

ENOUGH_STEPS = 2_000_000
"""Steps from which the parts and the roles of channels are told, where there are more."""

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
        horizon: How many steps later the value is that a step is asked for; 0 asks for its own label.

    Example:
        >>> SeriesColumns("patient", "minute").to_json()
        {'series': 'patient', 'time': 'minute', 'per_step': True, 'horizon': 0}
    """

    series: str | None = None
    time: str | None = None
    per_step: bool = True
    horizon: int = 0

    def __post_init__(self) -> None:
        if self.horizon < 0 or (self.horizon and not self.per_step):
            raise DataError(
                f"horizon = {self.horizon} is not possible: it is a number of steps, 1 or more, and asks for a value "
                "at each step (--per-step)."
            )

    @property
    def names(self) -> list[str]:
        """The columns that there are."""
        return [name for name in (self.series, self.time) if name is not None]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


@final
@dataclass(frozen=True, eq=False)
class Steps:
    """The rows of a long table as steps, series by series.

    Args:
        order: Row of the table of each step.
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

    order: Integers
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
        codes, names = _numbered(frame, columns.series)
        order = np.arange(len(codes)) if _ascends(codes) else np.argsort(codes, kind="stable").astype(np.int64)
        sizes = np.bincount(codes, minlength=len(names))
        starts = (np.cumsum(sizes) - sizes).astype(np.int64)
        steps = Steps(order, starts, np.asarray(names), columns)
        return steps if columns.time is None else steps._timed(frame[columns.time])

    def sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of the long table in the order of the steps; no copy if they are already."""
        if _ascends(self.order):
            return frame.reset_index(drop=True)
        return frame.iloc[self.order].reset_index(drop=True)

    @property
    def sizes(self) -> Integers:
        """Number of steps of each series."""
        return np.diff(self.starts, append=len(self.order))

    @property
    def offsets(self) -> Integers:
        """First step of each series, and the number of all steps."""
        return np.append(self.starts, len(self.order))

    @property
    def numbers(self) -> Integers:
        """Number of the series of each step, from 0."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @property
    def lasts(self) -> Integers:
        """The last step of each series."""
        return np.asarray(self.starts + self.sizes - 1)

    @property
    def places(self) -> Integers:
        """Number of each step in its series, from 0."""
        places = np.arange(len(self.order))
        places -= np.repeat(self.starts, self.sizes)
        return places

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
        apart = (np.diff(taken) != 1) | (np.diff(self.numbers[taken]) != 0)
        return np.concatenate([np.zeros(min(1, len(taken)), dtype=np.int64), 1 + np.flatnonzero(apart)])

    def _name(self, number: int) -> Any:
        """A series' name as a plain value."""
        return self.names[number : number + 1].tolist()[0]

    def _timed(self, times: "pd.Series[Any]") -> "Steps":
        """The same steps with the distance between them, if their times are possible."""
        moments = convert(times, "numeric" if pd.api.types.is_numeric_dtype(times) else "datetime")
        ordered = moments.to_numpy()[self.order]
        between = np.diff(ordered)
        distance = between.astype("float64")
        within = np.diff(self.numbers) == 0
        wrong = np.flatnonzero(within & ~(distance > 0))
        if len(wrong):
            raise DataError(self._disorder(str(times.name), ordered, int(wrong[0])))
        self._check_rates(distance, within, str(times.name))
        if between.dtype.kind != "m" or not within.any():
            return self
        return replace(self, seconds=float(np.median(between[within] / np.timedelta64(1, "s"))))

    def _disorder(self, name: str, times: npt.NDArray[Any], step: int) -> str:
        series, first, second = self._name(self.numbers[step]), times[step], times[step + 1]
        if first == second:
            return (
                f"Series {series!r} has two steps at {name} = {first}: keep one of them, or name the column that tells "
                "two series apart."
            )
        return f"The times of series {series!r} are not sorted: {second} follows {first}; sort the rows by {name!r}."

    def _check_rates(self, distance: npt.NDArray[np.float64], within: npt.NDArray[np.bool_], name: str) -> None:
        rates = pd.Series(distance[within]).groupby(self.numbers[:-1][within]).median()
        if len(rates) and rates.max() > MAX_RATE_RATIO * rates.min():
            numbers = rates.index.to_numpy()
            slow, fast = (self._name(numbers[at]) for at in (rates.argmax(), rates.argmin()))
            raise DataError(
                f"The steps of series {slow!r} are {rates.max() / rates.min():.3g} times as far apart as those of "
                f"{fast!r}: bring all series to one rate, or leave {name!r} out so that steps are counted."
            )


def _numbered(frame: pd.DataFrame, name: str | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The number of each row's series, in small integers, and the names of the series."""
    if name is None:
        return np.zeros(len(frame), dtype=np.int8), np.zeros(min(1, len(frame)), dtype=np.int64)
    codes, names = pd.factorize(frame[name])
    return codes.astype(np.int32), np.asarray(names)


def _ascends(values: npt.NDArray[Any]) -> bool:
    return bool((values[1:] >= values[:-1]).all())


def _refuse_gaps(frame: pd.DataFrame, name: str) -> None:
    if name not in frame:
        raise DataError(f"There is no column {name!r}. {did_you_mean(name, frame.columns)}")
    missing = frame[name].isna().to_numpy()
    if missing.any():
        raise DataError(f"Column {name!r} is missing in row {int(missing.argmax())}: every step needs one.")


def at_last_step(labels: pd.DataFrame, steps: Steps) -> pd.DataFrame:
    """Labels of whole series, each at its last step and missing at all others.

    Args:
        labels: One row a step, in the order of the steps.
        steps: The series.

    Raises:
        DataError: A series has several labels.

    Example:
        >>> frame = pd.DataFrame({"s": [0, 0, 1, 1]})
        >>> at_last_step(pd.DataFrame({"y": ["a", "a", "b", "b"]}), Steps.of(frame, SeriesColumns("s")))["y"].tolist()
        [nan, 'a', nan, 'b']
    """
    for name, column in labels.items():
        several = column.groupby(steps.numbers).nunique().to_numpy() > 1
        if several.any():
            series = steps.names[[several.argmax()]].tolist()[0]
            raise DataError(
                f"Series {series!r} has several values of {name!r}, but a series has one: repeat it in all rows, or "
                "add --per-step (per_step=True) if each step has its own."
            )
    is_last = np.zeros(len(labels), dtype=bool)
    is_last[steps.lasts] = True
    return pd.DataFrame({name: column.where(is_last) for name, column in labels.items()})


def later(labels: pd.DataFrame, steps: Steps) -> pd.DataFrame:
    """The labels of `horizon` steps later, missing at the end of each series.

    Args:
        labels: One row a step, in the order of the steps.
        steps: The series.

    Raises:
        DataError: No series is longer than the horizon.

    Example:
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 0, 1, 1]}), SeriesColumns("s", horizon=1))
        >>> later(pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0]}), steps)["x"].tolist()
        [2.0, 3.0, nan, 5.0, nan]
    """
    horizon = steps.columns.horizon
    if int(steps.sizes.max()) <= horizon:
        raise DataError(f"No series is longer than the horizon of {horizon} steps: take a shorter one.")
    return labels.groupby(steps.numbers).shift(-horizon)


def refuse_empty_channels(features: pd.DataFrame) -> None:
    """Refuse features that have no value at any step.

    Raises:
        DataError: There is one.

    Example:
        >>> refuse_empty_channels(pd.DataFrame({"pulse": [60.0, None]}))
    """
    for name in features.columns:
        if features[name].isna().all():
            raise DataError(f"Channel {name!r} is missing at all {len(features)} steps: leave it out.")


def split_series(
    steps: Steps, labels: npt.NDArray[Any] | None, *, val_share: float, seed: int, min_positives: int
) -> Split:
    """Part steps so that each series is on one side.

    Raises:
        SplitError: There are too few series, or too few that hold a class.

    Example:
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 1, 1, 2, 2]}), SeriesColumns("s"))
        >>> len(split_series(steps, None, val_share=0.3, seed=0, min_positives=1).val)
        2
    """
    if len(steps.starts) < 2:
        raise SplitError("A single series cannot be parted by series: part it by time, or give more series.")
    kept, numbers = _thinned(steps, labels), steps.numbers
    split = grouped_split(
        numbers[kept],
        labels=None if labels is None else labels[kept],
        val_share=val_share,
        seed=seed,
        min_positives=min_positives,
    )
    in_val = np.zeros(len(steps.starts), dtype=bool)
    in_val[numbers[kept][split.val]] = True
    return Split(np.flatnonzero(~in_val[numbers]), np.flatnonzero(in_val[numbers]))


def _thinned(steps: Steps, labels: npt.NDArray[Any] | None) -> Integers:
    """Steps that tell how long series are and what they hold: all with a rare label, and some of the others."""
    stride = -(-len(steps.order) // ENOUGH_STEPS)
    if stride == 1:
        return np.arange(len(steps.order))
    kept = steps.places % stride == 0
    if labels is not None:
        columns = labels.reshape(len(kept), -1)
        kept |= (columns != _common(columns[kept])).any(axis=1) & np.isfinite(columns).any(axis=1)
    return np.flatnonzero(kept)


def _common(columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The most common value of each column."""
    modes = pd.DataFrame(columns).mode()
    return np.asarray(modes.iloc[0].to_numpy()) if len(modes) else np.full(columns.shape[1], np.nan)


def split_times(
    steps: Steps, labels: npt.NDArray[Any] | None, *, val_share: float, gap: int, min_positives: int
) -> Split:
    """Part each series so that its last steps choose and none that trains is within `gap` steps before them.

    Raises:
        SplitError: The series are too short for the gap, or a part lacks a class.

    Example:
        >>> steps = Steps.of(pd.DataFrame({"s": [0] * 10}), SeriesColumns("s"))
        >>> split = split_times(steps, None, val_share=0.3, gap=2, min_positives=1)
        >>> split.train.tolist(), split.val.tolist()
        ([0, 1, 2, 3, 4], [7, 8, 9])
    """
    to_end = np.repeat(steps.sizes, steps.sizes) - steps.places
    reach = np.repeat(np.round(steps.sizes * val_share).astype(np.int64), steps.sizes)
    moment = np.where(to_end <= reach, gap + 1, np.where(to_end <= reach + gap, 1, 0))
    return time_split(
        moment,
        val_share=max(float((moment == gap + 1).mean()), 1 / len(moment)),
        gap=gap + 1,
        labels=labels,
        min_positives=min_positives,
    )
