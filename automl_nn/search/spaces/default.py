"""The space that is searched unless somebody says otherwise."""

import math
from collections.abc import Mapping
from typing import Any

from automl_nn.model.build import model_space
from automl_nn.search.problems.problem import Problem
from automl_nn.search.pruners import PRUNERS
from automl_nn.search.samplers import SAMPLERS
from automl_nn.search.spaces.images import image_space
from automl_nn.search.spaces.series import step_space
from automl_nn.space.edit import fix, narrow
from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Held, Integer, Value
from automl_nn.task.base import Task
from automl_nn.train.space import train_space

MOST_STACKED_PIXELS = 100
"""Of images whose networks are trained in stacks: of a stack of eight, each takes some 30 % less time at 8 x 8."""


def default_space(task: Task, *, n_rows: int, n_numeric: int = 0) -> Space:
    """All that may be searched for this task.

    Args:
        task: What is asked; it decides which losses there are.
        n_rows: Rows that train; they decide the number of epochs, the batch sizes and the bins of numeric columns.
        n_numeric: Numeric columns; of many there are fewer bins each.

    Returns:
        The groups `model` (the network), `train` (how it is trained) and `search` (how trials are chosen; never
        searched).
    """
    return {
        "model": model_space(n_rows=n_rows, n_numeric=n_numeric),
        "train": train_space(task.family, n_rows=n_rows),
        "search": {
            "sampler": Held(Choice(tuple(SAMPLERS))),
            "pruner": Held(Choice(tuple(PRUNERS))),
            "cohort": Held(Integer(1, 64, default=8, valid=(1, 1024))),
        },
    }


def space_for(problem: Problem) -> Space:
    """All that may be searched for a problem.

    Args:
        problem: What is given.
    """
    space = default_space(problem.task, n_rows=len(problem.split.train), n_numeric=problem.table.n_numeric)
    if problem.steps is None and problem.images is None:
        return space
    own = step_space(problem) if problem.images is None else image_space(problem)
    if problem.images is not None and math.prod(problem.images.shape[1:]) <= MOST_STACKED_PIXELS:
        return {**space, **own}
    # one at a time: stacks of recurrent networks, and of convolutional ones for larger images, save no time
    alone = {**space["search"], "cohort": Held(Integer(1, 64, default=1, valid=(1, 1024)))}
    return {**space, **own, "search": alone}


def edit_space(space: Space, settings: Mapping[str, Any]) -> Space:
    """The space after settings by path: a plain value fixes a knob, a range or a table takes the knob's place.

    Names of alternatives are settled first, wherever they stand.

    Args:
        space: The space to edit.
        settings: From path to value, range or table.

    Raises:
        SpaceError: A path or a value is not possible.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> space = {"size": Choice((32, 64)), "depth": Choice((1, 2))}
        >>> defaults(edit_space(space, {"size": 64, "depth": Choice((3,))}))
        {'size': 64, 'depth': 3}
    """
    for path, setting in sorted(settings.items(), key=lambda setting: not setting[0].endswith(".name")):
        space = fix(space, path, setting) if isinstance(setting, Value) else narrow(space, path, setting)
    return space
