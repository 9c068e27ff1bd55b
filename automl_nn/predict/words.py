"""What a decision makes of rows, in the words of the task."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl_nn.decide.decision import Decision
from automl_nn.decide.events.decision import EventCuts
from automl_nn.task.base import Task


def in_words(actions: NDArray[Any], *, task: Task, decision: Decision) -> NDArray[Any]:
    """Names of classes, 0 and 1 for labels, or values in the target's unit.

    Args:
        actions: What the decision does with each row; one on events tells the number of the step's alarm.
        task: What is asked.
        decision: Where the scores are cut.
    """
    if isinstance(decision, EventCuts):
        actions = np.minimum(actions, 1)
    if task.kind == "regression":
        values = task.prediction(actions)
        return values[:, 0] if values.shape[1] == 1 else values
    if task.kind == "embedding":
        return task.prediction(actions)
    if task.kind == "multilabel":
        return actions.reshape(len(actions), -1)
    if decision.may_reject:
        return np.asarray(np.array([*task.classes, None], dtype=object)[actions])  # the last one, -1, is None
    return np.asarray(np.array(task.classes, dtype=_dtype_of(task.classes))[actions])


def _dtype_of(classes: tuple[Any, ...]) -> type:
    """One type for all class names, so that an array of them compares with the user's labels."""
    kinds = {type(name) for name in classes}
    return kinds.pop() if len(kinds) == 1 and kinds <= {int, float, bool} else object
