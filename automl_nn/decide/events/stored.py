"""Decide on events from the stored outputs of a study whose rows are steps of series."""

from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.decide.decider import Decider
from automl_nn.decide.events.decision import EventCuts, decide_events
from automl_nn.decide.goal import Goal
from automl_nn.errors import DecisionError
from automl_nn.task.events import Events


def weigh_events(
    decider: Decider, *, tolerance: int | None = None, goal: Goal | None = None, **given: Any
) -> EventCuts:
    """The best trigger for a goal, as `Decider.weigh` gives thresholds; it is not stored.

    Args:
        decider: Stored outputs of the steps that choose, series by series, with the series as groups.
        tolerance: Steps on either side of an event that still count as it; half a usual event unless given.
        goal: What it is for, counted in events; F1 unless given.
        given: What else `choose_events` takes.

    Raises:
        DecisionError: The rows are no steps of series, or they do not carry the decision.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> rng, y = np.random.default_rng(0), np.tile(np.repeat([0, 1], [90, 10]), 30)[:, None]
        >>> series, task = np.repeat(np.arange(30), 100), Binary(("fault",), "average_precision")
        >>> decider = Decider(task, rng.normal(5 * y - 4), y, series, {"trials": [0]})
        >>> weigh_events(decider, tolerance=2, n_bootstrap=10).choice.n_series
        30
    """
    if decider.groups is None or decider.task.family != "labels" or decider.y.shape[1] != 1:
        raise DecisionError(
            "Events need one label for each step of series: tune with --per-step and --series-id first."
        )
    offsets = offsets_of_groups(decider.groups)
    if tolerance is None:
        tolerance = half_a_usual_event(decider.y[:, 0], offsets)
    given = {"seed": decider.seed, "groups": None if decider.units is None else decider.units[offsets[:-1]], **given}
    outputs = (decider.output, decider.y)
    return decide_events(decider.task, *outputs, tolerance=tolerance, offsets=offsets, goal=goal, **given)


def half_a_usual_event(y: npt.ArrayLike, offsets: npt.ArrayLike) -> int:
    """A tolerance: half the median length of the events, in steps, 1 or more; 0 if there are none.

    Args:
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).

    Example:
        >>> half_a_usual_event([0, 1, 1, 1, 1, 0], [0, 6])
        2
    """
    lengths = Events.of(y, offsets=offsets).length
    return max(1, round(float(np.median(lengths)) / 2)) if len(lengths) else 0


def offsets_of_groups(groups: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """First step of each run of steps of one group, and the number of all steps.

    Args:
        groups: What each step belongs to, (n_steps,) or (n_steps, 1).

    Example:
        >>> offsets_of_groups([7, 7, 3, 3, 3]).tolist()
        [0, 2, 5]
    """
    column = np.asarray(groups).reshape(-1)
    turns: npt.NDArray[np.int64] = np.r_[0, np.flatnonzero(column[1:] != column[:-1]) + 1, len(column)]
    return turns
