"""Choose between classes by what an action is expected to cost, or leave a row without an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from automl_nn.decide.classes.offsets import CLASS_UTILITIES, warn_of_rare
from automl_nn.decide.honest import TAILS
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError

NO_ANSWER = -1
"""The action of a row that is left without an answer."""

N_BOOTSTRAP = 1000
"""Resamples behind an interval."""


@final
@dataclass(frozen=True)
class CostChoice:
    """The action of the least expected cost, none where that cost is too high, and what comes of it.

    Args:
        costs: What each action costs in each actual class, `costs[actual][action]`.
        limit: Expected cost above which a row is left without an answer; None if every row is answered.
        reject: What such a row costs; None if only the answered rows are counted.
        utility: Minus the mean cost of a row. No number but the limit is taken from the rows, so nothing is subtracted.
        utility_interval: Where it lies on new rows, with 90 % confidence.
        rule: The rule that chose.
        metrics: Mean cost, share of the rows that are answered, and the utilities of `CLASS_UTILITIES` on those.
        metrics_at_argmax: The same if every row got its most probable class.
        n_rows: Labelled rows.
        warnings: What to know before trusting it.
    """

    costs: tuple[tuple[float, ...], ...]
    limit: float | None
    reject: float | None
    utility: float
    utility_interval: tuple[float, float]
    rule: str
    metrics: Mapping[str, float]
    metrics_at_argmax: Mapping[str, float]
    n_rows: int
    warnings: tuple[str, ...]

    def act(self, probability: Array) -> npt.NDArray[np.int64]:
        """The action for each row, `NO_ANSWER` where there is none.

        Args:
            probability: Calibrated, (n_rows, n_classes).
        """
        expected = expected_costs(probability, self.costs)
        action = expected.argmin(axis=1)
        return action if self.limit is None else np.where(expected.min(axis=1) <= self.limit, action, NO_ANSWER)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "CostChoice":
        """Read a choice from plain values."""
        tuples = {name: tuple(values[name]) for name in ("utility_interval", "warnings")}
        return CostChoice(**{**values, **tuples, "costs": tuple(map(tuple, values["costs"]))})


def expected_costs(probability: npt.ArrayLike, costs: npt.ArrayLike) -> Array:
    """What each action is expected to cost in each row, (n_rows, n_classes).

    Args:
        probability: Of each class, (n_rows, n_classes).
        costs: `costs[actual][action]`, (n_classes, n_classes).

    Source:
        Elkan (2001), The foundations of cost-sensitive learning, Eq. 1.

    Example:
        >>> expected_costs([[0.9, 0.1]], [[0.0, 1.0], [50.0, 0.0]]).tolist()
        [[5.0, 0.9]]
    """
    expected: Array = np.asarray(probability, dtype=np.float64) @ np.asarray(costs, dtype=np.float64)
    return expected


def choose_by_cost(
    probability: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    costs: npt.ArrayLike | None = None,
    reject: float | None = None,
    min_answered: float | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> CostChoice:
    """Act by expected cost, and leave a row without an answer where that is cheaper.

    A row is answered if its best action is expected to cost no more than `reject`, or if it is among the cheapest
    `min_answered` of these rows.

    Args:
        probability: Calibrated, (n_rows, n_classes).
        y: Class index, (n_rows,).
        costs: `costs[actual][action]`, (n_classes, n_classes); an error costs 1 unless given.
        reject: What a row without an answer costs.
        min_answered: Least share of the rows to answer, in (0, 1].
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The matrix has another number of classes, or the rows do not fit.

    Source:
        Chow (1970), doi:10.1109/TIT.1970.1054406 (the reject option).

    Example:
        >>> p = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
        >>> choose_by_cost(p, [0, 0, 1], reject=0.3).act(p).tolist()
        [0, -1, 1]
    """
    p, actual = np.asarray(probability, dtype=np.float64), np.asarray(y).astype(np.int64)
    if p.ndim != 2 or actual.shape != p.shape[:1] or not len(actual):
        raise DecisionError(f"Probabilities {p.shape} and labels {actual.shape} must have as many rows, 1 or more.")
    prices = 1 - np.eye(p.shape[1]) if costs is None else np.asarray(costs, dtype=np.float64)
    if prices.shape != (p.shape[1],) * 2:
        raise DecisionError(f"A cost matrix of shape {prices.shape} does not fit {p.shape[1]} classes: give them all.")
    expected = expected_costs(p, prices)
    limit = _limit(expected.min(axis=1), reject, min_answered)
    refused = np.zeros(len(p), dtype=np.bool_) if limit is None else expected.min(axis=1) > limit
    tables = _tables(actual, np.where(refused, p.shape[1], expected.argmin(axis=1)), p.shape[1], groups)
    drawn = _resample(tables, rng=np.random.default_rng(seed))
    worth = -_mean_cost(tables.sum(axis=0)[None], prices, reject)[0]
    low, high = np.quantile(-_mean_cost(drawn, prices, reject), TAILS)
    confusion = tables.sum(axis=0).reshape(p.shape[1], -1)
    at_argmax = _tables(actual, p.argmax(axis=1), p.shape[1], None).sum(axis=0).reshape(confusion.shape)
    return CostChoice(
        costs=tuple(map(tuple, prices.tolist())),
        limit=limit,
        reject=reject,
        utility=float(worth),
        utility_interval=(float(min(low, worth)), float(max(high, worth))),
        rule="least expected cost" if limit is None else "least expected cost, no answer above the limit",
        metrics=_metrics(confusion, prices, reject),
        metrics_at_argmax=_metrics(at_argmax, prices, reject),
        n_rows=len(actual),
        warnings=warn_of_rare(confusion.sum(axis=1)) + _warn_of_none(confusion),
    )


def _limit(least: Array, reject: float | None, min_answered: float | None) -> float | None:
    needed = None if min_answered is None else float(np.quantile(least, min_answered, method="inverted_cdf"))
    return max((limit for limit in (reject, needed) if limit is not None), default=None)


def _tables(
    actual: npt.NDArray[np.int64], action: npt.NDArray[np.int64], n_classes: int, groups: npt.ArrayLike | None
) -> csr_array:
    """Rows of each class and action, no answer being the last action; (n_units, n_classes * (n_classes + 1))."""
    unit = np.zeros(len(actual), np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    kind, shape = actual * (n_classes + 1) + action, (int(unit.max()) + 1, n_classes * (n_classes + 1))
    return csr_array((np.ones(len(actual)), (unit, kind)), shape=shape)


def _resample(tables: csr_array, *, rng: np.random.Generator) -> Array:
    """The tables of resamples; of units, or of rows if there is one unit. (n_samples, n_kinds)."""
    n_units = tables.shape[0]
    if n_units > 1:
        draws = (np.bincount(rng.integers(n_units, size=n_units), minlength=n_units) for _ in range(N_BOOTSTRAP))
        return np.stack([drawn.astype(np.float64) @ tables for drawn in draws])
    rows = tables.sum(axis=0)
    return rng.multinomial(round(rows.sum()), rows / rows.sum(), size=N_BOOTSTRAP).astype(np.float64)


def _mean_cost(tables: Array, prices: Array, reject: float | None) -> Array:
    """Mean cost of a row, or of an answered row if no answer has no price; (n_samples,)."""
    unanswered = np.full((len(prices), 1), 0.0 if reject is None else reject)
    counted = np.ones((len(prices), len(prices) + 1))
    counted[:, -1] = float(reject is not None)
    total = tables @ np.hstack([prices, unanswered]).ravel()
    mean: Array = total / np.maximum(tables @ counted.ravel(), 1.0)
    return mean


def _metrics(confusion: Array, prices: Array, reject: float | None) -> dict[str, float]:
    answered = confusion[:, :-1]
    tp, predicted, rows = np.diag(answered), answered.sum(axis=0), answered.sum(axis=1)
    worth = {name: float(of(tp, predicted, rows)) if rows.any() else 0.0 for name, of in CLASS_UTILITIES.items()}
    cost = float(_mean_cost(confusion.ravel()[None], prices, reject)[0])
    return {"mean_cost": cost, "answered": float(answered.sum() / confusion.sum()), **worth}


def _warn_of_none(confusion: Array) -> tuple[str, ...]:
    answered = confusion[:, :-1]
    if not answered.sum():
        return ("No row is answered: an answer is expected to cost more than none everywhere.",)
    if answered.sum() == np.diag(answered).sum():
        return ("No answer is wrong on these rows, so the utility's interval says nothing: choose on more rows.",)
    return ()
