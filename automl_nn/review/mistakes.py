"""The worst errors of a model on the rows that choose, from stored outputs: where to look for wrong labels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.task.base import Task

Array = npt.NDArray[np.float64]

N_WORST = 20
"""Rows of a list of errors."""

N_BINS = 20
HALF = 0.5

DUST = 1e-6
"""Share of the largest value below which a quantity is 0: what was standardized comes back as 7e-8."""

SURE, LEAST_SHOWN = 0.95, 5
"""Rows whose truth is at least so probable are no errors, and are left out but for the first few of a list."""


def worst_rows(
    task: Task, output: npt.ArrayLike, y: npt.ArrayLike, *, row_ids: npt.ArrayLike, n: int = N_WORST
) -> dict[str, pd.DataFrame]:
    """The rows that a model is most wrong about, worst first.

    Args:
        task: What is asked.
        output: Network outputs, (n_rows, d_out).
        y: Encoded labels, NaN where missing, (n_rows, d_y).
        row_ids: What each row is called, (n_rows,).
        n: Most rows of a list.

    Returns:
        `false alarms` and `misses` for labels; `mistakes` for classes and for quantities. Every frame has `row` and
        `at`, the place of the row in `output`; of labels and classes also the `probability` of what is true.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> lists = worst_rows(Binary(("y",), "roc_auc"), [[3.0], [-2.0], [0.1]], [[0], [1], [1]], row_ids=[7, 8, 9])
        >>> lists["false alarms"]["row"].tolist(), lists["misses"]["row"].tolist()
        ([7], [8, 9])
    """
    outputs, labels, ids = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64), np.asarray(row_ids)
    if task.family == "labels":
        return _worst_labels(task, outputs, labels, ids, n)
    worst = _worst_classes if task.family == "classes" else _worst_values
    return {"mistakes": worst(task, outputs, labels, ids, n)}


def _worst_labels(
    task: Task, output: Array, y: Array, row_ids: npt.NDArray[np.int64], n: int
) -> dict[str, pd.DataFrame]:
    positive = task.prediction(output)[:, -y.shape[1] :]
    lists = {"false alarms": (0, 1 - positive), "misses": (1, positive)}
    return {
        name: _of_labels(task, np.where(y == kind, truth, np.nan), row_ids, n) for name, (kind, truth) in lists.items()
    }


def _of_labels(task: Task, truth: Array, row_ids: npt.NDArray[np.int64], n: int) -> pd.DataFrame:
    """The labels whose true value is least probable; `truth` is NaN where they are not looked for."""
    at, label = np.unravel_index(_doubted(truth.ravel(), n), truth.shape)
    several = {"label": [str(task.targets[j]) for j in label]} if truth.shape[1] > 1 else {}
    return pd.DataFrame({"row": row_ids[at], **several, "probability": truth[at, label], "at": at})


def _worst_classes(task: Task, output: Array, y: Array, row_ids: npt.NDArray[np.int64], n: int) -> pd.DataFrame:
    probability, actual = task.prediction(output), _actual(y)
    known = actual >= 0
    truth = np.where(known, probability[np.arange(len(y)), actual], np.nan)
    at = _doubted(truth, n)
    names, guess = [str(name) for name in task.classes], probability.argmax(axis=1)
    columns = {"row": row_ids[at], "actual": [names[j] for j in actual[at]]}
    columns |= {"predicted": [names[j] for j in guess[at]]}
    return pd.DataFrame(columns | {"probability": truth[at], "at": at})


def _worst_values(task: Task, output: Array, y: Array, row_ids: npt.NDArray[np.int64], n: int) -> pd.DataFrame:
    actual, predicted = (np.asarray(values, dtype=np.float64) for values in task.read(y, output))
    actual = np.where(np.abs(actual) < DUST * np.nanmax(np.abs(actual), axis=0, initial=0.0), 0.0, actual)
    difference = predicted - actual
    scale = np.nanstd(actual, axis=0)
    far = -np.abs(difference) / np.where(scale > 0, scale, 1.0)
    at, target = np.unravel_index(_lowest(far.ravel(), n), far.shape)
    several = {"target": [str(task.targets[j]) for j in target]} if y.shape[1] > 1 else {}
    columns = {"row": row_ids[at], **several, "actual": actual[at, target], "predicted": predicted[at, target]}
    return pd.DataFrame(columns | {"difference": difference[at, target], "at": at})


def _lowest(values: Array, n: int) -> npt.NDArray[np.int64]:
    """Places of the lowest values, ascending; NaN left out."""
    known = np.flatnonzero(~np.isnan(values))
    order: npt.NDArray[np.int64] = known[np.argsort(values[known], kind="stable")[:n]]
    return order


def _doubted(truth: Array, n: int) -> npt.NDArray[np.int64]:
    """Places of the lowest probabilities of the truth, without those that are no errors."""
    order = _lowest(truth, n)
    return order[: max(LEAST_SHOWN, int((truth[order] < SURE).sum()))]


def _actual(y: Array) -> npt.NDArray[np.int64]:
    """The class of each row, the most probable one of soft labels; -1 where it is missing."""
    known = np.isfinite(y.sum(axis=1))
    code = y[:, 0] if y.shape[1] == 1 else np.where(known[:, None], y, 0.0).argmax(axis=1)
    return np.where(known, code, -1).astype(np.int64)


def is_right(task: Task, output: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether each row is right by the most probable class, or all of its known labels at one half, (n_rows,).

    Args:
        task: What is asked; labels or classes.
        output: Network outputs, (n_rows, d_out).
        y: Encoded labels, NaN where missing, (n_rows, d_y).

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> is_right(Binary(("y",), "roc_auc"), [[3.0], [-2.0]], [[0], [0]]).tolist()
        [False, True]
    """
    probability, labels = task.prediction(np.asarray(output, dtype=np.float64)), np.asarray(y, dtype=np.float64)
    if task.family == "classes":
        return np.asarray(probability.argmax(axis=1) == _actual(labels))
    marked = probability[:, -labels.shape[1] :] >= HALF
    return np.asarray(((marked == labels) | np.isnan(labels)).all(axis=1))


