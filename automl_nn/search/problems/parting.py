"""How rows are parted into those that train and those that choose."""

from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.parting.folds import grouped_folds, random_folds, stratified_folds
from automl_nn.data.parting.split import Split, grouped_split, random_split, stratified_split
from automl_nn.data.parting.time_split import time_split
from automl_nn.errors import DataError, SplitError

VAL_SHARE = 0.2
"""Share of the rows that choose between trials."""

N_FOLDS = 5
"""Parts of a cross-validation."""

FEW_ROWS, FEW_POSITIVES = 500, 100
"""With fewer rows that choose, or fewer of the rarest class among them, chance decides between trials."""

MANY_ROWS = 20_000
"""With more rows, a cross-validation costs more than it tells."""


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

    def without_group(self, features: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64] | None]:
        """The features without the column of groups, and the number of each row's group; None if rows stand alone.

        Args:
            features: One row an example.
        """
        if self.group is None:
            return features, None
        numbers = pd.factorize(features[self.group], use_na_sentinel=False)[0].astype(np.int64)
        return features.drop(columns=self.group), numbers

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
        return stratified_folds(strata, n_folds=n_folds, seed=seed, min_positives=self.min_positives)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


def _n_of_rarest(strata: NDArray[Any] | None) -> float:
    """Rows of the rarest class or label; no limit where there are none."""
    if strata is None:
        return float("inf")
    columns = strata.reshape(len(strata), -1).T
    return min(float(np.unique(column[~pd.isna(column)], return_counts=True)[1].min()) for column in columns)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        raise DataError(f"There is no column {name!r} to part the rows by: the columns are {', '.join(frame.columns)}.")
    return frame[name]
