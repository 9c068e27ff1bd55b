"""Pictures of a study, in two steps: the numbers, then the drawing."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

Array = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class PRCurve:
    """Precision against recall over all cut-offs, and the point that a threshold picks.

    Args:
        recall: Share of the positives that are marked, falling, (n_points,).
        precision: Share of positives among the marked rows, (n_points,).
        average_precision: Area under the steps of the curve.
        prevalence: Share of positives: the precision of marking every row.
        threshold: The cut-off chosen.
        point: Recall and precision at that cut-off.
    """

    recall: Array
    precision: Array
    average_precision: float
    prevalence: float
    threshold: float
    point: tuple[float, float]


def pr_curve(y: npt.ArrayLike, scores: npt.ArrayLike, *, threshold: float) -> PRCurve:
    """The numbers of a precision-recall curve with its chosen point.

    Args:
        y: Labels in {0, 1}; rows with NaN are left out. (n_rows,).
        scores: Greater is more positive, (n_rows,).
        threshold: Rows whose score reaches it are positive; in the unit of the scores.

    Example:
        >>> pr_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], threshold=0.5).point
        (0.5, 0.5)
    """
    labels, values = np.asarray(y, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    known = np.isfinite(labels)
    labels, values = labels[known], values[known]
    precision, recall, _ = precision_recall_curve(labels, values)
    return PRCurve(
        recall=recall,
        precision=precision,
        average_precision=float(average_precision_score(labels, values)),
        prevalence=float(labels.mean()),
        threshold=threshold,
        point=_point(labels, values >= threshold),
    )


def _point(labels: Array, marked: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Recall and precision; marking nothing is taken to be precise, as at the end of the curve."""
    found = float(labels[marked].sum())
    return found / float(labels.sum()), found / float(marked.sum()) if marked.any() else 1.0


def draw_pr_curve(curve: PRCurve, *, title: str = "", positive: str = "positives") -> Figure:
    """Draw a precision-recall curve with its chosen point and the share of positives.

    Args:
        curve: The numbers.
        title: What the scores are of.
        positive: What a positive row is called.

    Example:
        >>> figure = draw_pr_curve(pr_curve([0, 1], [0.1, 0.9], threshold=0.5), title="toy")
        >>> figure.axes[0].get_xlabel()
        'recall: share of the positives that are found'
    """
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    recall, precision = curve.point
    label = f"threshold {curve.threshold:.3g}: recall {recall:.3f}, precision {precision:.3f}"
    axes.step(curve.recall, curve.precision, where="post", label=f"average precision {curve.average_precision:.3f}")
    axes.axhline(curve.prevalence, linestyle=":", color="0.5", label=f"share of {positive} {curve.prevalence:.3f}")
    axes.plot(recall, precision, "o", color="C3", markersize=9, label=label)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title=title)
    axes.set_xlabel(f"recall: share of the {positive} that are found")
    axes.set_ylabel("precision: share of the found that are right")
    axes.legend(loc="lower left")
    return figure
