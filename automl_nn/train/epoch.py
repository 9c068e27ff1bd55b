"""What an epoch of training did."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.train.judge import Scores
from automl_nn.train.stability import Spike


@final
@dataclass(frozen=True)
class Epoch:
    """What an epoch did to each of the k candidates of a stack; every array has one value for each.

    A candidate is a network, or, where there are several folds, its networks of all folds together: losses and gradient
    norms are then means over the folds (the largest norm the largest), and scores those of all validation rows.

    Args:
        number: 1 for the first epoch.
        train_loss: Loss as it is trained, of a fixed sample of the training rows, in evaluation mode.
        val_loss: The same of the validation rows.
        scores: `"train"` and `"val"` to score names to values, of the same two parts.
        score: The task's metric on the validation part; greater is better; NaN for a candidate that failed.
        grad_norm_median: Median gradient norm before clipping, over the steps that were finite.
        grad_norm_p90: Its 90th percentile.
        grad_norm_max: Its maximum.
        clipped: Share of the steps whose gradient was clipped.
        skipped: Number of steps left out because a loss or gradient was not finite or far out.
        learning_rate: Learning rate of the last step.
        seconds: Wall time, evaluation included.
        rows_per_second: Training rows per second of all networks together, evaluation not included.
        spikes: Steps that were far outside the recent band; their `network` is the place of the candidate.
        alive: Whether the candidate is still being trained.
        failures: Place of a candidate to the sentence that says why it is not.
        output: Validation outputs free of the loss's shift, `(k, n_val, d_out)`, fold after fold.
        candidates: Which candidates these are: their places in the stack that training began with.
    """

    number: int
    train_loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    scores: Mapping[str, Scores]
    score: NDArray[np.float64]
    grad_norm_median: NDArray[np.float64]
    grad_norm_p90: NDArray[np.float64]
    grad_norm_max: NDArray[np.float64]
    clipped: NDArray[np.float64]
    skipped: NDArray[np.int64]
    learning_rate: NDArray[np.float64]
    seconds: float
    rows_per_second: float
    spikes: tuple[Spike, ...]
    alive: NDArray[np.bool_]
    failures: Mapping[int, str]
    output: NDArray[Any]
    candidates: tuple[int, ...]
