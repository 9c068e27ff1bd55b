"""Turn outputs into outputs that can be believed, as far as rows that were not fitted can tell."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from automl_nn.decide.calibration.maps import KINDS, Binned, Map
from automl_nn.decide.cells import Cells, evenly, tally
from automl_nn.decide.utilities import Array

Family = Literal["labels", "classes", "values"]

MIN_EVENTS = 20
"""Rows of the rarer kind below which nothing is fitted."""

GUARD = 2.0
"""Log-likelihood that the temperature of classes, or of certain labels, must win.

Source:
    Likelihood ratio test at the 95 % level: half of 3.84.
"""

MAX_LOG_SLOPE = 5.0
"""A slope beyond `exp(+-5)` says that the scores do not order the rows, or order them perfectly: not a calibration."""

N_BINS = 2000
"""Groups of neighbouring outputs that maps are fitted to, each by its mean; all outputs if there are no more."""

MAX_LOGIT = 50.0
"""Beyond it, outputs need no bins of equal width: what they say differs by less than 1e-21."""

N_PARTINGS = 8
"""How often the rows are parted to compare the kinds of map."""

IN_BAG = 0.8
"""Share of the rows that are fitted while the others judge."""


@final
@dataclass(frozen=True)
class Calibration:
    """A rising map of each output, so that the order of rows stays.

    `intercept + upper * softplus(output) - slope * softplus(-output)`, which is `output * slope + intercept` where
    both slopes are equal; where there are knots, the line through them.

    Args:
        slope: Slope of negative outputs, (d_out,).
        intercept: One per output, (d_out,).
        kind: What was fitted for each output: "identity", "temperature", "platt", "beta" or "isotonic", (d_out,).
        upper: Slope of positive outputs, (d_out,); that of negative ones unless given.
        knots: Points (output, calibrated) of each isotonic map; none for the others. (d_out,) or empty.
        log_loss: Of each kind, on rows that were not fitted, (d_out,); empty where kinds were not compared.

    Example:
        >>> Calibration((2.0,), (1.0,), ("platt",)).apply(np.array([[3.0]])).tolist()
        [[7.0]]
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]
    kind: tuple[str, ...]
    upper: tuple[float, ...] = ()
    knots: tuple[tuple[tuple[float, float], ...], ...] = ()
    log_loss: tuple[Mapping[str, float], ...] = ()

    @staticmethod
    def identity(d_out: int) -> "Calibration":
        """The calibration that changes nothing."""
        return Calibration((1.0,) * d_out, (0.0,) * d_out, ("identity",) * d_out)

    def apply(self, output: npt.ArrayLike) -> Array:
        """The calibrated output, (n_rows, d_out), float64."""
        values = np.asarray(output, dtype=np.float64)
        if not self.upper:
            linear: Array = values * np.array(self.slope) + np.array(self.intercept)
            return linear
        return np.stack([self.map(j).apply(values[:, j]) for j in range(values.shape[1])], axis=1)

    def map(self, j: int) -> Map:
        """The map of one output."""
        upper = self.upper[j] if self.upper else self.slope[j]
        return Map(self.slope[j], self.intercept[j], upper, self.knots[j] if self.knots else ())

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Calibration":
        """Read what `to_json` wrote."""
        knots = tuple(tuple((float(x), float(z)) for x, z in points) for points in values.get("knots", ()))
        named = {name: tuple(values.get(name, ())) for name in ("slope", "intercept", "kind", "upper", "log_loss")}
        return Calibration(**named, knots=knots)


