"""Numeric columns to numbers of the size that a network likes: fitted once, plain arrays inside."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Numbers = NDArray[np.float64]

N_QUANTILES = 1000
"""Quantiles that a fitted column keeps at most."""

_ROUNDING = 1e-12
_RELATIVE_FLOOR = 1e-12
_FAR = 1e9
_LARGEST = 1e300


class Scaler(ABC):
    """Abstract: a fitted map of numeric columns; missing values become 0, the middle of every column."""

    kind: str

    @classmethod
    @abstractmethod
    def fit(cls, x: Numbers) -> "Scaler":
        """Fit to columns `(n_rows, n_columns)`, NaN where a value is missing."""

    @abstractmethod
    def transform(self, x: Numbers) -> Numbers:
        """Map columns `(n_rows, n_columns)`, NaN where a value is missing, to finite numbers."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The fitted state in lists of numbers."""


@final
@dataclass(frozen=True)
class Robust(Scaler):
    """Distance from the median in interquartile ranges, outliers pulled in smoothly to within -3 and 3.

    A column whose quartiles are equal is scaled by half its range; a constant one becomes 0. What counts as constant is
    judged by the column's own magnitude, so that features of size 1e-6 survive.

    Args:
        center: Median of each column.
        scale: One over its interquartile range.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, robust scaling and smooth clipping of RealMLP.

    Example:
        >>> x = np.array([[1e-6], [2e-6], [3e-6], [np.nan]])
        >>> Robust.fit(x).transform(x).ravel().round(2).tolist()
        [-0.95, 0.0, 0.95, 0.0]
    """

    center: Numbers
    scale: Numbers
    kind = "robust"

    @classmethod
    def fit(cls, x: Numbers) -> "Robust":
        low, q25, center, q75, high = _quantiles(x, np.array([0.0, 0.25, 0.5, 0.75, 1.0]), method="linear")
        magnitude = np.maximum(np.abs(low), np.abs(high))
        quartiles, extent = _inverse(q75 - q25, magnitude), 2 * _inverse(high - low, magnitude)
        return cls(center, np.where(quartiles > 0, quartiles, extent))

    def transform(self, x: Numbers) -> Numbers:
        z = _standardized(x, self.center, self.scale)
        clipped: Numbers = z / np.sqrt(1 + np.square(z / 3))
        return clipped

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "center": self.center.tolist(), "scale": self.scale.tolist()}


@final
@dataclass(frozen=True)
class Standard(Scaler):
    """Distance from the mean in standard deviations; outliers stay as far out as they are.

    Args:
        center: Mean of each column.
        scale: One over its standard deviation; 0 for a constant column.

    Source:
        scikit-learn, `StandardScaler`; the floor under the deviation is relative to each column.

    Example:
        >>> Standard.fit(np.array([[1.0], [3.0]])).transform(np.array([[3.0], [np.nan]])).tolist()
        [[1.0], [0.0]]
    """

    center: Numbers
    scale: Numbers
    kind = "standard"

    @classmethod
    def fit(cls, x: Numbers) -> "Standard":
        known = ~np.isnan(x)
        n_known = np.maximum(known.sum(axis=0), 1)
        values = np.where(known, _bounded(x), 0.0)
        magnitude = np.abs(values).max(axis=0, initial=np.finfo(np.float64).tiny)
        values /= magnitude  # squares of very large or small numbers would leave the range of floats
        center = values.sum(axis=0) / n_known
        deviation = np.sqrt(np.square(values - center, where=known, out=np.zeros_like(values)).sum(axis=0) / n_known)
        return cls(center * magnitude, _inverse(deviation * magnitude, magnitude))

    def transform(self, x: Numbers) -> Numbers:
        return _standardized(x, self.center, self.scale)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "center": self.center.tolist(), "scale": self.scale.tolist()}


