"""An additive model of scores by factors: what each level adds, and what each factor explains in rows left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.review.worth.factors import Factor

Array = npt.NDArray[np.float64]

LEAST_OF_A_LEVEL = 5
"""Rows of a level below which it gets no effect."""

N_RESAMPLES = 200
TAILS = (0.05, 0.95)
NORMAL = 1.645
"""Standard errors on either side of a mean that hold 90 % of a normal distribution."""

STRENGTHS = np.logspace(-4, 2, 25)
"""Ridge penalties to choose from, as shares of the number of rows."""


@final
@dataclass(frozen=True, eq=False)
class Fit:
    """A factor in an additive model.

    Args:
        factor: The factor.
        importance: Share of the variance in rows left out that is lost without it.
        interval: Where the importance lies, with 90 % confidence.
        effect: What each level adds beside the average row; NaN where a level has too few rows, (n_levels,).
        low: Where the effects begin, with 90 % confidence, (n_levels,).
        high: Where they end, (n_levels,).
    """

    factor: Factor
    importance: float
    interval: tuple[float, float]
    effect: Array
    low: Array
    high: Array


@final
@dataclass(frozen=True, eq=False)
class Additive:
    """An additive model.

    Args:
        explained: Share of the variance in rows left out that all factors explain together.
        fits: The factors.
    """

    explained: float
    fits: tuple[Fit, ...]

    @staticmethod
    def of(y: Array, factors: Sequence[Factor], *, seed: int) -> "Additive":
        """Fit a model by ridge regression, resample its rows for intervals, and test it on those left out.

        Args:
            y: What is explained, (n_rows,); it varies.
            factors: What explains it; each has two levels or more with enough rows.
            seed: Seed of the resamples.
        """
        columns = [_columns(factor) for factor in factors]
        X = np.concatenate([np.ones((len(y), 1)), *columns], axis=1)
        strength, n_used = _strength(X[:, 1:], y - y.mean())
        penalty = np.append(0.0, np.full(X.shape[1] - 1, strength))
        wider = np.sqrt(len(y) / (len(y) - n_used))  # resamples know nothing of the numbers that the fit has used up
        starts = np.cumsum([1, *(block.shape[1] for block in columns)])
        whole = ridge(X, y, np.ones(len(y)), penalty)
        betas, errors = _resampled(X, y, penalty, starts[:-1], np.random.default_rng(seed))
        total = float(errors[:, 0].mean())
        fits = []
        for i, factor in enumerate(factors):
            own = slice(starts[i], starts[i + 1])
            lost = (errors[:, 2 + i] - errors[:, 1]) / total
            margin = NORMAL * float(lost.std(ddof=1)) / np.sqrt(len(y))
            importance = float(lost.mean())
            effect = _of_levels(whole[None, own], factor)[0]
            low, high = effect + wider * (np.quantile(_of_levels(betas[:, own], factor), TAILS, axis=0) - effect)
            fits.append(Fit(factor, importance, (importance - margin, importance + margin), effect, low, high))
        return Additive(1 - float(errors[:, 1].mean()) / total, tuple(fits))


def kept_levels(factor: Factor) -> list[int]:
    """The levels with enough rows for an effect."""
    n = np.bincount(factor.codes[factor.codes >= 0], minlength=len(factor.levels))
    return [int(code) for code in np.flatnonzero(n >= LEAST_OF_A_LEVEL)]


def _columns(factor: Factor) -> Array:
    """A column for each level with enough rows: 1 less its share where a row has the factor, else 0."""
    has = factor.codes >= 0
    chosen = (factor.codes[:, None] == kept_levels(factor)).astype(np.float64)
    columns: Array = chosen - has[:, None] * chosen[has].mean(axis=0)
    return columns


def _of_levels(betas: Array, factor: Factor) -> Array:
    """Coefficients `(n, n_kept)` as effects of all levels beside the average row, NaN where a level has too few."""
    kept = kept_levels(factor)
    effects = np.full((len(betas), len(factor.levels)), np.nan)
    n = np.bincount(factor.codes[factor.codes >= 0], minlength=len(factor.levels))[kept]
    effects[:, kept] = betas - (betas @ (n / n.sum()))[:, None]
    return effects


def _strength(X: Array, y: Array) -> tuple[float, float]:
    """The ridge penalty with the least generalized cross-validation error, and the numbers that its fit uses up."""
    left, spread, _ = np.linalg.svd(X, full_matrices=False)
    squared, along = spread**2, left.T @ y
    rest = y @ y - along @ along
    penalties = STRENGTHS * len(y)
    kept = squared / (squared + penalties[:, None])
    n_used = 1 + kept.sum(axis=1)
    errors = (rest + ((1 - kept) ** 2 * along**2).sum(axis=1)) / (len(y) - np.minimum(n_used, len(y) - 1)) ** 2
    best = int(np.argmin(errors))
    return float(penalties[best]), float(min(n_used[best], len(y) / 2))


def ridge(X: Array, y: Array, weight: Array, penalty: Array) -> Array:
    """The coefficients `(n_columns,)` with the least weighted squared error and penalty.

    Args:
        X: The columns, (n_rows, n_columns).
        y: What is explained, (n_rows,).
        weight: How often each row counts, (n_rows,).
        penalty: What the square of each coefficient costs, (n_columns,).

    Example:
        >>> ridge(np.array([[1.0], [2.0]]), np.array([2.0, 4.0]), np.ones(2), np.zeros(1)).round(6).tolist()
        [2.0]
    """
    weighted = X * weight[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ X + np.diag(penalty), weighted.T @ y), dtype=np.float64)


def _resampled(
    X: Array, y: Array, penalty: Array, starts: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Coefficients `(n_resamples, n_columns)`, and each row's mean squared errors by models that did not see it.

    The errors `(n_rows, 2 + n_factors)` are those of the mean, of all factors, and of all but each one.
    """
    betas, n_out = np.zeros((N_RESAMPLES, X.shape[1])), np.zeros(len(y))
    errors = np.zeros((len(y), 2 + len(starts)))
    for i in range(N_RESAMPLES):
        weight = np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y)).astype(np.float64)
        out = weight == 0
        betas[i] = ridge(X[~out], y[~out], weight[~out], penalty)
        parts = np.add.reduceat(X[out] * betas[i], starts, axis=1)
        rest, mean = y[out] - X[out] @ betas[i], np.average(y, weights=weight)
        errors[out, 0] += (y[out] - mean) ** 2
        errors[out, 1] += rest**2
        errors[out, 2:] += (rest[:, None] + parts) ** 2
        n_out += out
    return betas, errors / np.maximum(n_out, 1)[:, None]