def by_class(task: Task, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
    """How each class, label or quantity fares.

    Args:
        task: What is asked.
        output: Network outputs, (n_rows, d_out).
        y: Encoded labels, NaN where missing, (n_rows, d_y).

    Returns:
        Of classes `class`, `rows`, `right` (share by the most probable class) and `mistaken for` (the most frequent
        other class); of labels `label`, `positives`, `found`, `false alarms` (at one half) and `rows`; of quantities
        `target`, `rows`, `mean error`, `usual error` (median of the absolute differences) and `largest error`.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> by_class(Binary(("y",), "roc_auc"), [[3.0], [-2.0]], [[0], [0]])["false alarms"].tolist()
        [1]
    """
    outputs, labels = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    tell = {"labels": _label_rows, "classes": _class_rows, "values": _value_rows}[task.family]
    return pd.DataFrame(tell(task, outputs, labels))


def _label_rows(task: Task, output: Array, y: Array) -> list[dict[str, object]]:
    marked = task.prediction(output)[:, -y.shape[1] :] >= HALF
    return [
        {
            "label": str(name),
            "positives": int((y[:, j] == 1).sum()),
            "found": int((marked[:, j] & (y[:, j] == 1)).sum()),
            "false alarms": int((marked[:, j] & (y[:, j] == 0)).sum()),
            "rows": int(np.isfinite(y[:, j]).sum()),
        }
        for j, name in enumerate(task.targets)
    ]


def _class_rows(task: Task, output: Array, y: Array) -> list[dict[str, object]]:
    actual, guess = _actual(y), task.prediction(output).argmax(axis=1)
    rows: list[dict[str, object]] = []
    for code, name in enumerate(task.classes):
        own = guess[actual == code]
        wrong = np.bincount(own[own != code], minlength=len(task.classes))
        other = str(task.classes[int(wrong.argmax())]) if wrong.any() else ""
        right = float((own == code).mean()) if len(own) else float("nan")
        rows.append({"class": str(name), "rows": len(own), "right": right, "mistaken for": other})
    return rows


def _value_rows(task: Task, output: Array, y: Array) -> list[dict[str, object]]:
    actual, predicted = task.read(y, output)
    difference = np.asarray(predicted - actual, dtype=np.float64)
    return [
        {
            "target": str(name),
            "rows": int(np.isfinite(own).sum()),
            "mean error": float(np.nanmean(own)),
            "usual error": float(np.nanmedian(np.abs(own))),
            "largest error": float(np.nanmax(np.abs(own))),
        }
        for name, own in zip(task.targets, difference.T, strict=True)
    ]


def error_histogram(task: Task, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
    """How wrong the rows are: probabilities of what is true, or differences of quantities in standard deviations.

    Args:
        task: What is asked.
        output: Network outputs, (n_rows, d_out).
        y: Encoded labels, NaN where missing, (n_rows, d_y).

    Returns:
        `middle` of each of 20 bins, and `rows`; of several labels, each label of a row counts.
    """
    outputs, labels = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    values = _wrongness(task, outputs, labels)
    values = values[np.isfinite(values)]
    if task.family == "values":
        reach = float(np.abs(values).max(initial=1e-9))
        edges = np.linspace(-reach, reach, N_BINS + 1)
    else:
        edges = np.linspace(0.0, 1.0, N_BINS + 1)
    counts = np.histogram(values, edges)[0]
    return pd.DataFrame({"middle": (edges[:-1] + edges[1:]) / 2, "rows": counts})


def _wrongness(task: Task, output: Array, y: Array) -> Array:
    if task.family == "values":
        actual, predicted = task.read(y, output)
        scale = np.nanstd(actual, axis=0)
        return np.asarray((predicted - actual) / np.where(scale > 0, scale, 1.0)).ravel()
    probability = task.prediction(output)
    if task.family == "classes":
        actual = _actual(y)
        return np.where(actual >= 0, probability[np.arange(len(y)), actual], np.nan)
    positive = probability[:, -y.shape[1] :]
    return np.where(np.isnan(y), np.nan, np.where(y == 1, positive, 1 - positive)).ravel()


def also_wrong(task: Task, outputs: Sequence[npt.ArrayLike], y: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """How many of several models are wrong about each row, (n_rows,).

    Args:
        task: What is asked; labels or classes.
        outputs: Outputs of each model, (n_rows, d_out).
        y: Encoded labels, NaN where missing, (n_rows, d_y).
    """
    wrong = [~is_right(task, output, y) for output in outputs]
    return np.sum(wrong, axis=0, dtype=np.int64) if wrong else np.zeros(len(np.asarray(y)), dtype=np.int64)
