"""Outputs and labels of several classes, brought into the form that a choice between them reads."""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError


def odds_against_rest(output: Array) -> Array:
    """Log-odds of each class against all others together, (n_rows, n_classes).

    Args:
        output: Calibrated outputs, (n_rows, n_classes).

    Example:
        >>> odds_against_rest(np.log([[0.5, 0.25, 0.25]])).round(6).tolist()
        [[0.0, -1.098612, -1.098612]]
    """
    rest = [logsumexp(np.delete(output, j, axis=1), axis=1) for j in range(output.shape[1])]
    odds: Array = output - np.stack(rest, axis=1)
    return odds


def labelled(scores: Array, y: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.int64]]:
    """The rows with a label, and its class index; the most probable one of soft labels.

    Args:
        scores: One row each, (n_rows, n_classes).
        y: Class index, (n_rows, 1), or class probabilities, (n_rows, n_classes); NaN where missing.

    Raises:
        DecisionError: The rows are not as many.

    Example:
        >>> labelled(np.zeros((2, 3)), [[2.0], [np.nan]])[1].tolist()
        [2]
    """
    targets = np.asarray(y, dtype=np.float64)
    if targets.ndim != 2 or len(targets) != len(scores):
        raise DecisionError(f"{len(scores)} rows of outputs do not fit labels of shape {targets.shape}.")
    rows = ~np.isnan(targets).any(axis=1)
    targets = targets[rows]
    hard = targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)
    return scores[rows], hard.astype(np.int64)
