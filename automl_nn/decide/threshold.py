"""Choose the cut-off of one label from stored scores, with an interval, or refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.cells import Cells, Sample, evenly, tally
from automl_nn.decide.honest import DEFAULT, TAILS, out_of_bag, promise
from automl_nn.decide.rules import RULES, Scale, Sweep, best_cut
from automl_nn.decide.shift import class_weight, shift_utility
from automl_nn.decide.utilities import Array, Constraints, Counts, Utility, utility_named
from automl_nn.errors import DecisionError, did_you_mean

MIN_ROWS = 5
"""Positives, and negatives, below which a choice is refused."""

FEW_ROWS = 20
"""Positives, and negatives, below which a choice warns and the rules are not compared."""

LIMIT = 1000
"""Cut-offs that are tried, about; their spacing is below a thousandth of the positives."""

SLOW_LIMIT, SLOW_BOOTSTRAP = 80, 20
"""Cut-offs and resamples of a utility that takes long."""

N_EVEN = 200
"""Cut-offs, evenly by rank, that are tried beside those that the utility needs."""

OUT_OF_BAG = "out-of-bag"
"""The name that leaves the choice between the rules to the rows."""

FREE = Constraints()
"""Nothing to keep."""


@final
@dataclass(frozen=True)
class ThresholdChoice:
    """A chosen cut-off and how sure it is.

    Args:
        threshold: Rows whose score reaches it are positive.
        interval: Where the rule cuts in 90 % of the resamples.
        utility: Worth to expect on new rows: the worth on these rows less `optimism`.
        utility_interval: Where that worth lies, with 90 % confidence.
        optimism: By how much the choice promises more on the rows that it was made on (bootstrap estimate).
        rule: The rule that chose.
        counts: Confusion counts at the threshold.
        n_rows: Labelled rows (weights added up).
        n_positives: Positive rows among them.
        grid_error: Utility by which a cut-off that was not tried exceeds its tried neighbours, at most; 0 if all were,
            or if the utility takes long.
        warnings: What to know before trusting it.
        out_of_bag: What each rule is worth on rows that did not choose; empty if the rules were not compared.
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
    out_of_bag: Mapping[str, float] = field(default_factory=dict)


