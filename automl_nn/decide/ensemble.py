"""Ensembles of trials, from stored outputs alone: greedy, and the more alike in weight the less the rows can tell."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from automl_nn.task.base import Family, Task

N_STEPS = 25
"""Members that are added, with replacement."""

N_BEST = 20
"""Trials that may be members: those that are best alone."""

CAP = 0.5
"""Share of the steps in which the same trial may be added."""

N_EQUAL, EVIDENCE = 10, 20
"""Equal weights, of the better half of the trials and at most so many, count as much as so many rows that choose."""

LEAST = 0.01
"""A trial of less weight is left out."""

Array = npt.NDArray[np.float64]


def ensemble_weights(
    task: Task,
    outputs: Sequence[npt.ArrayLike],
    y: npt.ArrayLike,
    *,
    units: npt.NDArray[np.int64] | None = None,
    row_weight: npt.NDArray[np.floating] | None = None,
) -> Array:
    """Greedy weights, drawn towards equal ones of the better half of the trials where few rows choose.

    A few recordings with an event or two each hardly tell which of twenty good networks is best: what suits them by
    luck would be chosen, while the mean of many is seldom bad. Equal weights count as much as `EVIDENCE` rows do, the
    greedy ones as the rows, or recordings, that are not of the commonest class; as all where values are predicted.

    Args:
        task: What the outputs mean.
        outputs: Stored outputs of each trial, `(n_rows, d_out)`.
        y: Encoded labels, NaN where missing, `(n_rows, d_y)`.
        units: What each row belongs to `(n_rows,)`, a recording or a group; each row stands alone unless given.
        row_weight: How often each row counts `(n_rows,)`, for a resample; once unless given.

    Returns:
        A weight for each trial, 0 or more, that sum to 1.

    Source:
        Diebold & Pauly (1990), "The use of prior information in forecast combination",
        doi:10.1016/0169-2070(90)90028-A: weights shrunk towards equal ones. The greedy weights: `greedy_weights`.

    Example:
        >>> from automl_nn.task.tasks import Regression
        >>> y = np.array([[0.0], [1.0], [0.5]])
        >>> ensemble_weights(Regression(("y",), "r2"), [y + 0.1, y + 0.2, y + 0.3, y + 9], y).round(2).tolist()
        [0.57, 0.43, 0.0, 0.0]
    """
    labels, members = np.asarray(y), _stacked(task, outputs)
    score = proper_score(task, labels, row_weight)
    order = np.argsort(-score(members), kind="stable")
    greedy = _greedy(members, order[:N_BEST], score, n_steps=N_STEPS, cap=CAP)
    best = order[: min(N_EQUAL, -(-len(order) // 2))]
    share = EVIDENCE / (EVIDENCE + evidence(task, labels, units))
    weights = (1 - share) * greedy
    weights[best] += share / len(best)
    kept = np.where((greedy > 0) | (weights >= LEAST), weights, 0.0)
    return np.asarray(kept / kept.sum())


def evidence(task: Task, y: npt.NDArray[np.floating], units: npt.NDArray[np.int64] | None) -> int:
    """Units of other classes than the commonest; of the label that has fewest. All units where values are predicted.

    Args:
        task: What the labels mean.
        y: Encoded labels, NaN where missing, `(n_rows, d_y)`.
        units: What each row belongs to `(n_rows,)`; each row stands alone unless given.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> evidence(Binary(("fault",), "roc_auc"), np.array([[0.0], [1.0], [1.0], [0.0]]), np.array([0, 1, 1, 1]))
        1
    """
    unit = np.arange(len(y)) if units is None else units
    if task.family == "values":
        return len(np.unique(unit[np.isfinite(y).any(axis=1)]))
    if task.family == "classes":
        return _uncommon(y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0], unit)
    return min(_uncommon(np.where(np.isfinite(column), column >= 0.5, np.nan), unit) for column in y.T)


def _uncommon(labels: npt.NDArray[np.floating], unit: npt.NDArray[np.int64]) -> int:
    """Units that hold a label that is not the commonest one."""
    known = np.isfinite(labels)
    values, place, counts = np.unique(labels[known], return_inverse=True, return_counts=True)
    return len(np.unique(unit[known][place != counts.argmax()])) if len(values) > 1 else 0


def greedy_weights(
    task: Task,
    outputs: Sequence[npt.ArrayLike],
    y: npt.ArrayLike,
    *,
    n_steps: int = N_STEPS,
    n_best: int = N_BEST,
    cap: float = CAP,
    row_weight: npt.NDArray[np.floating] | None = None,
) -> Array:
    """Weights of trials, chosen one at a time so that the mean of those chosen scores best; one may be chosen again.

    Members are chosen by a proper score, log loss or squared error, which says more of few positives than a ranking
    does. Few candidates, few steps and the cap keep the choice from fitting the rows that choose.

    Args:
        task: What the outputs mean.
        outputs: Stored outputs of each trial, `(n_rows, d_out)`.
        y: Encoded labels, NaN where missing, `(n_rows, d_y)`.
        n_steps: How many times a trial is chosen; the best ensemble on the way is taken.
        n_best: Trials that may be chosen.
        cap: Share of the steps in which the same trial may be chosen.
        row_weight: How often each row counts `(n_rows,)`, for a resample; once unless given.

    Returns:
        A weight for each trial, 0 or more, that sum to 1.

    Source:
        Caruana et al. (2004), "Ensemble selection from libraries of models", doi:10.1145/1015330.1015432.

    Example:
        >>> from automl_nn.task.tasks import Regression
        >>> y = np.array([[0.0], [1.0]])
        >>> greedy_weights(Regression(("y",), "r2"), [y - 0.5, y + 0.5, y + 9], y, n_steps=2).tolist()
        [0.5, 0.5, 0.0]
    """
    members = _stacked(task, outputs)
    score = proper_score(task, np.asarray(y), row_weight)
    candidates = np.argsort(-score(members), kind="stable")[:n_best]
    return _greedy(members, candidates, score, n_steps=n_steps, cap=cap)


def _stacked(task: Task, outputs: Sequence[npt.ArrayLike]) -> Array:
    return np.stack([comparable(output, family=task.family) for output in outputs])


def _greedy(
    members: Array, candidates: npt.NDArray[np.int64], score: Callable[[Array], Array], *, n_steps: int, cap: float
) -> Array:
    weights = np.zeros(len(members))
    weights[candidates] = _path(members[candidates], score, n_steps=n_steps, most=max(1, int(np.ceil(cap * n_steps))))
    return weights


def _path(members: Array, score: Callable[[Array], Array], *, n_steps: int, most: int) -> Array:
    """The weights of the best ensemble on the greedy way."""
    total, counts = np.zeros_like(members[0]), np.zeros(len(members))
    best, weights = -np.inf, counts
    for step in range(1, n_steps + 1):
        scores = np.where((counts < most) | (len(members) == 1), score((total + members) / step), -np.inf)
        chosen = int(np.argmax(scores))
        if not np.isfinite(scores[chosen]):
            break
        total += members[chosen]
        counts[chosen] += 1
        if scores[chosen] > best:
            best, weights = float(scores[chosen]), counts / step
    return weights


def proper_score(
    task: Task, y: npt.NDArray[np.floating], row_weight: npt.NDArray[np.floating] | None = None
) -> Callable[[Array], Array]:
    """A function from outputs of m members `(m, n_rows, d_out)` to log likelihood or minus root mean square `(m,)`.

    Args:
        task: What the outputs mean.
        y: Encoded labels, NaN where missing, `(n_rows, d_y)`.
        row_weight: How often each row counts `(n_rows,)`.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> proper_score(Binary(("y",), "roc_auc"), np.array([[0.0], [1.0]]))(np.zeros((1, 2, 1))).round(3).tolist()
        [-0.693]
    """
    known = np.isfinite(y)
    if task.family == "classes":
        known = known.all(axis=1, keepdims=True)
    share = known if row_weight is None else known * row_weight[:, None]
    share = share / np.maximum(share.sum(axis=0), 1e-300) / share.shape[1]
    labels = np.nan_to_num(y).astype(np.float64)
    if task.family == "values":
        return lambda outputs: -_roots((outputs - labels) ** 2, share) @ _units(task)
    if task.family == "labels":
        return lambda outputs: np.tensordot(labels * outputs - _softplus(outputs), share, 2)
    targets = labels if labels.shape[1] > 1 else np.eye(task.d_out)[labels[:, 0].astype(np.int64)]
    return lambda outputs: ((log_softmax(outputs, axis=2) * targets).sum(axis=2) @ share)[:, 0]


def _units(task: Task) -> Array:
    """What an error of each target weighs: its unit, or as much as any other's where the metric has them alike."""
    if task.metric == "neg_average_relative_rmse":
        return np.ones(task.d_out)
    ones, zeros = (task.prediction(np.full((1, task.d_out), value)) for value in (1.0, 0.0))
    return np.asarray((ones - zeros)[0], dtype=np.float64)


