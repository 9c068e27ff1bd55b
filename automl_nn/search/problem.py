"""What is given: a table, a target, and the rows that choose. Nothing in here is ever searched."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from automl_nn.data.findings import Finding, find
from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.series import Steps
from automl_nn.data.series_findings import find_in_series
from automl_nn.data.split import (
    Split,
    folds,
    grouped_folds,
    grouped_split,
    random_folds,
    random_split,
    stratified_split,
    time_split,
)
from automl_nn.data.table import Role, Table
from automl_nn.data.target import split_target
from automl_nn.errors import DataError, SplitError
from automl_nn.model.backbones.sequence import MAX_LENGTH
from automl_nn.model.encoders import Encoder
from automl_nn.model.inputs import Inputs
from automl_nn.task.base import Label, Task
from automl_nn.task.infer import make_task

VAL_SHARE = 0.2
"""Share of the rows that choose between trials."""

N_FOLDS = 5
"""Parts of a cross-validation."""

FEW_ROWS, FEW_POSITIVES = 500, 100
"""With fewer rows that choose, or fewer of the rarest class among them, chance decides between trials."""

MANY_ROWS = 20_000
"""With more rows, a cross-validation costs more than it tells."""

N_PROBE = 32
"""Rows by which a model is checked when it is written."""


@final
@dataclass(frozen=True, slots=True)
class Parting:
    """How the rows are parted into those that train and those that choose.

    Args:
        val_share: Share of the rows that choose.
        group: Column whose values are never parted: all rows of a patient, a site, a machine.
        time: Column by which the later rows choose.
        gap: Least distance between the two parts when parted by time, in the unit of the times, or a text such as
            `7D` for dates.
        min_positives: Rows of each class or label that each part must hold.
        folds: Parts of a cross-validation: each chooses once, between networks that were trained on the others. 1 is a
            single split; None for 5 where the part that chooses would be small, else 1.

    Example:
        >>> frame = pd.DataFrame({"patient": [1, 1, 2, 2, 3, 3]})
        >>> split = Parting(val_share=0.3, group="patient").split(frame, None, seed=0)
        >>> sorted(set(frame["patient"][split.train]) & set(frame["patient"][split.val]))
        []
    """

    val_share: float = VAL_SHARE
    group: str | None = None
    time: str | None = None
    gap: float | str = 0
    min_positives: int = 1
    folds: int | None = 1

    def split(self, frame: pd.DataFrame, strata: NDArray[Any] | None, *, seed: int) -> Split:
        """Part the rows of a frame; `strata` is what each part must hold in proportion.

        Raises:
            SplitError: A class or label has too few rows.
            DataError: The column to part by does not exist.
        """
        n_folds = self._n_folds(len(frame), strata)
        if n_folds > 1:
            return Split.crossed(self._crossed(frame, strata, n_folds, seed=seed))
        if self.group is not None:
            groups = _column(frame, self.group).to_numpy()
            return grouped_split(
                groups, labels=strata, val_share=self.val_share, seed=seed, min_positives=self.min_positives
            )
        if self.time is not None:
            return time_split(
                _column(frame, self.time),
                labels=strata,
                val_share=self.val_share,
                gap=self.gap,
                min_positives=self.min_positives,
            )
        if strata is None:
            return random_split(len(frame), val_share=self.val_share, seed=seed)
        return stratified_split(strata, val_share=self.val_share, seed=seed, min_positives=self.min_positives)

    def _n_folds(self, n_rows: int, strata: NDArray[Any] | None) -> int:
        if self.folds is None:
            is_small = self.val_share * n_rows < FEW_ROWS or self.val_share * _n_of_rarest(strata) < FEW_POSITIVES
            return N_FOLDS if is_small and n_rows <= MANY_ROWS and self.time is None else 1
        if self.folds < 1:
            raise SplitError(f"folds = {self.folds} is not possible: it is 2 or more, or 1 for a single split.")
        if self.folds > 1 and self.time is not None:
            raise SplitError(
                f"Rows that are parted by the time {self.time!r} cannot be crossed in {self.folds} folds, since later "
                "rows would train for earlier ones: leave one of the two out."
            )
        return self.folds

    def _crossed(
        self, frame: pd.DataFrame, strata: NDArray[Any] | None, n_folds: int, *, seed: int
    ) -> tuple[Split, ...]:
        if self.group is not None:
            groups = _column(frame, self.group).to_numpy()
            least = self.min_positives
            return grouped_folds(groups, labels=strata, n_folds=n_folds, seed=seed, min_positives=least)
        if strata is None:
            return random_folds(len(frame), n_folds=n_folds, seed=seed)
        return folds(strata, n_folds=n_folds, seed=seed, min_positives=self.min_positives)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


def _n_of_rarest(strata: NDArray[Any] | None) -> float:
    """Rows of the rarest class or label; no limit where there are none."""
    if strata is None:
        return float("inf")
    columns = strata.reshape(len(strata), -1).T
    return min(float(np.unique(column[~pd.isna(column)], return_counts=True)[1].min()) for column in columns)


def _plain(value: Any) -> Any:
    """A cell as JSON holds it without loss."""
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        raise DataError(f"There is no column {name!r} to part the rows by: the columns are {', '.join(frame.columns)}.")
    return frame[name]


@final
@dataclass(frozen=True)
class Problem:
    """A table with its task, its encoded labels and its parts.

    Args:
        table: The features, one row for each row given.
        task: What is asked.
        y: Encoded labels `(n, d_y)`, NaN where missing.
        split: The rows that train and the rows that choose. Rows without any label are in neither.
        weight: Weight of each row `(n,)`, or None.
        fingerprint: Hash of features and target.
        parting: How the split was made.
        groups: Number of the group of each row `(n,)`, where rows were parted by group.
        steps: Which rows are steps of one series; None if rows stand alone.
    """

    table: Table
    task: Task
    y: NDArray[np.float32]
    split: Split
    weight: NDArray[np.float32] | None
    fingerprint: str
    parting: Parting
    groups: NDArray[np.int64] | None = None
    steps: Steps | None = None

    @property
    def folds(self) -> tuple[Split, ...]:
        """The rows that train and the rows that choose, once or several times."""
        return self.split.folds or (self.split,)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the data itself says: duplicates, leaks, scales, counts."""
        if self.steps is not None:
            has_events = self.steps.columns.per_step and self.task.family == "labels"
            return find_in_series(self.table, self.steps, self.y if has_events else None)
        return find(self.table, self._named_labels())

    def inputs(self, encoder: Encoder, rows: NDArray[Any]) -> Inputs:
        """What a network reads of these rows, ascending where they are steps."""
        inputs = encoder.transform(self.table.take(rows))
        if self.steps is None:
            return inputs
        return replace(inputs, starts=torch.from_numpy(self.steps.stretches(rows)))

    def _named_labels(self) -> Any:
        """Labels under the user's names; one column for classes."""
        if self.task.kind in ("binary", "multiclass"):
            names = np.array([*map(str, self.task.classes), None], dtype=object)
            return names[np.nan_to_num(self.y[:, 0], nan=len(names) - 1).astype(np.int64)]
        return pd.DataFrame(self.y, columns=list(self.task.targets)) if self.task.kind == "multilabel" else self.y[:, 0]

    def spec(self) -> dict[str, Any]:
        """What must stay the same for a study to go on, as plain JSON values."""
        return {
            "task": self.task.to_json(),
            "schema": self.table.schema(),
            "data": {"fingerprint": self.fingerprint, "weight": self._weights(), "n_rows": self.table.n_rows},
            "split": self.parting.to_json(),
            "probe": self._probe(),
            **({} if self.steps is None else self._series()),
        }

    def _series(self) -> dict[str, Any]:
        assert self.steps is not None
        return {"series": self.steps.columns.to_json(), "step_seconds": self.steps.seconds}

    def _weights(self) -> str | None:
        return None if self.weight is None else fingerprint(pd.DataFrame({"weight": self.weight}))

    def _probe(self) -> dict[str, list[Any]]:
        """The first few rows that choose, by which a model is checked when it is written."""
        n_rows = min(N_PROBE, len(self.folds[0].val)) if self.steps is None else self._first_stretch()
        frame = self.table.take(self.split.val[:n_rows]).frame.astype(object)
        rows = frame.where(frame.notna(), None).to_dict("list")
        return {str(name): [_plain(value) for value in values] for name, values in rows.items()}

    def _first_stretch(self) -> int:
        """Steps of the first stretch that chooses, so many that its first windows are those of training."""
        assert self.steps is not None
        ends = [*self.steps.stretches(self.split.val).tolist(), len(self.split.val)]
        return int(min(ends[1], 2 * MAX_LENGTH))


