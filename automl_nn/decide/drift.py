"""Whether new scores look like those that a decision was made on: no labels are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy.special import chndtrinc
from scipy.stats import chi2

from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Quantiles at which a histogram is parted: fine at the top, where scores are cut."""

MIN_IN_BIN = 20
"""Rows that lie above each of these quantiles, at least."""

TAIL = 0.05
"""Share of the comparisons of like with like that exceed the limit, and of the intervals that lie too high, or too low.

So an interval covers 90 %, and reaches 0 where the index is within the limit.
"""

MODERATE, MAJOR = 0.1, 0.25
"""Indices from which a drift is called moderate, and major.

Source:
    Siddiqi (2006), Credit Risk Scorecards, ch. 8.
"""


@final
@dataclass(frozen=True)
class Histogram:
    """How the scores of one output are distributed.

    Args:
        label: What the output is of.
        edges: Inner edges, ascending, (n_bins - 1,).
        counts: Rows in each bin, (n_bins,).

    Example:
        >>> Histogram.of("ill", np.arange(100.0)).counts[:2]
        (10, 10)
    """

    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @staticmethod
    def of(label: str, scores: npt.ArrayLike) -> "Histogram":
        """The histogram of scores, in bins of about equally many rows and finer ones at the top.

        Args:
            label: What the scores are of.
            scores: Finite, of any scale, (n_rows,); one row at least.
        """
        values = np.asarray(scores, dtype=np.float64)
        levels = [level for level in LEVELS if len(values) * (1 - level) >= MIN_IN_BIN or level == LEVELS[4]]
        known = np.unique(values)
        upper = np.unique(np.searchsorted(known, np.quantile(values, levels, method="higher")))
        upper = upper[upper > 0]
        edges = known[upper - 1] / 2 + known[upper] / 2  # between two scores, so that rounding moves no row
        return Histogram(label, tuple(edges.tolist()), tuple(_count(values, edges).tolist()))

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Histogram":
        """Read what `dataclasses.asdict` made of it."""
        return Histogram(values["label"], tuple(values["edges"]), tuple(values["counts"]))


def _count(scores: Array, edges: Array) -> npt.NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)


@final
@dataclass(frozen=True)
class Drift:
    """How far new scores lie from those that a decision was made on.

    Args:
        label: What the scores are of.
        psi: Population stability index, 0 or more.
        interval: Where it lies with 90 % confidence; where several scores are looked at, all of them together.
        limit: What it stays below in 95 % of the comparisons, if nothing drifted; all of the scores together.
        n_rows: New rows.
        n_scores: How many scores are looked at: classes, labels or quantities.
    """

    label: str
    psi: float
    interval: tuple[float, float]
    limit: float
    n_rows: int
    n_scores: int = 1

    @property
    def level(self) -> str:
        """`none` (within the limit), `slight`, `moderate` (from 0.1) or `major` (from 0.25)."""
        if self.psi <= self.limit:
            return "none"
        return "major" if self.psi >= MAJOR else "moderate" if self.psi >= MODERATE else "slight"

    @property
    def is_notable(self) -> bool:
        """Whether it is moderate or major, and more than chance."""
        return self.level in ("moderate", "major")

    def describe(self) -> str:
        """The finding in a sentence.

        Example:
            >>> Drift("ill", 0.3, (0.2, 0.4), 0.01, 500).describe()
            "The scores of 'ill' drifted (major): index 0.3, 90 % interval 0.2 to 0.4, by chance below 0.01; 500 rows."
        """
        low, high = self.interval
        together = f" (of {self.n_scores} scores together)" if self.n_scores > 1 else ""
        drifted = "did not drift" if self.level == "none" else f"drifted ({self.level})"
        return (
            f"The scores of {self.label!r} {drifted}: index {self.psi:.3g}, 90 % interval{together} {low:.3g} to "
            f"{high:.3g}, by chance below {self.limit:.3g}; {self.n_rows} rows."
        )


def drift(histogram: Histogram, scores: npt.ArrayLike, *, n_scores: int = 1) -> Drift:
    """Compare new scores with a histogram of earlier ones.

    Half a row is added to each bin, so that none is empty. Rows are taken to be independent; where they come in groups
    (patients, series), chance alone exceeds the limit more often.

    Args:
        histogram: Of the earlier scores.
        scores: New ones, of the same scale, (n_rows,).
        n_scores: How many scores are looked at: the more, the more of them seem to drift by chance, for which the
            interval and the limit make up (Bonferroni).

    Raises:
        DecisionError: There is no new score, or one is not finite.

    Source:
        The index: Siddiqi (2006), Credit Risk Scorecards, ch. 8; it is Jeffreys' divergence of the two histograms. Its
        distribution without drift: Yurdakul & Naranjo (2020), doi:10.21314/JRMV.2020.227; with drift it is taken as a
        chi-squared one off centre, which the interval inverts.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> before = Histogram.of("ill", rng.normal(size=2000))
        >>> drift(before, rng.normal(size=2000)).level, drift(before, rng.normal(1.0, size=2000)).level
        ('none', 'major')
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        n = int(np.isfinite(values).sum())
        raise DecisionError(f"Drift is told from rows with finite scores, but {n} of {len(values)} are.")
    before, after = np.array(histogram.counts), _count(values, np.array(histogram.edges))
    psi, unit = _psi(before, after), float(1 / before.sum() + 1 / after.sum())
    freedom, tail = max(len(before) - 1, 1), TAIL / n_scores
    limit = unit * float(chi2.isf(tail, freedom))
    low, high = (unit * float(chndtrinc(psi / unit, freedom, below)) for below in (1 - tail, tail))
    return Drift(histogram.label, psi, (low if psi > limit else 0.0, max(high, psi)), limit, len(values), n_scores)


def _psi(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> float:
    p, q = ((rows + 0.5) / (rows + 0.5).sum() for rows in (before, after))
    return float(((q - p) * np.log(q / p)).sum())
