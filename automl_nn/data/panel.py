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
@dataclass(frozen=True, eq=False)
class Panel:
    """Series of numbers, one after the other.

    Args:
        values: All steps `(n_steps, n_channels)`, float32; NaN where a value is missing.
        sizes: Number of steps of each series.
        is_array: Whether they came as one array, which is how results go back.

    Example:
        >>> panel = Panel.of([np.zeros((2, 3)), np.ones((2, 1))])
        >>> panel.frame().columns.tolist(), panel.sizes.tolist()
        (['__series__', 'x0', 'x1'], [3, 1])
    """

    values: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.int64]
    is_array: bool

    @staticmethod
    def of(X: Any) -> "Panel":
        """Read series as aeon and sktime hand them over.

        Args:
            X: An array `(n, n_channels, length)` or, of one channel, `(n, length)`; or, of unequal lengths, a list of
                arrays `(n_channels, length)`.

        Raises:
            DataError: It is neither, a series has no step, or series have different channels.
        """
        if isinstance(X, np.ndarray) and X.ndim in (2, 3) and X.dtype != object:
            return _of_array(X if X.ndim == 3 else X[:, None])
        if not isinstance(X, Sequence | np.ndarray) or len(X) == 0:
            raise DataError(
                f"Series come as an array (n, n_channels, length) or a list of arrays (n_channels, length), not as "
                f"{type(X).__name__} {getattr(X, 'shape', '')}: reshape them, or give a long frame to `Study`."
            )
        series = [np.atleast_2d(np.asarray(one, dtype=np.float32)) for one in X]
        for number, one in enumerate(series):
            if one.ndim != 2 or one.shape[0] != series[0].shape[0] or one.shape[1] == 0:
                raise DataError(
                    f"Series {number} has shape {one.shape}, but series 0 has {series[0].shape}: each is an array "
                    "(n_channels, length) of the same channels and at least one step."
                )
        sizes = np.array([one.shape[1] for one in series], dtype=np.int64)
        return Panel(np.concatenate([one.T for one in series]), sizes, is_array=False)

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
        labels = [np.asarray(one).ravel() for one in y]
        if len(labels) != len(self):
            raise DataError(f"There are labels of {len(labels)} series, but {len(self)} series: give labels for each.")
        for number, (one, size) in enumerate(zip(labels, self.sizes, strict=True)):
            if len(one) != size:
                raise DataError(
                    f"Series {number} has {size} steps but {len(one)} labels: give one for each step, NaN where it is "
                    "not known."
                )
        return np.concatenate(labels)

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


def _of_array(X: npt.NDArray[Any]) -> Panel:
    n, n_channels, length = X.shape
    if X.size == 0:
        raise DataError(f"The series have shape {X.shape}: give at least one, with a channel and a step.")
    values = np.ascontiguousarray(X.transpose(0, 2, 1)).reshape(n * length, n_channels)
    return Panel(values.astype(np.float32), np.full(n, length, dtype=np.int64), is_array=True)
