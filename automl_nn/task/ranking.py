"""Scores of a ranking, from one sort: a search computes them for every network and epoch.

They equal scikit-learn's, of whose time most goes into checking what a task has checked already.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def average_precision(y: Array, score: Array) -> float:
    """The mean of the precision over the positives, at each of them; equal scores are let through together.

    Args:
        y: Labels `(n,)`, 0 or 1, both of which occur.
        score: Finite scores `(n,)`, greater for positives.

    Source:
        scikit-learn, `average_precision_score`.

    Example:
        >>> average_precision(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35, 0.8])).__round__(4)
        0.8333
    """
    n_positive, n_negative = _counts(y, score)
    gained = np.diff(n_positive, prepend=0)
    return float((gained * n_positive / (n_positive + n_negative)).sum() / n_positive[-1])


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
    n_positive, n_negative = _counts(y, score)
    before = n_positive - np.diff(n_positive, prepend=0) / 2
    return float((np.diff(n_negative, prepend=0) * before).sum() / (n_positive[-1] * n_negative[-1]))


def _counts(y: Array, score: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives and negatives with at least each of the distinct scores, from the greatest one on."""
    order = np.argsort(score)[::-1]
    ranked = score[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    n_positive = np.cumsum(y[order], dtype=np.float64)[last]
    return n_positive, last + 1 - n_positive
