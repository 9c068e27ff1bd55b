"""Train and validation rows: by class, at random, by group, by time, once or in folds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.dealing import Cells, Integers, Reals, deal_groups, deal_rows, suffices_or_refuse
from automl_nn.data.roles import convert
from automl_nn.errors import SplitError

Gap = float | str | timedelta | np.timedelta64


@final
@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the rows to learn from and of the rows to choose by, each in ascending order.

    Args:
        train: Rows to learn from; for a cross-validation, those of all folds.
        val: Rows to choose by; for a cross-validation, those of the first fold, then those of the second, and so on.
        folds: The splits of a cross-validation.

    Example:
        >>> Split(train=np.array([0, 2]), val=np.array([1])).val.tolist()
        [1]
    """

    train: Integers
    val: Integers
    folds: "tuple[Split, ...]" = ()

    @staticmethod
    def crossed(folds: "tuple[Split, ...]") -> "Split":
        """The splits of a cross-validation as one.

        Example:
            >>> Split.crossed(random_folds(5, n_folds=2, seed=0)).train.tolist()
            [0, 1, 2, 3, 4]
        """
        train = np.unique(np.concatenate([fold.train for fold in folds]))
        return Split(train, np.concatenate([fold.val for fold in folds]), folds)

    def at(self, rows: Integers) -> "Split":
        """The same split of rows that stand elsewhere.

        Args:
            rows: Where each row stands.
        """
        return Split(rows[self.train], rows[self.val], tuple(fold.at(rows) for fold in self.folds))


def random_split(n_rows: int, *, val_share: float = 0.2, seed: int) -> Split:
    """Cut rows at random: for regression, where there are no classes to keep together.

    Args:
        n_rows: Number of rows to cut.
        val_share: Share of the rows in `val`, between 0 and 1.
        seed: Equal seeds give equal splits.

    Raises:
        SplitError: A part would be empty, or the share is not between 0 and 1.

    Example:
        >>> split = random_split(10, seed=0)
        >>> len(split.train), len(split.val)
        (8, 2)
    """
    _refuse_too_few(n_rows, n_parts=2)
    part = deal_rows(Cells.none(n_rows), _shares(val_share, n_rows), min_positives=0, rng=np.random.default_rng(seed))
    return _first_split(part)


def stratified_split(labels: npt.ArrayLike, *, val_share: float = 0.2, seed: int, min_positives: int = 1) -> Split:
    """Cut rows so that every class of every label has the same share in both parts.

    Args:
        labels: Classes (n_rows,), or one column per label (n_rows, n_labels); NaN or None is a missing label.
        val_share: Share of the rows in `val`, between 0 and 1.
        seed: Equal seeds give equal splits.
        min_positives: Rows that each part must hold of every class of every label.

    Raises:
        SplitError: A class has too few rows for that; the message says how many are missing.

    Example:
        >>> y = np.array([0] * 90 + [1] * 10)
        >>> split = stratified_split(y, seed=0)
        >>> len(split.val), int(y[split.val].sum())
        (20, 2)
    """
    cells = _cells(labels)
    shares = _shares(val_share, len(cells.codes))
    return _first_split(deal_rows(cells, shares, min_positives=min_positives, rng=np.random.default_rng(seed)))


def grouped_split(
    groups: npt.ArrayLike,
    *,
    labels: npt.ArrayLike | None = None,
    val_share: float = 0.2,
    seed: int,
    min_positives: int = 1,
) -> Split:
    """Cut rows so that no group is on both sides.

    The share of rows in `val` is met as nearly as whole groups allow.

    Args:
        groups: What must stay together, such as a patient, one value per row (n_rows,).
        labels: Classes to spread evenly, as in `stratified_split`.
        val_share: Share of the rows in `val`, between 0 and 1.
        seed: Equal seeds give equal splits.
        min_positives: Rows that each part must hold of every class of every label.

    Raises:
        SplitError: A group is missing, or there are too few groups; the message says how many are missing.

    Example:
        >>> split = grouped_split(["a", "a", "b", "b", "c", "c"], val_share=1 / 3, seed=0)
        >>> len(split.train), len(split.val)
        (4, 2)
    """
    numbers = _group_numbers(groups)
    cells = _cells_of_groups(numbers, labels)
    shares = _shares(val_share, len(numbers))
    rng = np.random.default_rng(seed)
    return _first_split(deal_groups(numbers, cells, shares=shares, min_positives=min_positives, rng=rng))