def pose(
    frame: pd.DataFrame,
    target: Sequence[str],
    *,
    kind: str | None = None,
    metric: str | None = None,
    classes: Sequence[Label] | None = None,
    roles: Mapping[str, Role] | None = None,
    parting: Parting | None = None,
    weight: NDArray[Any] | None = None,
    seed: int = 0,
) -> Problem:
    """Read a problem from a frame that holds features and targets.

    Args:
        frame: One row an example.
        target: Names of the target columns.
        kind: Task kind; told from the target unless given.
        metric: Score that compares trials; chosen by the task unless given.
        classes: Order of the classes; see `make_task`.
        roles: Roles of columns that should not be found by themselves.
        parting: How the rows are parted.
        weight: Weight of each row `(n,)`, 0 or more.
        seed: Seed of the split.

    Raises:
        DataError: The features or the weights cannot be used.
        TargetError: The target does not fit the task.
        SplitError: A class or label has too few rows.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"x": [0.1, 0.5, 0.9] * 20, "y": [0, 0, 1] * 20})
        >>> problem = pose(frame, ["y"])
        >>> problem.task.kind, len(problem.split.val)
        ('binary', 12)
    """
    parting = parting or Parting()
    features, labels = split_target(frame, target)
    task = make_task(labels, kind=kind, metric=metric, classes=classes)
    y = task.encode(labels)
    known = np.flatnonzero(np.isfinite(y).any(axis=1))
    strata = task.strata(y)
    parted = features if len(known) == len(features) else features.iloc[known]
    parts = parting.split(parted, None if strata is None else strata[known], seed=seed)
    split = parts.at(known)
    if task.kind == "regression":  # rows that only choose must not tell the scale
        task = make_task(labels.iloc[split.train], kind=task.kind, metric=task.metric)
        y = task.encode(labels)
    groups = None
    if parting.group is not None:
        groups = pd.factorize(features[parting.group], use_na_sentinel=False)[0].astype(np.int64)
        features = features.drop(columns=parting.group)
    return Problem(
        table=Table.from_frame(features, roles=roles or {}),
        task=task,
        y=y,
        split=split,
        weight=None if weight is None else _checked(weight, n_rows=len(frame)),
        fingerprint=fingerprint(frame),
        parting=parting,
        groups=groups,
    )


def _checked(weight: NDArray[Any], *, n_rows: int) -> NDArray[np.float32]:
    weights = np.asarray(weight, dtype=np.float32)
    if weights.shape != (n_rows,):
        raise DataError(f"The weights have shape {weights.shape}, but there are {n_rows} rows: give one for each.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        row = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0]) if weights.any() else 0
        raise DataError(f"The weight of row {row} is {weights[row]}: weights are finite, 0 or more, and not all 0.")
    return weights
