"""Scores of a ranking, from one sort: a search computes them for every network and epoch.

They equal scikit-learn's, of whose time most goes into checking what a task has checked already.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


def average_precision(y: Array, score: Array) -> float:
    """The mean of the precision over the positives, at each of them; equal scores are let through together.

    Args:
        y: Labels `(n,)`, 0 or 1, with a positive one; a row whose label is NaN is left out.
        score: Finite scores `(n,)`, greater for positives.

    Source:
        scikit-learn, `average_precision_score`.

    Example:
        >>> average_precision(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])).__round__(4)
        0.8333
    """
    gained, at_least, _ = _counts(y, score)
    n_positive = np.cumsum(gained[::-1])[::-1]
    return float((gained * n_positive / (n_positive + at_least)).sum() / n_positive[0])


def roc_auc(y: Array, score: Array) -> float:
    """The share of pairs of a positive and a negative that the score puts in order; equal scores count half.

    Args:
        y: Labels `(n,)`, 0 or 1, both of which occur.
        score: Finite scores `(n,)`, greater for positives.

    Source:
        scikit-learn, `roc_auc_score`.

    Example:
        >>> roc_auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    gained, at_least, above = _counts(y, score)
    n_positive = gained.sum()
    return float(1 - (gained * (at_least + above)).sum() / (2 * n_positive * (len(y) - n_positive)))


def _counts(y: Array, score: Array) -> tuple[Integers, Integers, Integers]:
    """The positives with each of their distinct scores, ascending; the negatives with at least and with more than it.

    To sort scores takes less room and time than to find their order.
    """
    distinct, gained = np.unique(score[y > 0.5], return_counts=True)
    negatives = np.sort(score[y <= 0.5])
    at_least, above = (len(negatives) - np.searchsorted(negatives, distinct, side=side) for side in ("left", "right"))
    return gained, at_least, above