def time_split(
    times: npt.ArrayLike,
    *,
    val_share: float = 0.2,
    gap: Gap = 0,
    labels: npt.ArrayLike | None = None,
    min_positives: int = 1,
) -> Split:
    """Cut rows so that the latest ones are in `val` and none of `train` lies within `gap` before them.

    Rows of one moment are never on both sides. Rows inside the gap are in neither part.

    Args:
        times: Numbers, dates or moments, one per row (n_rows,), in any order.
        val_share: Share of the rows in `val`, between 0 and 1; more where many rows have the first moment of `val`.
        gap: Least distance from `train` to `val`, in the unit of `times`; a timedelta or a text such as "7D" for dates.
        labels: Classes that both parts must hold, as in `stratified_split`.
        min_positives: Rows that each part must hold of every class of every label.

    Raises:
        SplitError: A time is missing, a part is empty, the gap is negative, or a part lacks rows of a class.

    Example:
        >>> split = time_split([1, 2, 3, 4, 5], val_share=0.4, gap=2)
        >>> split.train.tolist(), split.val.tolist()
        ([0, 1], [3, 4])
    """
    moments = _moments(times)
    distance = _distance(gap, moments)
    n_val = round(len(moments) * float(_shares(val_share, len(moments))[1]))
    first = moments.sort_values(ignore_index=True).iloc[len(moments) - n_val]
    in_val, in_train = (moments >= first).to_numpy(), ((moments < first) & (moments <= first - distance)).to_numpy()
    if not in_train.any():
        raise SplitError(
            f"No row lies {gap} or more before {first}, where the validation rows begin: "
            "take a smaller gap or a smaller val_share."
        )
    part = np.where(in_val, 1, np.where(in_train, 0, -1))
    if labels is not None:
        suffices_or_refuse(_cells(labels), part, n_parts=2, min_positives=min_positives)
    return _first_split(part)


def random_folds(n_rows: int, *, n_folds: int = 5, seed: int) -> tuple[Split, ...]:
    """Cut rows at random into folds, each of which is `val` once.

    Args:
        n_rows: Number of rows to cut.
        n_folds: Number of folds, 2 or more.
        seed: Equal seeds give equal folds.

    Raises:
        SplitError: There are fewer rows than folds.

    Example:
        >>> [len(split.val) for split in random_folds(7, n_folds=3, seed=0)]
        [3, 2, 2]
    """
    _refuse_too_few(n_rows, n_parts=_at_least_two(n_folds))
    rng = np.random.default_rng(seed)
    return _fold_splits(deal_rows(Cells.none(n_rows), _equal_shares(n_folds), min_positives=0, rng=rng), n_folds)


def folds(labels: npt.ArrayLike, *, n_folds: int = 5, seed: int, min_positives: int = 1) -> tuple[Split, ...]:
    """Cut rows into folds with the same share of every class of every label, each of which is `val` once.

    Where a class is too rare for `n_folds`, there are fewer folds.

    Args:
        labels: Classes as in `stratified_split`.
        n_folds: Largest number of folds, 2 or more.
        seed: Equal seeds give equal folds.
        min_positives: Rows that each fold must hold of every class of every label.

    Returns:
        2 to `n_folds` splits.

    Raises:
        SplitError: A class is too rare for 2 folds; the message says how many rows are missing.

    Example:
        >>> len(folds([0, 0, 0, 0, 1, 1, 1], seed=0))
        3
    """
    cells = _cells(labels)

    def deal(n: int) -> Integers:
        return deal_rows(cells, _equal_shares(n), min_positives=min_positives, rng=np.random.default_rng(seed))

    return _most_folds(deal, min(_at_least_two(n_folds), len(cells.codes)))


