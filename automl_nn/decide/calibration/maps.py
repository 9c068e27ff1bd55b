"""Rising maps from a logit to a calibrated logit, and how each kind is fitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from automl_nn.decide.utilities import Array

TAIL_SLOPE = 1e-3
"""Slope of an isotonic map within a flat part and beyond its ends: it keeps the order of the rows and little else."""

BOUND = 5.0
"""Bound of the logarithm of a slope."""


@final
@dataclass(frozen=True)
class Binned:
    """Labelled rows in groups of neighbouring outputs.

    Args:
        logit: Mean output of each group, ascending, (n_groups,).
        positives: Positive rows of each group, (n_groups,).
        negatives: Negative rows of each group, (n_groups,).
    """

    logit: Array
    positives: Array
    negatives: Array


@final
@dataclass(frozen=True)
class Map:
    """A rising function of one output.

    Args:
        slope: Slope of negative outputs.
        intercept: What is added.
        upper: Slope of positive outputs.
        knots: Points of a line that stands in place of the rest.

    Example:
        >>> Map(2.0, 1.0, 2.0).apply(np.array([-1.0, 3.0])).tolist()
        [-1.0, 7.0]
        >>> Map(knots=((0.0, 1.0), (2.0, 5.0))).apply(np.array([1.0])).tolist()
        [3.0]
    """

    slope: float = 1.0
    intercept: float = 0.0
    upper: float = 1.0
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, output: Array) -> Array:
        """The calibrated outputs, (n_rows,)."""
        if self.knots:
            return _through(np.array(self.knots), output)
        if self.slope == self.upper:
            return output * self.slope + self.intercept
        beta: Array = self.intercept + self.upper * np.logaddexp(0.0, output) - self.slope * np.logaddexp(0.0, -output)
        return beta


def _through(knots: Array, output: Array) -> Array:
    x, z = knots.T
    beyond = np.minimum(output - x[0], 0.0) + np.maximum(output - x[-1], 0.0)
    line: Array = np.interp(output, x, z) + TAIL_SLOPE * beyond
    return line


def identity(rows: Binned) -> Map:
    """The map that changes nothing."""
    return Map()


def temperature(rows: Binned) -> Map:
    """A slope."""
    return _minimized(rows, n_free=1)


def platt(rows: Binned) -> Map:
    """A slope and an intercept."""
    return _minimized(rows, n_free=2)


def beta(rows: Binned) -> Map:
    """A slope on either side of a probability of one half, and an intercept."""
    return _minimized(rows, n_free=3)


def _minimized(rows: Binned, *, n_free: int) -> Map:
    bounds = [(-BOUND, BOUND), (None, None), (-BOUND, BOUND)]
    found = minimize(
        _loss,
        np.zeros(n_free),
        args=_smoothed(rows),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds[:n_free],
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    slope, intercept, upper = _unpacked(found.x)
    return Map(float(slope), float(intercept), float(upper))


def _smoothed(rows: Binned) -> tuple[Array, Array, Array]:
    """Outputs, weights and targets; the targets lie as far from 0 and 1 as the number of rows leaves in doubt."""
    n, n_positives, n_negatives = rows.positives + rows.negatives, rows.positives.sum(), rows.negatives.sum()
    one, zero = (n_positives + 1) / (n_positives + 2), 1 / (n_negatives + 2)
    filled = n > 0
    target = (rows.positives[filled] * one + rows.negatives[filled] * zero) / n[filled]
    return rows.logit[filled], n[filled] / n.sum(), target


def _unpacked(free: Array) -> tuple[float, float, float]:
    slope = np.exp(free[0])
    return slope, free[1] if len(free) > 1 else 0.0, np.exp(free[2]) if len(free) > 2 else slope


def _loss(free: Array, output: Array, weight: Array, target: Array) -> tuple[float, Array]:
    """Mean cross-entropy at `(log slope, intercept, log upper slope)`, as many as are free, and its gradient."""
    slope, intercept, upper = _unpacked(free)
    above, below = np.logaddexp(0.0, output), np.logaddexp(0.0, -output)
    z = intercept + upper * above - slope * below
    residual = weight * (expit(z) - target)
    lower_part, upper_part = -slope * (residual @ below), upper * (residual @ above)
    if len(free) < 3:
        gradient = np.array([lower_part + upper_part, residual.sum()])
    else:
        gradient = np.array([lower_part, residual.sum(), upper_part])
    return float(weight @ (np.logaddexp(0.0, z) - target * z)), gradient[: len(free)]


def isotonic(rows: Binned) -> Map:
    """The line along the steps of isotonic regression, each step drawn to the prior by one row."""
    n = rows.positives + rows.negatives
    filled = n > 0
    output, n, positives = rows.logit[filled], n[filled], rows.positives[filled]
    blocks = isotonic_regression(positives / n, weights=n).blocks
    size, prior = np.add.reduceat(n, blocks[:-1]), positives.sum() / n.sum()
    share = (np.add.reduceat(positives, blocks[:-1]) + prior) / (size + 1)
    z = logit(isotonic_regression(share, weights=size).x)
    ends = np.unique(np.r_[blocks[:-1], blocks[1:] - 1])
    z = z[np.searchsorted(blocks, ends, side="right") - 1] + TAIL_SLOPE * (output[ends] - output[0])
    return Map(knots=tuple(zip(output[ends].tolist(), z.tolist(), strict=True)))


KINDS: Mapping[str, Callable[[Binned], Map]] = {
    "identity": identity,
    "temperature": temperature,
    "platt": platt,
    "beta": beta,
    "isotonic": isotonic,
}
"""How each kind of map is fitted, the simplest first."""
