"""Allow for errors that are yet to come: rows that hold none do not promise that there will be none."""

from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.task.base import Task

Array = npt.NDArray[np.floating[Any]]

N_TO_COME = 1.0
"""Rows of a random class that count beside the others in a score, as in Platt's smoothed targets."""

N_AT_ENDS = 2.7
"""The same at the ends of an interval of 90 %: the square of 1.64 standard errors."""

LEAST = 1e-12
"""Probability below which a row costs no more."""


def still_to_come(task: Task, y: Array, output: Array) -> float:
    """What one more row would do to a log loss if its class were drawn at random; 0 for every other metric.

    The log loss of a row has no bound, so a network that is certain of everything scores best on rows of which it is
    right about all, and resamples of these rows never hold the error that ends this. Few rows cannot tell certainty
    from luck: the more certain outputs are, and the fewer rows there are, the more this takes off.

    Args:
        task: What is asked, and the metric.
        y: Encoded labels `(n_rows, d_y)`, NaN where missing.
        output: Outputs `(n_rows, d_out)`.

    Returns:
        What is to be added to the score, greater being better.

    Source:
        Platt (1999), "Probabilistic outputs for support vector machines", section 2.2 (smoothed targets); for the ends
        of an interval Agresti & Coull (1998), doi:10.1080/00031305.1998.10480550.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> task, y = Binary(("y",), "neg_log_loss"), np.tile([[0.0], [1.0]], (25, 1))
        >>> [round(still_to_come(task, y, certainty * (2 * y - 1)), 2) for certainty in (2.0, 20.0)]
        [-0.02, -0.2]
    """
    if task.metric != "neg_log_loss" or task.kind == "soft" or task.family not in ("labels", "classes"):
        return 0.0
    labels, prediction = task.read(y, output)
    p = np.clip(prediction.astype(np.float64), LEAST, 1.0)
    if task.family == "labels":
        p = np.stack([p, np.clip(1.0 - p, LEAST, 1.0)])
    at_random = float(np.log(p).mean())
    return N_TO_COME * (at_random - task.score(y, output)) / (len(labels) + N_TO_COME)


def widened(interval: tuple[float, float], by: float) -> tuple[float, float]:
    """An interval moved by `still_to_come` at one end, and by that of `N_AT_ENDS` rows at the other.

    Args:
        interval: Where a score, or a difference of scores, lies by the rows at hand.
        by: What `still_to_come` says of it.

    Example:
        >>> widened((0.0, 1.0), -1.0)
        (-2.7, 0.0)
    """
    low, high = interval
    return low + min(by, N_AT_ENDS * by), high + max(by, N_AT_ENDS * by)
