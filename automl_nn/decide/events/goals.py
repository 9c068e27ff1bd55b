"""Goals where events are counted: found ones, false alarms and missed ones; there are no true negatives."""

import numpy as np

from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import UTILITIES, Constraints, Counts, Utility
from automl_nn.errors import DecisionError, did_you_mean

PREFIX = "event_"
"""What stands before the name of a utility that is counted in events."""


def event_goal(name: str) -> Goal:
    """The goal of a utility that is counted in events.

    Args:
        name: `event_f1`, `event_f2`, `event_f0.5`, ...; the same without `event_` will do.

    Raises:
        DecisionError: It is no such utility.

    Example:
        >>> event_goal("event_f2").maximize
        'f2'
    """
    known = [name for name, utility in UTILITIES.items() if not _needs_negatives(utility)]
    if name.removeprefix(PREFIX) not in known:
        raise DecisionError(f"Unknown utility {name!r} of events. {did_you_mean(name, [PREFIX + n for n in known])}")
    return Goal(name.removeprefix(PREFIX))


def event_utility(goal: Goal) -> Utility:
    """What a goal maximizes when events are counted: found ones, false alarms and missed ones.

    Raises:
        DecisionError: The goal needs true negatives, which events do not have.
    """
    utility = UTILITIES["recall"] if goal.utility.name == "marked" else goal.utility
    priced = goal.cost is not None and len(goal.cost) == 2
    if goal.max_fpr is not None or utility.is_slow or (_needs_negatives(utility) and not priced):
        raise DecisionError(
            f"{goal.describe()!r} needs true negatives, which events do not have: maximize event_f1 or another F, or "
            "give cost=(fp, fn), max_alarms, min_precision or min_recall."
        )
    return utility


def _needs_negatives(utility: Utility) -> bool:
    some = Counts(*np.array([3.0, 2.0, 4.0, 5.0]))
    return not utility.is_slow and float(utility.of(*some)) != float(utility.of(*some._replace(tn=some.tn + 7)))


def describe_events(goal: Goal) -> str:
    """The goal in words, counted in events.

    Example:
        >>> describe_events(Goal(max_alarms=3, n_periods=10))
        'event_recall with at most 30 alarms'
        >>> describe_events(Goal(cost=(1, 20)))
        'cost(fp=1, fn=20) of 1,000 steps'
    """
    name = event_utility(goal).name
    words = f"{name} of 1,000 steps" if goal.cost is not None else f"{PREFIX}{name}"
    kept = in_alarms(goal.constraints)
    return f"{words} with {kept}" if kept else words


def in_alarms(constraints: Constraints) -> str:
    """The constraints in words, counted in alarms."""
    return constraints.describe().replace("rows marked", "alarms")
