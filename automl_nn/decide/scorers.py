"""Any scorer of scikit-learn as a utility, if it judges actions."""

from typing import Any

import numpy as np

from automl_nn.decide.utilities import UTILITIES, Array, Utility, utility_named
from automl_nn.errors import DecisionError

LABELS, ACTIONS = np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0])
"""One row of each outcome: a true and a false positive, a false and a true negative."""


def utility_of(goal: Any) -> Utility:
    """The utility of a name, of ours or of scikit-learn's scorers, or of a scorer.

    Args:
        goal: A name, or what `make_scorer` returned.

    Raises:
        DecisionError: There is none of this name, or the scorer does not judge actions.

    Example:
        >>> utility_of("f1").name, utility_of("jaccard").name
        ('f1', 'jaccard')
    """
    if not isinstance(goal, str):
        return scorer_utility(goal)
    if goal in UTILITIES or "@" in goal:
        return utility_named(goal)
    from sklearn.metrics import get_scorer_names  # a second of imports, for these names only

    return scorer_utility(goal) if goal in get_scorer_names() else utility_named(goal)


def scorer_utility(scorer: Any) -> Utility:
    """The utility that a scorer of scikit-learn measures; greater is better, as its sign says.

    It is asked once for each cut-off, with the four outcomes as rows and their numbers as weights, so it is slow:
    fewer cut-offs and resamples are used.

    Args:
        scorer: A name that `sklearn.metrics.get_scorer` knows, or what `make_scorer` returned.

    Raises:
        DecisionError: It is no scorer, reads probabilities rather than actions, or takes no weights.

    Example:
        >>> from sklearn.metrics import jaccard_score, make_scorer
        >>> utility = scorer_utility(make_scorer(jaccard_score))
        >>> float(utility.of(*np.array([3.0, 1.0, 2.0, 4.0])))
        0.5
    """
    from sklearn.metrics import get_scorer

    try:
        found = get_scorer(scorer) if isinstance(scorer, str) else scorer
        score, sign, options = found._score_func, found._sign, found._kwargs
        named = ", ".join(f"{name}={value!r}" for name, value in options.items())
        name = scorer if isinstance(scorer, str) else f"{getattr(score, '__name__', 'scorer')}({named})"
        response = found._response_method
    except (ValueError, AttributeError) as error:
        raise DecisionError(f"{scorer!r} is no scorer: give a name of scikit-learn's or make_scorer(...).") from error
    if response != "predict":
        raise DecisionError(f"The scorer {name!r} reads scores, not actions: a threshold changes nothing of it.")

    def one(*counts: float) -> float:
        held = np.array(counts) > 0
        return float(sign * score(LABELS[held], ACTIONS[held], sample_weight=np.array(counts)[held], **options))

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        worth: Array = np.vectorize(one, otypes=[np.float64])(tp, fp, fn, tn)
        return worth

    try:
        one(1.0, 1.0, 1.0, 1.0)
    except TypeError as error:
        raise DecisionError(f"The scorer {name!r} takes no sample_weight: give one that does.") from error
    return Utility(name, of, monotone=False, is_slow=True, source="scikit-learn")
