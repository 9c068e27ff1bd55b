"""Greedy ensembles of trials, from stored outputs alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from automl_nn.task.base import Family, Task

PROPER = {"labels": "neg_log_loss", "classes": "neg_log_loss", "values": "neg_root_mean_squared_error"}
"""What members are chosen by: a proper score, which says more of few positives than a ranking does."""

N_STEPS = 25
"""Members that are added, with replacement."""


def greedy_weights(
    task: Task, outputs: Sequence[npt.ArrayLike], y: npt.ArrayLike, *, n_steps: int = N_STEPS
) -> npt.NDArray[np.float64]:
    """Weights of trials, chosen one at a time so that the mean of those chosen scores best; one may be chosen again.

    Args:
        task: What the outputs mean.
        outputs: Stored outputs of each trial, `(n_rows, d_out)`.
        y: Encoded labels, NaN where missing, `(n_rows, d_y)`.
        n_steps: How many times a trial is chosen.

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
    members = np.stack([comparable(output, family=task.family) for output in outputs])
    labels, metric = np.asarray(y), PROPER[task.family]
    total, counts = np.zeros_like(members[0]), np.zeros(len(members))
    for step in range(1, n_steps + 1):
        scores = [task.score(labels, (total + member) / step, metric=metric) for member in members]
        chosen = int(np.argmax(scores))
        total += members[chosen]
        counts[chosen] += 1
    return counts / n_steps


def blend(outputs: Sequence[npt.ArrayLike], weights: Sequence[float], *, family: Family) -> npt.NDArray[np.float64]:
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


def comparable(output: npt.ArrayLike, *, family: Family) -> npt.NDArray[np.float64]:
    """Outputs that may be averaged: log-probabilities of classes, others as they are.

    Example:
        >>> comparable([[0.0, 0.0]], family="classes").round(3).tolist()
        [[-0.693, -0.693]]
    """
    values = np.asarray(output, dtype=np.float64)
    return np.asarray(log_softmax(values, axis=1)) if family == "classes" else values
