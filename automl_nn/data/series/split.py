"""How series are parted into those that train and those that choose: whole, in folds, by time, or in blocks of time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.parting.folds import grouped_folds
from automl_nn.data.parting.split import Split, grouped_split
from automl_nn.data.parting.time_split import time_split
from automl_nn.data.series.steps import ENOUGH_STEPS, STEPS_AT_ONCE, Integers, Steps
from automl_nn.errors import SplitError

ENOUGH_TO_PART = 300_000
"""Steps that tell how long series are, where there are more than `ENOUGH_STEPS`."""


def split_series(
    steps: Steps,
    labels: npt.NDArray[Any] | None,
    *,
    val_share: float,
    seed: int,
    min_positives: int,
    n_folds: int = 1,
    groups: npt.ArrayLike | None = None,
) -> Split:
    """Part steps so that each series is on one side.

    Of several classes, one that lies in a single series cannot be on both sides: that series trains, and is never asked
    for a choice.

    Args:
        steps: The series.
        labels: What each side must hold, one row a step; None if nothing.
        val_share: Share of the steps that choose, where they are parted once.
        seed: Equal seeds give equal parts.
        min_positives: Steps of each class that a side must hold; of folds, all together hold what there is.
        n_folds: Parts of a cross-validation; 1 for a single split.
        groups: What must stay together, one value a step; each series for itself unless given.

    Raises:
        SplitError: There are too few series, or too few that hold a class.

    Example:
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 1, 1, 2, 2]}), SeriesColumns("s"))
        >>> len(split_series(steps, None, val_share=0.3, seed=0, min_positives=1).val)
        2
    """
    numbers = steps.numbers if groups is None else pd.factorize(np.asarray(groups), use_na_sentinel=False)[0]
    if int(numbers.max(initial=0)) < 1:
        raise SplitError("A single series cannot be parted by series: part it by time, or give more series.")
    kept = _thinned(steps, labels)
    alone = _alone(numbers[kept], None if labels is None else labels[kept])
    kept = kept[~np.isin(numbers[kept], alone)]
    found = None if labels is None else labels[kept]
    if n_folds > 1 or min_positives > 0:
        _refuse_lonely(numbers[kept], found, what="series" if groups is None else "group")
    if n_folds == 1:
        split = grouped_split(numbers[kept], labels=found, val_share=val_share, seed=seed, min_positives=min_positives)
        return _of_all(numbers, kept[split.val])
    least = min_positives if min_positives > 1 else 0
    folds = grouped_folds(numbers[kept], labels=found, n_folds=n_folds, seed=seed, min_positives=least)
    return Split.crossed(tuple(_of_all(numbers, kept[fold.val]) for fold in folds))


def _of_all(numbers: npt.NDArray[Any], val: Integers) -> Split:
    """The groups of these steps on one side, all others on the other one."""
    in_val = np.zeros(int(numbers.max()) + 1, dtype=bool)
    in_val[numbers[val]] = True
    is_val = np.empty(len(numbers), dtype=bool)
    for steps in _pieces(len(numbers)):
        is_val[steps] = in_val[numbers[steps]]
    if len(numbers) <= ENOUGH_STEPS:
        return Split(np.flatnonzero(~is_val), np.flatnonzero(is_val))
    return Split(_places(is_val, of=False), _places(is_val, of=True))


def _places(is_val: npt.NDArray[np.bool_], *, of: bool) -> npt.NDArray[Any]:
    """Where steps are of one side, in half the room of `flatnonzero`, and without twice of it in passing."""
    n_places = np.count_nonzero(is_val)
    n_places = n_places if of else len(is_val) - n_places
    places, end = np.empty(n_places, dtype=np.min_scalar_type(-len(is_val))), 0
    for steps in _pieces(len(is_val)):
        found = steps.start + np.flatnonzero(is_val[steps] == of)
        places[end : end + len(found)] = found
        end += len(found)
    return places


def _pieces(n_steps: int) -> Iterator[slice]:
    """Some steps at a time."""
    return (slice(start, start + STEPS_AT_ONCE) for start in range(0, n_steps, STEPS_AT_ONCE))


def _alone(numbers: npt.NDArray[Any], labels: npt.NDArray[Any] | None) -> Integers:
    """Groups that are the only ones to hold a class; none where that would leave no two groups or classes."""
    none = np.zeros(0, dtype=np.int64)
    if labels is None or labels.ndim > 1:
        return none
    held = _groups_of_classes(numbers, labels)
    rare = {int(groups[0]) for groups in held if len(groups) == 1}
    others = sum(bool(set(groups.tolist()) - rare) for groups in held)
    is_possible = len(np.unique(numbers)) - len(rare) >= 2 and others >= 2 and len(held) > 2
    return np.array(sorted(rare), dtype=np.int64) if is_possible else none


def _groups_of_classes(numbers: npt.NDArray[Any], labels: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The groups that hold each class."""
    known = np.isfinite(labels)
    return [np.unique(numbers[known][labels[known] == name]) for name in np.unique(labels[known])]