def grouped_folds(
    groups: npt.ArrayLike,
    *,
    labels: npt.ArrayLike | None = None,
    n_folds: int = 5,
    seed: int,
    min_positives: int = 1,
) -> tuple[Split, ...]:
    """Cut rows into folds of whole groups, each of which is `val` once.

    Where there are too few groups for `n_folds`, or too few that hold a class, there are fewer folds.

    Args:
        groups: What must stay together, one value per row (n_rows,).
        labels: Classes to spread evenly, as in `stratified_split`.
        n_folds: Largest number of folds, 2 or more.
        seed: Equal seeds give equal folds.
        min_positives: Rows that each fold must hold of every class of every label.

    Returns:
        2 to `n_folds` splits.

    Raises:
        SplitError: There are too few groups for 2 folds; the message says how many are missing.

    Example:
        >>> len(grouped_folds(["a", "a", "b", "c"], seed=0))
        3
    """
    numbers = _group_numbers(groups)
    cells = _cells_of_groups(numbers, labels)

    def deal(n: int) -> Integers:
        rng = np.random.default_rng(seed)
        return deal_groups(numbers, cells, shares=_equal_shares(n), min_positives=min_positives, rng=rng)

    return _most_folds(deal, min(_at_least_two(n_folds), int(numbers.max()) + 1))


def _most_folds(deal: Callable[[int], Integers], n_folds: int) -> tuple[Split, ...]:
    for n in range(n_folds, 2, -1):
        try:
            return _fold_splits(deal(n), n)
        except SplitError:
            continue
    return _fold_splits(deal(2), 2)


def _fold_splits(part: Integers, n_folds: int) -> tuple[Split, ...]:
    return tuple(Split(np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(n_folds))


def _first_split(part: Integers) -> Split:
    return Split(np.flatnonzero(part == 0), np.flatnonzero(part == 1))


def _shares(val_share: float, n_rows: int) -> Reals:
    """Shares of train and val, the nearest ones that whole rows allow without an empty part."""
    if not 0 < val_share < 1:
        raise SplitError(f"val_share = {val_share} is not possible: it is a share of the rows, between 0 and 1.")
    _refuse_too_few(n_rows, n_parts=2)
    n_val = min(max(round(n_rows * val_share), 1), n_rows - 1)
    return np.array([n_rows - n_val, n_val]) / n_rows


def _equal_shares(n_parts: int) -> Reals:
    return np.full(n_parts, 1 / n_parts)


def _at_least_two(n_folds: int) -> int:
    if n_folds < 2:
        raise SplitError(f"n_folds = {n_folds} is not possible: ask for 2 folds or more.")
    return n_folds


def _refuse_too_few(n_rows: int, *, n_parts: int) -> None:
    if n_rows < n_parts:
        raise SplitError(f"{n_parts} parts need as many rows, but there are {n_rows}: add {n_parts - n_rows} or more.")


def _cells(labels: npt.ArrayLike) -> Cells:
    cells = Cells.of(labels)
    _refuse_too_few(len(cells.codes), n_parts=2)
    return cells


def _cells_of_groups(numbers: Integers, labels: npt.ArrayLike | None) -> Cells:
    cells = Cells.none(len(numbers)) if labels is None else _cells(labels)
    if len(cells.codes) != len(numbers):
        raise SplitError(f"There are {len(numbers)} groups but {len(cells.codes)} labels: give one of each per row.")
    return cells


def _group_numbers(groups: npt.ArrayLike) -> Integers:
    numbers, _ = pd.factorize(pd.Series(groups))
    _refuse_too_few(len(numbers), n_parts=2)
    if (numbers < 0).any():
        raise SplitError(f"Row {int((numbers < 0).argmax())} has no group: give it one, its own if it stands alone.")
    return numbers.astype(np.int64)


def _moments(times: npt.ArrayLike) -> "pd.Series[Any]":
    moments = pd.Series(times).reset_index(drop=True).rename("times")
    moments = convert(moments, "numeric" if pd.api.types.is_numeric_dtype(moments) else "datetime")
    if moments.isna().any():
        raise SplitError(f"Row {int(moments.isna().argmax())} has no time: give it one or leave the row out.")
    return moments


def _distance(gap: Gap, moments: "pd.Series[Any]") -> Any:
    dated = pd.api.types.is_datetime64_any_dtype(moments)
    if gap != 0 and dated == isinstance(gap, int | float):
        raise SplitError(f"gap = {gap!r} does not fit the times: give {'a text such as 7D' if dated else 'a number'}.")
    try:
        distance: Any = pd.Timedelta(gap) if dated else gap
    except ValueError as error:
        raise SplitError(f"gap = {gap!r} is no length of time: give a text such as 7D, 12h or 30min.") from error
    if distance < 0 * distance:
        raise SplitError(f"gap = {gap!r} is not possible: it is 0 or more.")
    return distance
