"""What a decision is for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from automl_nn.decide.utilities import Constraints, Utility, cost, utility_named
from automl_nn.errors import DecisionError


@final
@dataclass(frozen=True)
class Goal:
    """What to maximize, and what to keep meanwhile.

    With constraints alone the natural counterpart is maximized: precision under a recall to reach, recall under a
    precision to reach or a false positive rate to keep, F1 under both, and the number of marked rows under `top_k`.

    Args:
        maximize: A name of `UTILITIES`, for classes of `CLASS_UTILITIES`.
        cost: Costs of a false alarm and of a miss, `(fp, fn)`, in one unit, or of all four outcomes,
            `(fp, fn, tp, tn)`; instead of `maximize`.
        min_precision: Smallest precision, in (0, 1].
        min_recall: Smallest recall, in (0, 1].
        top_k: Largest number of marked rows among those that the decision is taken from.
        max_fpr: Largest share of the negatives that may be marked, in (0, 1].
        max_alarms: Largest number of marked rows in a period, such as a day.
        n_periods: Periods that the rows span from which the decision is taken; with `max_alarms`.

    Raises:
        DecisionError: A value is impossible, or they contradict each other.

    Example:
        >>> Goal(cost=(1, 50), min_recall=0.9).describe()
        'cost(fp=1, fn=50) with recall >= 0.9'
    """

    maximize: str | None = None
    cost: tuple[float, ...] | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    top_k: int | None = None
    max_fpr: float | None = None
    max_alarms: float | None = None
    n_periods: float | None = None

    def __post_init__(self) -> None:
        if self.maximize is not None and self.cost is not None:
            raise DecisionError(f"maximize={self.maximize!r} and cost={self.cost} are two goals: give one of them.")
        _check_cost(self.cost)
        _check_share("min_precision", self.min_precision)
        _check_share("min_recall", self.min_recall)
        _check_share("max_fpr", self.max_fpr)
        _check_top_k(self.top_k)
        _check_alarms(self.max_alarms, self.n_periods)
        if self.maximize is None and self.cost is None and not self.constraints:
            raise DecisionError("The goal is empty: give a utility to maximize, costs, or a constraint.")
        if self.maximize is not None:
            self._check_maximize(utility_named(self.maximize))

    def _check_maximize(self, utility: Utility) -> None:
        brakes = _BRAKES.get(utility.name, ())
        if brakes and all(getattr(self, brake) is None for brake in brakes):
            rows = "a single row" if utility.name == "precision" else "every row"
            raise DecisionError(f"Maximizing {utility.name} alone marks {rows}: add {' or '.join(brakes)}.")

    @property
    def constraints(self) -> Constraints:
        """What to keep."""
        budgets = [budget for budget in (self.top_k, self._alarms()) if budget is not None]
        return Constraints(self.min_precision, self.min_recall, min(budgets, default=None), self.max_fpr)

    def _alarms(self) -> int | None:
        """Marked rows in all periods together."""
        if self.max_alarms is None or self.n_periods is None:
            return None
        return math.floor(self.max_alarms * self.n_periods)

    @property
    def utility(self) -> Utility:
        """What to maximize between cut-offs of one label."""
        if self.cost is not None:
            fp, fn, tp, tn = (*self.cost, 0.0, 0.0)[:4]
            return cost(fp=fp, fn=fn, tp=tp, tn=tn)
        return utility_named(self.maximize or self._counterpart())

    def _counterpart(self) -> str:
        if self.min_precision is None and self.min_recall is None:
            return "marked" if self.max_fpr is None else "recall"
        if self.min_precision is None:
            return "precision"
        return "recall" if self.min_recall is None else "f1"

    def describe(self) -> str:
        """The goal in words."""
        kept = self.constraints.describe()
        return f"{self.utility.name} with {kept}" if kept else self.utility.name

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return asdict(self)

    def given(self) -> dict[str, Any]:
        """The values that are given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @staticmethod
    def unless_empty(**wanted: Any) -> "Goal | None":
        """The goal of these values; None if none is given.

        Raises:
            DecisionError: As for `Goal`.

        Example:
            >>> Goal.unless_empty(maximize=None, top_k=None) is None
            True
        """
        return Goal(**wanted) if any(value is not None for value in wanted.values()) else None

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Goal":
        """Read what `to_json` wrote."""
        return Goal(**{**values, "cost": tuple(values["cost"]) if values.get("cost") else None})


_BRAKES = {
    "precision": ("min_recall",),
    "recall": ("min_precision", "max_fpr", "top_k", "max_alarms"),
    "marked": ("top_k", "max_alarms", "min_precision", "max_fpr"),
}
"""What keeps a utility that has no optimum of its own from running away."""


def _check_cost(cost: tuple[float, ...] | None) -> None:
    if cost is None:
        return
    if len(cost) not in (2, 4) or not all(math.isfinite(price) and price >= 0 for price in cost):
        raise DecisionError(f"cost = {cost} is not possible: give the costs (fp, fn), 0 or more and not both 0.")
    fp, fn, tp, tn = (*cost, 0.0, 0.0)[:4]
    if fp < tn or fn < tp or (fp, fn) == (tn, tp):
        raise DecisionError(
            f"cost = {cost} is not possible: an error must cost as much as the right action or more, and not both 0."
        )


def _check_share(name: str, share: float | None) -> None:
    if share is not None and not 0 < share <= 1:
        raise DecisionError(f"{name} = {share} is not possible: give a share above 0 and at most 1.")


def _check_top_k(top_k: int | None) -> None:
    if top_k is not None and (top_k != int(top_k) or top_k < 1):
        raise DecisionError(f"top_k = {top_k} is not possible: give a whole number of rows, 1 or more.")


def _check_alarms(max_alarms: float | None, n_periods: float | None) -> None:
    if max_alarms is None and n_periods is None:
        return
    if max_alarms is None or n_periods is None:
        raise DecisionError(
            f"max_alarms = {max_alarms} and n_periods = {n_periods} need each other: alarms are counted in a period."
        )
    if not (math.isfinite(max_alarms * n_periods) and n_periods > 0 and max_alarms * n_periods >= 1):
        raise DecisionError(
            f"max_alarms = {max_alarms:g} in each of {n_periods:g} periods leaves no alarm: allow one in all of them."
        )
