"""Posing a problem whose rows are the steps of series: a label, a class or a value for each step."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import Maps
from automl_nn.data.parting.split import Split
from automl_nn.data.series.labels import at_last_step, later, refuse_empty_channels
from automl_nn.data.series.split import split_blocks, split_series, split_times
from automl_nn.data.series.steps import (
    ENOUGH_STEPS,
    STEPS_AT_ONCE,
    SeriesColumns,
    Steps,
)
from automl_nn.data.table import Role, Table
from automl_nn.data.target import split_target
from automl_nn.errors import DataError, SplitError, did_you_mean
from automl_nn.model.backbones.sequence import MAX_LENGTH
from automl_nn.search.problems.images import pose_images
from automl_nn.search.problems.maps import pose_maps
from automl_nn.search.problems.parting import N_FOLDS, VAL_SHARE, Parting
from automl_nn.search.problems.problem import Problem, pose, scaled_by_train
from automl_nn.task.base import Label, Task
from automl_nn.task.infer import make_task

LENGTHS = (32, 64, 128, 256, 512)
"""Steps of a window that a search may try; halves of halves, so that overlapping windows of all of them line up."""

MIN_LENGTH = 16
"""Steps of the shortest window of a whole series."""

VAL_SHARES = (0.3, 0.4, 0.5)
"""Shares of the steps that choose, where a smaller share of the last ones lacks a class."""

FEW_SERIES, FEW_RECORDINGS = 64, 4
"""With fewer series that choose, chance decides between trials: of whole series, and of series of labelled steps."""

SHORT = 300_000
"""With more steps in all, a cross-validation costs more than it tells."""

ENOUGH_TO_CHOOSE, ENOUGH_RARE = 1_000_000, 250
"""Steps by which trials can be told apart, and those of the rarest class among them: more would only take time."""


def pose_steps(
    frame: pd.DataFrame,
    target: Sequence[str],
    columns: SeriesColumns,
    *,
    kind: str | None = None,
    metric: str | None = None,
    classes: Sequence[Label] | None = None,
    roles: Mapping[str, Role] | None = None,
    parting: Parting | None = None,
    seed: int = 0,
) -> Problem:
    """Read a problem from a long frame, one row a step.

    A label of a whole series stands at its last step, and the network sees all of the series there. With a horizon, the
    target is a channel too, a step's label is its value so many steps later, and no network looks ahead. Several
    horizons are several quantities, all of which a network tells at once: none is fed back, so there is no teacher to
    force.

    Series are parted whole, by the groups that `parting` names, or, if there is only one, by time: then its last steps
    choose, and the steps before them that the longest window could reach are left out. Where folds are asked for, too,
    it is cut into so many blocks, each of which chooses once.

    Args:
        frame: Channels, targets, and the columns that `columns` names; rows of several series may be mixed.
        target: Names of the target columns; a label may be missing at any step.
        columns: Which series a row belongs to, and when it was.
        kind: Task kind; told from the target unless given.
        metric: Score that compares trials; average precision for yes-or-no labels of steps unless given.
        classes: Order of the classes.
        roles: Roles of columns that should not be found by themselves.
        parting: How series are parted.
        seed: Seed of the split.

    Raises:
        DataError: The series or their channels cannot be used.
        TargetError: The target does not fit the task.
        SplitError: There are too few series, events or steps for two parts.

    Example:
        >>> pulse = np.tile([0.0, 0.1, 3.0, 0.2], 40)
        >>> frame = pd.DataFrame({"s": np.repeat(range(8), 20), "x": pulse, "y": pulse > 1})
        >>> problem = pose_steps(frame, ["y"], SeriesColumns("s"))
        >>> problem.task.metric, len(problem.split.val)
        ('average_precision', 40)
    """
    steps = Steps.of(frame, columns)
    parting = _grouping(parting or Parting(), steps)
    ordered = steps.sorted(frame)
    channels = ordered.drop(columns=columns.names)
    features, labels = _asked(channels, target, steps)
    if not columns.per_step:
        _refuse_too_long(steps)
        labels = at_last_step(labels, steps)
    task = make_task(labels, kind=kind, metric=metric, classes=classes)
    if metric is None and task.family == "labels" and columns.per_step:
        task = replace(task, metric="average_precision")
    y = _encoded(task, labels)
    split = _parted(parting, steps, ordered, _strata(task, y), seed=seed)
    task, y = scaled_by_train(task, labels, y, split)
    features, groups = parting.without_group(features)
    refuse_empty_channels(features)
    return Problem(
        table=Table.from_frame(features, roles={**_plain_numbers(features), **(roles or {})}),
        task=task,
        y=y,
        split=split,
        weight=None,
        fingerprint=fingerprint(frame),
        parting=parting,
        groups=groups,
        steps=steps,
    )


def pose_any(
    frame: pd.DataFrame,
    target: Sequence[str] | Maps,
    series: SeriesColumns | None,
    *,
    weight: NDArray[Any] | None,
    images: Images | None = None,
    **asked: Any,
) -> Problem:
    """Read a problem whose rows stand alone, or, where series are named, are steps, or have images.

    Args:
        frame: Features and targets.
        target: Names of the target columns, or what is known of each pixel of the images.
        series: The columns of series and time.
        weight: Weight of each row; none for steps.
        images: The image of each row.
        asked: What `pose`, `pose_steps` and `pose_images` take.

    Raises:
        DataError: Steps are given weights or images, or maps no images.
    """
    if images is not None and series is not None:
        raise DataError("Rows are steps of series or have images, not both: leave one of the two out.")
    if isinstance(target, Maps):
        if images is None:
            raise DataError("Maps belong to images, but none are given: give images=, or name target columns.")
        return pose_maps(frame, target, images, weight=weight, **asked)
    if images is not None:
        return pose_images(frame, target, images, weight=weight, **asked)
    if series is None:
        return pose(frame, target, weight=weight, **asked)
    if weight is not None:
        raise DataError("Steps of series have no weights: leave them out, or repeat the series that should count more.")
    return pose_steps(frame, target, series, **asked)


def _grouping(parting: Parting, steps: Steps) -> Parting:
    """The same parting; to group by series is none, since series stay whole anyway."""
    columns = steps.columns
    if parting.group is not None and parting.group == columns.series and len(steps.starts) == 1:
        raise SplitError(
            f"A single series cannot be parted by series, {parting.group!r}: leave the group out, so that its last "
            "steps choose, or give more series."
        )
    if parting.group is not None and parting.group == columns.time:
        raise DataError(
            f"Series cannot be grouped by {parting.group!r}, their times: name a column of sites or persons."
        )
    return replace(parting, group=None) if parting.group == columns.series else parting


def _asked(channels: pd.DataFrame, target: Sequence[str], steps: Steps) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and labels; the target itself is a feature where later values of it are asked for."""
    if not steps.columns.horizon:
        return split_target(channels, target)
    _, labels = split_target(channels.assign(__row__=0), target)  # so that the target may be the only channel
    return channels, later(labels, steps)


