"""From the shapes in which series are handed over to one long frame, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import DataError

SERIES = "__series__"
"""Column that says of which series a step is; it is no feature."""


@final
@dataclass(frozen=True)
class Layout:
    """How series are handed over.

    Args:
        n_channels: Number of channels.
        steps_first: Whether the first axis of each series is time.
    """

    n_channels: int
    steps_first: bool = False


def labels_of_series(y: Any) -> list[npt.NDArray[Any]]:
    """The labels of the steps of each series, apart.

    Args:
        y: An array `(n, length)`, a list of arrays `(length,)`, or a frame of one column whose rows have two indices,
            series and step.

    Raises:
        DataError: There is one label for each series, not for each step.

    Example:
        >>> [len(labels) for labels in labels_of_series([[0, 1], [0]])]
        [2, 1]
    """
    labels = [np.asarray(one) for one in (_unpacked(y) if isinstance(y, pd.DataFrame | pd.Series) else y)]
    if any(one.ndim == 0 for one in labels):
        raise DataError(
            "Each label stands alone, but steps are labelled series by series, (n, length) or a list of (length,): put "
            "a single recording and its labels into lists, [X] and [y]."
        )
    return [one.ravel() for one in labels]


@final
@dataclass(frozen=True, eq=False)
class Panel:
    """Series of numbers, one after the other.

    Args:
        values: All steps `(n_steps, n_channels)`, float32; NaN where a value is missing.
        sizes: Number of steps of each series.
        is_array: Whether they came as one array, which is how results go back.
        steps_first: Whether the first axis of each series is time, in place of the second one.

    Example:
        >>> panel = Panel.of([np.zeros((2, 3)), np.ones((2, 1))])
        >>> panel.frame().columns.tolist(), panel.sizes.tolist()
        (['__series__', 'x0', 'x1'], [3, 1])
    """

    values: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.int64]
    is_array: bool
    steps_first: bool = False

    @staticmethod
    def of(X: Any, *, layout: Layout | None = None, sizes: Sequence[int] | None = None) -> "Panel":
        """Read series as aeon and sktime hand them over.

        Series `(length, n_channels)` are told from `(n_channels, length)` where only one of the two is possible: by the
        number of labels of each, or because lengths differ and numbers of channels do not.

        Args:
            X: An array `(n, n_channels, length)` or, of one channel, `(n, length)`; or, of unequal lengths, a list of
                arrays `(n_channels, length)`; or sktime's frames: rows with two indices, series and step, or a series
                in each cell, or a list of frames with a row for each step.
            layout: How a model was given its series, for others of the same kind.
            sizes: Number of labels of each series, where steps have labels.

        Raises:
            DataError: It is neither, a series has no step, or series have different channels.

        Example:
            >>> Panel.of([np.zeros((4, 2)), np.zeros((9, 2))]).sizes.tolist()
            [4, 9]
        """
        if isinstance(X, pd.DataFrame):
            X = _unpacked(X)
        is_array = isinstance(X, np.ndarray) and X.ndim in (2, 3) and X.dtype != object
        if not isinstance(X, Sequence | np.ndarray) or len(X) == 0 or isinstance(X, str):
            raise DataError(
                f"Series come as an array (n, n_channels, length) or a list of arrays (n_channels, length), not as "
                f"{type(X).__name__} {getattr(X, 'shape', '')}: reshape them, or give a long frame to `Study`."
            )
        series = [np.atleast_2d(one.to_numpy().T if isinstance(one, pd.DataFrame) else np.asarray(one)) for one in X]
        steps_first = _is_steps_first([one.shape for one in series], layout, sizes)
        ordered = [one if steps_first else one.T for one in series]
        _check(ordered)
        lengths = np.array([len(one) for one in ordered], dtype=np.int64)
        values = np.empty((int(lengths.sum()), ordered[0].shape[1]), dtype=np.float32)
        np.concatenate(ordered, out=values, casting="unsafe")
        return Panel(values, lengths, is_array=is_array, steps_first=steps_first)

    @property
    def layout(self) -> Layout:
        """What other series must be like to be read in the same way."""
        return Layout(self.values.shape[1], self.steps_first)

    def __len__(self) -> int:
        return len(self.sizes)

    def frame(self) -> pd.DataFrame:
        """One row a step: the number of the series, and the channels `x0`, `x1`, ..."""
        channels = pd.DataFrame(self.values, columns=[f"x{i}" for i in range(self.values.shape[1])])
        channels.insert(0, SERIES, np.repeat(np.arange(len(self), dtype=np.int64), self.sizes))
        return channels

    def steps(self, y: Any) -> npt.NDArray[Any]:
        """Labels of all steps `(n_steps,)`.

        Args:
            y: An array `(n, length)`, or a list of arrays `(length,)`.

        Raises:
            DataError: There are labels for steps that do not exist, or steps without labels.
        """
        labels = labels_of_series(y)
        if len(labels) != len(self):
            raise DataError(f"There are labels of {len(labels)} series, but {len(self)} series: give labels for each.")
        for number, (one, size) in enumerate(zip(labels, self.sizes, strict=True)):
            if len(one) != size:
                raise DataError(
                    f"Series {number} has {size} steps but {len(one)} labels: give one for each step, NaN where it is "
                    "not known."
                )
        return np.concatenate(labels)

    def channel_of(self, values: npt.NDArray[np.float64]) -> str:
        """The name of the channel that has these values.

        Args:
            values: A value for each step `(n_steps,)`.

        Raises:
            DataError: There is none.

        Example:
            >>> Panel.of([[[1.0, 2.0], [3.0, 4.0]]]).channel_of(np.array([3.0, 4.0]))
            'x1'
        """
        for number, channel in enumerate(self.values.T):
            if np.array_equal(channel, values.astype(np.float32), equal_nan=True):
                return f"x{number}"
        raise DataError(
            "Later values are asked for of a channel, but y is none of the channels of X: add it to X, where what is "
            "known up to each step is seen."
        )

    def repeated(self, y: npt.ArrayLike) -> npt.NDArray[Any]:
        """The label of each series at each of its steps `(n_steps,)`.

        Raises:
            DataError: There is not one label for each series.
        """
        labels = np.asarray(y)
        if labels.shape != (len(self),):
            raise DataError(
                f"The labels have shape {labels.shape}, but there are {len(self)} series: give one for each."
            )
        return np.repeat(labels, self.sizes)

    def back(self, values: npt.NDArray[Any]) -> Any:
        """Values of all steps in the shape of the series: `(n, length, ...)`, or a list of `(length, ...)`.

        Example:
            >>> Panel.of(np.zeros((2, 1, 3))).back(np.arange(6)).tolist()
            [[0, 1, 2], [3, 4, 5]]
        """
        if self.is_array:
            return values.reshape(len(self), -1, *values.shape[1:])
        return np.split(values, np.cumsum(self.sizes)[:-1])


def _unpacked(frame: "pd.DataFrame | pd.Series[Any]") -> Any:
    """The series of a frame with two indices, or with a series in each cell; anything else as it is."""
    if frame.index.nlevels == 2:
        return [own.to_numpy().T for _, own in frame.groupby(level=0, sort=False)]
    if isinstance(frame, pd.DataFrame) and len(frame) and all(np.ndim(cell) == 1 for cell in frame.iloc[0]):
        return [_stacked(number, cells) for number, cells in enumerate(frame.itertuples(index=False))]
    return frame


def _stacked(number: int, cells: Sequence[Any]) -> npt.NDArray[Any]:
    """The channels of one series, each of which stood in a cell."""
    sizes = {np.shape(cell) for cell in cells}
    if len(sizes) > 1:
        raise DataError(
            f"The channels of series {number} have the shapes {sorted(sizes)}: give all of them equal ones."
        )
    return np.vstack([np.asarray(cell) for cell in cells])


def _is_steps_first(shapes: Sequence[tuple[int, ...]], layout: Layout | None, sizes: Sequence[int] | None) -> bool:
    """Whether the first axis of each series is time: only where it cannot be the second one."""
    if any(len(shape) != 2 for shape in shapes):
        return False
    firsts, seconds = ([shape[axis] for shape in shapes] for axis in (0, 1))
    if layout is not None:
        fits = {True: set(seconds) == {layout.n_channels}, False: set(firsts) == {layout.n_channels}}
        return layout.steps_first if fits[layout.steps_first] else fits[True]
    if sizes is not None and len(sizes) == len(shapes):
        return seconds != list(sizes) and firsts == list(sizes)
    return len(set(firsts)) > 1 and len(set(seconds)) == 1


def _check(series: Sequence[npt.NDArray[Any]]) -> None:
    """Refuse series `(length, n_channels)` that are no panel."""
    for number, one in enumerate(series):
        if one.ndim != 2 or one.shape[1] != series[0].shape[1] or one.size == 0:
            raise DataError(
                f"Series {number} has shape {one.T.shape}, but series 0 has {series[0].T.shape}: each is an array "
                "(n_channels, length) of the same channels and at least one step."
            )
        if not (np.issubdtype(one.dtype, np.number) or one.dtype == bool or one.dtype == object):
            raise DataError(
                f"Series {number} holds {one.dtype}, but series in arrays are numbers: give texts as categories in a "
                "long frame to `Study`."
            )
