"""Series from `.ts` files, the format of the UCR and UEA archives, as one long frame."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import DataError

SERIES, TIME, TARGET = "series", "t", "target"
"""Columns of the frame beside the channels `x0`, `x1`, ..."""

_TRUE = "true"


def read_ts(path: str | Path) -> pd.DataFrame:
    r"""Read series of equal or unequal lengths; a `?` or `NaN` is a missing value.

    Args:
        path: A file that ends in .ts.

    Returns:
        One row a step: the number of the series, the number of the step, the channels, and, where the file has labels
        or values of series, `target`.

    Raises:
        DataError: The file is no such file, has time stamps, or a line of it is broken.

    Source:
        Löning et al. (2019), arXiv:1909.07872, and the documentation of sktime's file formats.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "two.ts")
        ...     _ = file.write_text("@classLabel true a b\n@data\n1,2:3,4:a\n5,?,7:6,6,6:b\n")
        ...     read_ts(file)[["series", "t", "x0", "target"]].to_numpy().tolist()
        [[0, 0, 1.0, 'a'], [0, 1, 2.0, 'a'], [1, 0, 5.0, 'b'], [1, 1, nan, 'b'], [1, 2, 7.0, 'b']]
    """
    lines = _lines(Path(path))
    has_target = _header(lines, str(path))
    series, targets = [], []
    for number, line in lines:
        *channels, last = line.split(":")
        targets.append(last.strip() if has_target else None)
        series.append(_series(channels if has_target else [*channels, last], number, str(path)))
        if len(series[-1]) == 0 or series[-1].shape[1] != series[0].shape[1]:
            raise DataError(f"Line {number} of {str(path)!r} has other channels than the first series: correct it.")
    if not series:
        raise DataError(f"{str(path)!r} has no series behind @data: give a file with at least one.")
    return _frame(series, targets if has_target else None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that say something, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{str(path)!r} is no text ({error.reason}): give a .ts file in UTF-8.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _header(lines: Iterator[tuple[int, str]], path: str) -> bool:
    """Whether the series of the file have labels or values; the lines go on behind `@data`."""
    has_target = False
    for _, line in lines:
        name, *values = line.lower().split()
        if name == "@data":
            return has_target
        if name == "@timestamps" and values[:1] == [_TRUE]:
            raise DataError(
                f"{path!r} has time stamps, which are not read: give a CSV or Parquet file, one row a step."
            )
        has_target |= name in ("@classlabel", "@targetlabel") and values[:1] == [_TRUE]
    raise DataError(f"{path!r} has no line @data: it is no .ts file.")


def _series(channels: list[str], number: int, path: str) -> npt.NDArray[np.float32]:
    """The steps of one series `(length, n_channels)`."""
    try:
        columns = [[float(value.replace("?", "nan")) for value in channel.split(",")] for channel in channels]
        return np.array(columns, dtype=np.float32).T.reshape(-1, len(channels))
    except ValueError as error:
        raise DataError(f"Line {number} of {path!r} is broken ({error}): correct it or take it out.") from error


def _frame(series: list[npt.NDArray[np.float32]], targets: list[str | None] | None) -> pd.DataFrame:
    sizes = [len(one) for one in series]
    values = np.concatenate(series)
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
    frame.insert(0, TIME, np.concatenate([np.arange(size) for size in sizes]))
    frame.insert(0, SERIES, np.repeat(np.arange(len(series)), sizes))
    if targets is None:
        return frame
    labels = pd.Series(targets)
    numbers = pd.to_numeric(labels, errors="coerce")
    return frame.assign(**{TARGET: np.repeat((labels if numbers.isna().any() else numbers).to_numpy(), sizes)})
