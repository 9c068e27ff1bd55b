"""What trials are compared by: scikit-learn's scorer names, greater is better, missing labels left out.

A metric reads the labels as a task encodes them and the predictions as a task returns them. None of them depends on a
threshold except those named after a decision (`accuracy`, `f1`, ...), which read the most probable class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import metrics as skm

from automl_nn.errors import SpaceError, did_you_mean
from automl_nn.task.ranking import average_precision, roc_auc
from automl_nn.task.retrieval import average_precisions, recall_at

Array = NDArray[np.floating[Any]]
Score = Callable[[Array, Array], float]

LABELS = frozenset({"binary", "multilabel"})
CLASSES = frozenset({"multiclass"})
SOFT = frozenset({"soft"})
VALUES = frozenset({"regression"})
EMBEDDINGS = frozenset({"embedding"})


@final
@dataclass(frozen=True, slots=True)
class Metric:
    """A score, greater is better.

    Args:
        score: Function of labels `(n, d_y)` and predictions `(n, n_predictions)`.
        kinds: The task kinds it can score.
        in_epochs: Cheap and telling enough to be stored for every epoch.
    """

    score: Score
    kinds: frozenset[str]
    in_epochs: bool = False


def _per_label(score: Score) -> Score:
    """The mean of a binary score over the labels, each over its known rows."""

    def macro(y: Array, prediction: Array) -> float:
        scores = []
        for label in range(y.shape[1]):
            known = np.isfinite(y[:, label])
            truth = y[known, label]
            if truth.size and truth.min() < truth.max():
                scores.append(score(truth, prediction[known, label]))
        return float(np.mean(scores)) if scores else float("nan")

    return macro


def _known(score: Score) -> Score:
    """A score over the rows whose labels are all known."""

    def masked(y: Array, prediction: Array) -> float:
        known = np.isfinite(y).all(axis=1)
        return float(score(y[known], prediction[known]))

    return masked


def _log_loss(y: Array, p: Array) -> float:
    p = np.clip(p.astype(np.float64), 1e-12, 1 - 1e-12)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _class_log_loss(y: Array, p: Array) -> float:
    chosen = p[np.arange(len(p)), y[:, 0].astype(np.int64)].astype(np.float64)
    return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean())


def _cross_entropy(y: Array, p: Array) -> float:
    return float(-(y * np.log(np.clip(p.astype(np.float64), 1e-12, 1.0))).sum(axis=1).mean())


def _entropy(y: Array) -> float:
    return _cross_entropy(y, np.where(y > 0, y, 1.0))


def _brier(y: Array, p: Array) -> float:
    onehot = np.eye(p.shape[1])[y[:, 0].astype(np.int64)]
    return float(((p - onehot) ** 2).sum(axis=1).mean())


def _by_class(score: Callable[[Array, Array], float]) -> Score:
    return _known(lambda y, p: score(y[:, 0].astype(np.int64), p.argmax(axis=1)))


def _macro_ovr(score: Score) -> Score:
    """One class against the rest, averaged over the classes."""
    per_class = _per_label(score)
    return _known(lambda y, p: per_class(np.eye(p.shape[1])[y[:, 0].astype(np.int64)], p))


def _f1(y: Array, predicted: NDArray[Any]) -> float:
    return float(skm.f1_score(y, predicted, zero_division=0.0))


def _jaccard(y: Array, predicted: NDArray[Any]) -> float:
    """Intersection over union; a mask of n pixels has n rows."""
    return float(skm.jaccard_score(y, predicted, zero_division=0.0))


def _macro_f1(y: Array, predicted: Array) -> float:
    return float(skm.f1_score(y, predicted, average="macro", zero_division=0.0))


def _standardized(error: Callable[[Array, Array], float]) -> Score:
    return _per_target(lambda y, prediction: -error(y, prediction))


def _relative_rmse(y: Array, prediction: Array) -> float:
    """Root mean square error in units of that of the mean; the average over targets is the usual aRRMSE.

    A target that does not vary among the rows has no such unit: it counts 1 unless it is met exactly, as
    scikit-learn's r2 counts 0 then.

    Source:
        Spyromitros-Xioufis et al. (2016), arXiv:1211.6581, section 5.2.
    """
    if np.ptp(y) == 0:
        return float((y != prediction).any())
    return float(skm.root_mean_squared_error(y, prediction)) / float(np.std(y, dtype=np.float64))


def _per_target(score: Score) -> Score:
    """The mean of a score over the targets, each over its known rows."""

    def macro(y: Array, prediction: Array) -> float:
        known = np.isfinite(y)
        pairs = ((y[known[:, j], j], prediction[known[:, j], j]) for j in range(y.shape[1]))
        return float(np.mean([score(truth, guess) for truth, guess in pairs if truth.size]))

    return macro


def _of_queries(each: Callable[[Array, Array], Array]) -> Score:
    """The mean over the rows for which something can be found."""

    def mean(y: Array, embedding: Array) -> float:
        return float(np.nanmean(each(y, embedding))) if np.isfinite(y).any() else float("nan")

    return mean


def _correlation(y: Array, prediction: Array) -> float:
    """Pearson's correlation; 0 where one of the two does not vary."""
    y, prediction = y.astype(np.float64), prediction.astype(np.float64)
    spread = float(y.std() * prediction.std())
    covariance = float(((y - y.mean()) * (prediction - prediction.mean())).mean())
    return covariance / spread if spread > 0 else 0.0


