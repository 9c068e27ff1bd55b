"""Metrics on many resamples of the same rows at once: a resample is how often each row counts.

What is a mean over rows becomes one matrix product; what is a ranking is sorted once for all resamples, and so are the
cells of a confusion matrix. Other metrics are computed one resample at a time.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from automl_nn.task.base import Task
from automl_nn.task.retrieval import average_precisions, recall_at

Array = NDArray[np.floating[Any]]
Terms = Callable[[Array, Array], Array]


def resampled_scores(task: Task, y: Array, output: Array, counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """The task's metric on each resample; NaN where it is not defined there.

    Args:
        task: What is asked, and the metric.
        y: Encoded labels `(n_rows, d_y)`, NaN where missing.
        output: Outputs `(n_rows, d_out)`.
        counts: How often each row counts in each resample `(n_rows, n_resamples)`.

    Returns:
        `(n_resamples,)`; greater is better.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> y, output = np.array([[0.0], [1.0], [1.0]]), np.array([[-1.0], [2.0], [-3.0]])
        >>> counts = np.array([[1, 1], [1, 1], [1, 0]], dtype=np.float32)
        >>> resampled_scores(Binary(("y",), "roc_auc"), y, output, counts).tolist()
        [0.5, 1.0]
    """
    labels, prediction = task.read(y, output)
    family, name = _family(task), task.metric
    if name in MEANS[family]:
        each = MEANS[family][name](labels if family == "embedding" else np.nan_to_num(labels), prediction)
        return _nanmean(_means(labels, each, counts, name=name, needs_both=family == "labels"))
    if name in MOMENTS:
        return _nanmean(MOMENTS[name](labels, prediction, counts))
    if name in RANKINGS and family in ("labels", "classes"):
        return _nanmean(_rankings(RANKINGS[name], labels, prediction, counts))
    if name in CONFUSIONS[family]:
        return _nanmean(_confusions(CONFUSIONS[family][name], labels, prediction, counts))
    return np.array([_one(task, y, output, count) for count in counts.T])


def is_fast(task: Task) -> bool:
    """Whether the task's metric is computed for all resamples at once."""
    family, name = _family(task), task.metric
    is_ranking = name in RANKINGS and family in ("labels", "classes")
    return name in MEANS[family] or name in CONFUSIONS[family] or name in MOMENTS or is_ranking


def _family(task: Task) -> "Family":
    return "soft" if task.kind == "soft" else task.family


def _one(task: Task, y: Array, output: Array, count: NDArray[np.float32]) -> float:
    rows = np.repeat(np.arange(len(y)), count.astype(np.int64))
    try:
        return task.score(y[rows], output[rows])
    except ValueError:  # a resample without a class that the metric needs
        return float("nan")


def _means(y: Array, each: Array, counts: NDArray[np.float32], *, name: str, needs_both: bool) -> NDArray[np.float64]:
    """The mean over the known rows of each label or target `(n_labels, n_resamples)`.

    Args:
        y: Labels; NaN where missing.
        each: What each row adds, `(n_rows, n_labels or 1)`.
        counts: How often each row counts.
        name: The metric.
        needs_both: Whether a label without a positive or without a negative has no score.
    """
    known = np.isfinite(y)
    if each.shape[1] < known.shape[1]:  # one entry a row, which needs all of its labels
        known = np.asarray(known.all(axis=1, keepdims=True))
    n_rows = _sum(known, counts)
    means = _divided(_sum(np.where(known, each, 0.0), counts), n_rows)
    if name in ROOTS:
        means = -np.sqrt(-means)
    if not needs_both:
        return means
    positives = _sum(np.where(known, y, 0.0), counts)
    return np.where((positives > 0) & (positives < n_rows), means, np.nan)