def _softplus(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _roots(squares: Array, share: Array) -> Array:
    """Root mean squares of each member and target `(m, n_targets)`, divided by the number of targets."""
    n_targets = share.shape[1]
    return np.asarray(np.sqrt((squares * share).sum(axis=1) * n_targets) / n_targets)


def blend(outputs: Sequence[npt.ArrayLike], weights: Sequence[float], *, family: Family) -> Array:
    """The weighted mean of outputs: of log-odds, of log-probabilities, or of values.

    Args:
        outputs: Outputs of each trial, `(n_rows, d_out)`.
        weights: Weight of each trial; they sum to 1.
        family: How the task reads outputs.

    Example:
        >>> blend([[[1.0]], [[3.0]]], [0.25, 0.75], family="labels").tolist()
        [[2.5]]
    """
    parts = [weight * comparable(output, family=family) for weight, output in zip(weights, outputs, strict=True)]
    return np.asarray(np.sum(parts, axis=0))


def comparable(output: npt.ArrayLike, *, family: Family) -> Array:
    """Outputs that may be averaged: log-probabilities of classes, others as they are.

    Example:
        >>> comparable([[0.0, 0.0]], family="classes").round(3).tolist()
        [[-0.693, -0.693]]
    """
    values = np.asarray(output, dtype=np.float64)
    return np.asarray(log_softmax(values, axis=1)) if family == "classes" else values
