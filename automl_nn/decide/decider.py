"""Decide on what a study has stored: weigh goals, keep decisions, look at new scores. No network is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.choose import decide
from automl_nn.decide.decision import Decision
from automl_nn.decide.drift import Drift
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.scores import drift_of_scores, logit_of
from automl_nn.decide.shift import BaseRate, estimate_base_rate
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError
from automl_nn.task.base import Task

if TYPE_CHECKING:
    from automl_nn.store.store import Store  # which imports Optuna

DAYS = "val_days"
"""Under which the times of the rows that choose are stored, in days since the first."""


@final
@dataclass(frozen=True)
class Decider:
    """The stored outputs that a decision is made on.

    Args:
        task: What they mean.
        output: Outputs of the rows that choose, (n_val, d_out).
        y: Their encoded labels, (n_val, d_y).
        groups: Rows that belong together, (n_val,); None if rows stand alone.
        made_from: What a stored decision says of its origin: trials, fingerprint, number of rows, seed.
        seed: Seed of the resamples.
        default: The goal where none is given; the task's default unless given.
        units: What belongs together beyond that, (n_val,): groups of series; `groups` unless given.
        drawn: What resamples of rows draw as a whole, (n_val,): blocks of time of a single one; `units` unless given.
    """

    task: Task
    output: Array
    y: Array
    groups: npt.NDArray[Any] | None
    made_from: Mapping[str, Any]
    seed: int = 0
    default: Goal | None = None
    units: npt.NDArray[Any] | None = None
    drawn: npt.NDArray[Any] | None = None

    def weigh(self, goal: Goal | None = None, *, prevalence: float | None = None) -> Decision:
        """The best decision for a goal; it is not stored.

        Args:
            goal: What it is for; the study's metric, if it judges actions, or the task's default unless given.
            prevalence: Share of positives where it will be used, if it is another one than here.

        Raises:
            DecisionError: The goal is impossible, or the stored rows do not carry it.
        """
        goal = goal or self.default
        units = self.groups if self.units is None else self.units
        drawn = units if self.drawn is None else self.drawn
        return decide(self.task, self.output, self.y, goal=goal, groups=drawn, prevalence=prevalence, seed=self.seed)

    def keep(self, decision: Decision, *, store: "Store", study_id: int, run_id: int | None) -> None:
        """Store a decision as a row: what was asked, what it was made from, what came out, and when.

        Args:
            decision: What `weigh` returned.
            store: Where to.
            study_id: The study.
            run_id: The run that it is for; None for an ensemble.
        """
        asked = {} if decision.goal is None else decision.goal.to_json()
        store.add_decision(
            study_id,
            run_id=run_id,
            spec=asked | dict(self.made_from),
            result=decision.to_json(),
            threshold=decision.thresholds[0] if isinstance(decision, Cuts) and len(decision.cuts) == 1 else None,
            utility=getattr(decision, "utility", None),
        )

    def look_at(self, probabilities: npt.ArrayLike) -> tuple[BaseRate, Drift]:
        """The share of positives among new rows of a binary task, and how far their scores drifted; without labels.

        Args:
            probabilities: What a model of the same trials, decided without another base rate, gave for new rows,
                (n_rows,).

        Raises:
            DecisionError: They are no probabilities, or the task is not binary.
        """
        if self.task.kind != "binary":
            raise DecisionError(f"A {self.task.kind} task has no single base rate: it cannot be estimated.")
        known = ~np.isnan(self.y[:, 0])
        before = self.weigh().probability(self.output)[known, 1]
        new = np.asarray(probabilities, dtype=np.float64)
        drift = drift_of_scores(before, new=new, label=str(self.task.classes[1]))
        return estimate_base_rate(logit_of(new), prior=float(self.y[known, 0].mean()), seed=self.seed), drift


def days_since_the_first(column: pd.Series) -> Array | None:
    """Times as days since the first, (n_rows,); None for numbers, whose unit is not known.

    Example:
        >>> days_since_the_first(pd.Series(["2026-01-01", "2026-01-02 12:00"])).tolist()
        [0.0, 1.5]
        >>> days_since_the_first(pd.Series([1.0, 2.0])) is None
        True
    """
    if pd.api.types.is_numeric_dtype(column):
        return None
    try:
        times = pd.to_datetime(column.astype(str), format="ISO8601", utc=True)
    except (ValueError, TypeError):
        return None
    return np.asarray((times - times.min()) / pd.Timedelta("1D"), dtype=np.float64)
