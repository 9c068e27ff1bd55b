"""Rows by class and by group, as numbers: what is dealt when rows are parted."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import SplitError

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Strata:
    """Which class of which label column each row belongs to: one stratum per class and column.

    Args:
        codes: Stratum of every row in every label column, (n_rows, n_labels); -1 where the label is missing.
        names: A name of each stratum for errors.
        counts: Number of rows in each stratum.

    Example:
        >>> strata = Strata.of(np.array([0.0, 1.0, np.nan, 1.0]))
        >>> strata.names, strata.counts.tolist()
        (('class 0', 'class 1'), [1, 2])
    """

    codes: Integers
    names: tuple[str, ...]
    counts: Integers

    @staticmethod
    def of(labels: npt.ArrayLike) -> "Strata":
        """The strata of labels (n_rows,) or (n_rows, n_labels), in which NaN or None is a missing label."""
        columns = pd.DataFrame(np.asarray(labels))
        codes: list[npt.NDArray[Any]] = []
        names: list[str] = []
        for j in columns:
            found, classes = pd.factorize(columns[j], sort=True)
            codes.append(np.where(found < 0, -1, found + len(names)))
            names += [_name(value, column=j if columns.shape[1] > 1 else None) for value in classes]
        table = np.stack(codes, axis=1).astype(np.int64)
        return Strata(table, tuple(names), np.bincount(table[table >= 0], minlength=len(names)))

    @staticmethod
    def none(n_rows: int) -> "Strata":
        """No labels at all: what is dealt at random has no strata."""
        return Strata(np.full((n_rows, 1), -1, dtype=np.int64), (), np.zeros(0, dtype=np.int64))

    def spread(self, part: Integers, n_parts: int) -> Integers:
        """Rows per stratum and part, (n_strata, n_parts); a row in part -1 is in none."""
        n_strata = len(self.names)
        seen = (self.codes >= 0) & (part[:, None] >= 0)
        flat = (self.codes * n_parts + part[:, None])[seen]
        return np.bincount(flat, minlength=n_strata * n_parts).reshape(n_strata, n_parts)


def _name(value: Any, *, column: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"class {text}" if column is None else f"class {text} of label {column}"


def strata_of_groups(numbers: Integers, labels: npt.ArrayLike | None) -> Strata:
    """The strata of rows that have groups; none without labels.

    Args:
        numbers: What `group_numbers` returned.
        labels: Classes `(n_rows,)` or `(n_rows, n_labels)`.

    Raises:
        SplitError: There are not as many labels as groups.
    """
    strata = Strata.none(len(numbers)) if labels is None else Strata.of(labels)
    if len(strata.codes) != len(numbers):
        raise SplitError(f"There are {len(numbers)} groups but {len(strata.codes)} labels: give one of each per row.")
    return strata


def group_numbers(groups: npt.ArrayLike) -> Integers:
    """The number of each row's group, from 0 without holes, `(n_rows,)`.

    Raises:
        SplitError: A row has no group.

    Example:
        >>> group_numbers(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers, _ = pd.factorize(pd.Series(groups))
    if (numbers < 0).any():
        raise SplitError(f"Row {int((numbers < 0).argmax())} has no group: give it one, its own if it stands alone.")
    return numbers.astype(np.int64)


def refuse_too_few(n_rows: int, *, n_parts: int = 2) -> None:
    """Check that no part must stay empty.

    Raises:
        SplitError: There are fewer rows than parts.
    """
    if n_rows < n_parts:
        raise SplitError(f"{n_parts} parts need as many rows, but there are {n_rows}: add {n_parts - n_rows} or more.")
