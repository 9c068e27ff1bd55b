"""Choose the cut-off of one label from stored scores, with an interval, or refuse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.cells import Cells, tally
from automl_nn.decide.utilities import ROUNDING, Array, Constraints, Counts, Utility, utility_named
from automl_nn.errors import DecisionError, did_you_mean

MIN_ROWS = 5
"""Positives, and negatives, below which a choice is refused."""

FEW_ROWS = 20
"""Positives, and negatives, below which a choice warns."""

LIMIT = 20_000
"""Cut-offs beyond which resamples are swept on a grid."""

TAILS = (0.05, 0.95)
"""Where an interval ends: it covers 90 % of the resamples."""

PLATEAU = 0.002
"""Share of the utility's range by which a cut-off of the plateau may fall short of the best.

Source:
    TabPFN 8.4, inference_tuning.py, which takes 0.002 of the metric.
"""

REGRETTED = 0.9
"""Share of resamples in which the best cut-off of all rows beats the median one before the median is given up."""

FREE = Constraints()
"""Nothing to keep."""


@final
@dataclass(frozen=True)
class ThresholdChoice:
    """A chosen cut-off and how sure it is.

    Args:
        threshold: Rows whose score reaches it are positive.
        interval: Where the best cut-off of 90 % of the resamples lies.
        utility: Worth to expect on new rows: the worth on these rows less `optimism`.
        utility_interval: Where that worth lies, with 90 % confidence.
        optimism: By how much the best cut-off of a sample promises more than it keeps elsewhere (bootstrap estimate).
        rule: The rule that chose.
        counts: Confusion counts at the threshold.
        n_rows: Labelled rows (weights added up).
        n_positives: Positive rows among them.
        grid_error: Utility by which a cut-off that was not tried exceeds its tried neighbours, at most; 0 if all were.
        warnings: What to know before trusting it.
    """

    threshold: float
    interval: tuple[float, float]
    utility: float
    utility_interval: tuple[float, float]
    optimism: float
    rule: str
    counts: Counts
    n_rows: float
    n_positives: float
    grid_error: float
    warnings: tuple[str, ...]


@final
@dataclass(frozen=True)
class Sweep:
    """What every cut-off is worth, on all rows and in resamples.

    Args:
        utility: Worth on all rows, (n_cuts,).
        short: By how much the constraints are missed on all rows, (n_cuts,).
        resampled: Worth in each resample, (n_bootstrap, n_cuts).
        missed: Whether a constraint is missed in each resample, (n_bootstrap, n_cuts).
        bests: Index of each resample's best cut-off, (n_bootstrap,).
    """

    utility: Array
    short: Array
    resampled: Array
    missed: npt.NDArray[np.bool_]
    bests: npt.NDArray[np.int64]

    @cached_property
    def best(self) -> int:
        """Index of the best cut-off on all rows."""
        return int(best_cut(self.utility, self.short))

    @property
    def optimism(self) -> float:
        """Mean over the resamples of what their best cut-off is worth there, less what it is worth on all rows.

        Source:
            Efron (1983), doi:10.1080/01621459.1983.10477973.
        """
        promised = np.take_along_axis(self.resampled, self.bests[:, None], axis=1)[:, 0]
        return float((promised - self.utility[self.bests]).mean())


def best_cut(utility: Array, short: Array) -> npt.NDArray[np.int64]:
    """Index of the best cut-off along the last axis, the middle one if neighbours are equally good.

    Args:
        utility: Worth of each cut-off, (..., n_cuts).
        short: By how much each misses the constraints; the nearest ones compete if all do. (..., n_cuts).

    Example:
        >>> int(best_cut(np.array([0.1, 0.5, 0.5, 0.5, 0.2]), np.zeros(5)))
        2
    """
    allowed = short <= short.min(-1, keepdims=True) + ROUNDING
    value = np.where(allowed, utility, -np.inf)
    top = value.max(-1, keepdims=True)
    tied = value >= top - ROUNDING * (1 + np.abs(top))
    first = tied.argmax(-1)
    beyond = ~tied & (np.arange(utility.shape[-1]) > first[..., None])
    end = np.where(beyond.any(-1), beyond.argmax(-1), utility.shape[-1])
    middle: npt.NDArray[np.int64] = (first + end - 1) // 2
    return middle


def bootstrap_median(sweep: Sweep) -> int:
    """The median of the resamples' best cut-offs: less nervous than the best one of the rows at hand.

    Where those cut-offs lie in two groups the median may lie in neither: then the best one is taken, as it is wherever
    nearly all resamples prefer it to the median.
    """
    middle = int(np.quantile(sweep.bests, 0.5, method="inverted_cdf"))
    regretted = (sweep.resampled[:, middle] < sweep.resampled[:, sweep.best]).mean()
    return sweep.best if regretted > REGRETTED else middle


def exact_sweep(sweep: Sweep) -> int:
    """The best cut-off of the rows at hand."""
    return sweep.best


def plateau_middle(sweep: Sweep) -> int:
    """The middle of the cut-offs around the best one that are nearly as good."""
    near = sweep.utility >= sweep.utility[sweep.best] - PLATEAU * np.ptp(sweep.utility)
    far = np.flatnonzero(~(near & (sweep.short <= sweep.short[sweep.best])))
    at = np.searchsorted(far, sweep.best)
    first = far[at - 1] + 1 if at > 0 else 0
    last = far[at] - 1 if at < len(far) else len(near) - 1
    return int(first + last) // 2


RULES: Mapping[str, Callable[[Sweep], int]] = {
    "bootstrap median": bootstrap_median,
    "exact sweep": exact_sweep,
    "plateau middle": plateau_middle,
}
"""How to settle on one cut-off; all count in ranks, so a monotone transform of the scores changes no action."""


def choose_threshold(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    utility: str | Utility,
    constraints: Constraints = FREE,
    weight: npt.ArrayLike | None = None,
    rule: str = "bootstrap median",
    n_bootstrap: int = 200,
    seed: int = 0,
) -> ThresholdChoice:
    """Choose the cut-off that is worth most among those that keep the constraints.

    Every mid-point between neighbouring unique scores is a candidate, so saturated and tiny scores are cut as finely
    as any; give logits rather than probabilities, and the mid-points lie where they should. Where more than
    20,000 are left the best one and a grid of as many are swept; `grid_error` states what that may cost.

    Args:
        scores: Greater is more positive, (n_rows,).
        y: Labels in {0, 1}; rows with NaN are left out. (n_rows,).
        utility: What to maximize: a name of `UTILITIES` or an own one.
        constraints: What the cut-off must keep on these rows.
        weight: How many equal rows each row stands for, (n_rows,); scale importance weights to mean 1.
        rule: A name of `RULES`.
        n_bootstrap: Resamples, 10 or more.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The scores or labels cannot be used, fewer than 5 rows are positive or negative, or no cut-off
            keeps the constraints; the message names the nearest one.

    Source:
        Exact sweep: Lipton et al. (2014), arXiv:1402.1892, section 3. Bootstrap: Efron (1979).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0.0, 1.0], [900, 100])
        >>> choice = choose_threshold(rng.normal(2 * y), y, utility="youden")
        >>> bool(choice.interval[0] <= choice.threshold <= choice.interval[1]), choice.rule
        (True, 'bootstrap median')
    """
    utility = utility_named(utility) if isinstance(utility, str) else utility
    if rule not in RULES:
        raise DecisionError(f"Unknown rule {rule!r}. {did_you_mean(rule, RULES)}")
    if n_bootstrap < 10:
        raise DecisionError(f"n_bootstrap = {n_bootstrap} is too few for an interval: give 10 or more.")
    rows = _checked(scores, y, weight)
    _check_enough(*rows[1:])
    cells, grid_error = _candidates(tally(*rows), utility, constraints)
    sweep = _survey(cells, utility, constraints, n_bootstrap=n_bootstrap, rng=np.random.default_rng(seed))
    chosen = RULES[rule](sweep)
    return _choice(cells, sweep, *_kept(sweep, chosen, rule), constraints=constraints, grid_error=grid_error)


def _checked(scores: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None) -> tuple[Array, Array, Array]:
    """The labelled rows as float64 columns."""
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones(len(t)) if weight is None else np.asarray(weight, dtype=np.float64)
    if s.ndim != 1 or s.shape != t.shape or s.shape != w.shape:
        raise DecisionError(f"Scores {s.shape}, labels {t.shape} and weights {w.shape} must be columns of one length.")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise DecisionError("A weight is negative or not finite: it counts equal rows, so give 0 or more.")
    rows = ~np.isnan(t) & (w > 0)
    s, t, w = s[rows], t[rows], w[rows]
    if not np.isfinite(s).all():
        raise DecisionError(f"{(~np.isfinite(s)).sum()} of {len(s)} scores are not finite: leave those rows out.")
    wrong = t[(t != 0) & (t != 1)]
    if len(wrong):
        raise DecisionError(f"The label {wrong[0]:g} is neither 0 nor 1: code positives as 1 and missing ones as NaN.")
    return s, t, w


def _check_enough(y: Array, weight: Array) -> None:
    for kind, label in (("positives", 1), ("negatives", 0)):
        n = float(weight[y == label].sum())
        if n < MIN_ROWS:
            more = np.ceil(MIN_ROWS - n)
            raise DecisionError(
                f"A threshold needs at least {MIN_ROWS} {kind}, but there are {n:g}: label {more:g} more."
            )


def _candidates(cells: Cells, utility: Utility, constraints: Constraints) -> tuple[Cells, float]:
    """The cells to sweep, and what leaving the other cut-offs out may cost."""
    exact = cells.corners() if utility.monotone else cells
    counts = exact.counts()
    worth, short = utility.of(*counts), constraints.shortfall(counts)
    if short.min() > 0:
        raise DecisionError(_unreachable(exact, short, worth, constraints))
    kept = exact.grid(LIMIT, keep=int(best_cut(worth, short)))
    upper = kept[np.searchsorted(kept, np.arange(exact.n_cuts))]
    lower = kept[np.searchsorted(kept, np.arange(exact.n_cuts), side="right") - 1]
    return exact.take(kept), float((worth - np.maximum(worth[lower], worth[upper])).max())


def _unreachable(cells: Cells, short: Array, worth: Array, constraints: Constraints) -> str:
    at = int(best_cut(worth, short))
    tp, fp, fn, tn = (float(count[at]) for count in cells.counts())
    return (
        f"No threshold keeps {constraints.describe()} on {tp + fp + fn + tn:g} rows with {tp + fn:g} positives: the "
        f"nearest one, {cells.cuts[at]:.4g}, marks {tp + fp:g} rows with precision {tp / max(tp + fp, 1):.4g} and "
        f"recall {tp / (tp + fn):.4g}, so ask for that or less."
    )


def _survey(
    cells: Cells, utility: Utility, constraints: Constraints, *, n_bootstrap: int, rng: np.random.Generator
) -> Sweep:
    resampled, missed, bests = [], [], []
    for counts in cells.resample(n_bootstrap, rng=rng):
        worth, short = utility.of(*counts), constraints.shortfall(counts)
        resampled.append(worth)
        missed.append(short > 0)
        bests.append(best_cut(worth, short))
    counts = cells.counts()
    return Sweep(
        utility.of(*counts),
        constraints.shortfall(counts),
        np.concatenate(resampled),
        np.concatenate(missed),
        np.concatenate(bests),
    )


def _kept(sweep: Sweep, chosen: int, rule: str) -> tuple[int, str]:
    """The chosen cut-off, or the nearest one that keeps the constraints."""
    if sweep.short[chosen] == 0:
        return chosen, rule
    allowed = np.flatnonzero(sweep.short == 0)
    return int(allowed[np.abs(allowed - chosen).argmin()]), f"{rule}, moved to keep the constraints"


def _choice(
    cells: Cells, sweep: Sweep, chosen: int, rule: str, *, constraints: Constraints, grid_error: float
) -> ThresholdChoice:
    low, high = np.quantile(sweep.bests, TAILS, method="inverted_cdf")
    optimism = sweep.optimism
    worst, best = np.quantile(sweep.resampled[:, chosen], TAILS) - optimism
    counts = Counts(*(count[chosen] for count in cells.counts()))
    return ThresholdChoice(
        threshold=float(cells.cuts[chosen]),
        interval=(float(cells.cuts[low]), float(cells.cuts[high])),
        utility=float(sweep.utility[chosen]) - optimism,
        utility_interval=(float(worst), float(best)),
        optimism=optimism,
        rule=rule,
        counts=counts,
        n_rows=cells.weight,
        n_positives=float(cells.positives.sum()),
        grid_error=grid_error,
        warnings=tuple(_warnings(counts, float(sweep.missed[:, chosen].mean()), constraints)),
    )


def _warnings(counts: Counts, missed: float, constraints: Constraints) -> list[str]:
    tp, fp, fn, tn = (float(count) for count in counts)
    warnings = [
        f"Only {n:g} {kind}: the threshold is uncertain; label {np.ceil(FEW_ROWS - n):g} more."
        for kind, n in (("positives", tp + fn), ("negatives", fp + tn))
        if n < FEW_ROWS
    ]
    if missed > 0.1:
        warnings.append(
            f"{constraints.describe()} is missed in {missed:.0%} of the resamples: ask for more to be safe."
        )
    if tp + fp == 0 or fn + tn == 0:
        warnings.append(
            f"The best threshold marks {'no' if tp + fp == 0 else 'every'} row: the scores do not help here."
        )
    return warnings
