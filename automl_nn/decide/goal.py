"""What a decision is for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from automl_nn.decide.utilities import UTILITIES, Constraints, Utility, cost, utility_named
from automl_nn.errors import DecisionError


@final
@dataclass(frozen=True)
class Goal:
    """What to maximize, and what to keep meanwhile.

    With constraints alone the natural counterpart is maximized: precision under a recall to reach, recall under a
    precision to reach, F1 under both, and the number of marked rows under `top_k`.

    Args:
        maximize: A name of `UTILITIES`, for classes of `CLASS_UTILITIES`.
        cost: Costs of a false alarm and of a miss, `(fp, fn)`, in one unit; instead of `maximize`.
        min_precision: Smallest precision, in (0, 1].
        min_recall: Smallest recall, in (0, 1].
        top_k: Largest number of marked rows among those that the decision is taken from.

    Raises:
        DecisionError: A value is impossible, or they contradict each other.

    Example:
        >>> Goal(cost=(1, 50), min_recall=0.9).describe()
        'cost(fp=1, fn=50) with recall >= 0.9'
    """

    maximize: str | None = None
    cost: tuple[float, float] | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.maximize is not None and self.cost is not None:
            raise DecisionError(f"maximize={self.maximize!r} and cost={self.cost} are two goals: give one of them.")
        _check_cost(self.cost)
        _check_share("min_precision", self.min_precision)
        _check_share("min_recall", self.min_recall)
        _check_top_k(self.top_k)
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
        return Constraints(self.min_precision, self.min_recall, self.top_k)

    @property
    def utility(self) -> Utility:
        """What to maximize between cut-offs of one label."""
        if self.cost is not None:
            return cost(fp=self.cost[0], fn=self.cost[1])
        return UTILITIES[self.maximize or self._counterpart()]

    def _counterpart(self) -> str:
        if self.min_precision is None and self.min_recall is None:
            return "marked"
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

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Goal":
        """Read what `to_json` wrote."""
        return Goal(**{**values, "cost": tuple(values["cost"]) if values.get("cost") else None})


_BRAKES = {"precision": ("min_recall",), "recall": ("min_precision", "top_k"), "marked": ("top_k", "min_precision")}
"""What keeps a utility that has no optimum of its own from running away."""


def _check_cost(cost: tuple[float, float] | None) -> None:
    if cost is None:
        return
    if len(cost) != 2 or not all(math.isfinite(price) and price >= 0 for price in cost) or not any(cost):
        raise DecisionError(f"cost = {cost} is not possible: give the costs (fp, fn), 0 or more and not both 0.")


def _check_share(name: str, share: float | None) -> None:
    if share is not None and not 0 < share <= 1:
        raise DecisionError(f"{name} = {share} is not possible: give a share above 0 and at most 1.")


def _check_top_k(top_k: int | None) -> None:
    if top_k is not None and (top_k != int(top_k) or top_k < 1):
        raise DecisionError(f"top_k = {top_k} is not possible: give a whole number of rows, 1 or more.")
