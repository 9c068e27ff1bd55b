"""Alarms of one series whose scores come step by step."""

from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.events.trigger import Trigger
from automl_nn.errors import DecisionError
from automl_nn.task.events import Indices


@final
class OnlineTrigger:
    """The alarms that `Trigger.find` finds, told as soon as no later step can change them.

    A step waits where it depends on what follows: until an alarm has lasted for the least duration, and behind one
    until no other can be joined to it. So `min_duration + merge_gap` steps wait at most, however long a series is.

    Args:
        trigger: When an alarm begins, when it ends, and which ones are left out.

    Example:
        >>> online = OnlineTrigger(Trigger(high=0.8, low=0.5, min_duration=2))
        >>> [online.feed([score]).tolist() for score in (0.1, 0.9, 0.6, 0.2, 0.9)], online.end().tolist()
        ([[0], [], [1, 1], [0], []], [0])
    """

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._n_steps = self._n_told = self._n_alarms = 0
        self._begun: int | None = None
        self._ended: int | None = None
        self._rest_until = 0

    def feed(self, scores: npt.ArrayLike) -> Indices:
        """Read the scores of further steps.

        Args:
            scores: Greater is more positive, (n_steps,).

        Returns:
            Number of the alarm of each step that is settled, from 1, and 0 where there is none; they begin with the
            step behind the last one that was settled before.

        Raises:
            DecisionError: A score is not a number.
        """
        values = np.asarray(scores, dtype=np.float64)
        if np.isnan(values).any():
            raise DecisionError(f"{np.isnan(values).sum()} of {len(values)} scores are not numbers: fill them in.")
        told = [number for score in values.tolist() for number in self._step(score)]
        return np.asarray(told, dtype=np.int64)

    def end(self) -> Indices:
        """What is settled by the end of the series: the steps that were waiting."""
        return np.asarray(self._tell(self._n_steps, 0), dtype=np.int64)

    def _step(self, score: float) -> list[int]:
        """Numbers of the steps that one more score settles."""
        at, self._n_steps = self._n_steps, self._n_steps + 1
        if score >= self._trigger.high and not self._is_up:
            return self._begin(at)
        if self._is_up and score < self._trigger.low:
            self._ended = at
        return self._settle(at)

    @property
    def _is_up(self) -> bool:
        return self._begun is not None and self._ended is None

    def _begin(self, at: int) -> list[int]:
        """A score that starts an alarm, or joins it to the one before."""
        self._ended = None
        if self._begun is not None:
            return self._settle(at)
        told = self._tell(at, 0)
        self._begun = at
        return told + self._settle(at)

    def _settle(self, at: int) -> list[int]:
        """What is known by now of an alarm, or of the steps without one."""
        if self._begun is None:
            return self._tell(self._n_steps, 0)
        last = at + 1 if self._ended is None else self._ended
        rests = self._begun < self._rest_until
        is_alarm = not rests and last - self._begun >= self._trigger.min_duration
        told = self._tell(last, 0 if rests else self._n_alarms + 1) if rests or is_alarm else []
        if self._ended is None or at - self._ended < self._trigger.merge_gap:
            return told
        if is_alarm:
            self._n_alarms += 1
            self._rest_until = self._ended + self._trigger.cool_down
        self._begun = self._ended = None
        return told + self._tell(self._n_steps, 0)

    def _tell(self, until: int, number: int) -> list[int]:
        """Settle all steps before `until` that are not settled yet."""
        n = until - self._n_told
        self._n_told += n
        return [number] * n
