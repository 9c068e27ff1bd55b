"""What classifiers predict: the most probable class, unless a decision is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from automl_nn.decide.calibration.calibrate import fit_calibration
from automl_nn.decide.choose import decide
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.goal import GOALS_OF_METRICS, Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.decide.utilities import Counts, metrics
from automl_nn.errors import DecisionError, did_you_mean
from automl_nn.study import Study

ABOVE_HALF = float(np.finfo(np.float64).eps)
"""The logit of the smallest probability above one half: at an even chance argmax takes the first class."""


def decided(
    study: Study, decision: Mapping[str, Any] | None, *, metric: str | None, with_references: bool = False
) -> Decision:
    """What a classifier predicts: what was asked for, what is best for a metric of actions, or the most probable class.

    Args:
        study: What was tuned.
        decision: What is asked for, as for `Study.decide`.
        metric: Score that compares trials, as it was given.
        with_references: Whether the references may join the ensemble.

    Raises:
        DecisionError: The decision names no goal, or the rows that choose do not carry it.
    """
    if decision is None and metric not in GOALS_OF_METRICS:
        return most_probable(study, with_references=with_references)
    check_goals(decision)
    return study.decide(**(decision or {}), with_references=with_references)


def check_goals(decision: Mapping[str, Any] | None, *, also: Sequence[str] = ("prevalence",)) -> None:
    """Refuse what is no decision, before a search is spent on it.

    Args:
        decision: What is asked for.
        also: What may be asked beside the fields of `Goal`.

    Raises:
        DecisionError: It is no mapping, or holds another name.

    Example:
        >>> check_goals({"maximize": "f1", "min_recall": 0.9})
    """
    if not isinstance(decision, Mapping | None):
        raise DecisionError(f"decision = {decision!r} names no goal: give one such as {{'maximize': 'f1'}}.")
    known = [*(field.name for field in fields(Goal)), *also]
    for name in decision or {}:
        if name not in known:
            raise DecisionError(f"Unknown goal {name!r}. {did_you_mean(name, known)}")


def check_decision(decision: Mapping[str, Any] | None) -> None:
    """Refuse what `decided` could not decide for, its values too, before a search is spent on it.

    Args:
        decision: What is asked for.

    Raises:
        DecisionError: It is no mapping, holds another name, or asks for what is impossible.

    Example:
        >>> check_decision({"maximize": "f1", "prevalence": 0.01})
    """
    check_goals(decision)
    Goal.unless_empty(**{name: value for name, value in (decision or {}).items() if name != "prevalence"})


def most_probable(study: Study, *, with_references: bool = False) -> Decision:
    """Calibrated outputs, and the class or the labels that are more probable than not.

    Args:
        study: The study.
        with_references: Whether the references may join the ensemble.
    """
    output, y = study.validation(with_references=with_references)
    if study.task.family == "classes":
        return decide(study.task, output, y, goal=Goal("accuracy"))
    calibration = fit_calibration(output, y, family="labels")
    logits = calibration.apply(output)
    cuts = (cut_at_half(name, logits[:, j], y[:, j]) for j, name in enumerate(study.task.targets))
    return Cuts(study.task.kind, None, calibration, tuple(cuts))


def cut_at_half(label: str, logit: NDArray[Any], y: NDArray[Any]) -> Cut:
    """The threshold of one half, with what it is worth on the rows that choose.

    Args:
        label: Name of the label.
        logit: Calibrated logit of each row `(n,)`.
        y: Its label `(n,)`, NaN where it is not known.
    """
    marked, positive, negative = logit >= ABOVE_HALF, y == 1, y == 0
    tp, fp = (marked & positive).sum(), (marked & negative).sum()
    found = metrics(Counts(*np.array([tp, fp, positive.sum() - tp, negative.sum() - fp], dtype=np.float64)))
    n_rows = int(positive.sum() + negative.sum())
    interval = binomtest(round(found["accuracy"] * n_rows), n_rows).proportion_ci(0.9, method="wilson")
    return Cut(
        label=label,
        threshold=0.5,
        logit=ABOVE_HALF,
        interval=(0.5, 0.5),
        utility=found["accuracy"],
        utility_interval=(float(interval.low), float(interval.high)),
        optimism=0.0,
        rule="more probable than not",
        metrics=found,
        metrics_at_half=found,
        n_rows=n_rows,
        n_positives=int(positive.sum()),
        warnings=(),
    )
