"""Watch a search: two bars on a terminal, plain lines anywhere else."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from automl_nn.review.words import duration, number
from automl_nn.search.events import (
    EpochEnded,
    Event,
    ReferenceEnded,
    RefitEnded,
    RefitStarted,
    TrialEnded,
    TrialStarted,
)

QUIET_SECONDS = 30.0
"""After so long without a line, plain progress tells the epoch."""

WORTH_SAYING = 0.05
"""A search that leaves less of its time limit ends as expected."""


Once = ReferenceEnded | RefitStarted | RefitEnded
"""What happens once in a search, and is told in a line of its own."""


@final
@dataclass(frozen=True, slots=True)
class Standing:
    """How a search stands.

    Args:
        n_trials: Trials that the study shall have; None if only time limits it.
        timeout: Seconds that the search may take; None if only trials limit it.
        n_done: Trials of the study that have ended.
        n_here: Trials that have ended since one began to watch.
        best_number: The best trial.
        best_score: Its score.
        number: The trial that was heard of last.
        epoch: Epochs that it has trained.
        n_epochs: Epochs that it may train.
        running: The trials that are being trained.
        is_refit: Whether what was chosen has been trained again, which is the end.

    Example:
        >>> standing = Standing(n_trials=10).after(TrialEnded(0, "complete", 0.5, None, 0, 0.5, 4, 10))
        >>> standing.seconds_left(20.0)
        120.0
    """

    n_trials: int | None = None
    timeout: float | None = None
    n_done: int = 0
    n_here: int = 0
    best_number: int | None = None
    best_score: float | None = None
    number: int | None = None
    epoch: int = 0
    n_epochs: int = 0
    running: frozenset[int] = frozenset()
    is_refit: bool = False

    def after(self, event: Event) -> "Standing":
        """The standing once this has happened, too."""
        if isinstance(event, ReferenceEnded):
            return self
        if isinstance(event, RefitStarted | RefitEnded):
            return replace(self, is_refit=True)
        if isinstance(event, TrialStarted):
            running = self.running | {event.number}
            return replace(self, number=event.number, epoch=0, n_epochs=event.n_epochs, running=running)
        if isinstance(event, EpochEnded):
            best = self.best_score if event.best_score is None else event.best_score
            return replace(self, number=event.number, epoch=event.epoch, n_epochs=event.n_epochs, best_score=best)
        return replace(
            self,
            n_done=event.n_done,
            n_here=self.n_here + 1,
            best_number=event.best_number,
            best_score=event.best_score,
            number=event.number,
            running=self.running - {event.number},
        )

    def share(self, elapsed: float) -> float:
        """Share of the budget that is spent after `elapsed` seconds, in [0, 1]."""
        of_trials = self.n_done / self.n_trials if self.n_trials else 0.0
        of_time = elapsed / self.timeout if self.timeout else 0.0
        return min(1.0, max(of_trials, of_time))

    def seconds_left(self, elapsed: float) -> float | None:
        """Seconds until the first limit is met; None while nothing is known of it."""
        limits = [] if self.timeout is None else [self.timeout - elapsed]
        if self.n_trials is not None and self.n_here:
            limits.append((self.n_trials - self.n_done) * elapsed / self.n_here)
        return max(0.0, min(limits)) if limits else None

    def describe(self, elapsed: float) -> str:
        """Trials, best score and time left in words."""
        done = f"{self.n_done} done" if self.n_trials is None else f"{self.n_done} of {self.n_trials}"
        best = "" if self.best_score is None else f", best {number(self.best_score)}"
        of = "" if self.best_number is None else f" (trial {self.best_number})"
        left = self.seconds_left(elapsed)
        return f"{done}{best}{of}" + ("" if left is None else f", about {duration(left)} left")

    def closing(self, elapsed: float) -> str:
        """Why a search ended before its time was over; empty where there is nothing to say.

        Args:
            elapsed: Seconds that it took.

        Example:
            >>> standing = Standing(timeout=60.0).after(TrialEnded(0, "complete", 0.5, None, 0, 0.5, 1, None))
            >>> standing.closing(50.0)
            'ended 10 s before its time limit: no further trial would fit, so give more time for more trials'
        """
        if self.timeout is None or self.best_score is None or self.n_done == self.n_trials or self.is_refit:
            return ""
        left = self.timeout - elapsed
        if left < max(1.0, WORTH_SAYING * self.timeout):
            return ""
        why = "no further trial would fit, so give more time for more trials"
        return f"ended {duration(left)} before its time limit: {why}"


Show = Callable[[Event, Standing, float], None]
"""Shows what happened and how the search stands, so many seconds after it began."""


@contextmanager
def bars(console: Console) -> Iterator[Show]:
    """One bar for the trials and one for the epochs of the trial at work, drawn in place."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        trials = progress.add_task("trials", total=1.0, note="")
        epochs = progress.add_task("epochs", total=1.0, note="")

        def show(event: Event, standing: Standing, elapsed: float) -> None:
            if isinstance(event, Once):
                _print(console, _once(event))
            elif isinstance(event, TrialEnded) and event.state == "failed":
                _print(console, _ended(event))
            share = standing.epoch / standing.n_epochs if standing.n_epochs else 0.0
            progress.update(trials, completed=standing.share(elapsed), note=standing.describe(elapsed))
            progress.update(epochs, completed=share, note=_epoch(standing))

        yield show


