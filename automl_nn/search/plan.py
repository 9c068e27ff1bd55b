"""What a search decides from its budget: how many trials are drawn together, and how many epochs they are given."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import final

from automl_nn.errors import BudgetError
from automl_nn.search.pacing import SLACK, USEFUL_EPOCHS, Pacing
from automl_nn.train.precision import Precision

STACK_SHARE = 1 / 3
"""No stack is given more of all the time: a search of any length sees several configs trained to their end."""

LONG_SHARE = 2 / 3
"""What one may be given whose epochs are so long that too few of them would fit into that."""

COHORT_SHARE = 1 / 2
"""A cohort that would take more of the time that is left is made smaller."""

LEAST_SHARE = 1 / 5
"""With less time left than this share of what a trial has taken so far, none is begun."""

PROBE_SHARE = 0.005
"""Share of the time left that a stack's pace is measured for."""

CLEARLY = 1.15
"""So many times as fast, a training in bfloat16 is preferred to one in float32."""

RESERVE = 0.95
"""Share of the time that is planned with; the rest is for what the measured pace does not hold."""


@final
@dataclass(frozen=True, slots=True)
class Budget:
    """How long a search may go on.

    Args:
        n_trials: Trials that the study shall have in total, earlier ones included; None for no limit.
        timeout: Seconds from now; None for no limit.
        n_workers: Processes that work on the study.

    Raises:
        BudgetError: A limit is not positive, or there is none.
    """

    n_trials: int | None
    timeout: float | None
    n_workers: int = 1

    def __post_init__(self) -> None:
        if self.n_trials is None and self.timeout is None:
            raise BudgetError("A search needs a limit: give n_trials (in total), timeout (in seconds), or both.")
        limits = {"n_trials": self.n_trials, "timeout": self.timeout, "n_workers": self.n_workers}
        for name, limit in limits.items():
            if limit is not None and not limit > 0:
                raise BudgetError(f"{name} = {limit} is not possible: it must be greater than zero.")

    def after(self, seconds: float) -> "Budget":
        """What is left of it after so many seconds; a moment at least, which is time for one epoch."""
        return self if self.timeout is None else replace(self, timeout=max(1e-3, self.timeout - seconds))


@final
class Clock:
    """Counts down from a time-out; never over without one."""

    def __init__(self, timeout: float | None) -> None:
        self._end = float("inf") if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds left; a moment if none are, which is time for one epoch."""
        return max(1e-3, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._end


@final
class Plan:
    """The plan of one worker; the clock starts when it is made.

    Where only a number of trials limits the search, nothing is measured, and the plan depends on the slots alone: the
    first trial is a cohort of its own, the next `largest` are one, and so on.

    Args:
        budget: The limits.
        largest: Most trials of a cohort.

    Example:
        >>> plan = Plan(Budget(n_trials=20, timeout=None), largest=8)
        >>> [plan.cohort(slot) for slot in (0, 1, 5, 9, 19)]
        [range(0, 1), range(1, 9), range(1, 9), range(9, 17), range(17, 20)]
        >>> plan.pacing(40, seconds_per_epoch=lambda _: 9.9).n_epochs
        40
    """

    def __init__(self, budget: Budget, *, largest: int) -> None:
        self.budget, self.clock, self._largest = budget, Clock(budget.timeout), largest
        self._seconds, self._n_ended = 0.0, 0
        self._precisions: dict[Hashable, Precision] = {}

    @property
    def is_spent(self) -> bool:
        """Whether there is no time left for a trial that would be worth it."""
        a_trial = self._seconds / self._n_ended if self._n_ended else 0.0
        return self.clock.is_over or self.clock.left < LEAST_SHARE * a_trial

    def cohort(self, slot: int) -> range:
        """The slots whose trials are drawn together with the one in this slot."""
        end = 2**31 - 1 if self.budget.n_trials is None else self.budget.n_trials
        if slot == 0:
            return range(1)
        if self.budget.n_workers == 1 and self.budget.timeout is None:
            first = 1 + (slot - 1) // self._largest * self._largest
            return range(first, min(first + self._largest, end))
        fair = -(-(end - slot) // self.budget.n_workers)
        return range(slot, slot + max(1, min(self._largest, fair, self._affordable())))

    def _affordable(self) -> int:
        """Trials that fit into a cohort's share of the time, as far as it is known what a trial takes."""
        if self.budget.timeout is None:
            return self._largest
        if not self._n_ended:
            return 1
        wanted = COHORT_SHARE * self.clock.left * self._n_ended / max(self._seconds, 1e-9)
        return self._largest if wanted >= self._largest else int(wanted)

    def note(self, seconds: float) -> None:
        """Note that a trial has ended, and its share of the time."""
        self._seconds, self._n_ended = self._seconds + seconds, self._n_ended + 1

    def precision(self, kind: Hashable, *, seconds_per_epoch: Callable[[float, Precision], float]) -> Precision:
        """The precision of a stack whose configs leave it open: bfloat16 where that is clearly faster, else float32.

        Args:
            kind: What stacks have in common that are measured once, the first of them.
            seconds_per_epoch: Measures what an epoch takes in a precision, within so many seconds.

        Example:
            >>> paces = {"float32": 3.0, "bfloat16": 2.0}
            >>> for timeout in (60.0, None):
            ...     plan = Plan(Budget(n_trials=9, timeout=timeout), largest=8)
            ...     plan.precision("wide", seconds_per_epoch=lambda _, precision: paces[precision])
            'bfloat16'
            'float32'
        """
        if self.budget.timeout is None:
            return "float32"
        if kind not in self._precisions:
            share = PROBE_SHARE * self.clock.left / 2
            exact, rounded = (seconds_per_epoch(share, precision) for precision in ("float32", "bfloat16"))
            self._precisions[kind] = "bfloat16" if CLEARLY * rounded < exact else "float32"
        return self._precisions[kind]

    def pacing(self, wanted: int, *, seconds_per_epoch: Callable[[float], float], least: int = 1) -> Pacing:
        """Epochs of a stack, so that its schedules end within the time; all of it where too little would be left.

        Args:
            wanted: The epochs that its configs ask for.
            seconds_per_epoch: Measures what an epoch of the whole stack takes, within so many seconds.
            least: With fewer epochs, it is better to train fewer networks: so many may take a larger share of the time.

        Example:
            >>> plan = Plan(Budget(n_trials=None, timeout=60.0), largest=1)
            >>> [plan.pacing(30, seconds_per_epoch=lambda _: 5.0, least=n).n_epochs for n in (1, 6, 10)]
            [4, 6, 7]
            >>> plan.pacing(30, seconds_per_epoch=lambda _: 8.0).n_epochs  # after 4 epochs, too few would be left
            7
        """
        timeout = self.budget.timeout
        if timeout is None:
            return Pacing(wanted, wanted=wanted, seconds=float("inf"))
        pace = max(seconds_per_epoch(PROBE_SHARE * self.clock.left), 1e-9)
        left = RESERVE * self.clock.left
        usual, long = (min(left, RESERVE * share * timeout) for share in (STACK_SHARE, LONG_SHARE))
        n_epochs = min(wanted, max(int(usual / pace), min(int(long / pace), max(least, USEFUL_EPOCHS))))
        if n_epochs < wanted and int(left / pace) - n_epochs < USEFUL_EPOCHS:
            n_epochs = min(wanted, int(left / pace))
        n_epochs = max(1, n_epochs)
        return Pacing(n_epochs, wanted=wanted, seconds=min(left, max(usual, SLACK * n_epochs * pace)))
