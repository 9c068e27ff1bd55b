"""From a decision and the rows that it was made on to what there is to see of it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.calibration.reliability import reliability
from automl_nn.decide.classes.decisions import Costs, Offsets, OneVsRest
from automl_nn.decide.classes.outputs import odds_against_rest
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError
from automl_nn.review.decision.curves import (
    Scored,
    class_confusions,
    confusions,
    label_table,
    score_histogram,
    threshold_curve,
)
from automl_nn.review.seen import Seen, SeenClasses, SeenCut, SeenLabels
from automl_nn.task.base import Task


def see_cut(cut: Cut, rows: Scored, *, goal: Goal, believed: pd.DataFrame | None = None) -> SeenCut:
    """A threshold as tables and pictures.

    Args:
        cut: The threshold.
        rows: The rows that it was chosen on, with their (calibrated) log-odds.
        goal: What it is for.
        believed: What `reliability` returned of a calibration that was fitted to these rows; that of the log-odds as
            they are unless given.

    Example:
        >>> from automl_nn.decide.goal import Goal
        >>> from automl_nn.decide.scores import decide_scores
        >>> rows, goal = Scored(np.repeat([0.0, 1.0], 20), np.linspace(-2, 2, 40) ** 3), Goal("f1")
        >>> cut = decide_scores(1 / (1 + np.exp(-rows.logit)), rows.y, goal=goal)
        >>> sorted(see_cut(cut, rows, goal=goal).tables)
        ['confusion', 'curve', 'reliability', 'scores']
    """
    if believed is None:
        believed = reliability(rows.logit, rows.y, weight=rows.weight)
    return SeenCut(
        cut,
        goal.describe(),
        goal.utility.name,
        curve=threshold_curve(rows, utility=goal.utility),
        confusion=confusions(cut),
        believed=believed,
        scores=score_histogram(rows),
    )


def see(
    decision: Decision,
    output: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    task: Task,
    groups: npt.ArrayLike | None = None,
) -> Seen:
    """A decision as tables and pictures.

    Args:
        decision: The decision.
        output: Network outputs of the rows that it was made on, (n_rows, d_out).
        y: Their encoded labels, (n_rows, d_y); NaN where missing.
        task: What the outputs mean.
        groups: Rows that belong together, (n_rows,).

    Raises:
        DecisionError: There is nothing to see: the task has no actions.

    Example:
        >>> from automl_nn.decide import Goal, decide
        >>> from automl_nn.task.tasks import Multilabel
        >>> rng = np.random.default_rng(0)
        >>> y = (rng.random((600, 2)) < 0.2).astype(float)
        >>> output, task = rng.normal(2 * y - 2), Multilabel(("a", "b"), "roc_auc")
        >>> see(decide(task, output, y, goal=Goal("f1")), output, y, task=task).tables["labels"].shape
        (2, 12)
    """
    words = _goal(decision).describe()
    outputs, targets = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    units = None if groups is None else np.asarray(groups)
    if not isinstance(decision, Cuts):
        names = [str(name) for name in task.classes]
        table = class_confusions(decision, outputs, targets, names=names)
        cuts = _see_classes(decision, outputs, targets, units) if isinstance(decision, OneVsRest) else {}
        return SeenClasses(words, table, decision.curve(outputs, targets), _on_curve(decision), cuts)
    seen = _see_labels(decision, outputs, targets, units)
    if decision.kind == "binary":
        return seen[decision.cuts[0].label]
    table = label_table(decision.cuts).sort_values("utility", ascending=False, kind="stable", ignore_index=True)
    return SeenLabels(words, table, seen)


def _see_labels(decision: Cuts, outputs: Array, targets: Array, groups: npt.NDArray[Any] | None) -> dict[str, SeenCut]:
    logits, kinds = decision.calibration.apply(outputs), decision.calibration.kind
    return {
        cut.label: see_cut(
            cut,
            Scored(targets[:, j], logits[:, j], groups=groups, prevalence=decision.prevalence),
            goal=_goal(decision),
            believed=reliability(outputs[:, j], targets[:, j], kind=kinds[j]),
        )
        for j, cut in enumerate(decision.cuts)
        if cut.n_rows
    }


def _see_classes(
    decision: OneVsRest, outputs: Array, targets: Array, groups: npt.NDArray[Any] | None
) -> dict[str, SeenCut]:
    odds = odds_against_rest(decision.calibration.apply(outputs))
    rest = np.where(np.isnan(targets), np.nan, targets == np.arange(odds.shape[1]))
    return {
        cut.label: see_cut(cut, Scored(rest[:, j], odds[:, j], groups=groups), goal=_goal(decision))
        for j, cut in enumerate(decision.cuts)
    }


def _on_curve(decision: Decision) -> float:
    """The power of the prior, or the share of rows that are answered; NaN where each class has a cut-off."""
    if isinstance(decision, Offsets):
        return decision.choice.strength
    return decision.choice.metrics["answered"] if isinstance(decision, Costs) else np.nan


def _goal(decision: Decision) -> Goal:
    if decision.goal is None:
        raise DecisionError(f"A {decision.kind} task has no threshold, so there is no picture of it.")
    return decision.goal
