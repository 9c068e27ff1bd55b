"""Thresholds of one or several labels, from calibrated outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from automl_nn.decide.calibrate import Calibration
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Cuts
from automl_nn.decide.goal import Goal
from automl_nn.decide.reliability import quality, reliability
from automl_nn.decide.shift import shift_calibration
from automl_nn.decide.threshold import MIN_ROWS, ThresholdChoice, choose_threshold
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

    def choose(self, logit: Array, y: Array, *, times: int = 1, more: int = 0) -> ThresholdChoice:
        """The threshold of one label, or of several that are pooled.

        Args:
            logit: Outputs, (n_rows,) or (n_rows, times).
            y: Labels of the same shape.
            times: Labels that are pooled.
            more: What the seed is raised by.
        """
        kept = self.goal.constraints
        return choose_threshold(
            logit.ravel(),
            y.ravel(),
            utility=self.goal.utility,
            constraints=replace(kept, top_k=kept.top_k and kept.top_k * times),
            groups=None if self.groups is None else np.repeat(np.asarray(self.groups), times),
            prevalence=self.prevalence,
            seed=self.seed + more,
        )


def choose_cuts(labels: Sequence[str], logits: Array, y: Array, question: Question) -> tuple[Cut, ...]:
    """The threshold of each label; of all of them together for those with too few rows of a kind.

    Args:
        labels: Names.
        logits: Calibrated outputs, (n_rows, n_labels).
        y: Labels in {0, 1}, NaN where missing, (n_rows, n_labels).
        question: What is asked.

    Raises:
        DecisionError: A label does not carry its threshold; the message names it.
    """
    rare = [len(labels) > 1 and _rarer(y[:, j]) < MIN_ROWS for j in range(len(labels))]
    shared = question.choose(logits, y, times=len(labels)) if any(rare) else None
    return tuple(
        _borrowed(label, logits[:, j], y[:, j], choice=shared)
        if shared and rare[j]
        else _own(label, logits[:, j], y[:, j], question=question, more=j)
        for j, label in enumerate(labels)
    )


def _rarer(y: Array) -> int:
    return int(min((y == 1).sum(), (y == 0).sum()))


def _borrowed(label: str, logit: Array, y: Array, *, choice: ThresholdChoice) -> Cut:
    note = f"Only {_rarer(y)} rows of the rarer kind: it takes the threshold of all labels together."
    return cut_of(label, logit, y, choice=replace(choice, rule=f"{choice.rule} of all labels", warnings=(note,)))


def _own(label: str, logit: Array, y: Array, *, question: Question, more: int) -> Cut:
    try:
        choice = question.choose(logit, y, more=more)
    except DecisionError as error:
        raise DecisionError(f"{label}: {error}") from error
    return cut_of(label, logit, y, choice=choice)


def judged(cuts: Sequence[Cut], calibration: Calibration, outputs: Array, targets: Array) -> tuple[Cut, ...]:
    """The cuts with what their probabilities can be believed.

    Args:
        cuts: One a label.
        calibration: Of each label.
        outputs: Outputs before calibration, (n_rows, n_labels).
        targets: Labels in {0, 1}, NaN where missing, (n_rows, n_labels).
    """
    tables = (reliability(outputs[:, j], targets[:, j], kind=kind) for j, kind in enumerate(calibration.kind))
    return tuple(replace(cut, reliability=quality(table)) for cut, table in zip(cuts, tables, strict=True))


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
    half = metrics(_counts_at(-more, calibrated[:, 0], y[:, 0]))
    cuts = tuple(replace(_moved(cut, more), metrics_at_half=half) for cut in decision.cuts)
    return replace(decision, calibration=calibration, cuts=cuts)


def _moved(cut: Cut, more: float) -> Cut:
    low, high = (_moved_probability(end, more) for end in cut.interval)
    return replace(cut, logit=cut.logit + more, threshold=float(expit(cut.logit + more)), interval=(low, high))


def _moved_probability(probability: float, more: float) -> float:
    odds = probability * np.exp(more)
    return float(odds / (odds + 1 - probability))


def cut_of(label: str, logit: Array, y: Array, *, choice: ThresholdChoice) -> Cut:
    """A choice between logits as a cut, with what it gives on these rows.

    Args:
        label: The label's name.
        logit: Calibrated outputs, (n_rows,).
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
        choice: What was chosen.
    """
    low, high = expit(choice.interval)
    return Cut(
        label=label,
        threshold=float(expit(choice.threshold)),
        logit=choice.threshold,
        interval=(float(low), float(high)),
        utility=choice.utility,
        utility_interval=choice.utility_interval,
        optimism=choice.optimism,
        rule=choice.rule,
        metrics=metrics(_counts_at(choice.threshold, logit, y)),
        metrics_at_half=metrics(_counts_at(0.0, logit, y)),
        n_rows=int((~np.isnan(y)).sum()),
        n_positives=int((y == 1).sum()),
        warnings=choice.warnings,
        out_of_bag=choice.out_of_bag,
    )


def _counts_at(threshold: float, logit: Array, y: Array) -> Counts:
    marked = logit >= threshold
    tp, fp = (marked & (y == 1)).sum(), (marked & (y == 0)).sum()
    return Counts(*np.array([tp, fp, (y == 1).sum() - tp, (y == 0).sum() - fp], dtype=np.float64))
