"""Parts of a cross-validation: by class, at random, or by group."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from automl_nn.data.parting.dealing import deal_groups, deal_rows
from automl_nn.data.parting.split import Split
from automl_nn.data.parting.strata import Integers, Reals, Strata, group_numbers, refuse_too_few, strata_of_groups
from automl_nn.errors import SplitError


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
    refuse_too_few(n_rows, n_parts=_at_least_two(n_folds))
    rng = np.random.default_rng(seed)
    return _fold_splits(deal_rows(Strata.none(n_rows), _equal_shares(n_folds), min_positives=0, rng=rng), n_folds)


def stratified_folds(
    labels: npt.ArrayLike, *, n_folds: int = 5, seed: int, min_positives: int = 1
) -> tuple[Split, ...]:
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
        >>> len(stratified_folds([0, 0, 0, 0, 1, 1, 1], seed=0))
        3
    """
    strata = Strata.of(labels)
    refuse_too_few(len(strata.codes))

    def deal(n: int) -> Integers:
        return deal_rows(strata, _equal_shares(n), min_positives=min_positives, rng=np.random.default_rng(seed))

    return _most_folds(deal, min(_at_least_two(n_folds), len(strata.codes)))


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
    numbers = group_numbers(groups)
    refuse_too_few(len(numbers))
    strata = strata_of_groups(numbers, labels)

    def deal(n: int) -> Integers:
        rng = np.random.default_rng(seed)
        return deal_groups(numbers, strata, shares=_equal_shares(n), min_positives=min_positives, rng=rng)

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


def _equal_shares(n_parts: int) -> Reals:
    return np.full(n_parts, 1 / n_parts)


def _at_least_two(n_folds: int) -> int:
    if n_folds < 2:
        raise SplitError(f"n_folds = {n_folds} is not possible: ask for 2 folds or more.")
    return n_folds
