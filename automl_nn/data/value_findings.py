"""What a table and a quantity to predict show before any training: columns that tell it, rows that rule it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from automl_nn.data.findings import Finding, find
from automl_nn.data.table import Table

LEAK_CORRELATION = 0.999
"""Rank correlation with the target above which a column is taken for the target in another unit."""

FAR, RULED = 0.01, 0.75
"""The share of rows that lie furthest from the mean, and the share of the variance from which on they rule it."""

_SAMPLE = 10_000


def find_with_values(table: Table, values: pd.DataFrame) -> tuple[Finding, ...]:
    """Look through a table and quantities to predict from it.

    Leaks are looked for in about 10,000 rows, evenly spaced, and in columns whose values have an order.

    Args:
        table: The features.
        values: One column for each target (n_rows, n_targets); NaN where missing.

    Example:
        >>> celsius = np.linspace(10, 30, 50)
        >>> table = Table.from_frame({"fahrenheit": 1.8 * celsius + 32, "wind": np.tile([3.0, 1.0, 2.0, 5.0, 4.0], 10)})
        >>> for finding in find_with_values(table, pd.DataFrame({"celsius": celsius})):
        ...     print(f"{finding.column}: {finding.message}")
        fahrenheit: It orders celsius almost alone (rank correlation 1.0000): was it known before it?
    """
    return (*find(table), *_leaks(table, values), *_tails(values))


def _leaks(table: Table, values: pd.DataFrame) -> Iterator[Finding]:
    rows = np.arange(0, table.n_rows, max(table.n_rows // _SAMPLE, 1))
    ordered = [column.name for column in table.used if column.role in ("numeric", "boolean", "datetime")]
    for name in ordered:
        feature = _numbers(table.frame[name].iloc[rows])
        for target, column in values.items():
            correlation = _rank_correlation(feature, column.to_numpy(dtype=np.float64)[rows])
            if abs(correlation) > LEAK_CORRELATION:
                text = f"It orders {target} almost alone (rank correlation {correlation:.4f}): was it known before it?"
                yield Finding("leak", "warning", name, text)


def _numbers(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """A column as numbers of the same order, NaN where missing."""
    numbers = values.astype("float64" if values.dtype.kind == "f" else "int64").to_numpy(dtype=np.float64)
    return np.where(values.isna(), np.nan, numbers)


def _rank_correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Spearman's correlation over the rows that have both, 0 where that says nothing."""
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 10 or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(x[known]), rankdata(y[known]))[0, 1])


def _tails(values: pd.DataFrame) -> Iterator[Finding]:
    for name, column in values.items():
        known = column.dropna().to_numpy(dtype=np.float64)
        far = np.sort((known - known.mean()) ** 2)[::-1] if len(known) else known
        n_far = int(np.ceil(FAR * len(known)))
        if len(known) >= 1 / FAR and far[:n_far].sum() > RULED * far.sum():
            share = f"{n_far:,} of {len(known):,} rows make {100 * far[:n_far].sum() / far.sum():.3g} % of its variance"
            text = f"{share}, so squared errors tell about these alone: predict its logarithm, or set another metric."
            yield Finding("tails", "warning", str(name), text)
