"""The numbers behind the pictures of a decision, as tables: what every threshold gives, with bands."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.cells import Cells, evenly, tally
from automl_nn.decide.cut import Cut
from automl_nn.decide.honest import TAILS
from automl_nn.decide.utilities import UTILITIES, Counts, Utility

N_POINTS = 300
"""Thresholds of a curve."""

N_BOOTSTRAP = 200
"""Resamples behind a band."""

OUTCOMES = ("tp", "fp", "fn", "tn")


def threshold_curve(y: npt.ArrayLike, scores: npt.ArrayLike, *, utility: Utility, seed: int = 0) -> pd.DataFrame:
    """What every threshold gives: precision, recall and utility, each with its 90 % band.

    Args:
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        scores: Greater is more positive, (n_rows,).
        utility: What is maximized.
        seed: Seed of the resamples.

    Returns:
        One row for each of about 300 thresholds, ascending: `threshold`, `marked` (share of the rows), and for each of
        `precision`, `recall` and `utility` its value and `<name>_low`, `<name>_high`.

    Example:
        >>> table = threshold_curve([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], utility=UTILITIES["f1"])
        >>> float(table.utility.max())
        1.0
    """
    labels, values = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    rows = ~np.isnan(labels)
    exact = tally(values[rows], labels[rows], np.ones(rows.sum()))
    cells = exact.take(_kept(exact))
    drawn = cells.resample(N_BOOTSTRAP, rng=np.random.default_rng(seed)).counts()
    counts = cells.counts()
    columns = {"threshold": cells.cuts, "marked": UTILITIES["marked"].of(*counts)}
    for name, of in (("precision", UTILITIES["precision"]), ("recall", UTILITIES["recall"]), ("utility", utility)):
        columns[name] = of.of(*counts)
        columns[f"{name}_low"], columns[f"{name}_high"] = np.quantile(of.of(*drawn), TAILS, axis=0)
    return pd.DataFrame(columns)


def _kept(cells: Cells) -> npt.NDArray[np.int64]:
    """Thresholds evenly among those that matter and among all."""
    half = N_POINTS // 2
    return np.union1d(evenly(cells.corners(), half), evenly(np.arange(cells.n_cuts), half))


def confusions(cut: Cut) -> pd.DataFrame:
    """The confusion counts at the chosen threshold and at one half.

    Args:
        cut: The threshold of one label.

    Returns:
        One row for each threshold (`at`: `threshold` or `half`): `tp`, `fp`, `fn`, `tn`, `precision`, `recall`.
    """
    names = (*OUTCOMES, "precision", "recall")
    rows = {"threshold": cut.metrics, "half": cut.metrics_at_half}
    return pd.DataFrame([{"at": at, **{name: metrics[name] for name in names}} for at, metrics in rows.items()])


def label_table(cuts: tuple[Cut, ...]) -> pd.DataFrame:
    """One row for each label of a multilabel decision, to be sorted by any column.

    Args:
        cuts: The threshold of each label.

    Returns:
        `label`, `n_positives`, `threshold`, `low`, `high` (its interval), `utility`, `utility_low`, `utility_high`,
        `precision`, `recall`, `ece`, `rule`.
    """
    return pd.DataFrame([_label_row(cut) for cut in cuts])


def _label_row(cut: Cut) -> dict[str, object]:
    return {
        "label": cut.label,
        "n_positives": cut.n_positives,
        "threshold": cut.threshold,
        "low": cut.interval[0],
        "high": cut.interval[1],
        "utility": cut.utility,
        "utility_low": cut.utility_interval[0],
        "utility_high": cut.utility_interval[1],
        "precision": cut.metrics["precision"],
        "recall": cut.metrics["recall"],
        "ece": cut.reliability.get("ece"),
        "rule": cut.rule,
    }


def point_at(y: npt.ArrayLike, scores: npt.ArrayLike, threshold: float) -> Counts:
    """The confusion counts of one threshold, rows without a label left out.

    Example:
        >>> [float(count) for count in point_at([0, 1, 1], [0.1, 0.4, 0.9], 0.5)]
        [1.0, 0.0, 1.0, 1.0]
    """
    labels, marked = np.asarray(y, dtype=np.float64), np.asarray(scores) >= threshold
    tp, fp = (marked & (labels == 1)).sum(), (marked & (labels == 0)).sum()
    return Counts(*np.array([tp, fp, (labels == 1).sum() - tp, (labels == 0).sum() - fp], dtype=np.float64))
