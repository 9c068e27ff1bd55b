"""The rows that a threshold is chosen from: checked, and enough of them."""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.utilities import Array, Utility
from automl_nn.errors import DecisionError

MIN_ROWS = 5
"""Positives, and negatives, below which a choice is refused."""


@final
@dataclass(frozen=True)
class Rows:
    """Labelled rows with weight, one column each.

    Args:
        scores: Finite scores, (n_rows,).
        y: Labels in {0, 1}, (n_rows,).
        weight: Positive weights, (n_rows,).
        groups: What resamples draw as a whole, (n_rows,).
        at: Which of the given rows they are, (n_given,).
    """

    scores: Array
    y: Array
    weight: Array
    groups: npt.NDArray[Any] | None
    at: npt.NDArray[np.bool_]


def checked_rows(
    scores: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None, groups: npt.ArrayLike | None
) -> Rows:
    """The rows that have a label and a weight.

    Raises:
        DecisionError: Lengths differ, or a score, label or weight cannot be used.

    Example:
        >>> checked_rows([0.5, 0.1], [1.0, np.nan], None, None).scores.tolist()
        [0.5]
    """
    s, t = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones(len(t)) if weight is None else np.asarray(weight, dtype=np.float64)
    units = None if groups is None else np.asarray(groups)
    if s.ndim != 1 or s.shape != t.shape or s.shape != w.shape or (units is not None and units.shape != s.shape):
        raise DecisionError(f"Scores {s.shape}, labels {t.shape} and weights {w.shape} must be columns of one length.")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise DecisionError("A weight is negative or not finite: it counts equal rows, so give 0 or more.")
    if len(w) and not w.any():
        raise DecisionError("The weights sum to 0, so that no row is left: give a weight above 0 to rows with a label.")
    rows = ~np.isnan(t) & (w > 0)
    s, t, w = s[rows], t[rows], w[rows]
    if not np.isfinite(s).all():
        raise DecisionError(f"{(~np.isfinite(s)).sum()} of {len(s)} scores are not finite: leave those rows out.")
    wrong = t[(t != 0) & (t != 1)]
    if len(wrong):
        raise DecisionError(f"The label {wrong[0]:g} is neither 0 nor 1: code positives as 1 and missing ones as NaN.")
    return Rows(s, t, w, units if units is None else units[rows], rows)


def priced(rows: Rows, row_costs: tuple[npt.ArrayLike, npt.ArrayLike]) -> tuple[Rows, Utility]:
    """Rows that weigh what their error costs, each drawn as a whole, and minus the mean cost of a row.

    Args:
        rows: The rows.
        row_costs: What a false alarm and a miss cost in each of the given rows, (n_given,) or numbers.

    Raises:
        DecisionError: A cost is negative or not finite, or all are 0 for a class.

    Example:
        >>> rows = checked_rows([0.0, 1.0], [0.0, 1.0], None, None)
        >>> priced(rows, (1.0, 3.0))[0].weight.tolist()
        [0.5, 1.5]
    """
    fp, fn = (np.broadcast_to(np.asarray(part, dtype=np.float64), rows.at.shape)[rows.at] for part in row_costs)
    price = rows.weight * np.where(rows.y == 1, fn, fp)
    if not (np.isfinite(price).all() and (price >= 0).all() and price[rows.y == 1].any() and price[rows.y == 0].any()):
        raise DecisionError("The costs of rows must be finite, 0 or more, and not all 0 for a class: correct them.")
    mean = float(price.sum() / len(price))
    units = np.arange(len(price)) if rows.groups is None else rows.groups

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return -mean * (fp + fn) / (tp + fp + fn + tn)

    return replace(rows, weight=price / mean, groups=units), Utility("cost of rows", of, source="Elkan (2001)")


def check_enough(y: Array, weight: Array) -> None:
    """Refuse fewer than 5 positives or negatives.

    Raises:
        DecisionError: There are fewer; the message says how many more are needed.

    Example:
        >>> check_enough(np.repeat([0.0, 1.0], 5), np.ones(10))
    """
    for kind, label in (("positives", 1), ("negatives", 0)):
        n = float(weight[y == label].sum())
        if n < MIN_ROWS:
            more = np.ceil(MIN_ROWS - n)
            raise DecisionError(
                f"A threshold needs at least {MIN_ROWS} {kind}, but there are {n:g}: label {more:g} more."
            )
