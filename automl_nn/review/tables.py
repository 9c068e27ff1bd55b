"""The numbers behind every answer: dictionaries of plain values with keys that stay."""

from collections.abc import Mapping, Sequence
from math import floor, inf, log10
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.findings import Finding
from automl_nn.data.images.arrays import ImageForm
from automl_nn.review.events.spike_windows import times_seen
from automl_nn.search.problems.step_names import StepNames
from automl_nn.task.base import Task

if TYPE_CHECKING:
    from automl_nn.search.problems.problem import Problem  # which imports torch

N_DIGITS = 6
"""Digits of what a quantity spans that are kept by its standardized form, in float32."""

Report = dict[str, Any]
"""Plain values, lists and dictionaries of them; a missing number is None."""

TRIAL_COLUMNS = ("number", "state", "score", "seconds", "best_epoch", "n_parameters", "stopped", "failure", "message")


def records(frame: pd.DataFrame) -> list[Report]:
    """The rows of a frame as dictionaries, None for what is missing.

    Example:
        >>> records(pd.DataFrame({"score": [0.5, float("nan")], "state": ["complete", "failed"]}))
        [{'score': 0.5, 'state': 'complete'}, {'score': None, 'state': 'failed'}]
    """
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def check_report(problem: "Problem") -> Report:
    """What is asked, what the columns are, how the rows are parted, and what was noticed.

    Args:
        problem: The data as a search would see it.
    """
    task, split = problem.task, problem.split
    images = {} if problem.images is None else {"images": image_row(problem.images.form)}
    return {
        "task": task.kind,
        "target": list(task.targets),
        "metric": task.metric,
        "rows": {"given": problem.table.n_rows, "train": len(split.train), "val": len(split.val)},
        **images,
        "labels": label_rows(problem),
        "columns": [{"name": c.name, "role": c.role, "reason": c.reason} for c in problem.table.columns],
        "findings": finding_rows(problem.findings),
    }


def image_row(form: ImageForm) -> Report:
    """What images look like.

    Args:
        form: Their size and values.
    """
    values = f"{form.kind} from {form.lowest:g} to {form.highest:g}"
    return {"height": form.height, "width": form.width, "channels": form.channels, "values": values}


def finding_rows(findings: Sequence[Finding]) -> list[Report]:
    """One row for each finding, the gravest first."""
    order = ("error", "warning", "note")
    graver = sorted(findings, key=lambda finding: order.index(finding.level))
    return [{"level": f.level, "kind": f.kind, "column": f.column, "message": f.message} for f in graver]


def label_rows(problem: "Problem") -> list[Report]:
    """How often each class or label occurs in each part, or between what a quantity lies.

    One row for each class (`class`, `train`, `val`), for each label of several (also `missing`), or for each quantity
    (`target`, `missing`, `lowest`, `mean`, `highest`).
    """
    task = problem.task
    if task.family == "values":
        return _value_rows(problem)
    if task.kind in ("multilabel", "soft"):
        return [_share_row(problem, name, column) for column, name in enumerate(task.classes)]
    train, val = (_labels_of(problem, rows)[:, 0] for rows in (problem.split.train, problem.split.val))
    return [
        {"class": name, "train": int((train == code).sum()), "val": int((val == code).sum())}
        for code, name in enumerate(task.classes)
    ]