def fit_calibration(output: npt.ArrayLike, y: npt.ArrayLike, *, family: Family) -> Calibration:
    """Fit the simplest map under which the labels are likely.

    Labels: for each one the best of identity, temperature (slope), Platt scaling (slope and intercept), beta
    calibration (two slopes and intercept) and isotonic regression, by the log loss of rows that were not fitted; a map
    replaces a simpler one only if it wins more than one standard error, and outputs are made no more certain than so
    many rows allow. Classes: identity or one temperature. Nothing is fitted from fewer than `MIN_EVENTS` rows of the
    rarer kind. Values are left as they are.

    Args:
        output: Network outputs whose training weights are undone, (n_rows, d_out).
        y: Encoded targets, NaN where missing: {0, 1} per label, a class index, or class probabilities; (n_rows, d_y).
        family: What the output means.

    Source:
        Platt (1999), with his smoothed targets (for classes, one more row of a random class); Guo et al. (2017),
        arXiv:1706.04599, section 4.2 (temperature); Kull, Silva Filho & Flach (2017), PMLR 54:623 (beta); Zadrozny &
        Elkan (2002), doi:10.1145/775047.775151 (isotonic).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logit = rng.normal(size=(5000, 1))
        >>> y = rng.random((5000, 1)) < 1 / (1 + np.exp(-logit))
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
    maps = [fit[1] for fit in fits]
    return Calibration(
        slope=tuple(one.slope for one in maps),
        intercept=tuple(one.intercept for one in maps),
        kind=tuple(fit[0] for fit in fits),
        upper=tuple(one.upper for one in maps),
        knots=tuple(one.knots for one in maps),
        log_loss=tuple(fit[2] for fit in fits),
    )


def _fit_label(logit: Array, y: Array) -> tuple[str, Map, Mapping[str, float]]:
    """Kind, map, and log loss of each kind out of the bag."""
    rows = ~np.isnan(y)
    if min((y[rows] == 1).sum(), (y[rows] == 0).sum()) < MIN_EVENTS:
        return "identity", Map(), {}
    cells, binned = bin_outputs(logit[rows], y[rows])
    losses = _out_of_bag(cells, binned)
    kind = _simplest(losses)
    fitted = KINDS[kind](binned)
    if abs(np.log(fitted.slope)) >= MAX_LOG_SLOPE or abs(np.log(fitted.upper)) >= MAX_LOG_SLOPE:
        return "identity", Map(), {}
    if kind == "identity" and (slope := _doubted(binned)) < 1:
        kind, fitted = "temperature", Map(slope, 0.0, slope)
    return kind, fitted, {name: float(values.mean()) for name, values in losses.items()}


def _doubted(rows: Binned) -> float:
    """The slope that leaves outputs no more certain than so many rows allow; 1 if they are not.

    A row of average outputs whose label is drawn at random counts beside the others, as it does for classes: rows that
    were not fitted hold no error either where there is none, so they cannot tell certainty from luck.
    """
    n = rows.positives + rows.negatives

    def loss(log_slope: float) -> float:
        z = np.exp(log_slope) * rows.logit
        if_negative, if_positive = np.logaddexp(0.0, z), np.logaddexp(0.0, -z)
        one_at_random = n @ (if_negative + if_positive) / (2 * n.sum())
        return float(rows.positives @ if_positive + rows.negatives @ if_negative + one_at_random)

    found = minimize_scalar(loss, bounds=(-MAX_LOG_SLOPE, 0.0), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x)) if loss(0.0) - found.fun > GUARD else 1.0


def bin_outputs(logit: Array, y: Array, *, weight: Array | None = None) -> tuple[Cells, Binned]:
    """Neighbouring outputs together, each group by its mean; groups are small where rows are few.

    Args:
        logit: Outputs of one label, (n_rows,).
        y: Labels in {0, 1}, (n_rows,).
        weight: How many equal rows each row stands for, (n_rows,); above 0.

    Example:
        >>> bin_outputs(np.array([0.0, 2.0, 2.0]), np.array([0.0, 1.0, 0.0]))[1].positives.tolist()
        [0.0, 1.0]
    """
    w = np.ones(len(y)) if weight is None else weight
    exact = tally(logit, y, w)
    cells = exact.take(_edges(exact.cuts))
    of_cell = np.searchsorted(cells.cuts, logit, side="right") - 1
    n = cells.positives + cells.negatives
    means = np.bincount(of_cell, weights=w * logit, minlength=len(n)) / n
    return cells, Binned(means, cells.positives, cells.negatives)


def _edges(cuts: Array) -> npt.NDArray[np.int64]:
    """Cut-offs between the groups, half of them evenly by rank and half by output.

    By rank alone, one group would hold all positives where they are rarer than a group is large.
    """
    if len(cuts) <= N_BINS + 1:
        return np.arange(len(cuts))
    low, high = np.clip(cuts[[0, -1]], -MAX_LOGIT, MAX_LOGIT)
    by_output = np.searchsorted(cuts[:-1], np.linspace(low, high, N_BINS // 2))
    return np.union1d(evenly(np.arange(len(cuts)), N_BINS // 2), by_output)


def _out_of_bag(cells: Cells, binned: Binned) -> Mapping[str, Array]:
    """Mean log loss of each kind on rows that were not fitted, one entry for each parting."""
    inside, outside = cells.part(N_PARTINGS, share=IN_BAG, rng=np.random.default_rng(0))
    losses: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for fitted, judged in zip(zip(*inside, strict=True), zip(*outside, strict=True), strict=True):
        for kind, fit in KINDS.items():
            found = fit(replace(binned, positives=fitted[0], negatives=fitted[1]))
            losses[kind].append(_log_loss(found, binned.logit, *judged))
    return {kind: np.array(values) for kind, values in losses.items()}


def _log_loss(fitted: Map, logit: Array, positives: Array, negatives: Array) -> float:
    z = fitted.apply(logit)
    loss = positives @ np.logaddexp(0.0, -z) + negatives @ np.logaddexp(0.0, z)
    return float(loss / (positives.sum() + negatives.sum()))


def _simplest(losses: Mapping[str, Array]) -> str:
    """The kind of the least loss, where each must win a standard error from those before it.

    Source:
        The standard error of a difference between overlapping partings: Nadeau & Bengio (2003),
        doi:10.1023/A:1024068626366, section 3.
    """
    best = next(iter(losses))
    factor = np.sqrt(1 / max(len(losses[best]), 1) + (1 - IN_BAG) / IN_BAG)
    for kind, values in losses.items():
        gain = losses[best] - values
        if len(gain) > 1 and gain.mean() > factor * gain.std(ddof=1):
            best = kind
    return best


def _fit_classes(output: Array, y: Array) -> float:
    """One slope for all classes.

    A row of average outputs whose class is drawn at random counts beside the others, as Platt's smoothed targets do for
    labels: rows without an error would otherwise ask for probabilities of 1.
    """
    rows = ~np.isnan(y).any(axis=1)
    output, y = output[rows], y[rows]
    hard = (y[:, 0] if y.shape[1] == 1 else y.argmax(axis=1)).astype(np.int64)
    if len(hard) - np.bincount(hard, minlength=1).max() < MIN_EVENTS:
        return 1.0
    true = output[np.arange(len(hard)), hard] if y.shape[1] == 1 else (y * output).sum(axis=1)

    def loss(log_slope: float) -> float:
        slope = np.exp(log_slope)
        normalizer = logsumexp(slope * output, axis=1)
        one_at_random = (normalizer - slope * output.mean(axis=1)).mean()
        return float((normalizer - slope * true).sum() + one_at_random)

    found = minimize_scalar(loss, bounds=(-MAX_LOG_SLOPE, MAX_LOG_SLOPE), method="bounded", options={"xatol": 1e-6})
    wins = loss(0.0) - found.fun > GUARD and abs(found.x) < 0.99 * MAX_LOG_SLOPE
    return float(np.exp(found.x)) if wins else 1.0
