"""Scores and labels as a sorted histogram: all that a choice between cut-offs needs, in a few thousand numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.utilities import Array, Counts

CHUNK = 1_000_000
"""Numbers per array while resampling: bounds the memory."""


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

    Example:
        >>> cells = tally(np.array([0.0, 2.0, 2.0]), np.array([0.0, 1.0, 1.0]), np.ones(3))
        >>> cells.cuts[:2].tolist(), cells.positives.tolist()
        ([-1.0, 1.0], [0.0, 2.0])
    """

    cuts: Array
    positives: Array
    negatives: Array

    @property
    def n_cuts(self) -> int:
        """Number of cut-offs."""
        return len(self.cuts)

    @property
    def weight(self) -> float:
        """Weight of all rows."""
        return float(self.positives.sum() + self.negatives.sum())

    def counts(self) -> Counts:
        """The confusion counts at every cut-off, each (n_cuts,)."""
        return _counts(self.positives, self.negatives)

    def take(self, kept: npt.NDArray[np.int64]) -> "Cells":
        """The cells between the cut-offs `kept`: ascending indices, the first and the last cut-off among them."""
        positives, negatives = (np.add.reduceat(rows, kept[:-1]) for rows in (self.positives, self.negatives))
        return Cells(self.cuts[kept], positives, negatives)

    def corners(self) -> "Cells":
        """The cells that a monotone utility needs: neighbours that hold only one class, the same one, are joined.

        A cut-off within a run of positives (negatives) is never better than the one below (above) it, whatever the
        weights of the rows, so nothing is lost, in resamples either.

        Source:
            The corners of the ROC curve; Fawcett (2006), doi:10.1016/j.patrec.2005.10.010, section 4.
        """
        no_positives, no_negatives = self.positives == 0, self.negatives == 0
        inside = (no_positives[:-1] & no_positives[1:]) | (no_negatives[:-1] & no_negatives[1:])
        return self.take(np.flatnonzero(np.r_[True, ~inside, True]))

    def grid(self, limit: int, *, keep: int) -> npt.NDArray[np.int64]:
        """Indices of about `limit` cut-offs, evenly by rank, `keep` among them; of all if there are no more."""
        if self.n_cuts <= limit:
            return np.arange(self.n_cuts)
        return np.union1d(np.linspace(0, self.n_cuts - 1, limit).round().astype(np.int64), [keep])

    def resample(self, n_bootstrap: int, *, rng: np.random.Generator) -> Iterator[Counts]:
        """The counts at every cut-off in bootstrap samples of the rows, each (n_some, n_cuts).

        Counting the draws per cell and class is the bootstrap of the rows, exactly: rows of one cell and class are
        alike. A weight is a number of equal rows. Samples without a positive or without a negative are left out.
        """
        shares = np.r_[self.positives, self.negatives] / self.weight
        n_draws, n_cells = round(self.weight), len(self.positives)
        step = max(1, CHUNK // self.n_cuts)
        for start in range(0, n_bootstrap, step):
            drawn = rng.multinomial(n_draws, shares, size=min(step, n_bootstrap - start)).astype(np.float64)
            positives, negatives = drawn[:, :n_cells], drawn[:, n_cells:]
            both = (positives.sum(1) > 0) & (negatives.sum(1) > 0)
            yield _counts(positives[both], negatives[both])


def tally(scores: Array, y: Array, weight: Array) -> Cells:
    """Group rows by score.

    Args:
        scores: Finite scores of any scale, (n_rows,); one row at least.
        y: Labels in {0, 1}, (n_rows,).
        weight: Positive weights, (n_rows,).

    Example:
        >>> tally(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.ones(2)).negatives.tolist()
        [1.0]
    """
    values, cell = np.unique(scores, return_inverse=True)
    positives = np.bincount(cell, weights=weight * y).astype(np.float64)
    negatives = np.bincount(cell, weights=weight * (1 - y)).astype(np.float64)
    return Cells(_cuts(values), positives, negatives)


def _cuts(values: Array) -> Array:
    """Mid-points; where two scores are neighbouring floats the upper one, which a row of that score still reaches."""
    lower, upper = values[:-1], values[1:]
    middle = lower / 2 + upper / 2
    first, last = (value + sign * (1 + 1e-6 * abs(value)) for value, sign in ((values[0], -1), (values[-1], 1)))
    cuts: Array = np.r_[first, np.where(middle > lower, middle, upper), last]
    return cuts


def _counts(positives: Array, negatives: Array) -> Counts:
    tp, fp = _from_the_top(positives), _from_the_top(negatives)
    return Counts(tp, fp, tp[..., :1] - tp, fp[..., :1] - fp)


def _from_the_top(cells: Array) -> Array:
    marked: Array = np.zeros((*cells.shape[:-1], cells.shape[-1] + 1))
    np.cumsum(cells[..., ::-1], axis=-1, out=marked[..., 1:])
    from_below: Array = marked[..., ::-1]
    return from_below
