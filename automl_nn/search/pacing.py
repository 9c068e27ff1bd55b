"""How many epochs a stack is trained within its time, corrected by what epochs really take."""

from typing import final

USEFUL_EPOCHS = 4
"""A trial that is cut to fewer epochs than these tells little about its config: time is made for as many."""

LEAST_EPOCHS = 2
"""A trial that is cut to fewer than these is not worth its time, if there is any other."""

SLACK = 1.25
"""So many times what its epochs should take, a stack may take before they are cut."""

EARLY = 1 / 3
"""Share of its time after which a stack is given no more epochs: its schedules have come too far by then."""

FASTER, SLOWER = 1.25, 0.9
"""So many times the planned epochs must fit for the plan to be changed: a measurement is never exact."""

LEAST_MEASURED = 0.02
"""Share of its time that a stack trains before its pace is judged."""


@final
class Pacing:
    """The epochs of one stack; none are taken or given where there is no time limit.

    A pace that is measured before the training holds for that moment: other programs may slow it down, or end.

    Args:
        n_epochs: As planned.
        wanted: Epochs that the configs ask for; never more.
        seconds: What the stack may take; infinite without a time limit.

    Example:
        >>> pacing = Pacing(10, wanted=30, seconds=10.0)
        >>> [pacing.after(seconds) for seconds in (0.5, 1.0, 1.5)]  # twice as fast as planned
        [20, 20, 20]
        >>> pacing.after(9.0)  # much slower than in the beginning
        5
    """

    def __init__(self, n_epochs: int, *, wanted: int, seconds: float) -> None:
        self.n_epochs, self._wanted, self._seconds = n_epochs, wanted, seconds
        self._ends = [0.0]

    @property
    def is_cut(self) -> bool:
        """Whether there are fewer epochs than the configs ask for."""
        return self.n_epochs < self._wanted

    @property
    def is_worthwhile(self) -> bool:
        """Whether so many epochs tell something about the configs."""
        return self.n_epochs >= min(self._wanted, LEAST_EPOCHS)

    def after(self, seconds: float) -> int:
        """The epochs at which training shall end now that another one has ended; at least those that are done.

        Args:
            seconds: Since the first one began.
        """
        self._ends.append(seconds)
        n_done = len(self._ends) - 1
        is_measured = seconds >= LEAST_MEASURED * self._seconds or n_done >= self.n_epochs
        if is_measured and self._seconds < float("inf"):
            self._correct(n_done)
        return self.n_epochs

    def _correct(self, n_done: int) -> None:
        """Plan with the pace of the later half of the epochs: the earlier ones may have been those of other times."""
        since, now = n_done // 2, self._ends[-1]
        pace = (now - self._ends[since]) / (n_done - since)
        fitting = n_done + int(min(max(0.0, self._seconds - now) / max(pace, 1e-9), self._wanted))
        if fitting < SLOWER * self.n_epochs:
            self.n_epochs = max(fitting, min(n_done + 1, self.n_epochs))
        elif now < EARLY * self._seconds and fitting > FASTER * self.n_epochs:
            self.n_epochs = min(fitting, self._wanted)
