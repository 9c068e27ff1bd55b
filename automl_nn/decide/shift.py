"""The same scores at another base rate: how often positives occur there, and what the rows at hand stand for then."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from automl_nn.decide.calibration.calibrate import Calibration
from automl_nn.decide.honest import TAILS
from automl_nn.decide.utilities import Array, Counts, Utility, weighted
from automl_nn.errors import DecisionError

N_BINS = 1000
"""Groups of equally many scores that the base rate is estimated from."""

N_BOOTSTRAP = 200
"""Resamples of the new rows."""

LEAST_SHARE = 1e-9
"""No share is estimated to be nearer to 0 or 1, and none more finely."""


@final
@dataclass(frozen=True)
class BaseRate:
    """An estimated share of positives.

    Args:
        share: The share.
        interval: Where it lies with 90 % confidence, if the probabilities are calibrated; their own doubt is left out.
        n_rows: Rows that it was estimated from.
    """

    share: float
    interval: tuple[float, float]
    n_rows: int


def estimate_base_rate(output: npt.ArrayLike, *, prior: float, seed: int = 0) -> BaseRate:
    """The share of positives among rows without labels.

    Between there and here only the base rate may differ: positives look alike, and so do negatives.

    Args:
        output: Calibrated outputs (logits) of the new rows, (n_rows,).
        prior: Share of positives among the rows that the outputs were calibrated on, in (0, 1).
        seed: Seed of the resamples.

    Raises:
        DecisionError: There are no rows, an output is not finite, or the prior is no share.

    Source:
        Saerens, Latinne & Decaestecker (2002), doi:10.1162/089976602753284446. Their EM ends at the same share, but
        takes thousands of steps to get there where positives are rare; here it is found by bisection.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.random(20_000) < 0.3
        >>> rate = estimate_base_rate(2 * rng.normal(2 * y) - 2 + np.log(0.1 / 0.9), prior=0.1)
        >>> rate.interval[0] < 0.3 < rate.interval[1]
        True
    """
    z = np.asarray(output, dtype=np.float64).ravel()
    if not len(z) or not np.isfinite(z).all():
        raise DecisionError(f"A base rate needs rows with finite outputs, but {np.isfinite(z).sum()} of {len(z)} are.")
    _check_share("prior", prior)
    bins = np.array_split(np.sort(z), min(N_BINS, len(z)))
    centre, n = np.array([part.mean() for part in bins]), np.array([len(part) for part in bins], dtype=np.float64)
    drawn = np.random.default_rng(seed).multinomial(len(z), n / n.sum(), size=N_BOOTSTRAP)
    shares = _likeliest_shares(centre - logit(prior), np.vstack([n, drawn]))
    low, high = np.quantile(shares[1:], TAILS)
    return BaseRate(float(shares[0]), (float(min(low, shares[0])), float(max(high, shares[0]))), len(z))


def _likeliest_shares(evidence: Array, n: Array) -> Array:
    """The likeliest share of positives in each sample, (n_samples,).

    The likelihood is concave: it rises as long as the mean posterior probability is above the share.

    Args:
        evidence: Log-likelihood ratio of each group of rows, (n_groups,).
        n: Rows of each group in each sample, (n_samples, n_groups).
    """
    against = np.exp(np.clip(-evidence, -500, 500))  # beyond, a posterior probability is 0 or 1 all the same
    low: Array = np.full(len(n), LEAST_SHARE)
    high: Array = 1 - low
    for _ in range(math.ceil(-math.log2(LEAST_SHARE))):
        share = (low + high) / 2
        odds_against = (1 - share) / share
        rises = (n / (1 + odds_against[:, None] * against)).sum(1) > share * n.sum(1)
        low, high = np.where(rises, share, low), np.where(rises, high, share)
    return (low + high) / 2


def class_weight(y: npt.ArrayLike, *, prevalence: float, weight: npt.ArrayLike | None = None) -> tuple[float, float]:
    """How many rows a positive and a negative row stand for where positives are another share of the rows.

    Args:
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        prevalence: Share of positives there, in (0, 1).
        weight: How many equal rows each row stands for here, (n_rows,).

    Raises:
        DecisionError: It is no share, or a class is absent.

    Example:
        >>> positive, negative = class_weight([1.0, 0.0, 0.0, 0.0], prevalence=0.5)
        >>> positive, round(negative, 3)
        (2.0, 0.667)
    """
    _check_share("prevalence", prevalence)
    labels = np.asarray(y, dtype=np.float64)
    w = np.where(np.isnan(labels), 0.0, 1.0 if weight is None else weight)
    share = float(w @ np.nan_to_num(labels) / w.sum()) if w.any() else 0.0
    if not 0 < share < 1:
        raise DecisionError("A base rate can only be shifted where both classes occur: label rows of the other one.")
    return prevalence / share, (1 - prevalence) / (1 - share)


def shift_utility(utility: Utility, weight: tuple[float, float]) -> Utility:
    """The utility where positives and negatives stand for so many rows each.

    Example:
        >>> from automl_nn.decide.utilities import UTILITIES
        >>> there = shift_utility(UTILITIES["precision"], (1.0, 3.0))
        >>> float(there.of(*np.ones(4)))
        0.25
    """

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return utility.of(*weighted(Counts(tp, fp, fn, tn), weight))

    return replace(utility, of=of, theory=None if utility.theory is None else _theory_here(utility.theory, weight))


def _theory_here(
    theory: Callable[[Array, Array], Array], weight: tuple[float, float]
) -> Callable[[Array, Array], Array]:
    """Theory speaks of the probabilities there; the same rows have these ones here."""
    positive, negative = weight

    def here(best: Array, share: Array) -> Array:
        there = theory(best, positive * share / (positive * share + negative * (1 - share)))
        moved: Array = expit(logit(there) - np.log(positive / negative))
        return moved

    return here


def shift_calibration(calibration: Calibration, *, before: float, after: float) -> Calibration:
    """The calibration of one label where positives are another share of the rows.

    Args:
        calibration: The calibration here.
        before: Share of positives here, in (0, 1).
        after: Share of positives there, in (0, 1).

    Source:
        Elkan (2001), The foundations of cost-sensitive learning, Theorem 2.

    Example:
        >>> there = shift_calibration(Calibration.identity(1), before=0.5, after=0.2)
        >>> float(expit(there.apply([[0.0]]))[0, 0])
        0.2
    """
    _check_share("prevalence", after)
    more = float(logit(after) - logit(before))
    knots = tuple(tuple((x, z + more) for x, z in points) for points in calibration.knots)
    return replace(calibration, intercept=tuple(b + more for b in calibration.intercept), knots=knots)


def _check_share(name: str, share: float) -> None:
    if not 0 < share < 1:
        raise DecisionError(f"{name} = {share:g} is not possible: give a share of positives between 0 and 1.")