def _encoded(task: Task, labels: pd.DataFrame) -> NDArray[Any]:
    """Labels `(n_steps, d_y)`; where there are millions, all of which are known to be 0 or 1, in a byte each."""
    if len(labels) <= ENOUGH_STEPS:
        return task.encode(labels)
    pieces = (labels.iloc[start : start + STEPS_AT_ONCE] for start in range(0, len(labels), STEPS_AT_ONCE))
    encoded = [_narrowed(task.encode(piece)) if task.family == "labels" else task.encode(piece) for piece in pieces]
    is_narrow = all(piece.dtype == np.uint8 for piece in encoded)
    return np.concatenate(encoded, dtype=np.uint8 if is_narrow else np.float32)


def _narrowed(y: NDArray[Any]) -> NDArray[Any]:
    return y.astype(np.uint8) if ((y == 0) | (y == 1)).all() else y


def _strata(task: Task, y: NDArray[Any]) -> NDArray[Any] | None:
    """What each part must hold, as the task says it, without a copy of all labels."""
    first = task.strata(y[:1])
    return None if first is None else y.reshape(len(y), *first.shape[1:])


def _plain_numbers(features: pd.DataFrame) -> dict[str, Role]:
    """Channels of very long series that are numbers, as some of their steps tell: looking at all would take long."""
    reals = [name for name in features.columns if pd.api.types.is_float_dtype(features[name])]
    if len(features) <= ENOUGH_STEPS or not reals:
        return {}
    some = features[reals].iloc[:: -(-len(features) // ENOUGH_STEPS)]
    return {column.name: "numeric" for column in Table.from_frame(some).columns if column.role == "numeric"}


def _refuse_too_long(steps: Steps) -> None:
    longest = int(steps.sizes.max())
    if longest > MAX_LENGTH:
        raise DataError(
            f"A series has {longest:,} steps, but a label of a whole series is learned from {MAX_LENGTH:,} at most: "
            "cut the series, or put means of neighbouring steps in their place."
        )


def _parted(parting: Parting, steps: Steps, ordered: pd.DataFrame, strata: NDArray[Any] | None, *, seed: int) -> Split:
    """Whole series, or groups of them, on one side; by time where that is asked for, or where nothing else is possible.

    Raises:
        DataError: The column to group by does not exist.
        SplitError: There are too few series, events or steps for two parts.
    """
    groups = None if parting.group is None else _column(ordered, parting.group)
    n_units = len(steps.starts) if groups is None else len(pd.unique(groups))
    parting = replace(parting, val_share=_val_share(parting, strata, n_steps=steps.n_steps))
    if steps.columns.per_step and (n_units == 1 or (groups is None and parting.gap)):
        return _parted_by_time(parting, steps, strata)
    try:
        return _parted_by_series(parting, steps, strata, groups, seed=seed)
    except SplitError as error:
        if not steps.columns.per_step or groups is not None or (parting.folds or 1) > 1:
            raise
        try:
            return _parted_by_time(parting, steps, strata)
        except SplitError:
            raise error from None


def _val_share(parting: Parting, strata: NDArray[Any] | None, *, n_steps: int) -> float:
    """Share of the steps that choose: less than usual of many millions, unless another one is asked for."""
    if parting.val_share != VAL_SHARE or parting.folds not in (1, None) or n_steps * VAL_SHARE <= ENOUGH_TO_CHOOSE:
        return parting.val_share
    columns: NDArray[Any] = np.zeros((0, n_steps)) if strata is None else strata.reshape(n_steps, -1).T
    rarest = [int(np.unique(column[np.isfinite(column)], return_counts=True)[1].min()) for column in columns]
    return min(VAL_SHARE, max([ENOUGH_TO_CHOOSE / n_steps, *(ENOUGH_RARE / count for count in rarest)]))


def _column(ordered: pd.DataFrame, name: str) -> NDArray[Any]:
    if name not in ordered:
        raise DataError(f"There is no column {name!r}. {did_you_mean(name, ordered.columns)}")
    return np.asarray(ordered[name].to_numpy())


def _parted_by_time(parting: Parting, steps: Steps, strata: NDArray[Any] | None) -> Split:
    """The last steps of each series choose: so many more than asked for as it takes to have each class among them.

    Where folds are asked for, each series is cut into so many blocks, all of which choose.
    """
    usual = min(LENGTHS[-1], max(MIN_LENGTH, int(steps.sizes.min()) // 8))
    gap = max(int(parting.gap), steps.columns.furthest, usual)
    if (n_folds := parting.folds or 1) > 1:
        return split_blocks(steps, strata, n_folds=n_folds, gap=gap, min_positives=parting.min_positives)
    shares = [parting.val_share, *(share for share in VAL_SHARES if share > parting.val_share)]
    for share in shares[:-1]:
        with suppress(SplitError):
            return split_times(steps, strata, val_share=share, gap=gap, min_positives=parting.min_positives)
    try:
        return split_times(steps, strata, val_share=shares[-1], gap=gap, min_positives=parting.min_positives)
    except SplitError as error:
        if len(steps.starts) > 1 or strata is None:
            raise
        raise SplitError(
            f"There is a single series, of {steps.n_steps} steps, so that its last steps choose; but whether they are "
            f"{shares[0]:.0%} or {shares[-1]:.0%} of it, with {gap} steps left out before them, a part lacks a class: "
            "give more series, or a longer one that holds each class early and late."
        ) from error


def _parted_by_series(
    parting: Parting, steps: Steps, strata: NDArray[Any] | None, groups: NDArray[Any] | None, *, seed: int
) -> Split:
    """In folds where they are asked for, or where a few series would choose."""
    asked: Any = {"val_share": parting.val_share, "seed": seed, "min_positives": parting.min_positives}
    n_folds = _n_folds(parting, steps, groups)
    split = split_series(steps, strata, n_folds=n_folds, groups=groups, **asked)
    if n_folds == 1 and parting.folds is None and _few_choose(split, steps, groups):
        with suppress(SplitError):
            return split_series(steps, strata, n_folds=N_FOLDS, groups=groups, **asked)
    return split


def _few_choose(split: Split, steps: Steps, groups: NDArray[Any] | None) -> bool:
    """Whether a few long series make up the steps that choose."""
    if not steps.columns.per_step or steps.n_steps > SHORT:
        return False
    owners = steps.numbers_at(split.val) if groups is None else groups[split.val]
    return len(pd.unique(owners)) < FEW_RECORDINGS


def _n_folds(parting: Parting, steps: Steps, groups: NDArray[Any] | None) -> int:
    """Parts of a cross-validation: as asked for, or several where few series would choose and all of them are short."""
    if parting.folds is not None:
        return parting.folds
    n_groups = len(steps.starts) if groups is None else len(pd.unique(groups))
    least = FEW_RECORDINGS if steps.columns.per_step else FEW_SERIES
    return N_FOLDS if n_groups * parting.val_share < least and steps.n_steps <= SHORT else 1
