"""Ridge regression whose penalty is chosen by leaving out one row at a time, and what it says of a row left out."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from automl_nn.task.base import Family

PENALTIES = tuple(10 ** (-3 + 6 * i / 9) for i in range(10))
"""What is tried, for features that deviate by 1; as in aeon's `MiniRocketClassifier`."""

LEAST = 1e-12
"""Least share of an answer that is not a row's own: a row by itself has none, and no error either."""

SLOPES = tuple(2 ** (i / 4) for i in range(-12, 29))
"""By what scores may be multiplied to become log-odds."""


@final
@dataclass(frozen=True)
class Answers:
    """What outputs should say of rows.

    Args:
        y: Probabilities, or standardized values; NaN where they are not known.
        family: What they mean.
        shift: What the loss of each network adds to an ideal output.
    """

    y: Float[Tensor, "n_rows d_out"]
    family: Family
    shift: Float[Tensor, "k d_out"]

    @property
    def known(self) -> Bool[Tensor, " n_rows"]:
        """Rows of which anything is known."""
        return self.y.isfinite().any(1)

    def at(self, rows: Tensor) -> "Answers":
        """Those of some rows."""
        return Answers(self.y[rows], self.family, self.shift)


@final
@dataclass(frozen=True)
class Ridge:
    """A linear map from features to outputs.

    Args:
        weight: What each feature adds.
        bias: What stands alone.
        left_out: What rows would be told if they had not been fitted.
        penalty: The one that was chosen.
    """

    weight: Float[Tensor, "d d_out"]
    bias: Float[Tensor, " d_out"]
    left_out: Float[Tensor, "n_rows d_out"]
    penalty: float


@torch.no_grad()
def ridge(features: Float[Tensor, "n_rows d"], answers: Answers) -> Ridge:
    """Ridge regression on standardized features, of 1 and -1 for labels and classes, scaled so that it tells log-odds.

    All rows serve both to fit and to choose: the error of each row, had it been left out, follows from the fit to all
    of them. An answer that is not known stands for the mean of the others.

    Args:
        features: One row each, fewer than columns or not many more.
        answers: Of the same rows, each of which has some that is known.

    Source:
        Leaving out one row: Rifkin and Lippert (2007), "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> found = ridge(x, Answers(2 * x, "values", torch.zeros(1, 1)))
        >>> (x @ found.weight + found.bias).flatten().round(decimals=1).tolist()
        [0.0, 2.0, 4.0, 6.0]
    """
    features, y = features.double(), answers.y.double()
    mean, deviation = features.mean(0), features.std(0, correction=0)
    deviation = torch.where(deviation > 1e-6, deviation, 1.0)
    x = (features - mean) / deviation
    y = y if answers.family == "values" else 2 * y - 1
    known, level = y.isfinite(), y.nanmean(0).nan_to_num()
    wanted = torch.where(known, y - level, 0.0)
    variance, directions = torch.linalg.eigh(x @ x.T)  # of rows, which are fewer than features
    along, n = directions.T @ wanted, len(x)

    def fit(penalty: float) -> tuple[Tensor, Tensor]:
        """Weights of rows, and the error of each row, had it been left out."""
        shrink = 1 / (variance.clamp_min(0) + penalty)
        dual = directions @ (shrink.unsqueeze(1) * along)
        own = directions.square() @ shrink - 1 / (penalty * n)  # the mean, which is not shrunk, tells something, too
        return dual, dual / own.clamp_min(LEAST).unsqueeze(1)

    penalty = min(PENALTIES, key=lambda one: float(fit(one)[1][known].square().mean()))
    dual, errors = fit(penalty)
    left_out = wanted + level - errors
    slope = _slope(left_out, answers)
    weight = slope * (x.T @ dual) / deviation.unsqueeze(1)
    bias = slope * level - mean @ weight
    return Ridge(weight.float(), bias.float(), (slope * left_out).float(), penalty)


def _slope(left_out: Float[Tensor, "n_rows d_out"], answers: Answers) -> float:
    """By what scores are multiplied so that the answers are most likely; a row with a random one counts beside them."""
    if answers.family == "values":
        return 1.0
    n, d_out = left_out.shape
    y = (n * answers.y.double() + 1 / (2 if answers.family == "labels" else d_out)) / (n + 1)
    known = y.isfinite()

    def loss(slope: float) -> float:
        if answers.family == "labels":
            entries = functional.binary_cross_entropy_with_logits(slope * left_out, y.nan_to_num(), reduction="none")
        else:
            entries = -y.nan_to_num() * functional.log_softmax(slope * left_out, dim=1)
        return float(entries[known].sum())

    return min(SLOPES, key=loss)
