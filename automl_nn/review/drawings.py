"""Pictures of a decision, drawn from tables of `review.curves` and `decide.reliability`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from automl_nn.decide.cut import Cut

SIZE = (6.4, 4.8)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.add_subplot()


def draw_precision_recall(curve: pd.DataFrame, cut: Cut, *, title: str = "") -> Figure:
    """Precision against recall with its band, and the chosen point.

    Args:
        curve: What `threshold_curve` returned.
        cut: The chosen threshold.
        title: What the scores are of.
    """
    figure, axes = _axes()
    shown = curve[curve["marked"] > 0].sort_values("recall")
    axes.fill_between(shown["recall"], shown["precision_low"], shown["precision_high"], alpha=0.2, label="90 % band")
    axes.plot(shown["recall"], shown["precision"], label="validation rows")
    recall, precision = cut.metrics["recall"], cut.metrics["precision"]
    axes.plot(recall, precision, "o", color="C3", markersize=9, label=f"threshold {cut.threshold:.3g}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title=title)
    axes.set_xlabel("recall: share of the positives that are found")
    axes.set_ylabel("precision: share of the found that are right")
    axes.legend(loc="lower left")
    return figure


def draw_utility(curve: pd.DataFrame, cut: Cut, *, utility: str, title: str = "") -> Figure:
    """Utility against threshold with its band, the chosen threshold and its interval.

    Args:
        curve: What `threshold_curve` returned, with probabilities or logits as scores.
        cut: The chosen threshold, a probability.
        utility: What the utility is called.
        title: What the scores are of.
    """
    figure, axes = _axes()
    axes.fill_between(curve["threshold"], curve["utility_low"], curve["utility_high"], alpha=0.2, label="90 % band")
    axes.plot(curve["threshold"], curve["utility"], label="validation rows")
    axes.axvspan(*cut.interval, color="C3", alpha=0.15, label="90 % of the resamples")
    axes.axvline(cut.threshold, color="C3", label=f"threshold {cut.threshold:.3g}")
    axes.errorbar(
        cut.threshold,
        cut.utility,
        yerr=[[cut.utility - cut.utility_interval[0]], [cut.utility_interval[1] - cut.utility]],
        fmt="o",
        color="C3",
        capsize=4,
        label=f"on new rows {cut.utility:.3g}",
    )
    axes.set(title=title, xlabel="threshold", ylabel=utility)
    axes.legend()
    return figure


def draw_confusions(table: pd.DataFrame, *, title: str = "") -> Figure:
    """The confusion counts at one half and at the chosen threshold, side by side.

    Args:
        table: What `confusions` returned.
        title: What the scores are of.
    """
    figure = Figure(figsize=(SIZE[0] * 1.25, SIZE[1] * 0.8), layout="constrained")
    figure.suptitle(title)
    rows = {row["at"]: row for row in table.to_dict("records")}
    for axes, (at, words) in zip(
        figure.subplots(1, 2), (("half", "at 0.5"), ("threshold", "at the threshold")), strict=True
    ):
        row = rows[at]
        counts = [[float(row[name]) for name in pair] for pair in (("tn", "fp"), ("fn", "tp"))]
        _draw_confusion(axes, counts)
        axes.set_title(f"{words}: precision {row['precision']:.3g}, recall {row['recall']:.3g}", fontsize=10)
    return figure


def _draw_confusion(axes: Axes, counts: list[list[float]]) -> None:
    axes.imshow([[value / max(sum(row), 1) for value in row] for row in counts], cmap="Blues", vmin=0, vmax=1.5)
    for i, row in enumerate(counts):
        for j, value in enumerate(row):
            axes.text(j, i, f"{value:g}", ha="center", va="center", fontsize=12)
    axes.set_xticks([0, 1], ["not marked", "marked"])
    axes.set_yticks([0, 1], ["negative", "positive"])


def draw_reliability(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Observed against predicted shares of positives with their bands; believable probabilities lie on the diagonal.

    Args:
        table: What `reliability` returned.
        title: What the scores are of.
    """
    figure, axes = _axes()
    below, above = table["observed"] - table["low"], table["high"] - table["observed"]
    axes.plot([0, 1], [0, 1], linestyle=":", color="0.5", label="believable")
    axes.errorbar(
        table["predicted"], table["observed"], yerr=[below, above], fmt="o-", capsize=3, label="observed, 90 % band"
    )
    top = 1.05 * float(table[["predicted", "high"]].to_numpy().max())
    axes.set(xlim=(0, top), ylim=(0, top), title=title)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share of positives")
    axes.legend(loc="upper left")
    return figure
