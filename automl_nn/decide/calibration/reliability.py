"""How far calibrated probabilities can be believed, on rows that the calibration was not fitted to."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, ndtri

from automl_nn.decide.calibration.calibrate import IN_BAG, MIN_EVENTS, N_PARTINGS, bin_outputs
from automl_nn.decide.calibration.maps import KINDS
from automl_nn.decide.utilities import Array

N_BINS = 10
"""Groups of a reliability diagram, of about as many rows each."""

Z_90 = float(ndtri(0.95))


def reliability(
    output: npt.ArrayLike, y: npt.ArrayLike, *, kind: str = "identity", weight: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Predicted and observed shares of positives, in groups of rows of neighbouring probabilities.

    The map is fitted to four fifths of the rows and read on the rest, again and again; fewer than 20 rows of the rarer
    class leave it as it is.

    Args:
        output: Outputs (logits) of one label, (n_rows,).
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        kind: The kind of map, a name of `KINDS`.
        weight: How many equal rows each row stands for, (n_rows,).

    Returns:
        One row a group, ascending: `n_rows`, `predicted` (mean probability), `observed` (share of positives), the 90 %
        band `low`, `high` of the true share, and `log_loss` and `brier` (means over the group's rows).

    Source:
        The band: Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logit = rng.normal(size=4000)
        >>> table = reliability(logit, rng.random(4000) < expit(logit))
        >>> len(table), bool((table.low < table.predicted).mean() >= 0.8)
        (10, True)
    """
    logit, labels = np.asarray(output, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones(len(labels)) if weight is None else np.asarray(weight, dtype=np.float64)
    rows = ~np.isnan(labels) & (w > 0)
    cells, binned = bin_outputs(logit[rows], labels[rows], weight=w[rows])
    few = min(cells.positives.sum(), cells.negatives.sum()) < MIN_EVENTS
    kind = "identity" if few else kind
    sums = np.zeros((5, len(binned.logit)))
    inside, outside = cells.part(N_PARTINGS, share=IN_BAG, rng=np.random.default_rng(1))
    for fitted, judged in zip(zip(*inside, strict=True), zip(*outside, strict=True), strict=True):
        found = KINDS[kind](replace(binned, positives=fitted[0], negatives=fitted[1]))
        sums += _sums(found.apply(binned.logit), *judged)
    return _table(sums, n_rows=cells.weight)


def _sums(z: Array, positives: Array, negatives: Array) -> Array:
    """Rows, positives, probabilities, log loss and squared error of each group of outputs, added up."""
    p, n = expit(z), positives + negatives
    log_loss = positives * np.logaddexp(0.0, -z) + negatives * np.logaddexp(0.0, z)
    return np.stack([n, positives, n * p, log_loss, positives * (1 - p) ** 2 + negatives * p**2])


def _table(sums: Array, *, n_rows: float) -> pd.DataFrame:
    total = max(float(sums[0].sum()), 1.0)
    group = np.minimum((np.cumsum(sums[0]) - sums[0] / 2) / total * N_BINS, N_BINS - 1).astype(np.int64)
    n, positives, p, log_loss, brier = (np.bincount(group, weights=row, minlength=N_BINS) for row in sums)
    held = n > 0
    n, positives, p, log_loss, brier = (column[held] for column in (n, positives, p, log_loss, brier))
    observed, rows = positives / n, n / total * n_rows
    low, high = _wilson(observed, rows)
    columns = {"n_rows": rows, "predicted": p / n, "observed": observed, "low": low, "high": high}
    return pd.DataFrame(columns | {"log_loss": log_loss / n, "brier": brier / n})


def _wilson(share: Array, n: Array) -> tuple[Array, Array]:
    middle = (share + Z_90**2 / (2 * n)) / (1 + Z_90**2 / n)
    half = Z_90 * np.sqrt(share * (1 - share) / n + Z_90**2 / (4 * n**2)) / (1 + Z_90**2 / n)
    return middle - half, middle + half


def quality(table: pd.DataFrame) -> dict[str, float]:
    """Log loss, Brier score and expected calibration error of all rows; less is better.

    Args:
        table: What `reliability` returned.

    Source:
        Expected calibration error: Naeini et al. (2015), doi:10.1609/aaai.v29i1.9602, with groups of equal size.

    Example:
        >>> sorted(quality(reliability(np.zeros(100), np.tile([0.0, 1.0], 50))))
        ['brier', 'ece', 'log_loss']
    """
    share = table["n_rows"] / table["n_rows"].sum()
    means = {name: float((share * table[name]).sum()) for name in ("log_loss", "brier")}
    return means | {"ece": float((share * (table["predicted"] - table["observed"]).abs()).sum())}
