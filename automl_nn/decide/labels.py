"""Thresholds of one or several labels, from calibrated outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from automl_nn.decide.calibration.calibrate import Calibration
from automl_nn.decide.calibration.reliability import quality, reliability
from automl_nn.decide.cut import Cut
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.rows import MIN_ROWS
from automl_nn.decide.shift import class_weight, shift_calibration
from automl_nn.decide.threshold import FEW_ROWS, Pull, ThresholdChoice, choose_threshold
from automl_nn.decide.utilities import Array, Counts, metrics
from automl_nn.errors import DecisionError


@final
@dataclass(frozen=True)
class Question:
    """What is asked of each label.

    Args:
        goal: What the thresholds are for.
        groups: Rows that belong together, (n_rows,).
        prevalence: Share of positives where they will be used; None if it is that of the rows.
        seed: Seed of the resamples.
    """

    goal: Goal
    groups: npt.ArrayLike | None = None
    prevalence: float | None = None
    seed: int = 0

    def choose(self, logit: Array, y: Array, *, pull: Pull | None = None) -> ThresholdChoice:
        """The threshold of one label.

        Args:
            logit: Outputs, (n_rows,).
            y: Labels, (n_rows,).
            pull: What the threshold is drawn to.
        """
        return choose_threshold(
            logit,
            y,
            utility=self.goal.utility,
            constraints=self.goal.constraints,
            groups=self.groups,
            prevalence=self.prevalence,
            are_logits=True,
            pull=pull,
            seed=self.seed,
        )

    def choose_together(self, logits: Array, y: Array) -> ThresholdChoice:
        """The threshold of several labels together; the labels of one row stay together in resamples.

        Args:
            logits: Outputs, (n_rows, n_labels).
            y: Labels of the same shape.
        """
        n_rows, times = y.shape
        rows = np.arange(n_rows) if self.groups is None else np.asarray(self.groups)
        kept = self.goal.constraints
        return choose_threshold(
            logits.ravel(),
            y.ravel(),
            utility=self.goal.utility,
            constraints=replace(kept, top_k=kept.top_k and kept.top_k * times),
            groups=np.repeat(rows, times),
            are_logits=True,
            seed=self.seed,
        )


def choose_cuts(labels: Sequence[str], logits: Array, y: Array, question: Question) -> tuple[Cut, ...]:
    """The threshold of each label.

    That of all of them together for a label with fewer than 5 rows of a kind; one with fewer than 20 is drawn to it.

    Args:
        labels: Names.
        logits: Calibrated outputs, (n_rows, n_labels).
        y: Labels in {0, 1}, NaN where missing, (n_rows, n_labels).
        question: What is asked.

    Raises:
        DecisionError: A label does not carry its threshold; the message names it.
    """
    shared = _together(logits, y, question)
    choices = (
        _one(label, logits[:, j], y[:, j], question=replace(question, seed=question.seed + j), shared=shared)
        for j, label in enumerate(labels)
    )
    kept = question.prevalence
    return tuple(
        cut_of(label, logits[:, j], y[:, j], choice=choice, prevalence=kept)
        for j, (label, choice) in enumerate(zip(labels, choices, strict=True))
    )


def _together(logits: Array, y: Array, question: Question) -> ThresholdChoice | None:
    """The threshold of all labels together, if there is a label that needs it."""
    rarer = [_rarer(column) for column in y.T]
    if len(rarer) == 1 or min(rarer) >= FEW_ROWS:
        return None
    try:
        return question.choose_together(logits, y)
    except DecisionError:
        if min(rarer) < MIN_ROWS:
            raise
        return None  # every label carries a threshold of its own


def _one(label: str, logit: Array, y: Array, *, question: Question, shared: ThresholdChoice | None) -> ThresholdChoice:
    rarer = _rarer(y)
    if shared and rarer < MIN_ROWS:
        note = f"Only {rarer} rows of the rarer kind: it takes the threshold of all labels together."
        return replace(shared, rule=f"{shared.rule} of all labels", warnings=(note,))
    try:
        return question.choose(logit, y, pull=Pull(shared.threshold) if shared and rarer < FEW_ROWS else None)
    except DecisionError as error:
        raise DecisionError(f"{label}: {error}") from error


def _rarer(y: Array) -> int:
    return int(min((y == 1).sum(), (y == 0).sum()))


def judged(cuts: Sequence[Cut], calibration: Calibration, outputs: Array, targets: Array) -> tuple[Cut, ...]:
    """The cuts with what their probabilities can be believed.

    Args:
        cuts: One a label.
        calibration: Of each label.
        outputs: Outputs before calibration, (n_rows, n_labels).
        targets: Labels in {0, 1}, NaN where missing, (n_rows, n_labels).
    """
    return tuple(
        replace(cut, reliability=quality(reliability(outputs[:, j], targets[:, j], kind=calibration.kind[j])))
        if cut.n_rows
        else cut
        for j, cut in enumerate(cuts)
    )


def shifted(decision: Cuts, calibrated: Array, y: Array, prevalence: float | None) -> Cuts:
    """A binary decision whose probabilities and threshold are those of another base rate; the actions stay.

    Args:
        decision: Chosen for that base rate, in probabilities of the rows at hand.
        calibrated: Outputs as that decision's probabilities are, in logits, (n_rows, 1).
        y: Labels in {0, 1}, NaN where missing, (n_rows, 1).
        prevalence: Share of positives there; None leaves everything.
    """
    if prevalence is None:
        return decision
    calibration = shift_calibration(decision.calibration, before=float(np.nanmean(y)), after=prevalence)
    more = calibration.intercept[0] - decision.calibration.intercept[0]
    counts = _counts_at(-more, calibrated[:, 0], y[:, 0], weight=np.ones(len(y)))
    half = metrics(counts, class_weight=class_weight(y[:, 0], prevalence=prevalence))
    cuts = tuple(replace(_moved(cut, more), metrics_at_half=half) for cut in decision.cuts)
    return replace(decision, calibration=calibration, cuts=cuts, prevalence=prevalence)


def _moved(cut: Cut, more: float) -> Cut:
    low, high = (_moved_probability(end, more) for end in cut.interval)
    theory = None if cut.theory is None else _moved_probability(cut.theory, more)
    threshold = float(expit(cut.logit + more))
    return replace(cut, logit=cut.logit + more, threshold=threshold, interval=(low, high), theory=theory)


def _moved_probability(probability: float, more: float) -> float:
    odds = probability * np.exp(more)
    return float(odds / (odds + 1 - probability))


def cut_of(
    label: str,
    logit: Array,
    y: Array,
    *,
    choice: ThresholdChoice,
    weight: npt.ArrayLike | None = None,
    prevalence: float | None = None,
) -> Cut:
    """A choice between logits as a cut, with what it gives on these rows.

    Args:
        label: The label's name.
        logit: Calibrated outputs, (n_rows,).
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        choice: What was chosen.
        weight: How many equal rows each row stands for, (n_rows,).
        prevalence: Share of positives that the metrics are for; None if it is that of the rows.
    """
    low, high = expit(choice.interval)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    at = [_counts_at(threshold, logit, y, weight=w) for threshold in (choice.threshold, 0.0)]
    share = (1.0, 1.0) if prevalence is None else class_weight(y, prevalence=prevalence, weight=w)
    return Cut(
        label=label,
        threshold=float(expit(choice.threshold)),
        logit=choice.threshold,
        interval=(float(low), float(high)),
        utility=choice.utility,
        utility_interval=choice.utility_interval,
        optimism=choice.optimism,
        rule=choice.rule,
        metrics=metrics(at[0], class_weight=share),
        metrics_at_half=metrics(at[1], class_weight=share),
        n_rows=int((~np.isnan(y)).sum()),
        n_positives=int((y == 1).sum()),
        warnings=choice.warnings,
        out_of_bag=choice.out_of_bag,
        theory=None if choice.theory is None else float(expit(choice.theory)),
    )


def _counts_at(threshold: float, logit: Array, y: Array, *, weight: Array) -> Counts:
    marked = logit >= threshold
    cells = [weight[part & (y == kind)].sum() for part in (marked, ~marked) for kind in (1, 0)]
    return Counts(*np.array(cells, dtype=np.float64))
