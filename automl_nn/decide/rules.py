"""How to settle on one cut-off; all rules count in ranks, so a monotone transform of the scores changes no action."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import logit, ndtr, ndtri

from automl_nn.decide.cells import Cells, Sample
from automl_nn.decide.utilities import ROUNDING, Array, Constraints, Counts, Utility

Indices = npt.NDArray[np.int64]

THEORY = "threshold of theory"
"""The rule that only logits of probabilities have."""

PLATEAU = 0.002
"""Share of the utility's range by which a cut-off of the plateau may fall short of the best.

Source:
    TabPFN 8.4, inference_tuning.py, which takes 0.002 of the metric.
"""

REGRETTED = 0.9
"""Share of resamples in which the best cut-off of all rows beats the median one before the median is given up."""


@final
@dataclass(frozen=True)
class Scale:
    """Cells and cut-offs on a scale where the more frequent class is normal, and how far its rows look around there.

    Args:
        cells: Normal score of each cell's rank among the rows of the more frequent class, (n_cells,).
        cuts: The same of each cut-off, (n_cuts,).
        rare: The rarer class: 1 for positives, 0 for negatives.
        reached: Share of a row of each cell that a cut-off marks, if the row is spread as a normal density whose width
            shrinks with the fifth root of their number; (n_cells, n_cuts).

    Source:
        Normal scores: Dorfman & Alf (1969), doi:10.1016/0022-2496(69)90019-4. The kernel estimate of a ROC curve:
        Zou, Hall & Shapiro (1997), PMID 9364998; the width is that of Silverman (1986), Eq. 3.28, without its 1.06.
    """

    cells: Array
    cuts: Array
    rare: int
    reached: Array

    @staticmethod
    def of(cells: Cells) -> "Scale":
        """The scale of these rows."""
        rare = int(cells.positives.sum() <= cells.negatives.sum())
        few, many = cells.sample if rare else cells.sample[::-1]
        below = np.r_[0.0, np.cumsum(many)]
        scores, cuts = (_normal(below[:-1] + many / 2, below[-1]), _normal(below, below[-1]))
        spread = moments(few, scores)[1]
        reached = ndtr((scores[:, None] - cuts) / (spread * few.sum() ** -0.2))
        reached[:, 0], reached[:, -1] = 1.0, 0.0
        return Scale(scores, cuts, rare, reached)


def _normal(rank: Array, n: float) -> Array:
    quantile: Array = ndtri(np.clip(rank / n, 0.25 / n, 1 - 0.25 / n))
    return quantile


def moments(rows: Array, scores: Array) -> tuple[Array, Array]:
    """Mean and spread along the last axis, as if one more row lay one unit from the mean.

    Example:
        >>> mean, spread = moments(np.array([1.0, 1.0]), np.array([0.0, 2.0]))
        >>> float(mean), float(spread)
        (1.0, 1.0)
    """
    n = rows.sum(-1)
    mean = rows @ scores / n
    square = np.maximum(rows @ scores**2 - n * mean**2, 0.0)
    return mean, np.sqrt((square + 1) / (n + 1))


@final
@dataclass(frozen=True)
class Sweep:
    """What every cut-off is worth in samples of the rows.

    Args:
        sample: The samples, (n_samples, n_cells).
        utility: What to maximize.
        constraints: What to keep, on each sample.
        scale: The scale of all rows.
        logits: The cut-offs, (n_cuts,), if they are logits of probabilities; None if the scores have another unit.
        n_inner: Resamples of each sample, for the rules that need them.
    """

    sample: Sample
    utility: Utility
    constraints: Constraints
    scale: Scale
    logits: Array | None = None
    n_inner: int = 10

    @cached_property
    def counts(self) -> Counts:
        """Confusion counts, each (n_samples, n_cuts)."""
        return self.sample.counts()

    @cached_property
    def worth(self) -> Array:
        """Utility, (n_samples, n_cuts)."""
        return self.utility.of(*self.counts)

    @cached_property
    def short(self) -> Array:
        """By how much the constraints are missed, (n_samples, n_cuts)."""
        return self.constraints.shortfall(self.counts)

    @cached_property
    def best(self) -> Indices:
        """Index of each sample's best cut-off, (n_samples,)."""
        return best_cut(self.worth, self.short)

    @property
    def rare(self) -> Array:
        """The rows of the rarer class, (n_samples, n_cells)."""
        return self.sample.positives if self.scale.rare else self.sample.negatives

    def with_rare(self, marked: Array) -> Indices:
        """Index of each sample's best cut-off, if so many rows of the rarer class were marked; (n_samples,)."""
        tp, fp, fn, tn = self.counts
        rest = self.rare.sum(-1, keepdims=True) - marked
        smooth = Counts(marked, fp, rest, tn) if self.scale.rare else Counts(tp, marked, fn, rest)
        return best_cut(self.utility.of(*smooth), self.short)


def best_cut(utility: Array, short: Array) -> Indices:
    """Index of the best cut-off along the last axis, the middle one if neighbours are equally good.

    Args:
        utility: Worth of each cut-off, (..., n_cuts).
        short: By how much each misses the constraints; the nearest ones compete if all do. (..., n_cuts).

    Example:
        >>> int(best_cut(np.array([0.1, 0.5, 0.5, 0.5, 0.2]), np.zeros(5)))
        2
    """
    allowed = short <= short.min(-1, keepdims=True) + ROUNDING
    value = np.where(allowed, utility, -np.inf)
    top = value.max(-1, keepdims=True)
    tied = value >= top - ROUNDING * (1 + np.abs(top))
    return middle(tied, tied.argmax(-1))


