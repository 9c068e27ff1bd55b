"""Take a decision: calibrate stored outputs, then choose what is best for a goal."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax

from automl_nn.decide.calibrate import Calibration, fit_calibration
from automl_nn.decide.decision import AsIs, Cut, Cuts, Decision, Offsets, labelled
from automl_nn.decide.goal import Goal
from automl_nn.decide.offsets import CLASS_UTILITIES, choose_offsets
from automl_nn.decide.threshold import MIN_ROWS, ThresholdChoice, choose_threshold
from automl_nn.decide.utilities import Array, Counts, metrics
from automl_nn.errors import DecisionError, did_you_mean
from automl_nn.task.base import Task

DEFAULT_GOALS = {
    "binary": Goal("f1"),
    "multilabel": Goal("f1"),
    "multiclass": Goal("accuracy"),
    "soft": Goal("accuracy"),
}
"""What is maximized if nothing is said, by the task's kind."""


def decide(task: Task, output: npt.ArrayLike, y: npt.ArrayLike, *, goal: Goal | None = None, seed: int = 0) -> Decision:
    """Choose what to do with a network's outputs, from rows that it was not trained on.

    A label gets a threshold; labels with fewer than 5 positives or negatives take the threshold of all labels together.
    Classes get offsets, regression is left as it is.

    Args:
        task: What the outputs mean.
        output: Stored outputs, free of the loss's own shift, (n_rows, d_out).
        y: Encoded targets, NaN where missing, (n_rows, d_y).
        goal: What the decision is for; `DEFAULT_GOALS` unless given.
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
    outputs, targets = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if outputs.ndim != 2 or targets.ndim != 2 or len(outputs) != len(targets):
        raise DecisionError(f"Outputs {outputs.shape} and labels {targets.shape} must be tables of as many rows.")
    if not np.isfinite(outputs).all():
        raise DecisionError(f"{(~np.isfinite(outputs)).any(axis=1).sum()} rows have an output that is not finite.")
    if task.family == "values":
        return _as_is(task, outputs.shape[1], goal)
    chosen = goal or DEFAULT_GOALS[task.kind]
    if task.family == "classes":
        _check_for_classes(task, chosen)
    calibration = fit_calibration(outputs, targets, family=task.family)
    calibrated = calibration.apply(outputs)
    if task.family == "labels":
        return Cuts(task.kind, chosen, calibration, _cuts(task.targets, calibrated, targets, goal=chosen, seed=seed))
    scores, actual = labelled(log_softmax(calibrated, axis=1), targets)
    utility = str(chosen.maximize)
    return Offsets(task.kind, chosen, calibration, choose_offsets(scores, actual, utility=utility, seed=seed))


def _as_is(task: Task, d_out: int, goal: Goal | None) -> AsIs:
    if goal is not None:
        raise DecisionError(f"A {task.kind} task has nothing to decide, so {goal.describe()!r} cannot be a goal.")
    return AsIs(task.kind, None, Calibration.identity(d_out))


def _check_for_classes(task: Task, goal: Goal) -> None:
    known = ("accuracy",) if task.kind == "soft" else tuple(CLASS_UTILITIES)
    if goal.cost or goal.constraints:
        raise DecisionError(
            f"A {task.kind} task has no costs and constraints yet, so {goal.describe()!r} cannot be a goal."
        )
    if goal.maximize not in known:
        raise DecisionError(
            f"A {task.kind} task cannot maximize {goal.maximize!r}. {did_you_mean(str(goal.maximize), known)}"
        )


def _cuts(labels: Sequence[str], logits: Array, y: Array, *, goal: Goal, seed: int) -> tuple[Cut, ...]:
    rare = [len(labels) > 1 and _rarer(y[:, j]) < MIN_ROWS for j in range(len(labels))]
    shared = _shared(logits, y, goal=goal, seed=seed) if any(rare) else None
    return tuple(
        _borrowed(label, logits[:, j], y[:, j], choice=shared)
        if shared and rare[j]
        else _own(label, logits[:, j], y[:, j], goal=goal, seed=seed + j)
        for j, label in enumerate(labels)
    )


def _rarer(y: Array) -> int:
    return int(min((y == 1).sum(), (y == 0).sum()))


def _shared(logits: Array, y: Array, *, goal: Goal, seed: int) -> ThresholdChoice:
    """One threshold for all labels, chosen from their pooled rows."""
    top_k = goal.top_k and goal.top_k * logits.shape[1]
    constraints = replace(goal.constraints, top_k=top_k)
    return choose_threshold(logits.ravel(), y.ravel(), utility=goal.utility, constraints=constraints, seed=seed)


def _borrowed(label: str, logit: Array, y: Array, *, choice: ThresholdChoice) -> Cut:
    note = f"Only {_rarer(y)} rows of the rarer kind: it takes the threshold of all labels together."
    return _cut(label, logit, y, choice=replace(choice, rule=f"{choice.rule} of all labels", warnings=(note,)))


def _own(label: str, logit: Array, y: Array, *, goal: Goal, seed: int) -> Cut:
    try:
        choice = choose_threshold(logit, y, utility=goal.utility, constraints=goal.constraints, seed=seed)
    except DecisionError as error:
        raise DecisionError(f"{label}: {error}") from error
    return _cut(label, logit, y, choice=choice)


def _cut(label: str, logit: Array, y: Array, *, choice: ThresholdChoice) -> Cut:
    low, high = expit(choice.interval)
    return Cut(
        label=label,
        threshold=float(expit(choice.threshold)),
        logit=choice.threshold,
        interval=(float(low), float(high)),
        utility=choice.utility,
        utility_interval=choice.utility_interval,
        optimism=choice.optimism,
        rule=choice.rule,
        metrics=metrics(_counts_at(choice.threshold, logit, y)),
        metrics_at_half=metrics(_counts_at(0.0, logit, y)),
        n_rows=int((~np.isnan(y)).sum()),
        n_positives=int((y == 1).sum()),
        warnings=choice.warnings,
    )


def _counts_at(threshold: float, logit: Array, y: Array) -> Counts:
    marked = logit >= threshold
    tp, fp = (marked & (y == 1)).sum(), (marked & (y == 0)).sum()
    return Counts(*np.array([tp, fp, (y == 1).sum() - tp, (y == 0).sum() - fp], dtype=np.float64))
