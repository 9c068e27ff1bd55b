"""Train and validation rows: by class, at random, or by group."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.data.parting.dealing import deal_groups, deal_rows
from automl_nn.data.parting.strata import Integers, Reals, Strata, group_numbers, refuse_too_few, strata_of_groups
from automl_nn.errors import SplitError


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
    def dealt(part: Integers) -> "Split":
        """The split in which the rows of part 0 are `train`, those of part 1 are `val`, and others in neither.

        Example:
            >>> Split.dealt(np.array([0, 1, 0, -1])).train.tolist()
            [0, 2]
        """
        return Split(np.flatnonzero(part == 0), np.flatnonzero(part == 1))

    @staticmethod
    def crossed(folds: "tuple[Split, ...]") -> "Split":
        """The splits of a cross-validation as one.

        Example:
            >>> Split.crossed((Split(np.array([0]), np.array([1])), Split(np.array([1]), np.array([0])))).val.tolist()
            [1, 0]
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
    shares = shares_of(val_share, n_rows)
    return Split.dealt(deal_rows(Strata.none(n_rows), shares, min_positives=0, rng=np.random.default_rng(seed)))


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
    strata = Strata.of(labels)
    shares = shares_of(val_share, len(strata.codes))
    return Split.dealt(deal_rows(strata, shares, min_positives=min_positives, rng=np.random.default_rng(seed)))


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
    numbers = group_numbers(groups)
    strata = strata_of_groups(numbers, labels)
    shares = shares_of(val_share, len(numbers))
    rng = np.random.default_rng(seed)
    return Split.dealt(deal_groups(numbers, strata, shares=shares, min_positives=min_positives, rng=rng))


def shares_of(val_share: float, n_rows: int) -> Reals:
    """Shares of train and val, the nearest ones that whole rows allow without an empty part.

    Raises:
        SplitError: There are fewer than two rows, or the share is not between 0 and 1.

    Example:
        >>> shares_of(0.01, 10).tolist()
        [0.9, 0.1]
    """
    if not 0 < val_share < 1:
        raise SplitError(f"val_share = {val_share} is not possible: it is a share of the rows, between 0 and 1.")
    refuse_too_few(n_rows)
    n_val = min(max(round(n_rows * val_share), 1), n_rows - 1)
    return np.array([n_rows - n_val, n_val]) / n_rows
