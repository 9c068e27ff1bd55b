"""Scores and labels as a sorted histogram: all that a choice between cut-offs needs, in a few thousand numbers."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from automl_nn.decide.utilities import Array, Counts


@final
class Sample(NamedTuple):
    """Weights of the positive and of the negative rows of each cell, of one or of many samples; (..., n_cells)."""

    positives: Array
    negatives: Array

    def counts(self) -> Counts:
        """The confusion counts at every cut-off, each (..., n_cells + 1)."""
        tp, fp = _from_the_top(self.positives), _from_the_top(self.negatives)
        return Counts(tp, fp, tp[..., :1] - tp, fp[..., :1] - fp)


@final
@dataclass(frozen=True)
class Cells:
    """Rows grouped by score, in ascending order, with the cut-offs between the groups.

    A cut-off marks the rows whose score reaches it: `cuts[j]` marks the cells `j, j + 1, ...`; the first marks every
    row and the last none.

    Args:
        cuts: Cut-offs, ascending, mid-points between neighbouring scores; (n_cells + 1,).
        positives: Weight of the positive rows in each cell; (n_cells,).
        negatives: Weight of the negative rows in each cell; (n_cells,).
        units: What is drawn as a whole in resamples (groups of rows): its weight in each cell, first of positive and
            then of negative rows, (n_units, 2 * n_cells); None if rows are drawn one by one.

    Example:
        >>> cells = tally(np.array([0.0, 2.0, 2.0]), np.array([0.0, 1.0, 1.0]), np.ones(3))
        >>> cells.cuts[:2].tolist(), cells.positives.tolist()
        ([-1.0, 1.0], [0.0, 2.0])
    """

    cuts: Array
    positives: Array
    negatives: Array
    units: csr_array | None = None

    @property
    def n_cuts(self) -> int:
        """Number of cut-offs."""
        return len(self.cuts)

    @property
    def weight(self) -> float:
        """Weight of all rows."""
        return float(self.positives.sum() + self.negatives.sum())

    @property
    def sample(self) -> Sample:
        """All rows as a sample."""
        return Sample(self.positives, self.negatives)

    def counts(self) -> Counts:
        """The confusion counts at every cut-off, each (n_cuts,)."""
        return self.sample.counts()

    def take(self, kept: npt.NDArray[np.int64]) -> "Cells":
        """The cells between the cut-offs `kept`: ascending indices, the first and the last cut-off among them."""
        positives, negatives = (np.add.reduceat(rows, kept[:-1]) for rows in self.sample)
        taken = Cells(self.cuts[kept], positives, negatives)
        if self.units is None:
            return taken
        cell = np.searchsorted(kept, np.arange(self.n_cuts - 1), side="right") - 1
        column = np.r_[cell, cell + len(positives)][self.units.indices]
        shape = (self.units.shape[0], 2 * len(positives))
        return replace(taken, units=csr_array((self.units.data, column, self.units.indptr), shape=shape))

    def corners(self) -> npt.NDArray[np.int64]:
        """Indices of the cut-offs that a monotone utility needs: those within a run of one class are left out.

        A cut-off within a run of positives (negatives) is never better than the one below (above) it, whatever the
        weights of the rows, so nothing is lost, in resamples either.

        Source:
            The corners of the ROC curve; Fawcett (2006), doi:10.1016/j.patrec.2005.10.010, section 4.
        """
        no_positives, no_negatives = self.positives == 0, self.negatives == 0
        inside = (no_positives[:-1] & no_positives[1:]) | (no_negatives[:-1] & no_negatives[1:])
        return np.flatnonzero(np.r_[True, ~inside, True])

    def resample(self, n: int, *, rng: np.random.Generator) -> Sample:
        """Bootstrap samples of the rows, (n_some, n_cells); those without a positive or a negative are left out.

        Counting the draws per cell and class is the bootstrap of the rows, exactly: rows of one cell and class are
        alike. A weight is a number of equal rows. Units are drawn as a whole.
        """
        if self.units is not None:
            n_units = self.units.shape[0]
            draws = (np.bincount(rng.integers(n_units, size=n_units), minlength=n_units) for _ in range(n))
            return _with_both(np.stack([drawn.astype(np.float64) @ self.units for drawn in draws]))
        counts = np.concatenate(self.sample)
        return _with_both(rng.multinomial(round(self.weight), counts / counts.sum(), size=n).astype(np.float64))

    def part(self, n: int, *, share: float, rng: np.random.Generator) -> tuple[Sample, Sample]:
        """The rows parted in two at random, again and again: a part of about `share` of them, and the rest.

        Partings that leave a part without a positive or without a negative are left out.
        """
        if self.units is not None:
            draws = (rng.random(self.units.shape[0]) < share for _ in range(n))
            inside = np.stack([drawn.astype(np.float64) @ self.units for drawn in draws])
        else:
            counts = np.concatenate(self.sample)
            rows = np.maximum(counts.round(), 1).astype(np.int64)
            inside = counts * rng.binomial(rows, share, size=(n, len(rows))) / rows
        outside = np.concatenate(self.sample) - inside
        both = _has_both(inside) & _has_both(outside)
        return _split(inside[both]), _split(outside[both])


def tally(scores: Array, y: Array, weight: Array, *, groups: npt.NDArray[Any] | None = None) -> Cells:
    """Group rows by score.

    Args:
        scores: Finite scores of any scale, (n_rows,); one row at least.
        y: Labels in {0, 1}, (n_rows,).
        weight: Positive weights, (n_rows,).
        groups: What resamples draw as a whole, (n_rows,): patients, sites, series; rows unless given.

    Example:
        >>> tally(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.ones(2)).negatives.tolist()
        [1.0]
    """
    values, cell = np.unique(scores, return_inverse=True)
    positives = np.bincount(cell, weights=weight * y).astype(np.float64)
    negatives = np.bincount(cell, weights=weight * (1 - y)).astype(np.float64)
    cells = Cells(_cuts(values), positives, negatives)
    if groups is None:
        return cells
    _, unit = np.unique(groups, return_inverse=True)
    column = cell + len(values) * (y == 0)
    return replace(cells, units=csr_array((weight, (unit, column)), shape=(unit.max() + 1, 2 * len(values))))


def evenly(indices: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """So many of the indices, evenly, the first and the last among them; all if there are no more.

    Example:
        >>> evenly(np.arange(100), 3).tolist()
        [0, 50, 99]
    """
    if len(indices) <= n:
        return indices
    return indices[np.linspace(0, len(indices) - 1, n).round().astype(np.int64)]


def _cuts(values: Array) -> Array:
    """Mid-points; where two scores are neighbouring floats the upper one, which a row of that score still reaches."""
    lower, upper = values[:-1], values[1:]
    middle = lower / 2 + upper / 2
    first, last = (value + sign * (1 + 1e-6 * abs(value)) for value, sign in ((values[0], -1), (values[-1], 1)))
    cuts: Array = np.r_[first, np.where(middle > lower, middle, upper), last]
    return cuts


def _split(rows: Array) -> Sample:
    return Sample(*np.split(rows, 2, axis=-1))


def _has_both(rows: Array) -> npt.NDArray[np.bool_]:
    positives, negatives = _split(rows)
    both: npt.NDArray[np.bool_] = (positives.sum(-1) > 1e-9) & (negatives.sum(-1) > 1e-9)
    return both


def _with_both(rows: Array) -> Sample:
    return _split(rows[_has_both(rows)])


def _from_the_top(cells: Array) -> Array:
    marked: Array = np.zeros((*cells.shape[:-1], cells.shape[-1] + 1))
    np.cumsum(cells[..., ::-1], axis=-1, out=marked[..., 1:])
    from_below: Array = marked[..., ::-1]
    return from_below
