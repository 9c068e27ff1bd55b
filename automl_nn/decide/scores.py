"""Decide on the scores of any model: probabilities and labels are enough."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from automl_nn.decide.calibration.calibrate import Calibration, fit_calibration
from automl_nn.decide.calibration.reliability import quality, reliability
from automl_nn.decide.cut import Cut
from automl_nn.decide.drift import Drift, Histogram, drift
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.labels import Question, choose_cuts, cut_of, judged
from automl_nn.decide.shift import BaseRate, estimate_base_rate
from automl_nn.decide.threshold import choose_threshold
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError

TINY = 1e-300
"""Probabilities of 0 and 1 stand for the nearest ones that have a logit."""


def decide_scores(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    goal: Goal,
    weight: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    amounts: npt.ArrayLike | None = None,
    prevalence: float | None = None,
    label: str = "label",
    seed: int = 0,
) -> Cut:
    """Choose the threshold of a model's scores, in their own unit.

    The scores are cut as they are; nothing is calibrated, and what they can be believed is reported.

    Args:
        scores: Probabilities of being positive, (n_rows,), in [0, 1].
        y: Labels in {0, 1}, NaN where missing, (n_rows,); rows that the model was not trained on.
        goal: What the decision is for.
        weight: How many equal rows each row stands for, (n_rows,).
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        amounts: What the cost of a miss is multiplied by in each row, (n_rows,); the goal must be a cost.
        prevalence: Share of positives where the threshold will be used, if it is another one than here.
        label: How errors call the label.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The scores are no probabilities, or do not carry the decision.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0.0, 1.0], [900, 100])
        >>> cut = decide_scores(1 / (1 + np.exp(3 - rng.normal(2 * y))), y, goal=Goal("f1"))
        >>> cut.interval[0] <= cut.threshold <= cut.interval[1]
        True
    """
    if goal.for_classes:
        raise DecisionError(f"{goal.describe()!r} is a goal of several classes, but these are the scores of one label.")
    p, t = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)
    check_probabilities(p, t)
    p = _any_where_missing(p, t)
    logits = logit_of(p)
    choice = choose_threshold(
        logits,
        t,
        utility=goal.utility,
        constraints=goal.constraints,
        weight=weight,
        groups=groups,
        prevalence=prevalence,
        row_costs=None if amounts is None else _row_costs(goal, amounts),
        are_logits=True,
        seed=seed,
    )
    cut = cut_of(label, logits, t, choice=choice, weight=weight, prevalence=prevalence)
    threshold = _in_unit(p, logits >= choice.threshold, cut.threshold)
    return replace(cut, threshold=threshold, reliability=quality(reliability(logits, t, weight=weight)))


def decide_label_scores(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    goal: Goal,
    labels: Sequence[str],
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Cuts:
    """Choose a threshold for each of several labels, in the unit of a model's scores.

    A label with few positives leans on the others, as in `choose_cuts`; nothing is calibrated.

    Args:
        scores: Probabilities of each label, (n_rows, n_labels), in [0, 1].
        y: Labels in {0, 1}, NaN where missing, (n_rows, n_labels); rows that the model was not trained on.
        goal: What the decision is for.
        labels: How the labels are called, (n_labels,).
        groups: Rows that belong together, (n_rows,): resamples draw them as a whole.
        seed: Seed of the resamples.

    Raises:
        DecisionError: The scores are no probabilities, or a label does not carry its threshold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = (rng.random((900, 2)) < 0.2).astype(float)
        >>> p = 1 / (1 + np.exp(2 - rng.normal(2 * y)))
        >>> alone = decide_scores(p[:, 0], y[:, 0], goal=Goal("f1"))
        >>> decide_label_scores(p, y, goal=Goal("f1"), labels=["a", "b"]).thresholds[0] == alone.threshold
        True
    """
    if goal.for_classes:
        raise DecisionError(f"{goal.describe()!r} is a goal of several classes, but these are the scores of labels.")
    p, t = np.asarray(scores, dtype=np.float64), np.asarray(y, dtype=np.float64)
    for one, known in zip(p.T, t.T, strict=True):
        check_probabilities(one, known)
    p = _any_where_missing(p, t)
    logits = logit_of(p)
    cuts = choose_cuts(labels, logits, t, Question(goal, groups=groups, seed=seed))
    identity = Calibration.identity(len(cuts))
    cuts = tuple(
        replace(cut, threshold=_in_unit(p[:, j], logits[:, j] >= cut.logit, cut.threshold))
        for j, cut in enumerate(judged(cuts, identity, logits, t))
    )
    return Cuts("multilabel", goal, identity, cuts)


def logit_of(p: Array) -> Array:
    """Log-odds of probabilities, finite at 0 and 1.

    Example:
        >>> bool(np.isfinite(logit_of(np.array([0.0, 0.5, 1.0]))).all())
        True
    """
    below_one = np.nextafter(1.0, 0.0)
    odds: Array = logit(np.clip(p, TINY, below_one)) + (p == 1.0)
    return odds


def rate_of_scores(
    scores: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    new: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    seed: int = 0,
) -> BaseRate:
    """The share of positives among new scores without labels, by a calibration on scores with labels.

    Args:
        scores: Probabilities of rows with labels, (n_rows,).
        y: Their labels in {0, 1}, NaN where missing, (n_rows,).
        new: Probabilities of rows without labels, (n_new,).
        weight: How many equal rows each row with a label stands for, (n_rows,).
        seed: Seed of the resamples.

    Raises:
        DecisionError: They are no probabilities, or one class is absent.
    """
    p, t, q = (np.asarray(values, dtype=np.float64) for values in (scores, y, new))
    check_probabilities(p, t)
    check_probabilities(q, np.zeros(len(q)))
    calibration = fit_calibration(logit_of(p)[:, None], t[:, None], family="labels")
    w = np.where(np.isnan(t), 0.0, 1.0 if weight is None else weight)
    prior = float(w @ np.nan_to_num(t) / w.sum()) if w.any() else 0.0
    return estimate_base_rate(calibration.apply(logit_of(q)[:, None]), prior=prior, seed=seed)


def drift_of_scores(scores: npt.ArrayLike, *, new: npt.ArrayLike, label: str = "label") -> Drift:
    """How far new probabilities lie from those that a decision was made on.

    Args:
        scores: Probabilities of the rows that it was made on, (n_rows,).
        new: New ones, (n_new,).
        label: What they are of.

    Raises:
        DecisionError: They are no probabilities, or there is none.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> drift_of_scores(rng.random(2000), new=rng.random(2000) ** 2).level
        'major'
    """
    before, after = np.asarray(scores, dtype=np.float64), np.asarray(new, dtype=np.float64)
    for p in (before, after):
        check_probabilities(p, np.zeros(len(p)))
    return drift(Histogram.of(label, before), after)


def check_probabilities(p: Array, y: Array) -> None:
    """Refuse scores that are no probabilities, where a label is known.

    Args:
        p: Scores, (n_rows,).
        y: Labels, NaN where missing, (n_rows,).

    Raises:
        DecisionError: A score is not finite, or not in [0, 1].
    """
    if p.ndim != 1 or p.shape != y.shape:
        raise DecisionError(f"Scores {p.shape} and labels {y.shape} must be columns of one length.")
    labelled = p[~np.isnan(y)]
    wrong = ~np.isfinite(labelled)
    if wrong.any():
        raise DecisionError(f"{wrong.sum()} of {len(labelled)} scores are not finite: leave those rows out.")
    outside = labelled[(labelled < 0) | (labelled > 1)]
    if len(outside):
        raise DecisionError(
            f"The score {outside[0]:g} is no probability: give scores between 0 and 1 (of logits, 1 / (1 + exp(-x)))."
        )


def _row_costs(goal: Goal, amounts: npt.ArrayLike) -> tuple[float, Array]:
    if goal.cost is None or len(goal.cost) != 2:
        raise DecisionError("Amounts multiply the cost of a miss: give the costs, as in --cost fp=5,fn=1.")
    fp, fn = goal.cost
    return fp, fn * np.asarray(amounts, dtype=np.float64)


def _any_where_missing(p: Array, y: Array) -> Array:
    """The scores, and a number in place of those that may be missing because their label is."""
    return np.where(np.isnan(y), 0.5, p)


def _in_unit(p: Array, marked: npt.NDArray[np.bool_], threshold: float) -> float:
    """The threshold, moved to the least marked score where rounding would let it mark other rows."""
    least = float(p[marked].min()) if marked.any() else 1.0
    most = float(p[~marked].max()) if not marked.all() else 0.0
    return threshold if most < threshold <= least or not marked.any() else least


def positives(labels: Iterable[object], *, positive: str | None = None) -> Array:
    """Labels as 0, 1 and NaN.

    Args:
        labels: Anything of which at most two kinds occur, missing ones aside.
        positive: The positive kind, as text; may be left out where the labels are 0 and 1, or true and false.

    Raises:
        DecisionError: There are other labels, or none is the positive one.

    Example:
        >>> positives(["no", "yes", None], positive="yes").tolist()
        [0.0, 1.0, nan]
    """
    column = np.array([_text(value) for value in labels], dtype=object)
    kinds = sorted({kind for kind in column if kind is not None})
    if positive is None and set(kinds) <= {"0", "1"}:
        positive = "1"
    if positive is None or (positive not in kinds and positive != "1") or len(kinds) > 2:
        shown = ", ".join(map(repr, kinds[:5])) + (", ..." if len(kinds) > 5 else "")
        raise DecisionError(f"The labels are {shown or 'all missing'}: give 0 and 1, or name one of two by --positive.")
    known = np.array([kind is not None for kind in column])
    return np.where(known, (column == positive).astype(np.float64), np.nan)


def _text(value: object) -> str | None:
    """A label as text: whole numbers without a point, truth as 0 and 1, nothing for what is missing."""
    if value is None or value != value:  # NaN differs from itself
        return None
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return {"true": "1", "false": "0"}.get(str(value).strip().lower(), str(value))
