"""One label's thresholds: what each of them gives, as numbers for a hand to move along and as charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd

from automl_nn.decide.cut import Cut
from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import UTILITIES, Counts
from automl_nn.review.decision.curves import OUTCOMES, Scored, threshold_curve
from automl_nn.web.charts import Chart, Series

N_POINTS = 1500
"""Thresholds that a hand can stop at; all of them if there are no more."""

TINY = 0.05
"""A threshold below this is looked at on a logarithmic scale."""

CHOSEN, HERE, SAVED = "the best found", "this threshold", "saved"

COLUMNS = (
    *("threshold", "logit", *OUTCOMES, "precision", "precision_low", "precision_high"),
    *("recall", "recall_low", "recall_high", "f1"),
)


@final
@dataclass(frozen=True, eq=False)
class ThresholdView:
    """What every threshold of one label gives on the rows that choose.

    Args:
        name: What a marked row is called.
        cut: The best threshold found.
        goal: What it is for.
        costs: What a false alarm and a miss cost.
        curve: One row a threshold, ascending: `COLUMNS`, and `utility` with its band.
        at: Row of the best threshold.
        n_days: Days that the rows span; None if they have no dates.
        saved: Precision and recall of saved decisions, by their words.
    """

    name: str
    cut: Cut
    goal: Goal
    costs: tuple[float, float]
    curve: pd.DataFrame
    at: int
    n_days: float | None
    saved: Mapping[str, tuple[float, float]]

    @property
    def numbers(self) -> dict[str, Any]:
        """What the browser follows the hand with: a column for each number, and where the best threshold is."""
        columns = {name: self.curve[name].tolist() for name in COLUMNS}
        bounds = {name: value for name, value in self.goal.given().items() if name in ("min_precision", "min_recall")}
        return {"columns": columns, "at": self.at, "n_days": self.n_days, "costs": list(self.costs), "bounds": bounds}

    @property
    def here(self) -> Mapping[str, float]:
        """The numbers of the best threshold."""
        return {str(name): float(value) for name, value in self.curve.iloc[self.at].items()}

    @property
    def cost(self) -> float:
        """What the errors at the best threshold cost on these rows."""
        fp, fn = self.costs
        return fp * self.here["fp"] + fn * self.here["fn"]

    @property
    def alarms(self) -> float:
        """Rows that are marked a day, or of 1,000 rows where they have no dates; rounded to a tenth."""
        here = self.here
        marked = here["tp"] + here["fp"]
        share = marked / self.n_days if self.n_days else 1000 * marked / sum(here[name] for name in OUTCOMES)
        return round(share, 1)

    @property
    def precision_recall(self) -> Chart:
        """Precision against recall; the second series is the threshold in the hand."""
        marking = self.curve[self.curve["tp"] + self.curve["fp"] > 0]  # without a marked row there is no precision
        curve = marking.sort_values(["recall", "precision"], ascending=[True, False], kind="stable")
        band = (curve["precision_low"], curve["precision_high"])
        words = [f"threshold {t:.4g}: precision {p:.3f}, recall {r:.3f}" for t, p, r in
                 zip(curve["threshold"], curve["precision"], curve["recall"], strict=True)]  # fmt: skip
        line = Series.of("every threshold", curve["recall"], curve["precision"], band=band, labels=words)
        dot = Series.of(HERE, [self.here["recall"]], [self.here["precision"]], "points")
        return Chart(
            "Precision and recall",
            "recall",
            "precision",
            (line, dot, *self._saved()),
            note="Recall: share of the positives that are marked. Precision: share of the marked rows that are right. "
            "The band holds 90 % of the resamples of these rows.",
        )

    def _saved(self) -> Sequence[Series]:
        if not self.saved:
            return ()
        precision, recall = zip(*self.saved.values(), strict=True)
        return (Series.of(SAVED, recall, precision, "points", labels=tuple(self.saved)),)

    @property
    def price(self) -> Chart:
        """What the errors of each threshold cost on these rows; the second series is the threshold in the hand."""
        fp, fn = self.costs
        total = fp * self.curve["fp"] + fn * self.curve["fn"]
        line = Series.of("cost of all errors", self.curve["threshold"], total)
        return Chart(
            "Cost of the errors",
            "threshold",
            "cost on these rows",
            (line, Series.of(HERE, [self.here["threshold"]], [self.cost], "points")),
            log_x=self.cut.threshold < TINY,
            note="With the costs of a false alarm and of a miss that stand above.",
        )

    @property
    def worth(self) -> Chart:
        """What each threshold is worth for the goal."""
        curve = self.curve
        line = Series.of(
            self.goal.utility.name,
            curve["threshold"],
            curve["utility"],
            band=(curve["utility_low"], curve["utility_high"]),
        )
        return Chart(
            "What each threshold is worth",
            "threshold",
            self.goal.utility.name,
            (line, Series.of(HERE, [self.here["threshold"]], [self.here["utility"]], "points")),
            log_x=self.cut.threshold < TINY,
            note="The band holds 90 % of the resamples of these rows.",
        )


def threshold_view(
    cut: Cut,
    rows: Scored,
    *,
    name: str,
    goal: Goal,
    costs: tuple[float, float],
    n_days: float | None,
    saved: Mapping[str, tuple[float, float]],
) -> ThresholdView:
    """The thresholds of one label.

    Args:
        cut: The best one.
        rows: Labels, and calibrated log-odds.
        name: What a marked row is called.
        goal: What the best one is for.
        costs: What a false alarm and a miss cost.
        n_days: Days that the rows span.
        saved: Precision and recall of saved decisions, by their words.
    """
    curve = threshold_curve(rows, utility=goal.utility, n_points=N_POINTS)
    counts = Counts(*(curve[name].to_numpy() for name in OUTCOMES))
    curve = curve.assign(f1=UTILITIES["f1"].of(*counts))
    at = int(np.searchsorted(curve["logit"], cut.logit))
    if not _has(curve, cut.logit, at):
        curve, at = _with_cut(curve, cut, at), at
    return ThresholdView(name, cut, goal, costs, curve, at, n_days, saved)


def _has(curve: pd.DataFrame, logit: float, at: int) -> bool:
    return at < len(curve) and bool(curve["logit"].iloc[at] == logit)


def _with_cut(curve: pd.DataFrame, cut: Cut, at: int) -> pd.DataFrame:
    """The curve with the best threshold in its place, where it is none of those that are shown."""
    nearest = curve.iloc[min(at, len(curve) - 1)].to_dict()
    own = {name: cut.metrics[name] for name in (*OUTCOMES, "precision", "recall", "f1")}
    row = pd.DataFrame([{**nearest, **own, "threshold": cut.threshold, "logit": cut.logit}])
    return pd.concat([curve.iloc[:at], row, curve.iloc[at:]], ignore_index=True)