@contextmanager
def lines(console: Console) -> Iterator[Show]:
    """One line for each trial that ended, and one now and then while a trial takes long."""
    told = 0.0

    def show(event: Event, standing: Standing, elapsed: float) -> None:
        nonlocal told
        if isinstance(event, Once):
            _print(console, _once(event))
        elif isinstance(event, TrialEnded) or elapsed - told >= QUIET_SECONDS:
            told = elapsed
            line = _ended(event) if isinstance(event, TrialEnded) else _epoch(standing)
            _print(console, f"{line}; {standing.describe(elapsed)}")

    yield show


def watch(
    events: Iterable[Event],
    *,
    console: Console,
    n_trials: int | None = None,
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Standing:
    """Let a search run to its end and show how it goes.

    Args:
        events: What `Study.events` yields.
        console: Where to show it; bars if it is a terminal, lines if not.
        n_trials: The study's limit in trials, in total.
        timeout: The search's limit in seconds.
        clock: Seconds since any fixed moment.

    Returns:
        How the search stood at its end.

    Example:
        >>> import sys
        >>> events = [TrialStarted(0, 5, {}), TrialEnded(0, "complete", 0.5, None, 0, 0.5, 1, 1)]
        >>> standing = watch(events, console=Console(file=sys.stdout), n_trials=1)
        trial 0 complete 0.5000; 1 of 1, best 0.5000 (trial 0), about 0 s left
    """
    standing, begin = Standing(n_trials=n_trials, timeout=timeout), clock()
    with bars(console) if console.is_terminal else lines(console) as show:
        for event in events:
            standing = standing.after(event)
            show(event, standing, clock() - begin)
    if closing := standing.closing(clock() - begin):
        _print(console, closing)
    return standing


def _ended(event: TrialEnded) -> str:
    score = "" if event.score is None else f" {number(event.score)}"
    return f"trial {event.number} {event.state}{score}" + (f" ({event.reason})" if event.reason else "")


def _once(event: Once) -> str:
    if isinstance(event, RefitStarted):
        some = f"{event.n_trials} of {event.n_chosen} chosen trials"
        return f"training {some} again on all rows, in about {duration(event.seconds)}"
    if isinstance(event, RefitEnded):
        return f"trained {event.n_trials} again"
    score = event.state if event.score is None else number(event.score)
    return f"reference: {event.name} {score}" + (f" ({event.reason})" if event.reason else "")


def _epoch(standing: Standing) -> str:
    several = f"{len(standing.running)} trials together" if len(standing.running) > 1 else f"trial {standing.number}"
    return f"{several}, epoch {standing.epoch} of {standing.n_epochs}"


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