def middle(good: npt.NDArray[np.bool_], at: Indices) -> Indices:
    """The middle of the run of good entries that holds the entry `at`, along the last axis."""
    n, index = good.shape[-1], np.arange(good.shape[-1])
    before = np.where(~good & (index < at[..., None]), index, -1).max(-1)
    behind = np.where(~good & (index > at[..., None]), index, n).min(-1)
    middle: Indices = (before + behind) // 2
    return middle


def exact_sweep(sweep: Sweep) -> Indices:
    """The best cut-off of the rows at hand."""
    return sweep.best


def plateau_middle(sweep: Sweep) -> Indices:
    """The middle of the cut-offs around the best one that are nearly as good."""
    top = np.take_along_axis(sweep.worth, sweep.best[:, None], axis=1)
    near = sweep.worth >= top - PLATEAU * np.ptp(sweep.worth, axis=1, keepdims=True)
    kept = sweep.short <= np.take_along_axis(sweep.short, sweep.best[:, None], axis=1)
    return middle(near & kept, sweep.best)


def bootstrap_median(sweep: Sweep) -> Indices:
    """The median of the resamples' best cut-offs: less nervous than the best one of the rows at hand.

    Where those cut-offs lie in two groups the median may lie in neither: then the best one is taken, as it is wherever
    nearly all resamples prefer it to the median.
    """
    rng = np.random.default_rng(0)
    rows = zip(*sweep.sample, sweep.best, strict=True)
    return np.array([_median(sweep, Sample(p, n), int(best), rng) for p, n, best in rows], dtype=np.int64)


def _median(sweep: Sweep, sample: Sample, best: int, rng: np.random.Generator) -> int:
    drawn = Cells(sweep.scale.cuts, *sample).resample(sweep.n_inner, rng=rng)
    inner = Sweep(drawn, sweep.utility, sweep.constraints, sweep.scale)
    middle = int(np.quantile(inner.best, 0.5, method="inverted_cdf"))
    regretted = (inner.worth[:, middle] < inner.worth[:, best]).mean()
    return best if regretted > REGRETTED else middle


def smoothed_sweep(sweep: Sweep) -> Indices:
    """The best cut-off if each row of the rarer class were spread over its surroundings.

    Few positives make the utility a ragged curve whose highest tooth is an accident; their kernel estimate has one
    broad top. It becomes the exact sweep as rows are added, whatever their distribution is.
    """
    return sweep.with_rare(sweep.rare @ sweep.scale.reached)


def binormal_plug_in(sweep: Sweep) -> Indices:
    """The best cut-off if the rarer class is normal on the scale on which the other one is.

    A calibration with two numbers: the least nervous of the rules, and wrong where the rarer class is of two kinds.
    """
    mean, spread = moments(sweep.rare, sweep.scale.cells)
    share = ndtr((mean[:, None] - sweep.scale.cuts) / spread[:, None])
    share[:, 0], share[:, -1] = 1.0, 0.0
    return sweep.with_rare(share * sweep.rare.sum(-1, keepdims=True))


def theoretical(sweep: Sweep) -> Indices:
    """The cut-off that is best if the scores are logits of calibrated probabilities: that of the costs, half of F1, ...

    Where it depends on the utility's optimum, that of the smoothed sweep stands for it.

    Raises:
        TypeError: The scores are no logits, or theory has no threshold for the utility: `has_theory` says so.
    """
    if sweep.logits is None:
        raise TypeError("Theory needs scores that are logits of probabilities.")
    middle: Indices = np.searchsorted((sweep.logits[1:] + sweep.logits[:-1]) / 2, logits_of_theory(sweep))
    return middle


def logits_of_theory(sweep: Sweep) -> Array:
    """Where calibrated logits would be cut, (n_samples,).

    Raises:
        TypeError: Theory has no threshold for the utility.
    """
    if sweep.utility.theory is None:
        raise TypeError(f"There is no threshold of theory for {sweep.utility.name}.")
    best = np.take_along_axis(sweep.worth, smoothed_sweep(sweep)[:, None], axis=1)[:, 0]
    positives, negatives = (rows.sum(-1) for rows in sweep.sample)
    at: Array = logit(np.clip(sweep.utility.theory(best, positives / (positives + negatives)), 1e-12, 1 - 1e-12))
    return at


def has_theory(sweep: Sweep) -> bool:
    """Whether theory has a threshold for this utility and these scores."""
    return sweep.logits is not None and sweep.utility.theory is not None


RULES: Mapping[str, Callable[[Sweep], Indices]] = {
    "smoothed sweep": smoothed_sweep,
    "exact sweep": exact_sweep,
    "bootstrap median": bootstrap_median,
    "plateau middle": plateau_middle,
    "binormal plug-in": binormal_plug_in,
}
"""The rules by name; the first one is taken unless another one proves to be better out of the bag."""


def candidates(sweep: Sweep) -> Mapping[str, Callable[[Sweep], Indices]]:
    """The rules that can be asked."""
    return {**RULES, THEORY: theoretical} if has_theory(sweep) else RULES
