"""Take a decision: calibrate stored outputs, then choose what is best for a goal."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from automl_nn.decide.calibration.calibrate import Calibration, fit_calibration
from automl_nn.decide.classes.decisions import Costs, Offsets
from automl_nn.decide.classes.expected import choose_by_cost
from automl_nn.decide.classes.offsets import CLASS_UTILITIES, choose_offsets
from automl_nn.decide.classes.one_vs_rest import choose_one_vs_rest
from automl_nn.decide.classes.outputs import labelled
from automl_nn.decide.decision import AsIs, Decision
from automl_nn.decide.drift import Histogram
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.labels import Question, choose_cuts, judged, shifted
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError, did_you_mean
from automl_nn.task.base import Task

DEFAULT_GOALS = {
    "binary": Goal("f1"),
    "multilabel": Goal("f1"),
    "multiclass": Goal("accuracy"),
    "soft": Goal("accuracy"),
}
"""What is maximized if nothing is said, by the task's kind."""


def decide(
    task: Task,
    output: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    goal: Goal | None = None,
    groups: npt.ArrayLike | None = None,
    prevalence: float | None = None,
    seed: int = 0,
) -> Decision:
    """Choose what to do with a network's outputs, from rows that it was not trained on.

    A label gets a threshold; labels with fewer than 5 positives or negatives take the threshold of all labels together.
    Classes get offsets, a cut-off each, or the action of the least expected cost; regression is left as it is.

    Args:
        task: What the outputs mean.
        output: Stored outputs, free of the loss's own shift, (n_rows, d_out).
        y: Encoded targets, NaN where missing, (n_rows, d_y).
        goal: What the decision is for; `DEFAULT_GOALS` unless given.
        groups: Rows that belong together, (n_rows,): resamples of thresholds draw them as a whole.
        prevalence: Share of positives where a binary decision will be used, if it is another one than here.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The rows do not carry a decision, or the goal does not suit the task.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> rng = np.random.default_rng(0)
        >>> y = rng.random((2000, 1)) < 0.1
        >>> task = Binary(("ill",), "average_precision")
        >>> decision = decide(task, rng.normal(2 * y - 3), y, goal=Goal("f2"))
        >>> decision.apply([[-9.0], [5.0]]).tolist()
        [0, 1]
    """
    outputs, targets = _checked(output, y)
    if prevalence is not None and task.kind != "binary":
        raise DecisionError(f"A {task.kind} task has no single base rate: leave prevalence = {prevalence:g} out.")
    if task.family in ("values", "embedding"):
        decision: Decision = _as_is(task, outputs.shape[1], goal)
    else:
        question = Question(goal or DEFAULT_GOALS[task.kind], groups=groups, prevalence=prevalence, seed=seed)
        choose = _for_labels if task.family == "labels" else _for_classes
        decision = choose(task, outputs, targets, question)
    return replace(decision, histograms=_histograms(task, decision.monitored(outputs), targets))


def _checked(output: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    outputs, targets = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if outputs.ndim != 2 or targets.ndim != 2 or len(outputs) != len(targets):
        raise DecisionError(f"Outputs {outputs.shape} and labels {targets.shape} must be tables of as many rows.")
    if not np.isfinite(outputs).all():
        raise DecisionError(f"{(~np.isfinite(outputs)).any(axis=1).sum()} rows have an output that is not finite.")
    return outputs, targets


def _histograms(task: Task, scores: Array, targets: Array) -> tuple[Histogram, ...]:
    """Of the rows that have a label."""
    names = task.classes if task.family == "classes" else task.targets
    known: npt.NDArray[np.bool_] = ~np.isnan(targets)
    if known.shape != scores.shape:
        known = np.repeat(known.any(axis=1, keepdims=True), scores.shape[1], axis=1)
    return tuple(Histogram.of(str(name), scores[known[:, j], j]) for j, name in enumerate(names) if known[:, j].any())


def _for_labels(task: Task, outputs: Array, targets: Array, question: Question) -> Cuts:
    goal, prevalence = question.goal, question.prevalence
    if goal.for_classes:
        raise DecisionError(f"{goal.describe()!r} is a goal of several classes, but this is a {task.kind} task.")
    calibration = fit_calibration(outputs, targets, family="labels")
    calibrated = calibration.apply(outputs)
    cuts = judged(choose_cuts(task.targets, calibrated, targets, question), calibration, outputs, targets)
    return shifted(Cuts(task.kind, goal, calibration, cuts), calibrated, targets, prevalence)


def _for_classes(task: Task, outputs: Array, targets: Array, question: Question) -> Decision:
    goal = question.goal
    _check_for_classes(task, goal)
    calibration = fit_calibration(outputs, targets, family="classes")
    if goal.one_vs_rest:
        return choose_one_vs_rest(task.classes, calibration, outputs, targets, question)
    if goal.costs is not None or goal.may_reject:
        return _by_cost(task.kind, calibration, outputs, targets, question)
    scores, actual = labelled(log_softmax(calibration.apply(outputs), axis=1), targets)
    choice = choose_offsets(
        scores, actual, utility=str(goal.maximize), groups=_groups(question, targets), seed=question.seed
    )
    return Offsets(task.kind, goal, calibration, choice)


def _groups(question: Question, targets: Array) -> npt.NDArray[Any] | None:
    """The groups of the rows that have a label."""
    if question.groups is None:
        return None
    groups: npt.NDArray[Any] = np.asarray(question.groups)[~np.isnan(targets).any(axis=1)]
    return groups


def _by_cost(kind: str, calibration: Calibration, outputs: Array, targets: Array, question: Question) -> Costs:
    probability, actual = labelled(softmax(calibration.apply(outputs), axis=1), targets)
    goal = question.goal
    choice = choose_by_cost(
        probability,
        actual,
        costs=goal.costs,
        reject=goal.reject,
        min_answered=goal.min_answered,
        groups=_groups(question, targets),
        seed=question.seed,
    )
    return Costs(kind, goal, calibration, choice)


def _as_is(task: Task, d_out: int, goal: Goal | None) -> AsIs:
    if goal is not None:
        raise DecisionError(f"A {task.kind} task has nothing to decide, so {goal.describe()!r} cannot be a goal.")
    return AsIs(task.kind, None, Calibration.identity(d_out))


def _check_for_classes(task: Task, goal: Goal) -> None:
    known = ("accuracy",) if task.kind == "soft" else tuple(CLASS_UTILITIES)
    if goal.cost or goal.constraints:
        raise DecisionError(
            f"A {task.kind} task has no fp, fn and no constraints, so {goal.describe()!r} cannot be a goal: give "
            "costs[actual][action], or a utility."
        )
    if goal.for_classes and task.kind == "soft":
        raise DecisionError(f"Soft labels have no {goal.describe()!r} yet: maximize accuracy.")
    if goal.maximize not in (known if not goal.for_classes else (None, *known)):
        raise DecisionError(
            f"A {task.kind} task cannot maximize {goal.maximize!r}. {did_you_mean(str(goal.maximize), known)}"
        )
