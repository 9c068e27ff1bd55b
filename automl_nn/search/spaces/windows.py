"""How long the windows are that a search may try."""

import numpy as np

from automl_nn.data.series.findings import event_sizes
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.series import LENGTHS, MIN_LENGTH

EVENTS_PER_WINDOW = 4
"""Events of median length that a window should hold."""


def window_lengths(problem: Problem) -> tuple[int, ...]:
    """Lengths of windows to try, the one to start from in the middle: they hold several events, and fit into a series.

    Args:
        problem: A problem whose rows are steps.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> from automl_nn.search.problems.series import pose_steps
        >>> pulse = np.tile([0.0, 0.1, 3.0, 0.2], 400)
        >>> frame = pd.DataFrame({"s": np.repeat(range(8), 200), "x": pulse, "y": pulse > 1})
        >>> window_lengths(pose_steps(frame, ["y"], SeriesColumns("s")))
        (32, 64, 128)
    """
    assert problem.steps is not None
    longest = longest_window(problem)
    if not problem.steps.columns.per_step:
        return (max(MIN_LENGTH, longest),)
    fitting = [length for length in LENGTHS if length <= longest]
    fitting = fitting or [LENGTHS[0] if _purged(problem) is None else MIN_LENGTH]
    if problem.task.family != "labels":
        return tuple(fitting[-3:])
    sizes = event_sizes(np.asarray((problem.y == 1).any(axis=1)), problem.steps)
    wanted = EVENTS_PER_WINDOW * float(np.median(sizes)) if len(sizes) else LENGTHS[0]
    enough = [length for length in fitting if 2 * length > wanted] or fitting[-1:]
    least = max(0, min(fitting.index(enough[0]), len(fitting) - 3))
    return tuple(fitting[least : least + 3])


def longest_window(problem: Problem) -> int:
    """Steps of the longest window that there may be: as many as a series has, or as parts by time are apart.

    Steps that are nearer to each other than that are alike, and may be told by heart from both sides of a cut.

    Args:
        problem: A problem whose rows are steps.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> from automl_nn.search.problems.series import pose_steps
        >>> frame = pd.DataFrame({"x": np.tile([0.0, 0.1, 3.0, 0.2], 400)})
        >>> alone = pose_steps(frame.assign(y=frame["x"] > 1), ["y"], SeriesColumns())
        >>> int(alone.split.val[0] - alone.split.train[-1]) - 1 == longest_window(alone)
        True
    """
    assert problem.steps is not None
    longest, purged = int(problem.steps.sizes.max()), _purged(problem)
    return longest if purged is None else min(longest, purged)


def _purged(problem: Problem) -> int | None:
    """Steps that are in neither part, between those that train and those that choose; None where series stay whole."""
    steps, train, val = problem.steps, problem.split.train, problem.split.val
    if steps is None or problem.split.folds or not len(val):
        return None
    first = val[steps.stretches(val)]
    before = train[np.maximum(np.searchsorted(train, first) - 1, 0)]
    is_own = (before < first) & (before >= steps.starts[steps.numbers_at(first)])
    return int((first - before)[is_own].min()) - 1 if is_own.any() else None
