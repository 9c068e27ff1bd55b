"""Choose between classes: how far the argmax of the probabilities is pulled towards rare classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from automl_nn.decide.honest import TAILS
from automl_nn.decide.threshold import FEW_ROWS
from automl_nn.decide.utilities import Array, ratio
from automl_nn.errors import DecisionError, did_you_mean

STRENGTHS = np.round(np.linspace(0.0, 1.5, 16), 1)
"""Powers of the prior that are tried: 0 is the argmax, 1 divides by the prior, which is best for balanced accuracy.

Source:
    Menon et al. (2021), arXiv:2007.07314, section 3.1 (post-hoc logit adjustment), with the power as a parameter.
"""


def _accuracy(tp: Array, predicted: Array, actual: Array) -> Array:
    accuracy: Array = tp.sum(-1) / actual.sum(-1)
    return accuracy


def _balanced_accuracy(tp: Array, predicted: Array, actual: Array) -> Array:
    return ratio(ratio(tp, actual).sum(-1), (actual > 0).sum(-1).astype(np.float64))


def _macro_f1(tp: Array, predicted: Array, actual: Array) -> Array:
    both = predicted + actual
    return ratio(ratio(2 * tp, both).sum(-1), (both > 0).sum(-1).astype(np.float64))


def _mcc(tp: Array, predicted: Array, actual: Array) -> Array:
    n = actual.sum(-1)
    covariance = tp.sum(-1) * n - (predicted * actual).sum(-1)
    spread = (n**2 - (predicted**2).sum(-1)) * (n**2 - (actual**2).sum(-1))
    return ratio(covariance, np.sqrt(spread))


CLASS_UTILITIES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _macro_f1,
    "mcc": _mcc,
}
"""From the true positives, predictions and rows per class, (..., n_classes), to the worth, (...); F1 is macro F1."""


@final
@dataclass(frozen=True)
class OffsetChoice:
    """How far the argmax is pulled, and how sure that is.

    Args:
        strength: Power t of the prior; the offset of a class is `-t * log(prior)`.
        interval: The best powers of 90 % of the resamples.
        offsets: What is added to the log-probability of each class.
        utility: Worth to expect on new rows: the worth on these rows less `optimism`.
        utility_interval: Where that worth lies, with 90 % confidence.
        optimism: By how much the best power of a sample promises more than it keeps elsewhere (bootstrap estimate).
        rule: The rule that chose.
        metrics: Every utility of `CLASS_UTILITIES` on these rows.
        metrics_at_argmax: The same without offsets.
        n_rows: Labelled rows.
        warnings: What to know before trusting it.
    """

    strength: float
    interval: tuple[float, float]
    offsets: tuple[float, ...]
    utility: float
    utility_interval: tuple[float, float]
    optimism: float
    rule: str
    metrics: Mapping[str, float]
    metrics_at_argmax: Mapping[str, float]
    n_rows: int
    warnings: tuple[str, ...]

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "OffsetChoice":
        """Read a choice from plain values."""
        names = ("interval", "offsets", "utility_interval", "warnings")
        return OffsetChoice(**{**values, **{name: tuple(values[name]) for name in names}})


def choose_offsets(
    log_probability: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    utility: str,
    groups: npt.ArrayLike | None = None,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> OffsetChoice:
    """Choose the power of the prior that the class probabilities are divided by.

    The median of the best powers of resamples. Accuracy takes the argmax as it is.

    Args:
        log_probability: Calibrated log-probabilities, up to a constant per row, (n_rows, n_classes).
        y: Class index, (n_rows,).
        utility: A name of `CLASS_UTILITIES`.
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        n_bootstrap: Resamples.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The utility is unknown or for two classes only, or there are no rows.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.choice(3, size=3000, p=[0.8, 0.15, 0.05])
        >>> x = rng.normal(size=(3000, 3)) + 1.5 * np.eye(3)[y]
        >>> choose_offsets(1.5 * x + np.log([0.8, 0.15, 0.05]), y, utility="balanced_accuracy").strength > 0.7
        True
    """
    if utility not in CLASS_UTILITIES:
        raise DecisionError(f"Classes have no utility {utility!r}. {did_you_mean(utility, CLASS_UTILITIES)}")
    scores, actual = _checked(log_probability, y)
    log_prior = _log_prior(actual, scores.shape[1])
    strengths = STRENGTHS[:1] if utility == "accuracy" else STRENGTHS
    actions = _actions(scores, log_prior, strengths)
    rng, units = np.random.default_rng(seed), None if groups is None else np.asarray(groups)
    samples = _sample(actions, actual, len(log_prior), groups=units, n_bootstrap=n_bootstrap, rng=rng)
    worth = {name: of(*samples) for name, of in CLASS_UTILITIES.items()}
    bests = worth[utility][1:].argmax(axis=1)
    low, chosen, high = np.quantile(bests, (TAILS[0], 0.5, TAILS[1]), method="inverted_cdf")
    optimism = float((worth[utility][1:].max(axis=1) - worth[utility][0, bests]).mean())
    worst, best = np.quantile(worth[utility][1:, chosen], TAILS) - optimism
    return OffsetChoice(
        strength=float(strengths[chosen]),
        interval=(float(strengths[low]), float(strengths[high])),
        offsets=tuple((-strengths[chosen] * log_prior).tolist()),
        utility=float(worth[utility][0, chosen]) - optimism,
        utility_interval=(float(worst), float(best)),
        optimism=optimism,
        rule="argmax" if utility == "accuracy" else "bootstrap median of the power of the prior",
        metrics={name: float(values[0, chosen]) for name, values in worth.items()},
        metrics_at_argmax={name: float(values[0, 0]) for name, values in worth.items()},
        n_rows=len(actual),
        warnings=warn_of_rare(np.bincount(actual, minlength=scores.shape[1])),
    )


def tally_classes(log_probability: npt.ArrayLike, y: npt.ArrayLike, *, strengths: Array, utility: str) -> pd.DataFrame:
    """Macro precision, macro recall and utility under each power of the prior.

    Args:
        log_probability: Calibrated log-probabilities, (n_rows, n_classes).
        y: Class index, (n_rows,).
        strengths: The powers.
        utility: A name of `CLASS_UTILITIES`.

    Example:
        >>> tally_classes(np.eye(3), [0, 1, 2], strengths=np.zeros(1), utility="accuracy").recall.tolist()
        [1.0]
    """
    scores, actual = _checked(log_probability, y)
    actions = _actions(scores, _log_prior(actual, scores.shape[1]), strengths)
    rng = np.random.default_rng(0)
    tp, predicted, rows = _sample(actions, actual, scores.shape[1], groups=None, n_bootstrap=0, rng=rng)
    columns = {
        "strength": strengths,
        "precision": ratio(tp, predicted).mean(-1)[0],
        "recall": _balanced_accuracy(tp, predicted, rows)[0],
        "utility": CLASS_UTILITIES[utility](tp, predicted, rows)[0],
    }
    return pd.DataFrame(columns)


def _checked(log_probability: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.int64]]:
    scores, actual = np.asarray(log_probability, dtype=np.float64), np.asarray(y).astype(np.int64)
    if scores.ndim != 2 or actual.shape != scores.shape[:1] or not len(actual):
        raise DecisionError(
            f"Probabilities {scores.shape} and labels {actual.shape} must have as many rows, 1 or more."
        )
    if not np.isfinite(scores).all():
        raise DecisionError("A log-probability is not finite: leave those rows out.")
    return scores, actual


def _log_prior(actual: npt.NDArray[np.int64], n_classes: int) -> Array:
    """Log shares of the classes, half a row added to each so that none is zero."""
    rows = np.bincount(actual, minlength=n_classes) + 0.5
    log_prior: Array = np.log(rows / rows.sum())
    return log_prior


def warn_of_rare(rows_of_class: npt.ArrayLike) -> tuple[str, ...]:
    """A warning of the classes with few rows, if there are any.

    Example:
        >>> warn_of_rare([50, 3])
        ('Fewer than 20 rows of class 1 (3 rows): the decision is uncertain there.',)
    """
    few = [f"{i} ({n:g} rows)" for i, n in enumerate(np.asarray(rows_of_class)) if n < FEW_ROWS]
    return (f"Fewer than {FEW_ROWS} rows of class {', '.join(few)}: the decision is uncertain there.",) if few else ()


def _actions(scores: Array, log_prior: Array, strengths: Array) -> npt.NDArray[np.int64]:
    """The class of each row under each power, (n_strengths, n_rows)."""
    return np.stack([(scores - t * log_prior).argmax(axis=1) for t in strengths])


def _sample(
    actions: npt.NDArray[np.int64],
    actual: npt.NDArray[np.int64],
    n_classes: int,
    *,
    groups: npt.NDArray[Any] | None,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """True positives, predictions and rows per class, (1 + n_bootstrap, n_strengths, n_classes).

    First of the rows as they are, then of resamples. Rows with one class and one action under each strength are alike,
    so counting the draws of each such kind is the bootstrap of the rows; groups are drawn as a whole.
    """
    first, kind = _kinds(actions, actual, n_classes)
    rows = np.bincount(kind)
    if groups is None:
        drawn: Array = rng.multinomial(len(actual), rows / len(actual), size=n_bootstrap).astype(np.float64)
    else:
        drawn = _draw_groups(kind, groups, n_bootstrap=n_bootstrap, rng=rng)
    weights = np.vstack([rows, drawn]).astype(np.float64)
    actions, actual = actions[:, first], actual[first]

    def per_class(classes: npt.NDArray[np.int64], counted: npt.NDArray[np.bool_]) -> Array:
        shape = (len(classes), n_classes)
        summed: Array = weights @ csr_array(
            (counted.astype(np.float64), (np.arange(len(classes)), classes)), shape=shape
        )
        return summed

    every = np.ones(len(actual), dtype=np.bool_)
    tp = np.stack([per_class(actual, action == actual) for action in actions], axis=1)
    predicted = np.stack([per_class(action, every) for action in actions], axis=1)
    return tp, predicted, np.broadcast_to(per_class(actual, every)[:, None], tp.shape)


def _kinds(
    actions: npt.NDArray[np.int64], actual: npt.NDArray[np.int64], n_classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first row of each kind, and the kind of each row; kinds are told apart by 64 random bits."""
    keys = np.random.default_rng(0).integers(2**63, size=(len(actions) + 1, n_classes))
    kind = keys[-1][actual]
    for key, action in zip(keys[:-1], actions, strict=True):
        kind = kind ^ key[action]
    _, first, of_row = np.unique(kind, return_index=True, return_inverse=True)
    return first, of_row


def _draw_groups(
    kind: npt.NDArray[np.int64], groups: npt.NDArray[Any], *, n_bootstrap: int, rng: np.random.Generator
) -> Array:
    """Rows of each kind in resamples of the groups, (n_bootstrap, n_kinds)."""
    _, unit = np.unique(groups, return_inverse=True)
    n_units = int(unit.max()) + 1
    table = csr_array((np.ones(len(kind)), (unit, kind)), shape=(n_units, int(kind.max()) + 1))
    drawn: Array = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_bootstrap) @ table
    return drawn