def _refuse_lonely(numbers: npt.NDArray[Any], labels: npt.NDArray[Any] | None, *, what: str) -> None:
    """Refuse parts of which one would have to do without a class or a label that there is."""
    for column in [] if labels is None else labels.reshape(len(labels), -1).T:
        known = np.isfinite(column)
        for value, groups in zip(np.unique(column[known]), _groups_of_classes(numbers, column), strict=True):
            if len(groups) < 2:
                plural = what if what == "series" else f"{what}s"
                raise SplitError(
                    f"Class {value:g} is in 1 {what} only, so that it cannot be both trained on and chosen by: add "
                    f"{plural} that hold it, merge it with another class, or part by time."
                )


def _thinned(steps: Steps, labels: npt.NDArray[Any] | None) -> Integers:
    """Steps that tell how long series are and what they hold: all with a rare label, and some of the others."""
    if steps.n_steps <= ENOUGH_STEPS:
        return np.arange(steps.n_steps)
    kept = steps.every(-(-steps.n_steps // ENOUGH_TO_PART))
    if labels is None:
        return kept
    columns = labels.reshape(steps.n_steps, -1)
    known = np.isfinite(columns).any(axis=1)
    few = np.count_nonzero(known) <= ENOUGH_STEPS
    known = known if few else known & (columns != _common(columns[kept])).any(axis=1)
    return np.union1d(kept, np.flatnonzero(known))


def _common(columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The most common value of each column."""
    modes = pd.DataFrame(columns).mode()
    return np.asarray(modes.iloc[0].to_numpy()) if len(modes) else np.full(columns.shape[1], np.nan)


def split_times(
    steps: Steps, labels: npt.NDArray[Any] | None, *, val_share: float, gap: int, min_positives: int
) -> Split:
    """Part each series so that its last steps choose and none that trains is within `gap` steps before them.

    Raises:
        SplitError: The series are too short for the gap, or a part lacks a class.

    Example:
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0] * 10}), SeriesColumns("s"))
        >>> split = split_times(steps, None, val_share=0.3, gap=2, min_positives=1)
        >>> split.train.tolist(), split.val.tolist()
        ([0, 1, 2, 3, 4], [7, 8, 9])
    """
    to_end = np.repeat(steps.sizes, steps.sizes) - steps.places
    reach = np.repeat(np.round(steps.sizes * val_share).astype(np.int64), steps.sizes)
    moment = np.where(to_end <= reach, gap + 1, np.where(to_end <= reach + gap, 1, 0))
    return time_split(
        moment,
        val_share=max(float((moment == gap + 1).mean()), 1 / len(moment)),
        gap=gap + 1,
        labels=labels,
        min_positives=min_positives,
    )


def split_blocks(steps: Steps, labels: npt.NDArray[Any] | None, *, n_folds: int, gap: int, min_positives: int) -> Split:
    """Cut each series into blocks of time: each chooses once, and no step within `gap` steps of it trains meanwhile.

    Later steps train for earlier ones, too, so that every step and event is judged once; where a recording drifts, its
    future is harder to tell than a block with a past and a future.

    Args:
        steps: The series.
        labels: What the steps that train must hold, one row a step; None if nothing.
        n_folds: Blocks of each series.
        gap: Steps on either side of a block that are left out.
        min_positives: Steps of each class that train beside any block.

    Raises:
        SplitError: A block leaves no step to train on, or too few of a class.

    Example:
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0] * 9}), SeriesColumns("s"))
        >>> for fold in split_blocks(steps, None, n_folds=3, gap=1, min_positives=1).folds:
        ...     print(fold.val.tolist(), fold.train.tolist())
        [0, 1, 2] [4, 5, 6, 7, 8]
        [3, 4, 5] [0, 1, 7, 8]
        [6, 7, 8] [0, 1, 2, 3, 4]

    Source:
        Purged cross-validation: Lopez de Prado (2018), Advances in Financial Machine Learning, section 7.4.
    """
    size, folds = np.repeat(steps.sizes, steps.sizes), []
    for k in range(n_folds):
        first, end = size * k // n_folds, size * (k + 1) // n_folds
        is_val = (steps.places >= first) & (steps.places < end)
        is_near = (steps.places >= first - gap) & (steps.places < end + gap)
        folds.append(Split.dealt(np.where(is_val, 1, np.where(is_near, -1, 0))))
        _refuse_unlearned(folds[-1], labels, block=f"block {k + 1} of {n_folds}", gap=gap, least=min_positives)
    return Split.crossed(tuple(folds))


def _refuse_unlearned(fold: Split, labels: npt.NDArray[Any] | None, *, block: str, gap: int, least: int) -> None:
    if not len(fold.train) or not len(fold.val):
        raise SplitError(
            f"Beside {block} no step trains, with {gap} left out on either side: take other folds, or none."
        )
    for column in [] if labels is None else labels.reshape(len(labels), -1).T:
        for value in np.unique(column[np.isfinite(column)]):
            n_trained = np.count_nonzero(column[fold.train] == value)
            if n_trained < max(least, 1):
                raise SplitError(
                    f"Beside {block} train {n_trained} steps of class {value:g}, with {gap} left out on either side, "
                    f"but {max(least, 1)} must: take other folds, or none."
                )
