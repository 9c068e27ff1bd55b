"""What a decision is for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, final

from automl_nn.decide.scorers import utility_of
from automl_nn.decide.utilities import Constraints, Utility, cost
from automl_nn.errors import DecisionError

OWN_SCORER = "own scorer "
"""What stands before the name of a scorer that cannot be stored."""


@final
@dataclass(frozen=True)
class Goal:
    """What to maximize, and what to keep meanwhile.

    With constraints alone the natural counterpart is maximized: precision under a recall to reach, recall under a
    precision to reach or a false positive rate to keep, F1 under both, and the number of marked rows under `top_k`.

    Args:
        maximize: A name of `UTILITIES`, for classes of `CLASS_UTILITIES`; `fbeta@3`, `net_benefit@0.1`; or a scorer of
            scikit-learn that judges actions, by its name or as `make_scorer` returns it. Of the latter only the name is
            stored.
        cost: Costs of a false alarm and of a miss, `(fp, fn)`, in one unit, or of all four outcomes,
            `(fp, fn, tp, tn)`; instead of `maximize`.
        min_precision: Smallest precision, in (0, 1].
        min_recall: Smallest recall, in (0, 1].
        top_k: Largest number of marked rows among those that the decision is taken from.
        max_fpr: Largest share of the negatives that may be marked, in (0, 1].
        max_alarms: Largest number of marked rows in a period, such as a day.
        n_periods: Periods that the rows span from which the decision is taken; with `max_alarms`.
        costs: For several classes: `costs[actual][action]`, in one unit, in the order of the task's classes; instead of
            `maximize`.
        reject: For several classes: what a row without an answer costs, in the unit of `costs`; an error costs 1 under
            `accuracy`.
        min_answered: For several classes: least share of the rows to answer, in (0, 1].
        one_vs_rest: For several classes: a cut-off for each class against the rest, instead of a power of the prior.

    Raises:
        DecisionError: A value is impossible, or they contradict each other.

    Example:
        >>> Goal(cost=(1, 50), min_recall=0.9).describe()
        'cost(fp=1, fn=50) with recall >= 0.9'
    """

    maximize: Any = None
    cost: tuple[float, ...] | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    top_k: int | None = None
    max_fpr: float | None = None
    max_alarms: float | None = None
    n_periods: float | None = None
    costs: tuple[tuple[float, ...], ...] | None = None
    reject: float | None = None
    min_answered: float | None = None
    one_vs_rest: bool | None = None

    def __post_init__(self) -> None:
        wanted = {"maximize": self.maximize, "cost": self.cost, "costs": self.costs}
        goals = [f"{name}={value!r}" for name, value in wanted.items() if value is not None]
        if len(goals) > 1:
            raise DecisionError(f"{' and '.join(goals)} are two goals: give one of them.")
        _check_cost(self.cost)
        _check_costs(self.costs)
        _check_reject(self.reject)
        _check_share("min_answered", self.min_answered)
        _check_share("min_precision", self.min_precision)
        _check_share("min_recall", self.min_recall)
        _check_share("max_fpr", self.max_fpr)
        _check_top_k(self.top_k)
        _check_alarms(self.max_alarms, self.n_periods)
        self._check_for_classes()
        if not goals and not self.constraints and not self.for_classes:
            raise DecisionError("The goal is empty: give a utility to maximize, costs, or a constraint.")
        if self.maximize is not None and not self._is_of_old_scorer:
            self._check_maximize(utility_of(self.maximize))

    def _check_maximize(self, utility: Utility) -> None:
        brakes = _BRAKES.get(utility.name, ())
        if brakes and all(getattr(self, brake) is None for brake in brakes):
            rows = "a single row" if utility.name == "precision" else "every row"
            raise DecisionError(f"Maximizing {utility.name} alone marks {rows}: add {' or '.join(brakes)}.")

    def _check_for_classes(self) -> None:
        if self.for_classes and (self.cost is not None or self.constraints):
            raise DecisionError(
                "costs, reject, min_answered and one_vs_rest are for several classes, which have no fp, fn and no "
                "constraints: leave one of the two out."
            )
        if self.one_vs_rest and (self.maximize in (None, "accuracy") or self.may_reject):
            raise DecisionError(
                "one_vs_rest needs a utility other than accuracy, such as maximize='f1', and it answers every row: "
                "correct that, or give costs instead."
            )
        if self.may_reject and self.maximize not in (None, "accuracy"):
            raise DecisionError(
                f"Rows are left without an answer by their expected cost, so maximize={self.maximize!r} does not go "
                "with reject and min_answered: give costs, or maximize accuracy."
            )

    @property
    def may_reject(self) -> bool:
        """Whether rows may be left without an answer."""
        return self.reject is not None or self.min_answered is not None

    @property
    def for_classes(self) -> bool:
        """Whether it says what only several classes have."""
        return self.costs is not None or self.may_reject or bool(self.one_vs_rest)

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
        """What to maximize between cut-offs of one label.

        Raises:
            DecisionError: The goal is one of several classes.
        """
        if self.costs is not None or self.may_reject:
            raise DecisionError(f"{self.describe()!r} is a goal of several classes: for one label give cost=(fp, fn).")
        if self.cost is not None:
            fp, fn, tp, tn = (*self.cost, 0.0, 0.0)[:4]
            return cost(fp=fp, fn=fn, tp=tp, tn=tn)
        if self._is_of_old_scorer:
            raise DecisionError(f"Of {self.maximize!r} only the name is stored: decide again with the scorer itself.")
        return utility_of(self._counterpart() if self.maximize is None else self.maximize)

    @property
    def _is_of_old_scorer(self) -> bool:
        return isinstance(self.maximize, str) and self.maximize.startswith(OWN_SCORER)

    def _counterpart(self) -> str:
        if self.min_precision is None and self.min_recall is None:
            return "marked" if self.max_fpr is None else "recall"
        if self.min_precision is None:
            return "precision"
        return "recall" if self.min_recall is None else "f1"

    def describe(self) -> str:
        """The goal in words."""
        if self.for_classes:
            return self._describe_for_classes()
        kept = self.constraints.describe() + self._describe_alarms()
        name = self.maximize if self._is_of_old_scorer else self.utility.name
        return f"{name} with {kept}" if kept else str(name)

    def _describe_alarms(self) -> str:
        alarms = self._alarms()
        if alarms is None or alarms != self.constraints.top_k:
            return ""
        return f" ({self.max_alarms:g} in each of {self.n_periods:.4g} periods)"

    def _describe_for_classes(self) -> str:
        named = self.maximize or "accuracy" if self.costs is None else f"cost matrix of {len(self.costs)} classes"
        ways = {
            "no answer at {:g}": self.reject,
            "at least {:.4g} of the rows answered": self.min_answered,
            "one cut-off a class": self.one_vs_rest or None,
        }
        return ", ".join([named, *(words.format(value) for words, value in ways.items() if value is not None)])

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        if self.maximize is None or isinstance(self.maximize, str):
            return asdict(self)
        return asdict(replace(self, maximize=f"{OWN_SCORER}{self.utility.name}"))

    def given(self) -> dict[str, Any]:
        """The values that are given, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

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
        cost, costs = values.get("cost"), values.get("costs")
        tuples = {"cost": tuple(cost) if cost else None, "costs": tuple(map(tuple, costs)) if costs else None}
        return Goal(**{**values, **tuples})


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


