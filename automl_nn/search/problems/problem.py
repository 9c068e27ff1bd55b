"""What is given: a table, a target, and the rows that choose. Nothing in here is ever searched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from automl_nn.data.findings import Finding, find
from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.findings import find_in_images
from automl_nn.data.images.likeness import find_mirrors, find_near_copies
from automl_nn.data.images.maps import MapForm, kept_places
from automl_nn.data.parting.split import Split
from automl_nn.data.series.findings import ends_tell, find_in_parts, find_in_series
from automl_nn.data.series.steps import ENOUGH_STEPS, Steps
from automl_nn.data.table import Role, Table
from automl_nn.data.target import split_target
from automl_nn.data.value_findings import find_with_values
from automl_nn.errors import DataError
from automl_nn.model.encoders import Encoder, fit_text_columns, written
from automl_nn.model.inputs import Inputs
from automl_nn.model.texts import TextEncoder
from automl_nn.search.problems.parting import Parting
from automl_nn.task.base import Label, Task
from automl_nn.task.infer import make_task
from automl_nn.task.tasks import Embedding


@final
@dataclass(frozen=True)
class Compared:
    """Rows by which trials are compared.

    Args:
        ids: Row of the table `(n,)`; of pixels, that of their image.
        y: Encoded labels `(n, d_y)`.
        groups: Number of the group of each `(n,)`, if they do not stand alone.
    """

    ids: NDArray[np.int64]
    y: NDArray[np.float32]
    groups: NDArray[np.int64] | None


@final
@dataclass(frozen=True)
class Problem:
    """A table with its task, its encoded labels and its parts.

    Args:
        table: The features, one row for each row given.
        task: What is asked.
        y: Encoded labels `(n, d_y)`, NaN where missing; bytes where there are millions of 0 and 1 without gaps.
        split: The rows that train and the rows that choose. Rows without any label are in neither.
        weight: Weight of each row `(n,)`, or None.
        fingerprint: Hash of features and target.
        parting: How the split was made.
        groups: Number of the group of each row `(n,)`, where rows were parted by group.
        steps: Which rows are steps of one series; None if rows stand alone.
        images: The image of each row; None if there are none.
        maps: Size of the maps, where each pixel has labels of its own; the rows of `y` hold those of all pixels.
    """

    table: Table
    task: Task
    y: NDArray[np.float32]
    split: Split
    weight: NDArray[np.float32] | None
    fingerprint: str
    parting: Parting
    groups: NDArray[Any] | None = None
    steps: Steps | None = None
    images: Images | None = None
    maps: MapForm | None = None

    @cached_property
    def unlabelled(self) -> NDArray[np.int64]:
        """The rows without any label, which neither train by themselves nor choose."""
        return np.flatnonzero(~np.isfinite(self.y).any(axis=1)).astype(np.int64)

    @property
    def folds(self) -> tuple[Split, ...]:
        """The rows that train and the rows that choose, once or several times."""
        return self.split.folds or (self.split,)

    @cached_property
    def looks_back(self) -> bool:
        """Whether networks must not see later steps: those are asked for, or a series' end gives away its labels."""
        if self.steps is None:
            return False
        columns = self.steps.columns
        return columns.furthest > 0 or (columns.per_step and ends_tell(self.y, self.steps))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the data itself says: duplicates, leaks, scales, counts."""
        if self.steps is not None:
            has_events = self.steps.columns.per_step and self.task.family == "labels"
            classes = self.task.classes if self.task.family == "classes" else ()
            found = find_in_series(self.table, self.steps, self.y if has_events else None)
            parts = find_in_parts(self.steps, self.split, self.y[:, 0], classes=classes, has_events=has_events)
            return (*found, *parts)
        if self.images is not None:
            labels = None if self.maps is not None else self._named_labels()
            near = find_near_copies(self.images, self.folds[0])
            return (*find_in_images(self.images, labels), *near, *self._mirrors(self.images))
        if self.task.kind == "soft":
            return find(self.table)
        if self.task.kind == "regression":
            return find_with_values(self.table, pd.DataFrame(self.y, columns=list(self.task.targets)))
        return find(self.table, self._named_labels())

    def _mirrors(self, images: Images) -> Iterator[Finding]:
        """Classes that mirrored images are taken for, where there are classes."""
        if self.maps is None and self.task.kind in ("binary", "multiclass", "embedding"):
            yield from find_mirrors(images, self.y[:, 0], getattr(self.task, "names", ()))

    @cached_property
    def text_encoders(self) -> tuple[TextEncoder, ...]:
        """What the rows that train tell of each text column; fitted once for all encoders."""
        return fit_text_columns(self.table.take(self.split.train))

    @cached_property
    def _written(self) -> NDArray[np.float32]:
        return written(self.table, self.text_encoders)

    def inputs(self, encoder: Encoder, rows: NDArray[Any]) -> Inputs:
        """What a network reads of these rows, ascending where they are steps.

        Args:
            encoder: One with the `text_encoders` of this problem.
            rows: Their positions.
        """
        texts = self._written[rows] if self.text_encoders else None
        inputs = encoder.transform(self.table.take(rows), texts=texts)
        if self.steps is None:
            return inputs
        return replace(inputs, starts=torch.from_numpy(self.steps.stretches(rows)))

    def telling(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows that tell scales and levels of these rows: all of them, or some millions of steps, evenly spaced."""
        return rows if self.steps is None else rows[:: max(1, -(-len(rows) // ENOUGH_STEPS))]

    def _named_labels(self) -> Any:
        """Labels under the user's names; one column for classes."""
        if self.task.kind in ("binary", "multiclass", "embedding"):
            known = self.task.names if isinstance(self.task, Embedding) else self.task.classes
            names = np.array([*map(str, known), None], dtype=object)
            return names[np.nan_to_num(self.y[:, 0], nan=len(names) - 1).astype(np.int64)]
        return pd.DataFrame(self.y, columns=list(self.task.targets)) if self.task.kind == "multilabel" else self.y[:, 0]

    @property
    def compared(self) -> Compared:
        """The rows that choose, as trials are compared and decisions made by them: of maps, some of their pixels."""
        val = self.split.val
        if self.maps is None:
            return Compared(val, self.y[val].astype(np.float32, copy=False), self._groups_of(val))
        kept = kept_places(len(val), self.maps.n_places)
        y = self.y[val].reshape(len(val), self.maps.n_places, -1)[:, kept]
        groups = val if self.groups is None else self.groups[val]
        return Compared(np.repeat(val, len(kept)), y.reshape(-1, y.shape[2]), np.repeat(groups, len(kept)))

    def _groups_of(self, rows: NDArray[Any]) -> NDArray[Any] | None:
        """Number of the group of some rows; that of their series where they are steps."""
        if self.steps is not None:
            return self.steps.numbers_at(rows)
        return None if self.groups is None else self.groups[rows]


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
    task, y = scaled_by_train(task, labels, y, split)
    features, groups = parting.without_group(features)
    return Problem(
        table=Table.from_frame(features, roles=roles or {}),
        task=task,
        y=y,
        split=split,
        weight=None if weight is None else checked_weights(weight, n_rows=len(frame)),
        fingerprint=fingerprint(frame),
        parting=parting,
        groups=groups,
    )


def takes_unlabelled(problem: Problem) -> bool:
    """Whether rows without a label may take part in training: enough images, asked about as wholes, parted once.

    Args:
        problem: What is given.
    """
    are_whole = problem.images is not None and problem.maps is None
    return are_whole and len(problem.folds) == 1 and len(problem.unlabelled) >= 16


def has_gaps(problem: Problem) -> bool:
    """Whether enough images have some of their labels and lack others, which may take part in training.

    Args:
        problem: What is given.
    """
    if problem.images is None or problem.maps is not None or len(problem.folds) > 1:
        return False
    return problem.task.family == "labels" and int((~np.isfinite(problem.y[problem.split.train])).any(1).sum()) >= 16


def scaled_by_train(
    task: Task, labels: pd.DataFrame, y: NDArray[np.float32], split: Split
) -> tuple[Task, NDArray[np.float32]]:
    """The task and its encoded labels, once it is known which rows train: those that only choose must not tell a scale.

    Args:
        task: As it was told from all rows.
        labels: The target columns.
        y: Encoded labels `(n, d_y)`.
        split: Who trains.
    """
    if task.kind != "regression":
        return task, y
    task = make_task(labels.iloc[split.train], kind=task.kind, metric=task.metric)
    return task, task.encode(labels)


def checked_weights(weight: NDArray[Any], *, n_rows: int) -> NDArray[np.float32]:
    """The weight of each row, if all are possible.

    Raises:
        DataError: There are not as many as rows, or one is negative or not finite, or all are 0.

    Example:
        >>> checked_weights(np.array([1, 2]), n_rows=2).tolist()
        [1.0, 2.0]
    """
    weights = np.asarray(weight, dtype=np.float32)
    if weights.shape != (n_rows,):
        raise DataError(f"The weights have shape {weights.shape}, but there are {n_rows} rows: give one for each.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        row = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0]) if weights.any() else 0
        raise DataError(f"The weight of row {row} is {weights[row]}: weights are finite, 0 or more, and not all 0.")
    return weights