def _sum(each: NDArray[Any], counts: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(each.T.astype(np.float32) @ counts, dtype=np.float64)


def _divided(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def _r2(y: Array, prediction: Array, counts: NDArray[np.float32]) -> NDArray[np.float64]:
    known = np.isfinite(y)
    centred = np.where(known, y - np.nanmean(y, axis=0), 0.0)
    n_rows, total = _sum(known, counts), _sum(centred, counts)
    spread = _sum(centred**2, counts) - _divided(total**2, n_rows)
    return 1 - _divided(_sum(np.where(known, y - prediction, 0.0) ** 2, counts), spread)


def _correlation(y: Array, prediction: Array, counts: NDArray[np.float32]) -> NDArray[np.float64]:
    known = np.isfinite(y)
    n_rows = _sum(known, counts)
    a, b = (np.where(known, part - np.mean(part, axis=0, where=known), 0.0) for part in (y, prediction))
    a_mean, b_mean = (_divided(_sum(part, counts), n_rows) for part in (a, b))
    covariance = _divided(_sum(a * b, counts), n_rows) - a_mean * b_mean
    spreads = [_divided(_sum(part**2, counts), n_rows) - mean**2 for part, mean in ((a, a_mean), (b, b_mean))]
    product = np.sqrt(np.maximum(spreads[0], 0.0) * np.maximum(spreads[1], 0.0))
    return np.where(n_rows > 0, np.nan_to_num(_divided(covariance, product)), np.nan)


def _rankings(
    score: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]],
    y: Array,
    prediction: Array,
    counts: NDArray[np.float32],
) -> NDArray[np.float64]:
    """A score of the order of the rows, for each label or each class against the rest `(n_labels, n_resamples)`."""
    if prediction.shape[1] > y.shape[1]:
        classes = np.arange(prediction.shape[1])
        y = np.where(np.isfinite(y), y == classes, np.nan)
    scores = [
        score(*_cumulated(label[known], values[known], counts[known] if len(known) < len(counts) else counts))
        for label, values in zip(y.T, prediction.T, strict=True)
        if len(known := np.flatnonzero(np.isfinite(label)))
    ]
    return np.array(scores).reshape(len(scores), counts.shape[1])


def _confusions(
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    y: Array,
    prediction: Array,
    counts: NDArray[np.float32],
) -> NDArray[np.float64]:
    """A score of what was predicted, for each label, or once for classes `(n_labels or 1, n_resamples)`."""
    if prediction.shape[1] > y.shape[1]:
        cells = _cells(y[:, 0], prediction.argmax(axis=1), counts, n_classes=prediction.shape[1])
        return score(cells)[None]
    tables = [_cells(label, p > 0.5, counts, n_classes=2) for label, p in zip(y.T, prediction.T, strict=True)]
    both = [(table.sum(axis=1) > 0).all(axis=0) for table in tables]
    return np.array([np.where(known, score(table), np.nan) for table, known in zip(tables, both, strict=True)])


def _cells(y: Array, predicted: NDArray[Any], counts: NDArray[np.float32], *, n_classes: int) -> NDArray[np.float64]:
    """The confusion matrix of each resample `(n_classes, n_classes, n_resamples)`: true by predicted."""
    known = np.flatnonzero(np.isfinite(y))
    place = y[known].astype(np.int64) * n_classes + predicted[known]
    order = np.argsort(place, kind="stable")
    found, starts = np.unique(place[order], return_index=True)
    cells = np.zeros((n_classes**2, counts.shape[1]))
    if len(found):
        cells[found] = _sums(counts[known[order]], starts)
    return cells.reshape(n_classes, n_classes, -1)