def choose_threshold(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    utility: str | Utility,
    constraints: Constraints = FREE,
    weight: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    row_costs: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    prevalence: float | None = None,
    rule: str = OUT_OF_BAG,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> ThresholdChoice:
    """Choose the cut-off that is worth most among those that keep the constraints.

    Mid-points between neighbouring unique scores are the candidates, so saturated and tiny scores are cut as finely
    as any; give logits rather than probabilities, and the mid-points lie where they should. Where more than about
    1,000 are needed the best one and a grid of as many are swept; `grid_error` states what that may cost.

    Args:
        scores: Greater is more positive, (n_rows,).
        y: Labels in {0, 1}; rows with NaN are left out. (n_rows,).
        utility: What to maximize: a name of `UTILITIES` or an own one.
        constraints: What the cut-off must keep on these rows.
        weight: How many equal rows each row stands for, (n_rows,); scale importance weights to mean 1.
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        row_costs: What a false alarm and a miss cost in each row, two columns (n_rows,) or numbers, such as amounts of
            money; in place of `utility`.
        prevalence: Share of positives where the cut-off will be used, if it is another one than here: utility and
            constraints are those of there.
        rule: A name of `RULES`, or `out-of-bag`: the smoothed sweep, unless another rule proves to be better on rows
            that did not choose. Under constraints, and below 20 positives or negatives, the rules are not compared.
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
        (True, 'smoothed sweep')
    """
    utility = utility_named(utility) if isinstance(utility, str) else utility
    _check_names(rule, n_bootstrap)
    rows = _checked(scores, y, weight, groups)
    _check_enough(rows.y, np.ones(len(rows.y)) if row_costs else rows.weight)
    if row_costs:
        rows, utility = _priced(rows, row_costs)
    if prevalence is not None:
        shift = class_weight(rows.y, prevalence=prevalence)
        utility, constraints = shift_utility(utility, shift), replace(constraints, class_weight=shift)
    cells, grid_error = _candidates(tally(rows.scores, rows.y, rows.weight, groups=rows.groups), utility, constraints)
    rng = np.random.default_rng(seed)
    alone = Sample(cells.positives[None], cells.negatives[None])
    sweep = Sweep(alone, utility, constraints, Scale.of(cells))
    worth: Mapping[str, float] = {}
    if rule == OUT_OF_BAG:
        rule, worth = out_of_bag(cells, sweep, rng=rng) if _can_tell(cells, sweep) else (DEFAULT, {})
    n = min(n_bootstrap, SLOW_BOOTSTRAP) if utility.is_slow else n_bootstrap
    resampled = replace(sweep, sample=cells.resample(n, rng=rng))
    choice = _choice(cells, replace(sweep, n_inner=n), rule, resampled=resampled)
    return replace(choice, out_of_bag=worth, grid_error=grid_error)


def _can_tell(cells: Cells, sweep: Sweep) -> bool:
    """Whether the rules can be compared."""
    enough = min(rows.sum() for rows in cells.sample) >= FEW_ROWS
    return bool(enough and not sweep.constraints and not sweep.utility.is_slow)


def _check_names(rule: str, n_bootstrap: int) -> None:
    if rule not in (OUT_OF_BAG, *RULES):
        raise DecisionError(f"Unknown rule {rule!r}. {did_you_mean(rule, (OUT_OF_BAG, *RULES))}")
    if n_bootstrap < 10:
        raise DecisionError(f"n_bootstrap = {n_bootstrap} is too few for an interval: give 10 or more.")


@final
@dataclass(frozen=True)
class _Rows:
    """Labelled rows with weight, one column each."""

    scores: Array
    y: Array
    weight: Array
    groups: npt.NDArray[Any] | None
    at: npt.NDArray[np.bool_]


def _checked(
    scores: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None, groups: npt.ArrayLike | None
) -> _Rows:
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones(len(t)) if weight is None else np.asarray(weight, dtype=np.float64)
    units = None if groups is None else np.asarray(groups)
    if s.ndim != 1 or s.shape != t.shape or s.shape != w.shape or (units is not None and units.shape != s.shape):
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
    return _Rows(s, t, w, units if units is None else units[rows], rows)


def _priced(rows: _Rows, row_costs: tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[_Rows, Utility]:
    """Rows that weigh what their error costs, each drawn as a whole, and minus the mean cost of a row."""
    fp, fn = (np.broadcast_to(np.asarray(part, dtype=np.float64), rows.at.shape)[rows.at] for part in row_costs)
    price = rows.weight * np.where(rows.y == 1, fn, fp)
    if not (np.isfinite(price).all() and (price >= 0).all() and price[rows.y == 1].any() and price[rows.y == 0].any()):
        raise DecisionError("The costs of rows must be finite, 0 or more, and not all 0 for a class: correct them.")
    mean = float(price.sum() / len(price))
    units = np.arange(len(price)) if rows.groups is None else rows.groups

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return -mean * (fp + fn) / (tp + fp + fn + tn)

    return replace(rows, weight=price / mean, groups=units), Utility("cost of rows", of, source="Elkan (2001)")


def _check_enough(y: Array, weight: Array) -> None:
    for kind, label in (("positives", 1), ("negatives", 0)):
        n = float(weight[y == label].sum())
        if n < MIN_ROWS:
            more = np.ceil(MIN_ROWS - n)
            raise DecisionError(
                f"A threshold needs at least {MIN_ROWS} {kind}, but there are {n:g}: label {more:g} more."
            )


def _candidates(exact: Cells, utility: Utility, constraints: Constraints) -> tuple[Cells, float]:
    """The cells to sweep, and what leaving the other cut-offs out may cost."""
    if utility.is_slow:
        exact = exact.take(evenly(exact.corners(), SLOW_LIMIT))
    counts = exact.counts()
    worth, short = utility.of(*counts), constraints.shortfall(counts)
    if short.min() > 0:
        raise DecisionError(_unreachable(exact, short, worth, constraints))
    needed = exact.corners() if utility.monotone else np.arange(exact.n_cuts)
    kept = np.union1d(evenly(needed, LIMIT), evenly(np.arange(exact.n_cuts), N_EVEN))
    kept = np.union1d(kept, [int(best_cut(worth, short))])
    upper = kept[np.searchsorted(kept, needed)]
    lower = kept[np.searchsorted(kept, needed, side="right") - 1]
    return exact.take(kept), float((worth[needed] - np.maximum(worth[lower], worth[upper])).max())


def _unreachable(cells: Cells, short: Array, worth: Array, constraints: Constraints) -> str:
    at = int(best_cut(worth, short))
    tp, fp, fn, tn = (float(count[at]) for count in cells.counts())
    return (
        f"No threshold keeps {constraints.describe()} on {tp + fp + fn + tn:g} rows with {tp + fn:g} positives: the "
        f"nearest one, {cells.cuts[at]:.4g}, marks {tp + fp:g} rows with precision {tp / max(tp + fp, 1):.4g} and "
        f"recall {tp / (tp + fn):.4g}, so ask for that or less."
    )


def _choice(cells: Cells, sweep: Sweep, rule: str, *, resampled: Sweep) -> ThresholdChoice:
    chosen, words = _kept(sweep, int(RULES[rule](sweep)[0]), rule)
    again = RULES[rule](resampled)
    low, high = np.quantile(again, TAILS, method="inverted_cdf")
    promised = promise(sweep, chosen, resampled=resampled, again=again)
    counts = Counts(*(count[0, chosen] for count in sweep.counts))
    missed = float((resampled.short[:, chosen] > 0).mean())
    return ThresholdChoice(
        threshold=float(cells.cuts[chosen]),
        interval=(float(cells.cuts[min(low, chosen)]), float(cells.cuts[max(high, chosen)])),
        utility=promised.utility,
        utility_interval=promised.interval,
        optimism=promised.optimism,
        rule=words,
        counts=counts,
        n_rows=cells.weight,
        n_positives=float(cells.positives.sum()),
        grid_error=0.0,
        warnings=(*_warnings(counts, missed, sweep.constraints), *_warn_of_separation(sweep)),
    )


def _kept(sweep: Sweep, chosen: int, rule: str) -> tuple[int, str]:
    """The chosen cut-off, or the nearest one that keeps the constraints."""
    short = sweep.short[0]
    if short[chosen] == 0:
        return chosen, rule
    allowed = np.flatnonzero(short == 0)
    return int(allowed[np.abs(allowed - chosen).argmin()]), f"{rule}, moved to keep the constraints"


def _warn_of_separation(sweep: Sweep) -> list[str]:
    """Where a cut-off parts the rows without an error, neither it nor its worth is known."""
    if (sweep.counts.fp + sweep.counts.fn).min() > 0:
        return []
    return [
        "A threshold parts these rows without an error: every one between the highest negative and the lowest positive "
        "score is as good, and the utility's interval says nothing about errors to come; choose on more rows."
    ]


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
