"""The numbers behind the pictures of a decision, as tables: what every threshold gives, with bands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from automl_nn.decide.cells import Cells, evenly, tally
from automl_nn.decide.classes.decisions import Costs
from automl_nn.decide.classes.outputs import labelled
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.honest import TAILS
from automl_nn.decide.shift import class_weight
from automl_nn.decide.utilities import UTILITIES, Array, Utility, weighted

N_POINTS = 300
"""Thresholds of a curve."""

N_BOOTSTRAP = 200
"""Resamples behind a band."""

N_BINS = 40
"""Bins of a histogram of scores."""

OUTCOMES = ("tp", "fp", "fn", "tn")


@final
@dataclass(frozen=True)
class Scored:
    """Rows with their scores.

    Args:
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        logit: Log-odds of the probabilities of being positive, (n_rows,).
        weight: How many equal rows each row stands for, (n_rows,).
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        prevalence: Share of positives where the threshold will be used; None if it is that of the rows.
    """

    y: Array
    logit: Array
    weight: Array | None = None
    groups: npt.NDArray[Any] | None = None
    prevalence: float | None = None

    @cached_property
    def labelled(self) -> "Scored":
        """The rows with a label and a weight."""
        rows = ~np.isnan(self.y) & (np.ones(len(self.y)) if self.weight is None else self.weight > 0).astype(np.bool_)
        weight, groups = (None if part is None else part[rows] for part in (self.weight, self.groups))
        return Scored(self.y[rows], self.logit[rows], weight, groups, self.prevalence)

    @property
    def weights(self) -> Array:
        """The weights, 1 unless given, (n_rows,)."""
        return np.ones(len(self.y)) if self.weight is None else self.weight

    @property
    def class_weight(self) -> tuple[float, float]:
        """How many rows a positive and a negative row stand for."""
        if self.prevalence is None:
            return 1.0, 1.0
        return class_weight(self.y, prevalence=self.prevalence, weight=self.weight)


def threshold_curve(rows: Scored, *, utility: Utility, n_points: int = N_POINTS, seed: int = 0) -> pd.DataFrame:
    """What every threshold gives: precision, recall and utility, each with its 90 % band.

    Args:
        rows: Labels and scores.
        utility: What is maximized.
        n_points: Thresholds, about; all of them if there are no more.
        seed: Seed of the resamples.

    Returns:
        One row for each threshold, ascending: `threshold` (a probability), `logit`, `marked` (share of the rows), for
        each of `precision`, `recall` and `utility` its value and `<name>_low`, `<name>_high`, and the weights `tp`,
        `fp`, `fn`, `tn` of the rows at hand.

    Example:
        >>> rows = Scored(np.array([0.0, 1, 0, 1]), np.array([-2.0, 2, -1, 1]))
        >>> float(threshold_curve(rows, utility=UTILITIES["f1"]).utility.max())
        1.0
    """
    known = rows.labelled
    exact = tally(known.logit, known.y, known.weights, groups=known.groups)
    cells, share = exact.take(_kept(exact, n_points)), known.class_weight
    drawn = weighted(cells.resample(N_BOOTSTRAP, rng=np.random.default_rng(seed)).counts(), share)
    counts = weighted(cells.counts(), share)
    columns = {"threshold": expit(cells.cuts), "logit": cells.cuts, "marked": UTILITIES["marked"].of(*counts)}
    for name, of in (("precision", UTILITIES["precision"]), ("recall", UTILITIES["recall"]), ("utility", utility)):
        columns[name] = of.of(*counts)
        columns[f"{name}_low"], columns[f"{name}_high"] = np.quantile(of.of(*drawn), TAILS, axis=0)
    return pd.DataFrame(columns | cells.counts()._asdict())


def score_histogram(rows: Scored) -> pd.DataFrame:
    """How many rows of either class lie where.

    Args:
        rows: Labels and scores.

    Returns:
        One row for each of 40 bins of equal width in log-odds, ascending: `low`, `high` (probabilities), `logit_low`,
        `logit_high`, `positives`, `negatives` (weights).

    Example:
        >>> table = score_histogram(Scored(np.array([0.0, 1.0]), np.array([-2.0, 2.0])))
        >>> float(table.positives.sum()), float(table.negatives.sum())
        (1.0, 1.0)
    """
    known = rows.labelled
    low, high = np.quantile(known.logit, [0.001, 0.999])
    edges = np.linspace(low - 0.1, high + 0.1, N_BINS + 1)
    at = np.clip(known.logit, edges[0], edges[-1])
    counted = {
        name: np.histogram(at[known.y == kind], edges, weights=known.weights[known.y == kind])[0]
        for name, kind in (("positives", 1), ("negatives", 0))
    }
    ends = {"low": expit(edges[:-1]), "high": expit(edges[1:]), "logit_low": edges[:-1], "logit_high": edges[1:]}
    return pd.DataFrame({**ends, **counted})


def _kept(cells: Cells, n_points: int) -> npt.NDArray[np.int64]:
    """Thresholds evenly among those that matter and among all."""
    if cells.n_cuts <= n_points:
        return np.arange(cells.n_cuts)
    half = n_points // 2
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


def class_confusions(
    decision: Decision, output: npt.ArrayLike, y: npt.ArrayLike, *, names: Sequence[str]
) -> pd.DataFrame:
    """How often each class got which action, by the decision and by the most probable class.

    Args:
        decision: A decision between classes.
        output: Network outputs, (n_rows, n_classes).
        y: Class index, (n_rows, 1), or class probabilities; NaN where missing.
        names: The classes.

    Returns:
        One row for each `at` (`decision` or `argmax`), `actual` class and `action`: `n_rows`, and `cost` of one such
        row where there are costs. The action `no answer` occurs where the decision may give none.
    """
    probability, actual = labelled(decision.probability(output), y)
    action = labelled(decision.apply(output)[:, None], y)[0][:, 0].astype(np.int64)
    actions = [*names, *(["no answer"] if decision.may_reject else [])]
    tables = {"argmax": probability.argmax(axis=1), "decision": np.where(action < 0, len(names), action)}
    prices = _prices(decision, len(names))
    rows = [
        {"at": at, "actual": names[i], "action": actions[j], "n_rows": int(n)}
        | ({} if prices is None else {"cost": prices[i][j]})
        for at, chosen in tables.items()
        for (i, j), n in np.ndenumerate(_confusion(actual, chosen, (len(names), len(actions))))
    ]
    return pd.DataFrame(rows)


def _confusion(
    actual: npt.NDArray[np.int64], action: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    return np.bincount(actual * shape[1] + action, minlength=shape[0] * shape[1]).reshape(shape)


def _prices(decision: Decision, n_classes: int) -> list[list[float]] | None:
    """What each action costs in each class, that of no answer last."""
    if not isinstance(decision, Costs):
        return None
    reject = decision.choice.reject
    return [[*row, 0.0 if reject is None else reject] for row in decision.choice.costs[:n_classes]]
