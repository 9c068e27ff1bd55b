"""Choose the cut-off of one label from stored scores, with an interval, or refuse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from automl_nn.decide.cells import Cells, Sample, evenly, tally
from automl_nn.decide.honest import DEFAULT, TAILS, out_of_bag, promise
from automl_nn.decide.rows import check_enough, checked_rows, priced
from automl_nn.decide.rules import (
    THEORY,
    Indices,
    Scale,
    Sweep,
    best_cut,
    candidates,
    has_theory,
    logits_of_theory,
    theoretical,
)
from automl_nn.decide.shift import class_weight, shift_utility
from automl_nn.decide.utilities import Constraints, Counts, Utility, utility_named
from automl_nn.errors import DecisionError, did_you_mean

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
class Pull:
    """A threshold that few rows are drawn to: that of other labels together.

    Args:
        threshold: The threshold.
        n_rows: Rows of the rarer class that it weighs as much as.
    """

    threshold: float
    n_rows: float = 5.0


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
        theory: Where theory would cut if the scores were logits of calibrated probabilities; None if it does not say.
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
    theory: float | None = None


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
    are_logits: bool = False,
    pull: Pull | None = None,
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
        are_logits: The scores are log-odds of probabilities, so that the threshold of theory is one of the candidates.
        pull: What the threshold is drawn to, the more the fewer rows there are.
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
    _check_number(n_bootstrap)
    rows = checked_rows(scores, y, weight, groups)
    check_enough(rows.y, np.ones(len(rows.y)) if row_costs else rows.weight)
    if row_costs:
        rows, utility = priced(rows, row_costs)
    if prevalence is not None:
        shift = class_weight(rows.y, prevalence=prevalence, weight=rows.weight)
        utility, constraints = shift_utility(utility, shift), replace(constraints, class_weight=shift)
    exact = tally(rows.scores, rows.y, rows.weight, groups=rows.groups)
    cells, grid_error = _candidates(exact, utility, constraints, are_logits=are_logits)
    rng = np.random.default_rng(seed)
    alone = Sample(cells.positives[None], cells.negatives[None])
    sweep = Sweep(alone, utility, constraints, Scale.of(cells), cells.cuts if are_logits else None)
    worth: Mapping[str, float] = {}
    if rule == OUT_OF_BAG:
        rule, worth = out_of_bag(cells, sweep, rng=rng) if _can_tell(cells, sweep) else (DEFAULT, {})
    n = min(n_bootstrap, SLOW_BOOTSTRAP) if utility.is_slow else n_bootstrap
    resampled = replace(sweep, sample=cells.resample(n, rng=rng))
    choice = _choice(cells, replace(sweep, n_inner=n), _chooser(rule, sweep, cells, pull), resampled=resampled)
    return _with_theory(replace(choice, out_of_bag=worth, grid_error=grid_error), sweep)


def _can_tell(cells: Cells, sweep: Sweep) -> bool:
    """Whether the rules can be compared."""
    enough = min(rows.sum() for rows in cells.sample) >= FEW_ROWS
    return bool(enough and not sweep.constraints and not sweep.utility.is_slow)


@final
@dataclass(frozen=True)
class _Chooser:
    """A rule by its name in reports."""

    name: str
    of: Callable[[Sweep], Indices]


def _chooser(rule: str, sweep: Sweep, cells: Cells, pull: Pull | None) -> _Chooser:
    """The rule, and what it is pulled to."""
    known = candidates(sweep)
    if rule not in known:
        raise DecisionError(f"Unknown rule {rule!r}. {did_you_mean(rule, (OUT_OF_BAG, *known))}")
    if pull is None:
        return _Chooser(rule, known[rule])
    n = min(float(rows.sum()) for rows in cells.sample)
    share, middles = n / (n + pull.n_rows), (cells.cuts[1:] + cells.cuts[:-1]) / 2

    def pulled(sweep: Sweep) -> Indices:
        at: Indices = np.searchsorted(middles, share * cells.cuts[known[rule](sweep)] + (1 - share) * pull.threshold)
        return at

    return _Chooser(f"{rule}, drawn to that of all labels", pulled)


def _check_number(n_bootstrap: int) -> None:
    if n_bootstrap < 10:
        raise DecisionError(f"n_bootstrap = {n_bootstrap} is too few for an interval: give 10 or more.")


def _candidates(exact: Cells, utility: Utility, constraints: Constraints, *, are_logits: bool) -> tuple[Cells, float]:
    """The cells to sweep, and what leaving the other cut-offs out may cost."""
    if utility.is_slow:
        exact = exact.take(evenly(exact.corners(), SLOW_LIMIT))
    counts = exact.counts()
    worth, short = utility.of(*counts), constraints.shortfall(counts)
    if short.min() > 0:
        at = int(best_cut(worth, short))
        nearest = float(expit(exact.cuts[at]) if are_logits else exact.cuts[at])
        raise DecisionError(_unreachable(Counts(*(count[at] for count in counts)), constraints, nearest=nearest))
    needed = exact.corners() if utility.monotone else np.arange(exact.n_cuts)
    kept = np.union1d(evenly(needed, LIMIT), evenly(np.arange(exact.n_cuts), N_EVEN))
    kept = np.union1d(kept, [int(best_cut(worth, short))])
    upper = kept[np.searchsorted(kept, needed)]
    lower = kept[np.searchsorted(kept, needed, side="right") - 1]
    return exact.take(kept), float((worth[needed] - np.maximum(worth[lower], worth[upper])).max())


def _unreachable(counts: Counts, constraints: Constraints, *, nearest: float) -> str:
    tp, fp, fn, tn = (float(count) for count in counts)
    return (
        f"No threshold keeps {constraints.describe()} on {tp + fp + fn + tn:g} rows with {tp + fn:g} positives: the "
        f"nearest one, {nearest:.4g}, marks {tp + fp:g} rows with precision {tp / max(tp + fp, 1):.4g} and "
        f"recall {tp / (tp + fn):.4g} ({fp:g} false alarms, {fn:g} misses), so ask for that or less."
    )


def _choice(cells: Cells, sweep: Sweep, rule: _Chooser, *, resampled: Sweep) -> ThresholdChoice:
    chosen, words = _kept(sweep, int(rule.of(sweep)[0]), rule.name)
    again = rule.of(resampled)
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


def _with_theory(choice: ThresholdChoice, sweep: Sweep) -> ThresholdChoice:
    """The choice beside that of theory, with a warning where the scores contradict it."""
    if not has_theory(sweep):
        return choice
    at, exact = int(theoretical(sweep)[0]), float(logits_of_theory(sweep)[0])
    there, low = float(sweep.worth[0, at]), choice.utility_interval[0]
    warnings = choice.warnings
    if there < low and not sweep.constraints and choice.rule != THEORY:
        warnings += (
            f"Were the scores calibrated, {sweep.utility.name} would be best at {expit(exact):.4g}; on these "
            f"rows it is {there:.4g} there, less than the {low:.4g} to count on, so do not read them as probabilities.",
        )
    return replace(choice, theory=exact, warnings=warnings)


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
            f"{constraints.describe()} is missed in {missed:.0%} of the resamples: leave a margin to be safe."
        )
    if tp + fp == 0 or fn + tn == 0:
        warnings.append(
            f"The best threshold marks {'no' if tp + fp == 0 else 'every'} row: the scores do not help here."
        )
    return warnings
