"""How the task is told from the target columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_nn.data.roles import MIN_ROWS_OF_IDS
from automl_nn.errors import SpaceError, TargetError, did_you_mean, preview
from automl_nn.task.base import Label, Task
from automl_nn.task.columns import as_label, numeric_target
from automl_nn.task.tasks import TASKS, Binary, Embedding, Multiclass, Multilabel, Regression, SoftLabels

MAX_CLASSES_OF_INTEGERS = 20
"""An integer target with more distinct values is read as a quantity."""

RARE = 0.1
"""Below this share of positives trials are compared by average precision."""


def make_task(
    target: pd.DataFrame,
    *,
    kind: str | None = None,
    metric: str | None = None,
    classes: Sequence[Label] | None = None,
) -> Task:
    """Read the task from the target columns.

    Args:
        target: The target columns, one row for each row of the table.
        kind: One of `TASKS`; told from the values unless given.
        metric: The score that compares trials. Unless given: average precision where positives are under 10 %, log loss
            for other classes, root mean squared error for quantities.
        classes: The classes in the order wanted; sorted unless given. Of two classes that are words the rarer one is
            put second, which makes it the positive class.

    Raises:
        TargetError: The target is constant, missing throughout, infinite, id-like, or of the wrong kind.
        SpaceError: The kind or the metric is unknown.

    Example:
        >>> import pandas as pd
        >>> make_task(pd.DataFrame({"y": ["a", "b", "a", "a"]})).classes
        ('a', 'b')
    """
    if kind is not None and kind not in TASKS:
        raise SpaceError(f"Unknown task {kind!r}. {did_you_mean(kind, TASKS)}")
    _check_columns(target)
    kind = kind or _guess_kind(target)
    names = tuple(map(str, target.columns))
    target = target.set_axis(list(names), axis=1)
    if kind == "embedding":
        return _embedding(target, metric)
    if kind in ("binary", "multiclass"):
        return _with_classes(target, kind, metric, classes)
    if kind == "multilabel":
        return _multilabel(target, names, metric)
    if kind == "soft":
        return SoftLabels(names, metric or "neg_kl_divergence")
    return _regression(target, names, metric)


def _check_columns(target: pd.DataFrame) -> None:
    for name, column in target.items():
        if column.notna().sum() == 0:
            raise TargetError(f"The target {name!r} is missing in all {len(column)} rows: name another target column.")
        if column.nunique() == 1:
            raise TargetError(
                f"The target {name!r} holds {as_label(column.dropna().iloc[0])!r} in every row, "
                "so there is nothing to learn: "
                "name another target column."
            )
        if pd.api.types.is_float_dtype(column) and np.isinf(column.to_numpy(float)).any():
            row = int(np.flatnonzero(np.isinf(column.to_numpy(float)))[0])
            raise TargetError(f"The target {name!r} is infinite in row {row}: correct that row or leave it out.")


def _guess_kind(target: pd.DataFrame) -> str:
    if target.shape[1] > 1:
        return _guess_kind_of_many(target)
    column = target.iloc[:, 0]
    _refuse_running_number(column)
    n_values, n_known = column.nunique(), int(column.notna().sum())
    if n_values > 2 and pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.dropna().to_numpy(float)
        few = n_values <= MAX_CLASSES_OF_INTEGERS and n_values <= max(2, n_known // 5)
        if not (few and bool((values == np.round(values)).all())):
            return "regression"
    return "binary" if n_values == 2 else "multiclass"


def _refuse_running_number(column: "pd.Series[Any]") -> None:
    steps = np.diff(column.to_numpy()) if pd.api.types.is_integer_dtype(column) else np.array([0])
    if len(column) >= MIN_ROWS_OF_IDS and steps[0] != 0 and (steps == steps[0]).all():
        raise TargetError(
            f"The target {column.name!r} is a running number, like an identifier: name another target column, or say "
            "task='regression' if it is a quantity."
        )


def _guess_kind_of_many(target: pd.DataFrame) -> str:
    values = numeric_target(target, list(target.columns), "several-target")
    known = values[np.isfinite(values)]
    if np.isin(known, (-1, 0, 1)).all():
        return "multilabel"
    whole = np.isfinite(values).all(axis=1)
    is_soft = (known >= 0).all() and whole.any() and np.allclose(values[whole].sum(axis=1), 1.0, atol=1e-3)
    return "soft" if is_soft else "regression"


def _with_classes(target: pd.DataFrame, kind: str, metric: str | None, classes: Sequence[Label] | None) -> Task:
    _one_column(target, kind)
    column = target.iloc[:, 0]
    known = column.dropna()
    names = tuple(classes) if classes is not None else _sorted_classes(known)
    if kind == "binary" and len(names) != 2:
        raise TargetError(
            f"A binary task needs 2 classes, but column {column.name!r} has {len(names)}: {preview(names)}. "
            "For more than two use task='multiclass'."
        )
    if len(names) > 50 and len(names) > len(known) / 2:
        raise TargetError(
            f"The target {column.name!r} has {len(names)} classes in {len(known)} rows, like an identifier: "
            "name another target column, or use task='regression' for a quantity."
        )
    if kind == "multiclass":
        if len(names) < 3:
            raise TargetError(
                f"A multiclass task needs 3 classes, but column {column.name!r} has 2: use task='binary'."
            )
        return Multiclass((str(column.name),), metric or "neg_log_loss", names)
    share = (known == names[1]).mean()
    return Binary((str(column.name),), metric or _metric_for(float(share)), names)


def _embedding(target: pd.DataFrame, metric: str | None) -> Task:
    _one_column(target, "embedding")
    column = target.iloc[:, 0]
    counts = column.value_counts()
    if (counts > 1).sum() < 2:
        raise TargetError(
            f"Embeddings are learned from rows of one class, but in column {column.name!r} fewer than 2 classes have "
            "2 rows: name another column."
        )
    return Embedding((str(column.name),), metric or "mean_average_precision", _sorted_classes(column.dropna()))


def _sorted_classes(known: pd.Series) -> tuple[Label, ...]:
    values = [as_label(value) for value in known.unique()]
    words = any(isinstance(value, str) for value in values)
    names = sorted(values, key=str) if words else sorted(values)
    if words and len(names) == 2:
        counts = known.value_counts()
        names.sort(key=lambda name: -counts.loc[name])
    return tuple(names)


def _metric_for(share: float) -> str:
    return "average_precision" if share < RARE else "neg_log_loss"


def _multilabel(target: pd.DataFrame, names: tuple[str, ...], metric: str | None) -> Task:
    values = numeric_target(target, names, "multilabel")
    missing_code = bool((values == -1).any() and (values == 0).any())
    y = Multilabel(names, "average_precision", missing_code).encode(target)
    for name, column in zip(names, y.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size == 0 or known.min() == known.max():
            raise TargetError(f"The label {name!r} is the same in every known row: leave it out of the targets.")
    return Multilabel(names, metric or _metric_for(float(np.nanmean(y))), missing_code)


def _regression(target: pd.DataFrame, names: tuple[str, ...], metric: str | None) -> Task:
    values = numeric_target(target, names, "regression")
    with np.errstate(over="ignore", invalid="ignore"):
        means, scales = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    for name, scale in zip(names, scales, strict=True):
        if not np.isfinite(scale) or scale < np.finfo(np.float32).tiny:
            raise TargetError(f"The target {name!r} spreads by {scale:.3g}, which no network can follow: rescale it.")
    usual = "neg_root_mean_squared_error" if len(names) == 1 else "neg_average_relative_rmse"
    return Regression(names, metric or usual, tuple(means.tolist()), tuple(scales.tolist()))


def _one_column(target: pd.DataFrame, kind: str) -> None:
    if target.shape[1] != 1:
        raise TargetError(
            f"A {kind} task has one target column, but {target.shape[1]} are given: {preview(list(target.columns))}. "
            "Name one, or use task='multilabel'."
        )