def _labels_of(problem: "Problem", rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The labels of some rows; of maps, those of each of their pixels."""
    y = problem.y[rows]
    return y if problem.maps is None else y.reshape(-1, len(problem.maps.names))


def _share_row(problem: "Problem", name: Any, column: int) -> Report:
    y = _labels_of(problem, np.arange(len(problem.y)))[:, column]
    parts = (_labels_of(problem, rows)[:, column] for rows in (problem.split.train, problem.split.val))
    train, val = (float(np.nansum(part)) for part in parts)
    return {"class": name, "train": train, "val": val, "missing": int(np.isnan(y).sum())}


def _value_rows(problem: "Problem") -> list[Report]:
    y = _labels_of(problem, np.arange(len(problem.y))).astype(np.float64)
    values = pd.DataFrame(problem.task.prediction(y), columns=list(problem.task.targets))
    return [
        {"target": name, "missing": int(column.isna().sum()), **_exact(column.agg(["min", "mean", "max"]).tolist())}
        for name, column in values.items()
    ]


def _exact(values: Sequence[float]) -> dict[str, float]:
    """The least, mean and greatest of a quantity, to the digits that its standardized form holds."""
    span = values[-1] - values[0]
    digits = N_DIGITS - 1 - floor(log10(span)) if 0 < span < inf else N_DIGITS
    return {name: round(value, digits) + 0.0 for name, value in zip(("lowest", "mean", "highest"), values, strict=True)}


def study_report(name: str, leaderboard: pd.DataFrame, *, task: Task) -> Report:
    """How a study stands: its trials by state, and the best one with what it differs in from trial 0.

    Args:
        name: The study.
        leaderboard: One row for each trial, best first.
        task: What is asked.
    """
    counts = leaderboard["state"].value_counts()
    best = next((row for row in trial_rows(leaderboard) if row["state"] == "complete"), None)
    return {
        "study": name,
        "task": task.kind,
        "target": list(task.targets),
        "metric": task.metric,
        "trials": {str(state): int(count) for state, count in counts.items()},
        "best_trial": best and best["number"],
        "best_score": best and best["score"],
        "best_knobs": best["knobs"] if best else {},
    }


def trial_rows(leaderboard: pd.DataFrame) -> list[Report]:
    """One row for each trial in the order given: how it went, and under `knobs` what it differs in from trial 0.

    Args:
        leaderboard: One row for each trial; the knobs are the columns with a dot in their name.
    """
    knobs = _knobs(leaderboard)
    start = leaderboard.index[leaderboard["number"] == 0]
    first = dict(knobs.loc[start[0]]) if len(start) else {}
    rows = records(leaderboard[[name for name in TRIAL_COLUMNS if name in leaderboard]])
    return [row | {"knobs": differences(first, knobs.loc[at])} for row, at in zip(rows, leaderboard.index, strict=True)]


def reference_rows(references: pd.DataFrame) -> list[Report]:
    """One row for each model to compare with: how it did.

    Args:
        references: What `Study.references` returned.
    """
    shown = ("name", "state", "score", "seconds", "n_rows", "n_parameters", "message")
    return records(references[list(shown)])


def spike_rows(spikes: pd.DataFrame, *, names: StepNames | None = None, length: int = 1) -> list[Report]:
    """One row for each spike, the rows of its batch as a text, those first that were in most spikes.

    Args:
        spikes: What `Study.spikes` returned.
        names: What steps are called, where rows are the first steps of windows.
        length: Steps of such a window: places that it reaches over are one.

    Example:
        >>> spikes = pd.DataFrame({"trial": [0, 0], "kind": ["loss", "norm"], "row_ids": [[3, 5], [5, 9]]})
        >>> [row["rows"] for row in spike_rows(spikes)]
        ['5, 3', '5, 9']
        >>> [row["rows"] for row in spike_rows(spikes, names=StepNames(("a", "b"), (0, 4)))]
        ['b at 1, a at 3', 'b at 1, b at 5']
    """
    often = times_seen(spikes["row_ids"].tolist(), length=length)
    ordered = [sorted(map(int, rows), key=lambda row: (-often[row], row)) for rows in spikes["row_ids"]]
    texts = [", ".join(map(str, rows) if names is None else names.places(rows)) for rows in ordered]
    return records(spikes.drop(columns="row_ids").assign(rows=texts))


def _knobs(leaderboard: pd.DataFrame) -> pd.DataFrame:
    knobs = leaderboard[[name for name in leaderboard if "." in str(name)]]
    return knobs.astype(object).where(knobs.notna(), None)


def differences(start: Mapping[Any, Any], config: Mapping[Any, Any]) -> dict[str, Any]:
    """The knobs of a config that another one lacks or sets otherwise.

    Example:
        >>> differences({"train.lr": 0.1, "train.epochs": 9}, {"train.lr": 0.2, "train.epochs": 9, "train.tau": None})
        {'train.lr': 0.2}
    """
    return {str(path): value for path, value in config.items() if value is not None and start.get(path) != value}
