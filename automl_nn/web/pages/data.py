"""The page of a study's data: what was noticed, which rows train and choose, what the labels and the columns are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from automl_nn.errors import StorageError
from automl_nn.results.results import Results
from automl_nn.review.words import duration
from automl_nn.task.base import Task
from automl_nn.web.charts import Chart, Series
from automl_nn.web.pages.studies import asked_words

LEVELS = {"error": 0, "warning": 1, "note": 2}
N_BINS = 30


@final
@dataclass(frozen=True)
class FindingLine:
    """One thing that was noticed about the data.

    Args:
        level: `error`, `warning` or `note`.
        kind: What kind of thing.
        column: The column or label that it is about; empty if it is about rows.
        message: What there is to know.
    """

    level: str
    kind: str
    column: str
    message: str


@final
@dataclass(frozen=True)
class ColumnLine:
    """One column of the data.

    Args:
        name: Its name.
        role: How it is read.
        reason: Why it was left out.
        n_missing: Values that are missing; None if that is not stored.
    """

    name: str
    role: str
    reason: str
    n_missing: int | None


@final
@dataclass(frozen=True)
class DataPage:
    """The data of a study.

    Args:
        study_id: The study's number in addresses.
        study: The study's name.
        asked: The task in words.
        n_rows: Rows that were given; None if that is not stored.
        n_train: Rows that train; None if that is not stored.
        n_val: Rows that choose; None before the study has begun.
        parting: How the rows were parted, in a sentence.
        series: What is known of the series, in a sentence; empty if rows stand alone.
        is_weighted: Whether rows have weights.
        fingerprint: What the data are recognized by.
        findings: What was noticed, the gravest first.
        labels: One row for each class, label or quantity.
        labels_are_of: Which rows the labels are counted in: `all`, or `val` where no more is stored.
        targets: The distribution of each quantity in the rows that choose; none for classes and labels.
        columns: The columns of the data.
    """

    study_id: int
    study: str
    asked: str
    n_rows: int | None
    n_train: int | None
    n_val: int | None
    parting: str
    series: str
    is_weighted: bool
    fingerprint: str
    findings: tuple[FindingLine, ...]
    labels: pd.DataFrame
    labels_are_of: str
    targets: tuple[Chart, ...]
    columns: tuple[ColumnLine, ...]


def data_page(results: Results) -> DataPage:
    """The page of a study's data.

    Args:
        results: The study.
    """
    store, study_id = results.store, results.store.study_id(results.name)
    spec = store.spec(study_id)
    known, y = spec.get("about", {}), _labels(results, study_id)
    rows, labels = known.get("rows", {}), known.get("labels", ())
    return DataPage(
        study_id=study_id,
        study=results.name,
        asked=asked_words(spec["task"]),
        n_rows=spec["data"].get("n_rows"),
        n_train=rows.get("train"),
        n_val=rows.get("val", None if y is None else len(y)),
        parting=parting_words(
            spec.get("split", {}),
            are_steps="series" in spec,
            by_class=results.task.family != "values" and "maps" not in spec,
        ),
        series=_series_words(spec, known),
        is_weighted=spec["data"].get("weight") is not None,
        fingerprint=str(spec["data"].get("fingerprint", "")),
        findings=_findings(store.findings(study_id)),
        labels=pd.DataFrame(labels) if labels or y is None else val_labels(results.task, y),
        labels_are_of="all" if labels else "val",
        targets=() if y is None or results.task.family != "values" else target_charts(results.task, y),
        columns=_columns(spec.get("schema", ()), known.get("missing") if known else None),
    )


def _labels(results: Results, study_id: int) -> Any:
    try:
        return results.store.targets(study_id)[1]
    except StorageError:  # it has not been tuned yet
        return None


def _findings(found: pd.DataFrame) -> tuple[FindingLine, ...]:
    rows = found.astype(object).where(found.notna(), "").to_dict("records")
    lines = [FindingLine(*(str(row[name]) for name in ("level", "kind", "column", "message"))) for row in rows]
    return tuple(sorted(lines, key=lambda line: LEVELS.get(line.level, len(LEVELS))))


def _columns(schema: Sequence[Mapping[str, Any]], missing: Mapping[str, int] | None) -> tuple[ColumnLine, ...]:
    return tuple(
        ColumnLine(
            str(column["name"]),
            str(column["role"]),
            str(column.get("reason", "")),
            None if missing is None or column["role"] == "dropped" else int(missing.get(str(column["name"]), 0)),
        )
        for column in schema
    )


def parting_words(parting: Mapping[str, Any], *, are_steps: bool = False, by_class: bool = True) -> str:
    """How rows were parted into those that train and those that choose, in a sentence.

    Args:
        parting: `Parting` as a study stores it.
        are_steps: Whether rows are steps of series.
        by_class: Whether each part has the same share of each class or label.

    Example:
        >>> parting_words({"val_share": 0.2, "folds": 1})
        '20 % of the rows choose between trials, drawn at random with the same share of each class.'
        >>> parting_words({"val_share": 0.2, "folds": 5, "group": "patient"})
        "5 folds: every row chooses once; rows with the same 'patient' stay together."
    """
    group, time, folds = parting.get("group"), parting.get("time"), parting.get("folds")
    share = f"{100 * float(parting.get('val_share', 0)):.3g} % of the {'series or steps' if are_steps else 'rows'}"
    kept = f"; rows with the same {group!r} stay together" if group else ""
    if folds is None or folds > 1:
        crossed = f"{folds} folds" if folds else "Folds where the part that chooses would be small"
        return f"{crossed}: every row chooses once{kept}."
    if time:
        gap = f", {parting['gap']} after the last row that trains" if parting.get("gap") else ""
        return f"The latest rows by {time!r} choose between trials, {share}{gap}."
    if are_steps:
        return f"{share} choose between trials{kept or '; series stay whole where there are several'}."
    drawn = "" if group else ", drawn at random" + (" with the same share of each class" if by_class else "")
    return f"{share} choose between trials{kept}{drawn}."


def _series_words(spec: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "series" not in spec:
        return ""
    columns, seconds = spec["series"], spec.get("step_seconds")
    n = f"{known['n_series']:,} series" if known.get("n_series") else "Series"
    parts = [n if columns.get("series_id") is None else f"{n} by {columns['series_id']!r}"]
    parts += [f"ordered by {columns['time']!r}"] if columns.get("time") else []
    parts += [f"a step every {duration(seconds)}"] if seconds else []
    kind = "each step has a label" if columns.get("per_step") else "each series has one label"
    horizon = columns.get("horizon")
    ahead = f", {str(horizon).strip('[]')} steps ahead" if horizon else ""
    return f"{', '.join(parts)}; {kind}{ahead}."


def val_labels(task: Task, y: "np.ndarray[Any, np.dtype[Any]]") -> pd.DataFrame:
    """How often each class or label occurs in the rows that choose, or between what a quantity lies.

    Args:
        task: What is asked.
        y: Encoded labels of the rows that choose, NaN where missing, (n_val, d_y).
    """
    if task.family == "values":
        values = np.asarray(task.prediction(y.astype(np.float64)))
        return pd.DataFrame(
            {
                "target": [str(name) for name in task.targets],
                "missing": np.isnan(values).sum(axis=0),
                "lowest": np.nanmin(values, axis=0),
                "mean": np.nanmean(values, axis=0),
                "highest": np.nanmax(values, axis=0),
            }
        )
    if task.kind in ("multilabel", "soft"):
        counts = {"val": np.nansum(y, axis=0), "missing": np.isnan(y).sum(axis=0)}
        return pd.DataFrame({"class": [str(name) for name in task.classes], **counts})
    counted = [int((y[:, 0] == code).sum()) for code in range(len(task.classes))]
    return pd.DataFrame({"class": [str(name) for name in task.classes], "val": counted})


def target_charts(task: Task, y: "np.ndarray[Any, np.dtype[Any]]") -> tuple[Chart, ...]:
    """The distribution of each quantity in the rows that choose.

    Args:
        task: What is asked.
        y: Encoded quantities of the rows that choose, NaN where missing, (n_val, n_targets).
    """
    values = np.asarray(task.prediction(y.astype(np.float64)))
    return tuple(_histogram(str(name), own[np.isfinite(own)]) for name, own in zip(task.targets, values.T, strict=True))


def _histogram(name: str, values: "np.ndarray[Any, np.dtype[Any]]") -> Chart:
    counts, edges = np.histogram(values, bins=N_BINS) if len(values) else (np.zeros(0), np.zeros(1))
    bars = Series.of("rows", (edges[:-1] + edges[1:]) / 2, counts, "bars")
    return Chart(f"{name} in the rows that choose", name, "rows", (bars,))
