"""What a study is worth, in a few words: honest scores, and how the networks stand beside simpler models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_nn.decide.selection import Against, Estimate, Honest
from automl_nn.review.words import number
from automl_nn.store.companions import REFERENCES

if TYPE_CHECKING:
    from automl_nn.search.problems.problem import Problem

MOST_SHOWN = 8
"""Trials that are named one by one."""

UNKNOWN = "not known, since too few recordings, groups or events are there to leave some out"
"""Of a score that no resample can tell."""


def verdict(honest: Honest, *, metric: str, with_references: bool = False) -> str:
    """One sentence on the networks beside a linear model and untuned boosting; the first line of every result.

    Args:
        honest: What the trials are worth.
        metric: Name of the score.
        with_references: Whether these were among the members.

    Example:
        >>> estimate = Estimate(0.7, (0.6, 0.8))
        >>> against = {"linear": Against(0.9, -0.2, (-0.3, -0.1))}
        >>> honest = Honest(estimate, None, None, 0.1, (0,), against, 1, 100)
        >>> verdict(honest, metric="roc_auc")
        'The networks are worse than a linear model: roc_auc 0.7000 on new rows, a linear model 0.9000.'
    """
    who = "The networks, simpler models among them," if with_references else "The networks"
    if not honest.deployed.is_known:
        return f"{who} may be good by luck: their {metric} on new rows is {UNKNOWN}."
    own = f"{metric} {number(honest.deployed.score)} on new rows"
    if not honest.references:
        return f"{who} have {own}; no simpler model was fitted to compare them with."
    worse = {name: against for name, against in honest.references.items() if against.is_worse}
    if not worse:
        return f"{who} are {_ahead(honest.references)}: {own}, {_scores(honest.references)}."
    clear = {name: against for name, against in worse.items() if against.is_clear}
    words = "worse than" if clear else "no better than"
    return f"{who} are {words} {_named(clear or worse)}: {own}, {_scores(clear or worse)}."


def _ahead(references: Mapping[str, Against]) -> str:
    """Which references are beaten, and which ones by less than noise."""
    clear = {name: against for name, against in references.items() if against.is_clear}
    noise = {name: against for name, against in references.items() if name not in clear}
    beaten = [f"better than {_named(clear)}"] if clear else []
    level = [f"within noise of {_named(noise)}"] if noise else []
    return ", and ".join((*beaten, *level))


def _named(references: Mapping[str, Against]) -> str:
    return " and ".join(REFERENCES.get(name, name) for name in references)


def _scores(references: Mapping[str, Against]) -> str:
    parts = (f"{REFERENCES.get(name, name)} {number(against.reference)}" for name, against in references.items())
    return ", ".join(parts)


def guess(problem: "Problem") -> float:
    """The score of predicting for every row what the training rows hold on average.

    Args:
        problem: What is given.
    """
    y, split = problem.y, problem.split
    output = np.tile(problem.task.prior_output(y[split.train]), (len(split.val), 1))
    return problem.task.score(y[split.val], output)


def signal(scores: Mapping[str, float], *, guess: float, metric: str) -> str:
    """One sentence on whether there is anything to learn: simple models beside guessing.

    Args:
        scores: Name of a reference to its score on the rows that choose.
        guess: Score of predicting the same for every row.
        metric: Name of the score.

    Example:
        >>> signal({"linear": 0.5, "boosting": 0.8}, guess=0.5, metric="roc_auc")
        'There is something to learn: untuned boosting has roc_auc 0.8000, guessing 0.5000.'
    """
    if not scores:
        return "No simple model could be fitted."
    best = max(scores, key=lambda name: scores[name])
    told = f"{REFERENCES.get(best, best)} has {metric} {number(scores[best])}, guessing {number(guess)}"
    if scores[best] > guess:
        return f"There is something to learn: {told}."
    return f"No simple model does better than guessing: {told}. Look whether the features can tell the target at all."


def honest_report(honest: Honest) -> dict[str, Any]:
    """The honest scores as plain values with keys that stay.

    Args:
        honest: What the trials are worth, its trials by number.
    """
    return {
        "best_trial": _estimate(honest.best),
        "ensemble": _estimate(honest.ensemble),
        "ensemble_gain": _estimate(honest.gain),
        "optimism_of_best": honest.optimism,
        "within_noise": list(honest.within_noise),
        "simplest": honest.simplest,
        "references": {name: _against(against) for name, against in honest.references.items()},
        "n_trials": honest.n_trials,
        "n_resamples": honest.n_resamples,
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else {"score": estimate.score, "interval": list(estimate.interval)}


def _against(against: Against) -> dict[str, Any]:
    return {"score": against.reference, "gain": against.gain, "interval": list(against.interval)}


def honest_words(honest: Honest) -> dict[str, str]:
    """The honest scores for people: one line each for the best trial, the ensemble, and the trials within noise.

    Example:
        >>> estimate = Estimate(0.7, (0.6, 0.8))
        >>> honest_words(Honest(estimate, None, None, 0.1, (4, 2), {}, 9, 100, simplest=2))
        {'on new rows': '0.7000 [0.6000, 0.8000]', 'within noise': 'trials 4, 2; the simplest is 2'}
    """
    if not honest.deployed.is_known:
        return {"on new rows": UNKNOWN}
    words = {"on new rows": _interval(honest.best)}
    if honest.ensemble is not None and honest.gain is not None:
        gain = honest.gain
        told = "better than" if gain.interval[0] > 0 else "worse than" if gain.interval[1] < 0 else "within noise of"
        words["ensemble"] = f"{_interval(honest.ensemble)}, {told} the best trial"
    if len(honest.within_noise) > 1:
        shown = ", ".join(map(str, honest.within_noise[:MOST_SHOWN]))
        more = len(honest.within_noise) - MOST_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        words["within noise"] = f"trials {shown}{rest}; the simplest is {honest.simplest}"
    return words


def _interval(estimate: Estimate) -> str:
    low, high = estimate.interval
    return f"{number(estimate.score)} [{number(low)}, {number(high)}]"