def _f1(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """The F1 of class 1."""
    return np.nan_to_num(_divided(2 * cells[1, 1], cells[1].sum(axis=0) + cells[:, 1].sum(axis=0)))


def _jaccard(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Jaccard index of class 1: what is both, of what is either."""
    return np.nan_to_num(_divided(cells[1, 1], cells[1].sum(axis=0) + cells[0, 1]))


def _f1_macro(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    right = np.einsum("ccr->cr", cells)
    return _nanmean(_divided(2 * right, cells.sum(axis=0) + cells.sum(axis=1)))


def _balanced_accuracy(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return _nanmean(_divided(np.einsum("ccr->cr", cells), cells.sum(axis=1)))


def _matthews(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """The correlation of true and predicted classes; 0 if all rows are of one class, or are predicted as one."""
    truth, predicted, n = cells.sum(axis=1), cells.sum(axis=0), cells.sum(axis=(0, 1))
    above = np.einsum("ccr->r", cells) * n - (truth * predicted).sum(axis=0)
    below = (n**2 - (predicted**2).sum(axis=0)) * (n**2 - (truth**2).sum(axis=0))
    return np.nan_to_num(_divided(above, np.sqrt(below)))


def _cumulated(
    label: Array, values: Array, counts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Positives and rows down to each cut-off that matters `(n_cuts, n_resamples)`.

    Rows of equal values stand and fall together, and cut-offs between two of which there is no positive are one.
    """
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    places = np.flatnonzero(label[order] == 1)
    holds = np.zeros(len(ends) + 1, dtype=bool)
    holds[np.searchsorted(ends, places)] = True
    ends = ends[holds[:-1] | holds[1:] | (ends == len(order) - 1)]
    rows = _sums(counts[order], np.append(0, ends[:-1] + 1))
    positives = np.zeros_like(rows)
    cuts, firsts = np.unique(np.searchsorted(ends, places), return_index=True)
    if len(cuts):
        positives[cuts] = _sums(counts[order[places]], firsts)
    return np.cumsum(positives, axis=0), np.cumsum(rows, axis=0)


def _sums(counts: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Sums of consecutive rows from each start to the next."""
    return np.asarray(np.add.reduceat(counts, starts, axis=0))


def _average_precision(positives: NDArray[np.float32], marked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Steps of recall times precision, over the cut-offs from the strictest on `(n_cuts, n_resamples)`."""
    gained = np.diff(positives, axis=0, prepend=0)
    total = positives[-1]
    area = (gained * positives / np.maximum(marked, 1e-30)).sum(axis=0, dtype=np.float64)
    return np.where((total > 0) & (total < marked[-1]), area / np.maximum(total, 1e-30), np.nan)


def _roc_auc(positives: NDArray[np.float32], marked: NDArray[np.float32]) -> NDArray[np.float64]:
    """Area under the curve of true against false positives, by trapezoids."""
    negatives = marked - positives
    gained = np.diff(negatives, axis=0, prepend=0)
    before = positives - np.diff(positives, axis=0, prepend=0)
    area = (gained * (positives + before)).sum(axis=0, dtype=np.float64) / 2
    pairs = positives[-1].astype(np.float64) * negatives[-1]
    return np.where(pairs > 0, area / np.maximum(pairs, 1e-30), np.nan)


def _nanmean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of what is defined; NaN if nothing is."""
    known = np.isfinite(scores)
    n_known = known.sum(axis=0)
    return np.where(n_known > 0, np.where(known, scores, 0.0).sum(axis=0) / np.maximum(n_known, 1), np.nan)


def _log(p: Array) -> Array:
    return np.log(np.clip(p.astype(np.float64), 1e-12, 1.0))


def _chosen(y: Array, p: Array) -> Array:
    return np.take_along_axis(p, y.astype(np.int64), axis=1)


def _column(values: Array) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)


def _cross_entropy(y: Array, p: Array) -> Array:
    return _column((y * _log(p)).sum(axis=1))


Family = Literal["labels", "classes", "values", "soft", "embedding"]

MEANS: Mapping[Family, Mapping[str, Terms]] = {
    "labels": {
        "neg_log_loss": lambda y, p: y * _log(p) + (1 - y) * _log(1 - p.astype(np.float64)),
        "neg_brier_score": lambda y, p: -((p - y) ** 2),
        "accuracy": lambda y, p: ((p > 0.5) == (y > 0.5)).astype(np.float64),
    },
    "classes": {
        "neg_log_loss": lambda y, p: _log(_chosen(y, p)),
        "neg_brier_score": lambda y, p: -_column((p**2).sum(axis=1)) - 1 + 2 * _chosen(y, p),
        "accuracy": lambda y, p: _column(p.argmax(axis=1)[:, None] == y),
    },
    "soft": {
        "neg_log_loss": _cross_entropy,
        "neg_kl_divergence": lambda y, p: _cross_entropy(y, p) - _cross_entropy(y, np.where(y > 0, y, 1.0)),
        "accuracy": lambda y, p: _column(y.argmax(axis=1) == p.argmax(axis=1)),
    },
    "values": {
        "neg_mean_squared_error": lambda y, p: -((y - p) ** 2),
        "neg_root_mean_squared_error": lambda y, p: -((y - p) ** 2),
        "neg_mean_absolute_error": lambda y, p: -np.abs(y - p),
    },
    "embedding": {
        "recall_at_1": partial(recall_at, n=1),
        "recall_at_5": partial(recall_at, n=5),
        "mean_average_precision": average_precisions,
    },
}
"""Metrics that are means: what each row adds, `(n_rows, n_labels or 1)`."""

ROOTS = {"neg_root_mean_squared_error"}
"""Those whose mean is under a root."""

CONFUSIONS: Mapping[Family, Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "labels": {
        "f1": _f1,
        "jaccard": _jaccard,
        "balanced_accuracy": _balanced_accuracy,
        "matthews_corrcoef": _matthews,
    },
    "classes": {"f1_macro": _f1_macro, "balanced_accuracy": _balanced_accuracy, "matthews_corrcoef": _matthews},
    "soft": {},
    "values": {},
    "embedding": {},
}
"""Metrics of the confusion matrix."""

MOMENTS: Mapping[str, Callable[[Array, Array, NDArray[np.float32]], NDArray[np.float64]]] = {
    "r2": _r2,
    "correlation": _correlation,
    "neg_average_relative_rmse": lambda y, p, counts: -np.sqrt(1 - _r2(y, p, counts)),
}
"""Metrics of sums of quantities, their squares and products."""

RANKINGS = {"average_precision": _average_precision, "roc_auc": _roc_auc}
"""Metrics of the order of the rows, from the cumulated positives and rows at each cut-off."""
