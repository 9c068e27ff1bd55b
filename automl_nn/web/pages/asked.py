"""What the form of the decision page asks for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, final
from urllib.parse import urlencode

from automl_nn.decide.classes.offsets import CLASS_UTILITIES
from automl_nn.decide.goal import Goal
from automl_nn.errors import DecisionError
from automl_nn.task.base import Task

COST, LIMITS = "cost", "limits"
"""Aims that are no utility: the least cost of errors; and nothing but the limits."""

EVENTS = "events"
"""The unit that counts alarms and events."""

LABEL_AIMS = {
    "f1": "F1: precision and recall count the same",
    "f2": "F2: recall counts more",
    "f0.5": "F0.5: precision counts more",
    COST: "Least cost of errors",
    "mcc": "Matthews correlation",
    "balanced_accuracy": "Balanced accuracy",
    "kappa": "Cohen's kappa",
    "accuracy": "Accuracy",
    LIMITS: "Nothing but the limits below",
}
EVENT_AIMS = ("f1", "f2", "f0.5", COST, LIMITS)
"""Aims that need no true negatives, which events do not have."""

CLASS_WORDS = {"f1": "F1, the mean of the classes", "mcc": "Matthews correlation"}

BOUNDS = {
    "min_precision": "Least precision",
    "min_recall": "Least recall",
    "max_fpr": "Largest false positive rate",
    "top_k": "Most rows to mark",
    "max_alarms": "Most alarms a day",
}
"""The limits, by the name that `Goal` gives them."""


@final
@dataclass(frozen=True)
class Asked:
    """The fields of the form as they were typed, so that they can be shown again.

    Args:
        aim: What to reach for: `cost`, `limits`, or the name of a utility; the task's default if empty.
        fp: Cost of a false alarm.
        fn: Cost of a miss.
        min_precision: Least share of the marked rows that are right.
        min_recall: Least share of the positives that are marked.
        max_fpr: Largest share of the negatives that are marked.
        top_k: Most rows to mark.
        max_alarms: Most rows to mark in a day.
        trial: Number of the trial to decide for; the ensemble if empty.
        label: Which of several labels to look at; the first if empty.
        unit: `events` to count alarms and events rather than steps.
    """

    aim: str = ""
    fp: str = ""
    fn: str = ""
    min_precision: str = ""
    min_recall: str = ""
    max_fpr: str = ""
    top_k: str = ""
    max_alarms: str = ""
    trial: str = ""
    label: str = ""
    unit: str = ""

    @staticmethod
    def of(values: Mapping[str, str]) -> "Asked":
        """What is asked by the fields of a form; others are left out.

        Example:
            >>> Asked.of({"aim": "cost", "fp": "1", "fn": " 50 ", "csrf": "x"}).goal().describe()
            'cost(fp=1, fn=50)'
        """
        return Asked(**{field.name: values.get(field.name, "").strip() for field in fields(Asked)})

    @property
    def number(self) -> int | None:
        """The trial's number.

        Raises:
            DecisionError: It is none.
        """
        if self.trial == "":
            return None
        if not self.trial.isascii() or not self.trial.isdigit():
            raise DecisionError(f"trial = {self.trial!r} is no trial: give its number, or leave it empty.")
        return int(self.trial)

    @property
    def costs(self) -> tuple[float, float]:
        """Costs of a false alarm and of a miss; 1 unless given."""
        return _number("fp", self.fp or "1"), _number("fn", self.fn or "1")

    def goal(self, *, n_days: float | None = None) -> Goal | None:
        """The goal; None if nothing is asked for.

        Args:
            n_days: Days that the rows span, for alarms in a day.

        Raises:
            DecisionError: A field is no number, or the goal is impossible.
        """
        bounds: dict[str, Any] = {name: _number(name, getattr(self, name)) for name in BOUNDS if getattr(self, name)}
        if "max_alarms" in bounds:
            if n_days is None:
                raise DecisionError("Alarms a day need rows with dates: limit the rows to mark instead.")
            bounds["n_periods"] = max(n_days, 1.0)
        if "top_k" in bounds and float(bounds["top_k"]).is_integer():
            bounds["top_k"] = int(bounds["top_k"])
        wanted: dict[str, Any] = {}
        if self.aim == COST:
            wanted["cost"] = self.costs
        elif self.aim not in ("", LIMITS):
            wanted["maximize"] = self.aim
        return Goal.unless_empty(**wanted, **bounds)

    @property
    def query(self) -> str:
        """The same as the end of an address."""
        return urlencode({name: value for name, value in asdict(self).items() if value})


def aims(task: Task, *, unit: str = "") -> Mapping[str, str]:
    """What can be reached for in a task, by name, in words.

    Args:
        task: What is asked.
        unit: `events` where alarms and events are counted.

    Example:
        >>> from automl_nn.task.tasks import Multiclass
        >>> list(aims(Multiclass(("a", "b", "c"), "neg_log_loss")))
        ['accuracy', 'balanced_accuracy', 'f1', 'mcc']
    """
    if task.family == "values":
        return {}
    if task.kind == "soft":
        return {"accuracy": "Accuracy"}
    if task.family == "classes":
        return {name: CLASS_WORDS.get(name, name.replace("_", " ").capitalize()) for name in CLASS_UTILITIES}
    return {name: words for name, words in LABEL_AIMS.items() if unit != EVENTS or name in EVENT_AIMS}


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DecisionError(f"{name} = {text!r} is no number: write one such as 0.9, or leave it empty.")
    return value