def _check_costs(costs: tuple[tuple[float, ...], ...] | None) -> None:
    if costs is None:
        return
    if len(costs) < 2 or any(len(row) != len(costs) for row in costs):
        raise DecisionError(
            f"A cost matrix of rows of {sorted({len(row) for row in costs})} is not square: give one "
            "row for each actual class and one column for each action."
        )
    if not all(math.isfinite(price) and price >= 0 for row in costs for price in row):
        raise DecisionError("A cost of the matrix is negative or not finite: give costs of 0 or more.")
    if any(row[i] > min(row) for i, row in enumerate(costs)) or all(min(row) == max(row) for row in costs):
        raise DecisionError(
            "In a cost matrix an error must cost as much as the right action or more, and not all the "
            "same: the diagonal holds the right actions."
        )


def _check_reject(reject: float | None) -> None:
    if reject is not None and not (math.isfinite(reject) and reject >= 0):
        raise DecisionError(
            f"reject = {reject:g} is not possible: give the cost of a row without an answer, 0 or more."
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


GOALS_OF_METRICS: Mapping[str, Goal] = {
    "balanced_accuracy": Goal("balanced_accuracy"),
    "f1": Goal("f1"),
    "f1_macro": Goal("f1"),
    "matthews_corrcoef": Goal("mcc"),
}
"""Metrics that judge actions where classes are rare: they are what to decide for, not what to compare trials by.

At the argmax they see rare classes in few rows or in none, so that a search led by them ends networks far too early.
"""