METRICS: Mapping[str, dict[frozenset[str], Metric]] = {
    "average_precision": {
        LABELS: Metric(_per_label(average_precision), LABELS, in_epochs=True),
        CLASSES: Metric(_macro_ovr(average_precision), CLASSES),
    },
    "roc_auc": {
        LABELS: Metric(_per_label(roc_auc), LABELS, in_epochs=True),
        CLASSES: Metric(_macro_ovr(roc_auc), CLASSES),
    },
    "neg_log_loss": {
        LABELS: Metric(_per_label(lambda y, p: -_log_loss(y, p)), LABELS, in_epochs=True),
        CLASSES: Metric(_known(lambda y, p: -_class_log_loss(y, p)), CLASSES, in_epochs=True),
        SOFT: Metric(_known(lambda y, p: -_cross_entropy(y, p)), SOFT, in_epochs=True),
    },
    "neg_kl_divergence": {SOFT: Metric(_known(lambda y, p: _entropy(y) - _cross_entropy(y, p)), SOFT, in_epochs=True)},
    "neg_brier_score": {
        LABELS: Metric(_per_label(lambda y, p: -float(((p - y) ** 2).mean())), LABELS),
        CLASSES: Metric(_known(lambda y, p: -_brier(y, p)), CLASSES),
    },
    "accuracy": {
        LABELS: Metric(_per_label(lambda y, p: float(((p > 0.5) == (y > 0.5)).mean())), LABELS),
        CLASSES: Metric(_by_class(skm.accuracy_score), CLASSES, in_epochs=True),
        SOFT: Metric(_known(lambda y, p: float((y.argmax(1) == p.argmax(1)).mean())), SOFT),
    },
    "balanced_accuracy": {
        LABELS: Metric(_per_label(lambda y, p: float(skm.balanced_accuracy_score(y, p > 0.5))), LABELS),
        CLASSES: Metric(_by_class(skm.balanced_accuracy_score), CLASSES),
    },
    "f1": {LABELS: Metric(_per_label(lambda y, p: _f1(y, p > 0.5)), LABELS)},
    "jaccard": {LABELS: Metric(_per_label(lambda y, p: _jaccard(y, p > 0.5)), LABELS)},
    "f1_macro": {CLASSES: Metric(_by_class(_macro_f1), CLASSES)},
    "matthews_corrcoef": {
        LABELS: Metric(_per_label(lambda y, p: float(skm.matthews_corrcoef(y, p > 0.5))), LABELS),
        CLASSES: Metric(_by_class(skm.matthews_corrcoef), CLASSES),
    },
    "neg_root_mean_squared_error": {
        VALUES: Metric(_standardized(skm.root_mean_squared_error), VALUES, in_epochs=True),
    },
    "neg_average_relative_rmse": {VALUES: Metric(_standardized(_relative_rmse), VALUES, in_epochs=True)},
    "neg_mean_squared_error": {VALUES: Metric(_standardized(skm.mean_squared_error), VALUES)},
    "neg_mean_absolute_error": {VALUES: Metric(_standardized(skm.mean_absolute_error), VALUES, in_epochs=True)},
    "neg_median_absolute_error": {VALUES: Metric(_standardized(skm.median_absolute_error), VALUES)},
    "correlation": {VALUES: Metric(_per_target(_correlation), VALUES, in_epochs=True)},
    "r2": {VALUES: Metric(_per_target(skm.r2_score), VALUES, in_epochs=True)},
    "recall_at_1": {EMBEDDINGS: Metric(_of_queries(partial(recall_at, n=1)), EMBEDDINGS, in_epochs=True)},
    "recall_at_5": {EMBEDDINGS: Metric(_of_queries(partial(recall_at, n=5)), EMBEDDINGS)},
    "mean_average_precision": {EMBEDDINGS: Metric(_of_queries(average_precisions), EMBEDDINGS, in_epochs=True)},
}
"""Metric name (scikit-learn's scorer name) -> task kinds -> metric."""


def find_metric(name: str, kind: str) -> Metric:
    """The metric of this name for this kind of task.

    Raises:
        SpaceError: There is no such metric, or it does not score this kind of task.

    Example:
        >>> find_metric("r2", "regression").in_epochs
        True
    """
    known = metric_names(kind)
    if name in known:
        return next(metric for kinds, metric in METRICS[name].items() if kind in kinds)
    problem = "does not score" if name in METRICS else "is unknown for"
    raise SpaceError(f"The metric {name!r} {problem} a {kind} task. {did_you_mean(name, known)}")


def metric_names(kind: str) -> list[str]:
    """The metrics that score this kind of task.

    Example:
        >>> metric_names("soft")
        ['neg_log_loss', 'neg_kl_divergence', 'accuracy']
    """
    return [name for name, by_kinds in METRICS.items() if any(kind in kinds for kinds in by_kinds)]


def score_epoch(kind: str, metric: str, y: Array, prediction: Array) -> dict[str, float]:
    """The chosen metric and those that are stored for every epoch.

    Args:
        kind: Task kind.
        metric: Name of the chosen metric.
        y: Labels as the task encodes them `(n, d_y)`; NaN where unknown.
        prediction: Predictions of the task `(n, n_predictions)`.
    """
    names = [name for name in metric_names(kind) if name == metric or find_metric(name, kind).in_epochs]
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        return {name: find_metric(name, kind).score(y, prediction) for name in names}
