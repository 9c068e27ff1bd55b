"""Turn outputs into outputs that can be believed: a slope and an intercept, where the rows can tell them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp

from automl_nn.decide.utilities import Array

Family = Literal["labels", "classes", "values"]

MIN_EVENTS = 20
"""Rows of the rarer kind below which nothing is fitted."""

GUARD = 2.0
"""Log-likelihood that each fitted number must win.

Source:
    Likelihood ratio test at the 95 % level: half of 3.84.
"""

MAX_LOG_SLOPE = 5.0
"""A slope beyond `exp(+-5)` says that the scores do not order the rows, or order them perfectly: not a calibration."""


@final
@dataclass(frozen=True)
class Calibration:
    """A linear map of each output: `output * slope + intercept`. Slopes are positive, so the order of rows stays.

    Args:
        slope: One per output, (d_out,).
        intercept: One per output, (d_out,).
        kind: What was fitted for each output: "identity", "temperature" or "platt", (d_out,).

    Example:
        >>> Calibration((2.0,), (1.0,), ("platt",)).apply(np.array([[3.0]])).tolist()
        [[7.0]]
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]
    kind: tuple[str, ...]

    @staticmethod
    def identity(d_out: int) -> "Calibration":
        """The calibration that changes nothing."""
        return Calibration((1.0,) * d_out, (0.0,) * d_out, ("identity",) * d_out)

    def apply(self, output: npt.ArrayLike) -> Array:
        """The calibrated output, (n_rows, d_out), float64."""
        calibrated: Array = np.asarray(output, dtype=np.float64) * np.array(self.slope) + np.array(self.intercept)
        return calibrated

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` wrote."""
        return Calibration(tuple(values["slope"]), tuple(values["intercept"]), tuple(values["kind"]))


def fit_calibration(output: npt.ArrayLike, y: npt.ArrayLike, *, family: Family) -> Calibration:
    """Fit the simplest map under which the labels are likely.

    Labels: for each one the best of identity, temperature (slope) and Platt scaling (slope and intercept). Classes:
    identity or one temperature. Each number must win `GUARD` in log-likelihood, and nothing is fitted from fewer
    than `MIN_EVENTS` rows of the rarer kind. Values are left as they are.

    Args:
        output: Network outputs whose training weights are undone, (n_rows, d_out).
        y: Encoded targets, NaN where missing: {0, 1} per label, a class index, or class probabilities; (n_rows, d_y).
        family: What the output means.

    Source:
        Platt (1999), with his smoothed targets; Guo et al. (2017), arXiv:1706.04599, section 4.2 (temperature).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logit = rng.normal(size=(5000, 1))
        >>> y = rng.random((5000, 1)) < expit(logit)
        >>> overconfident = fit_calibration(3 * logit, y, family="labels")
        >>> overconfident.kind, round(overconfident.slope[0], 1)
        (('temperature',), 0.3)
    """
    outputs, targets = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    d_out = outputs.shape[1]
    if family == "values":
        return Calibration.identity(d_out)
    if family == "classes":
        slope = _fit_classes(outputs, targets)
        return Calibration((slope,) * d_out, (0.0,) * d_out, ("identity" if slope == 1 else "temperature",) * d_out)
    fits = [_fit_label(outputs[:, j], targets[:, j]) for j in range(d_out)]
    slopes, intercepts, kinds = zip(*fits, strict=True)
    return Calibration(slopes, intercepts, kinds)


def _fit_label(logit: Array, y: Array) -> tuple[float, float, str]:
    rows = ~np.isnan(y)
    logit, y = logit[rows], y[rows]
    n_positives = y.sum()
    n_negatives = len(y) - n_positives
    if min(n_positives, n_negatives) < MIN_EVENTS:
        return 1.0, 0.0, "identity"
    smooth = np.where(y == 1, (n_positives + 1) / (n_positives + 2), 1 / (n_negatives + 2))
    best = (_label_loss(np.zeros(2), logit, smooth)[0] * len(y), 1.0, 0.0, "identity")
    for kind, n_free in (("temperature", 1), ("platt", 2)):
        loss, slope, intercept = _minimized(logit, smooth, n_free=n_free)
        penalized = loss * len(y) + GUARD * n_free
        if penalized < best[0] and abs(np.log(slope)) < MAX_LOG_SLOPE:
            best = (penalized, slope, intercept, kind)
    return best[1:]


def _minimized(logit: Array, smooth: Array, *, n_free: int) -> tuple[float, float, float]:
    bounds = [(-MAX_LOG_SLOPE, MAX_LOG_SLOPE), (None, None)]
    found = minimize(
        _label_loss,
        np.zeros(n_free),
        args=(logit, smooth),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds[:n_free],
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    log_slope, intercept = np.append(found.x, 0.0)[:2]
    return float(found.fun), float(np.exp(log_slope)), float(intercept)


def _label_loss(free: Array, logit: Array, smooth: Array) -> tuple[float, Array]:
    """Mean cross-entropy at `(log slope, intercept)`, the intercept 0 unless given, and its gradient."""
    slope = np.exp(free[0])
    z = slope * logit + (free[1] if len(free) > 1 else 0.0)
    residual = expit(z) - smooth
    gradient = np.array([slope * (residual @ logit), residual.sum()]) / len(z)
    return float((np.logaddexp(0.0, z) - smooth * z).mean()), gradient[: len(free)]


def _fit_classes(output: Array, y: Array) -> float:
    """One slope for all classes."""
    rows = ~np.isnan(y).any(axis=1)
    output, y = output[rows], y[rows]
    hard = (y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)).astype(np.int64)
    if len(hard) - np.bincount(hard, minlength=1).max() < MIN_EVENTS:
        return 1.0
    true = output[np.arange(len(hard)), hard] if y.shape[1] == 1 else (y * output).sum(axis=1)

    def loss(log_slope: float) -> float:
        slope = np.exp(log_slope)
        return float((logsumexp(slope * output, axis=1) - slope * true).sum())

    found = minimize_scalar(loss, bounds=(-MAX_LOG_SLOPE, MAX_LOG_SLOPE), method="bounded", options={"xatol": 1e-6})
    wins = loss(0.0) - found.fun > GUARD and abs(found.x) < 0.99 * MAX_LOG_SLOPE
    return float(np.exp(found.x)) if wins else 1.0
