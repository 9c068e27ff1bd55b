"""Pictures of a decision, each drawn into axes from the tables of `review.decision.curves` and `decide.reliability`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from automl_nn.decide.cut import Cut

CHOSEN, BAND = "C3", 0.2
"""Colour of what was chosen, and opacity of a band."""

EDGE = 0.1
"""Thresholds this near to 0 or 1 are drawn on an axis of log-odds."""

MAX_LETTERS = 32
"""Letters that the names below a picture have room for, side by side."""

MAX_NAMED = 12
"""Classes whose confusion counts are written into the cells."""


def draw_precision_recall(axes: Axes, curve: pd.DataFrame, *, cut: Cut) -> None:
    """Precision against recall with its band, and the chosen point.

    Args:
        axes: Where to.
        curve: What `threshold_curve` returned.
        cut: The chosen threshold.
    """
    shown = curve[curve["marked"] > 0].sort_values("recall", kind="stable")
    axes.fill_between(shown["recall"], shown["precision_low"], shown["precision_high"], alpha=BAND, label="90 % band")
    axes.plot(shown["recall"], shown["precision"], label="rows that chose")
    recall, precision = cut.metrics["recall"], cut.metrics["precision"]
    axes.plot(recall, precision, "o", color=CHOSEN, markersize=8, label=f"threshold {cut.threshold:.3g}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), title=f"precision {precision:.3g}, recall {recall:.3g}")
    axes.set_xlabel("recall: share of the positives that are found")
    axes.set_ylabel("precision: share of the found that are right")
    axes.legend(loc="best", fontsize="small")


def draw_utility(axes: Axes, curve: pd.DataFrame, *, cut: Cut, utility: str) -> None:
    """Utility against threshold with its band, the chosen threshold and its interval; costs are drawn as costs.

    Args:
        axes: Where to.
        curve: What `threshold_curve` returned.
        cut: The chosen threshold.
        utility: What the utility is called.
    """
    curve = curve[curve["marked"] > 0]
    sign, name = (-1, f"mean cost of a row, {utility}") if utility.startswith("cost") else (1, utility)
    worth, low, high = (sign * curve[column] for column in ("utility", "utility_low", "utility_high"))
    axes.fill_between(curve["threshold"], low, high, alpha=BAND, label="90 % band")
    axes.plot(curve["threshold"], worth, label="rows that chose")
    axes.axvspan(*cut.interval, color=CHOSEN, alpha=0.15, label="threshold, 90 % of resamples")
    ends = np.sort([sign * end for end in cut.utility_interval])
    errors = [[max(sign * cut.utility - ends[0], 0)], [max(ends[1] - sign * cut.utility, 0)]]
    label = f"on new rows {sign * cut.utility:.3g}"
    axes.errorbar(cut.threshold, sign * cut.utility, yerr=errors, fmt="o", color=CHOSEN, capsize=4, label=label)
    if cut.theory is not None:
        axes.axvline(cut.theory, linestyle=":", color="0.3", label=f"by theory {cut.theory:.3g}")
    axes.set(title=f"threshold {cut.threshold:.3g}", xlabel="threshold", ylabel=name)
    _scale_thresholds(axes, curve, cut)
    axes.legend(loc="best", fontsize="small")


def _scale_thresholds(axes: Axes, curve: pd.DataFrame, cut: Cut) -> None:
    """Log-odds where the threshold lies near an end, and no room for thresholds that part nothing."""
    inside = curve["threshold"][(curve["marked"] > 0) & (curve["marked"] < 1)].clip(1e-6, 1 - 1e-6)
    if len(inside) < 2 or inside.min() == inside.max():
        return
    if not EDGE < cut.threshold < 1 - EDGE:
        axes.set_xscale("logit")
        axes.xaxis.set_minor_formatter("")
        axes.set_xlim(max(float(inside.quantile(0.02)), 1e-5), min(float(inside.max()), 1 - 1e-5))
    else:
        axes.set_xlim(0, 1)


def draw_confusion(axes: Axes, table: pd.DataFrame, *, title: str) -> None:
    """Confusion counts, darker where more of an actual class went there; what costs is written below the count.

    Args:
        axes: Where to.
        table: One row for each `actual` and `action`, with `n_rows` and perhaps `cost`.
        title: What the actions are of.
    """
    counts = _matrix(table, "n_rows")
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    paid = counts * _matrix(table, "cost") if "cost" in table else None
    if max(counts.shape) <= MAX_NAMED:
        for (i, j), n in np.ndenumerate(counts):
            words = f"{n:g}" if paid is None or not paid[i, j] else f"{n:g}\ncost {paid[i, j]:.3g}"
            axes.text(j, i, words, ha="center", va="center", color="white" if shares[i, j] > 0.6 else "black")
    names, actions = table["actual"].unique(), table["action"].unique()
    axes.set_xticks(range(len(actions)), actions, rotation=0 if sum(map(len, actions)) <= MAX_LETTERS else 45)
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title, fontsize="medium")
    axes.set(xlabel="action", ylabel="actual")


def _matrix(table: pd.DataFrame, column: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    shape = table["actual"].nunique(), table["action"].nunique()
    return table[column].to_numpy(dtype=np.float64).reshape(shape)


def draw_reliability(axes: Axes, table: pd.DataFrame) -> None:
    """Observed against predicted shares of positives with their bands; believable probabilities lie on the diagonal.

    Args:
        axes: Where to.
        table: What `reliability` returned.
    """
    below, above = (table["observed"] - table["low"]).clip(lower=0), (table["high"] - table["observed"]).clip(lower=0)
    share = table["n_rows"] / table["n_rows"].sum()
    error = float((share * (table["predicted"] - table["observed"]).abs()).sum())
    axes.plot([0, 1], [0, 1], linestyle=":", color="0.5", label="believable")
    axes.errorbar(
        table["predicted"], table["observed"], yerr=[below, above], fmt="o-", capsize=3, label="observed, 90 % band"
    )
    top = min(1.05 * float(table[["predicted", "high"]].to_numpy().max()), 1.05)
    axes.set(xlim=(0, top), ylim=(0, top), title=f"expected calibration error {error:.2g}")
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share of positives")
    axes.legend(loc="upper left", fontsize="small")


def draw_scores(axes: Axes, table: pd.DataFrame, *, cut: Cut) -> None:
    """How many rows of either class lie where, and the threshold.

    Args:
        axes: Where to.
        table: What `score_histogram` returned.
        cut: The chosen threshold.
    """
    width = table["logit_high"] - table["logit_low"]
    for name, color in (("negatives", "0.6"), ("positives", "C0")):
        rows = table[name].replace(0, np.nan)
        axes.bar(table["logit_low"], rows, width=width, align="edge", color=color, alpha=0.7, label=name)
    axes.axvline(cut.logit, color=CHOSEN, label=f"threshold {cut.threshold:.3g}")
    axes.set_yscale("log")
    axes.set(title="scores of either class", xlabel="log-odds of being positive", ylabel="rows")
    axes.legend(loc="best", fontsize="small")


def draw_labels(axes: Axes, table: pd.DataFrame, *, column: str) -> None:
    """One line for each label: a value with its interval.

    Args:
        axes: Where to.
        table: What `label_table` returned, in the order to draw.
        column: `threshold` or `utility`.
    """
    ends = ("low", "high") if column == "threshold" else ("utility_low", "utility_high")
    low, high = (table[name] for name in ends)
    middle, at = table[column], np.arange(len(table))[::-1]
    errors = [(middle - low).clip(lower=0), (high - middle).clip(lower=0)]
    axes.errorbar(middle, at, xerr=errors, fmt="o", capsize=3, markersize=4)
    axes.set_yticks(at, [f"{row.label} ({row.n_positives})" for row in table.itertuples()])
    axes.set(title=f"{column} and its 90 % interval", xlabel=column)
    axes.grid(axis="x", alpha=0.3)


def draw_class_curve(axes: Axes, curve: pd.DataFrame, *, chosen: float) -> None:
    """What is maximized against the power of the prior, or against the share of rows that are answered.

    Args:
        axes: Where to.
        curve: What the decision's `curve` returned.
        chosen: The power, or the share, of the decision.
    """
    words = {"strength": "power of the prior", "answered": "share of rows answered"}
    column = next(name for name in words if name in curve)
    axes.plot(curve[column], curve["utility"], "o-", markersize=3, label="rows that chose")
    axes.axvline(chosen, color=CHOSEN, label=f"chosen {chosen:.3g}")
    axes.legend(loc="best", fontsize="small")
    axes.set(xlabel=words[column], ylabel="utility", title=f"utility by {words[column]}")
    axes.grid(alpha=0.3)