@final
@dataclass(frozen=True)
class Quantile(Scaler):
    """Each value's rank among the fitted ones, read as a quantile of the normal distribution.

    Args:
        quantiles: `(n_quantiles, n_columns)`, ascending; at most `N_QUANTILES` rows.

    Source:
        scikit-learn, `QuantileTransformer(output_distribution="normal")`; quantiles are values of the
        column, and ranks are kept half a step away from 0 and 1 instead of 1e-7.

    Example:
        >>> Quantile.fit(np.array([[1.0], [10.0], [1000.0]])).transform(np.array([[1.0], [1e9]])).round(2).tolist()
        [[-0.97], [0.97]]
    """

    quantiles: Numbers
    kind = "quantile"

    @classmethod
    def fit(cls, x: Numbers) -> "Quantile":
        n_quantiles = int(np.clip(len(x), 2, N_QUANTILES))
        shares = np.linspace(0.0, 1.0, n_quantiles)
        return cls(_quantiles(x, shares, method="nearest"))  # interpolating would part repeated values by rounding

    def transform(self, x: Numbers) -> Numbers:
        ranks = np.empty_like(x)
        for column, quantiles in enumerate(self.quantiles.T):
            ranks[:, column] = _ranks(x[:, column], quantiles)
        edge = 0.5 / len(self.quantiles)
        z: Numbers = ndtri(np.clip(ranks, edge, 1 - edge))
        return np.where(np.isnan(x), 0.0, z)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "quantiles": self.quantiles.tolist(), "n_columns": self.quantiles.shape[1]}


def scaler_from_json(state: dict[str, Any]) -> Scaler:
    """The scaler that `to_json` described.

    Example:
        >>> scaler = Standard.fit(np.array([[1.0], [3.0]]))
        >>> scaler_from_json(scaler.to_json()).to_json() == scaler.to_json()
        True
    """
    if state["kind"] == Quantile.kind:
        return Quantile(np.array(state["quantiles"], dtype=np.float64).reshape(-1, state["n_columns"]))
    affine = {Robust.kind: Robust, Standard.kind: Standard}[state["kind"]]
    return affine(np.array(state["center"], dtype=np.float64), np.array(state["scale"], dtype=np.float64))


def _quantiles(x: Numbers, shares: Numbers, *, method: Literal["linear", "nearest"]) -> Numbers:
    """Quantiles `(n_shares, n_columns)` of the values that are not missing; 0 where all are."""
    quantiles = np.zeros((len(shares), x.shape[1]))
    for column in range(x.shape[1]):
        values = x[:, column]
        values = values[~np.isnan(values)]
        if len(values):
            quantiles[:, column] = np.quantile(_bounded(values), shares, method=method)
    return np.maximum.accumulate(quantiles, axis=0)


def _bounded(x: Numbers) -> Numbers:
    """Numbers whose differences are finite."""
    return np.clip(x, -_LARGEST, _LARGEST)


def _inverse(spread: Numbers, magnitude: Numbers) -> Numbers:
    """One over the spread; 0 where the spread is rounding error of the column's own magnitude."""
    real = spread > _RELATIVE_FLOOR * magnitude
    return np.divide(1.0, spread, out=np.zeros_like(spread), where=real & (spread > np.finfo(np.float64).tiny))


def _standardized(x: Numbers, center: Numbers, scale: Numbers) -> Numbers:
    with np.errstate(over="ignore"):
        z = (_bounded(x) - center) * scale
    z[np.isnan(z)] = 0.0
    return np.clip(z, -_FAR, _FAR, out=z)


def _ranks(values: Numbers, quantiles: Numbers) -> Numbers:
    """Share of the fitted values below, the middle of the step for repeated ones.

    A value counts as equal to a repeated one if it differs by rounding, as after a round trip through a CSV file.
    """
    shares = np.linspace(0.0, 1.0, len(quantiles))
    rounding = _ROUNDING * np.abs(quantiles).max()
    lower, upper = (np.interp(values + shift, quantiles, shares) for shift in (-rounding, rounding))
    ranks: Numbers = (lower + upper) / 2
    return ranks
