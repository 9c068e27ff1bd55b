"""A threshold that somebody set by hand, and what it gives: the same numbers as for one that was chosen."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.decide.cells import tally
from automl_nn.decide.honest import TAILS
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.labels import cut_of
from automl_nn.decide.rows import check_enough
from automl_nn.decide.threshold import ThresholdChoice
from automl_nn.decide.utilities import Counts
from automl_nn.errors import DecisionError

RULE = "set by hand"

N_BOOTSTRAP = 200
"""Resamples behind the interval of what it is worth."""


def set_by_hand(
    decision: Cuts,
    output: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    logit: float,
    groups: npt.NDArray[Any] | None = None,
    seed: int = 0,
) -> Cuts:
    """A decision with another threshold, and what that is worth for the same goal.

    Nothing was optimized, so no optimism is taken off; that somebody looked at these rows before is only warned of.

    Args:
        decision: A threshold for one label.
        output: The outputs that it was made on, (n_rows, 1).
        y: Their labels in {0, 1}, NaN where missing, (n_rows, 1).
        logit: The threshold as a calibrated logit.
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The decision has another number of labels or is for another base rate, the threshold is not
            finite, or fewer than 5 rows are positive or negative.

    Example:
        >>> from automl_nn.decide import Goal, decide
        >>> from automl_nn.task.tasks import Binary
        >>> rng = np.random.default_rng(0)
        >>> y = (rng.random((1000, 1)) < 0.2).astype(float)
        >>> output = rng.normal(2 * y - 2)
        >>> chosen = decide(Binary(("ill",), "average_precision"), output, y, goal=Goal("f1"))
        >>> moved = set_by_hand(chosen, output, y, logit=0.0)
        >>> moved.thresholds, moved.cuts[0].metrics == moved.cuts[0].metrics_at_half
        ((0.5,), True)
    """
    if len(decision.cuts) != 1 or decision.prevalence is not None or decision.goal is None:
        raise DecisionError("A threshold is set by hand for one label, at the base rate of the rows at hand.")
    if not np.isfinite(logit):
        raise DecisionError(f"The threshold {logit} is not finite: move it onto the curve.")
    labels = np.asarray(y, dtype=np.float64)[:, 0]
    logits, rows = decision.calibration.apply(np.asarray(output, dtype=np.float64))[:, 0], ~np.isnan(labels)
    check_enough(labels[rows], np.ones(rows.sum()))
    cells = tally(
        (logits >= logit)[rows].astype(np.float64), labels[rows], np.ones(rows.sum()), groups=_of(groups, rows)
    )
    at = int(np.searchsorted(cells.cuts, 0.5))
    counts, utility, kept = _at(cells.counts(), at), decision.goal.utility, decision.goal.constraints
    drawn = _at(cells.resample(N_BOOTSTRAP, rng=np.random.default_rng(seed)).counts(), at)
    low, high = np.quantile(utility.of(*drawn), TAILS)
    warnings = ["It was set by hand: if these rows were looked at for that, it does a little worse on others."]
    if kept.shortfall(counts) > 0:
        warnings.append(f"It does not keep {kept.describe()}.")
    choice = ThresholdChoice(
        threshold=logit,
        interval=(logit, logit),
        utility=float(utility.of(*counts)),
        utility_interval=(float(low), float(high)),
        optimism=0.0,
        rule=RULE,
        counts=counts,
        n_rows=float(rows.sum()),
        n_positives=float(labels[rows].sum()),
        grid_error=0.0,
        warnings=tuple(warnings),
    )
    before = decision.cuts[0]
    moved = cut_of(before.label, logits, labels, choice=choice)
    return replace(decision, cuts=(replace(moved, reliability=before.reliability, theory=before.theory),))


def _of(groups: npt.NDArray[Any] | None, rows: npt.NDArray[np.bool_]) -> npt.NDArray[Any] | None:
    return None if groups is None else groups[rows]


def _at(counts: Counts, at: int) -> Counts:
    return Counts(*(count[..., at] for count in counts))
