"""What is given: a table, a target, and the rows that choose. Nothing in here is ever searched."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.findings import Finding, find
from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.split import Split, grouped_split, random_split, stratified_split, time_split
from automl_nn.data.table import Role, Table
from automl_nn.data.target import split_target
from automl_nn.errors import DataError
from automl_nn.task.base import Label, Task
from automl_nn.task.infer import make_task

VAL_SHARE = 0.2
"""Share of the rows that choose between trials."""

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

    def split(self, frame: pd.DataFrame, strata: NDArray[Any] | None, *, seed: int) -> Split:
        """Part the rows of a frame; `strata` is what each part must hold in proportion.

        Raises:
            SplitError: A class or label has too few rows.
            DataError: The column to part by does not exist.
        """
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

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


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
    """

    table: Table
    task: Task
    y: NDArray[np.float32]
    split: Split
    weight: NDArray[np.float32] | None
    fingerprint: str
    parting: Parting
    groups: NDArray[np.int64] | None = None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the data itself says: duplicates, leaks, scales, counts."""
        return find(self.table, self._named_labels())

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
        }

    def _weights(self) -> str | None:
        return None if self.weight is None else fingerprint(pd.DataFrame({"weight": self.weight}))

    def _probe(self) -> dict[str, list[Any]]:
        """The first few rows that choose, by which a model is checked when it is written."""
        frame = self.table.take(self.split.val[:N_PROBE]).frame.astype(object)
        rows = frame.where(frame.notna(), None).to_dict("list")
        return {str(name): [_plain(value) for value in values] for name, values in rows.items()}


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
    parts = parting.split(features.iloc[known], None if strata is None else strata[known], seed=seed)
    split = Split(known[parts.train], known[parts.val])
    if task.kind == "regression":  # the rows that choose must not tell the scale
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
