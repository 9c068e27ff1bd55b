"""Decide: from stored outputs to actions, in seconds and without a network."""

from automl_nn.decide.choose import decide
from automl_nn.decide.decision import Decision
from automl_nn.decide.goal import Goal
from automl_nn.decide.threshold import choose_threshold

__all__ = ["Decision", "Goal", "choose_threshold", "decide"]
