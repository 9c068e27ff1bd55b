"""Posing a problem whose rows are images, alone or beside a table."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.given import no_table
from automl_nn.data.parting.split import Split
from automl_nn.data.table import Role, Table
from automl_nn.data.target import split_target
from automl_nn.errors import DataError
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import Problem, checked_weights, scaled_by_train
from automl_nn.task.base import Label
from automl_nn.task.infer import make_task


def pose_images(
    frame: pd.DataFrame,
    target: Sequence[str],
    images: Images,
    *,
    kind: str | None = None,
    metric: str | None = None,
    classes: Sequence[Label] | None = None,
    roles: Mapping[str, Role] | None = None,
    parting: Parting | None = None,
    weight: NDArray[Any] | None = None,
    seed: int = 0,
) -> Problem:
    """Read a problem from images and a frame that holds their targets; other columns of it stand beside the images.

    Images that are equal, pixel by pixel, are never on both sides of a split, unless a group or a time says where they
    belong.

    Args:
        frame: One row an image, in their order.
        target: Names of the target columns.
        images: The images.
        kind: Task kind; told from the target unless given.
        metric: Score that compares trials; chosen by the task unless given.
        classes: Order of the classes; see `make_task`.
        roles: Roles of columns that should not be found by themselves.
        parting: How the rows are parted.
        weight: Weight of each row `(n,)`, 0 or more.
        seed: Seed of the split.

    Raises:
        DataError: There are not as many images as rows, or the features or weights cannot be used.
        TargetError: The target does not fit the task.
        SplitError: A class or label has too few rows.

    Example:
        >>> images = Images.of(np.arange(60 * 16, dtype=np.uint8).reshape(60, 4, 4))
        >>> problem = pose_images(pd.DataFrame({"y": [0, 0, 1] * 20}), ["y"], images)
        >>> problem.task.kind, len(problem.split.val)
        ('binary', 12)
    """
    if len(frame) != len(images):
        raise DataError(
            f"There are {len(images)} images, but {len(frame)} rows of labels: give one row for each image."
        )
    parting = parting or Parting()
    features, labels = split_target(frame.assign(__row__=0), target)  # so that there may be no other column
    features = features.drop(columns="__row__")
    task = make_task(labels, kind=kind, metric=metric, classes=classes)
    y = task.encode(labels)
    hashes = images.hashes
    split = part_images(parting, features, hashes, y, task.strata(y), seed=seed)
    task, y = scaled_by_train(task, labels, y, split)
    features, groups = parting.without_group(features)
    return Problem(
        table=Table.from_frame(features, roles=roles or {}) if features.shape[1] else no_table(len(frame)),
        task=task,
        y=y,
        split=split,
        weight=None if weight is None else checked_weights(weight, n_rows=len(frame)),
        fingerprint=hashlib.blake2b("".join([fingerprint(frame), *hashes]).encode(), digest_size=16).hexdigest(),
        parting=parting,
        groups=groups,
        images=images,
    )


def part_images(
    parting: Parting,
    features: pd.DataFrame,
    hashes: NDArray[np.object_],
    y: NDArray[np.float32],
    strata: NDArray[Any] | None,
    *,
    seed: int,
) -> Split:
    """Part the rows that have a label; copies of an image go where the first of them goes.

    Args:
        parting: How.
        features: One row an image.
        hashes: Equal for images that are copies of each other `(n,)`.
        y: Labels `(n, d_y)`; NaN where missing.
        strata: What each part must hold in proportion.
        seed: Seed of the split.
    """
    known = np.flatnonzero(np.isfinite(y).any(axis=1))
    follows = parting.group is None and parting.time is None
    firsts = known[~pd.Series(hashes[known]).duplicated().to_numpy()] if follows else known
    parts = parting.split(features.iloc[firsts], None if strata is None else strata[firsts], seed=seed).at(firsts)
    return _with_copies(parts, hashes, known) if len(firsts) < len(known) else parts


def _with_copies(split: Split, hashes: NDArray[np.object_], known: NDArray[np.int64]) -> Split:
    if split.folds:
        return Split.crossed(tuple(_with_copies(fold, hashes, known) for fold in split.folds))
    in_val = np.isin(hashes[known], hashes[split.val])
    return Split(known[~in_val], known[in_val])
