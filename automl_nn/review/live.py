"""Look on while a study is searched: how far it is, what is trained, and when it will be done."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl_nn.review.tables import Report
from automl_nn.review.words import duration, number
from automl_nn.search.limits import Limits, limits_of
from automl_nn.store.overview import Overview, Running, overviews
from automl_nn.store.store import Store

IDLE_SECONDS = 30.0
"""A study that nobody has worked on for so long is no longer followed."""

ENDED = ("complete", "pruned", "failed")

BAR = 30
"""Characters of a bar."""


@final
@dataclass(frozen=True)
class Look:
    """A study at one moment.

    Args:
        study: What its tables say.
        limits: How far its last search was to go.
        now: Seconds since 1970.
        pace: Trials that ended in a second while it was followed; None before one has.
    """

    study: Overview
    limits: Limits
    now: float
    pace: float | None = None

    @property
    def n_ended(self) -> int:
        """Trials that are complete, pruned or failed."""
        return sum(self.study.counts.get(state, 0) for state in ENDED)

    @property
    def is_over(self) -> bool:
        """Whether nothing is trained, and a limit of the search is met or none is known."""
        if self.study.running:
            return False
        n_trials, ends = self.limits.n_trials, self.limits.ends
        has_all = n_trials is not None and self.n_ended >= n_trials
        return has_all or (ends is not None and self.now >= ends) or (n_trials is None and ends is None)

    @property
    def seconds_left(self) -> float | None:
        """Until a limit of the search is met, or all that is trained has ended; None if nobody can tell."""
        spans = [trial.seconds_left for trial in self.study.running]
        known = [span for span in spans if span is not None]
        left = self.limits.seconds_left(self.n_ended, pace=self.pace, now=self.now)
        return max(known, default=None) if left is None else left

    def report(self) -> Report:
        """Plain values with keys that stay."""
        study = self.study
        return {
            "study": study.name,
            "trials": {state: n for state, n in study.counts.items() if n},
            "n_trials": self.limits.n_trials,
            "best_trial": study.best_number,
            "best_score": study.best,
            "seconds_left": self.seconds_left,
            "running": [_running_report(trial) for trial in study.running],
        }

    def describe(self) -> str:
        """How far it is, in one line."""
        counts = ", ".join(f"{n} {state}" for state, n in self.study.counts.items() if n and state in ENDED)
        total = "" if self.limits.n_trials is None else f" of {self.limits.n_trials}"
        parts = [f"{self.n_ended}{total} done" + (f" ({counts})" if counts else "")]
        if self.study.best is not None:
            parts.append(f"best {number(self.study.best)} (trial {self.study.best_number})")
        if self.study.running:
            parts.append(f"{len(self.study.running)} running")
        if self.seconds_left is not None and not self.is_over:
            parts.append(f"about {duration(self.seconds_left)} left")
        return ", ".join(parts)


def _running_report(trial: Running) -> Report:
    epochs = {"epoch": trial.n_epochs, "n_epochs": trial.planned}
    return {"number": trial.number, **epochs, "seconds_left": trial.seconds_left, "host": trial.host}


def looks(
    store: Store,
    name: str,
    *,
    every: float,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Look]:
    """A study again and again, until its search is over.

    Args:
        store: Where the study is kept.
        name: The study.
        every: Seconds between two looks.
        clock: Seconds since 1970.
        sleep: Waits for so many seconds.

    Raises:
        StorageError: There is no such study.
    """
    study_id, begin, heard = store.study_id(name), clock(), clock()
    before: Overview | None = None
    n_before = 0
    while True:
        (study,) = (one for one in store.read(overviews) if one.study_id == study_id)
        now = clock()
        look = Look(study, limits_of(store.optuna, study_id), now)
        n_before = look.n_ended if before is None else n_before
        n_new = look.n_ended - n_before
        look = Look(study, look.limits, now, pace=n_new / (now - begin) if n_new and now > begin else None)
        yield look
        heard = now if study != before or study.running else heard
        if look.is_over or now - heard > IDLE_SECONDS:
            return
        before = study
        sleep(every)


def follow(seen: Iterator[Look], *, console: Console) -> None:
    """Show a study until its search is over: drawn in place on a terminal, else a line for each change.

    Args:
        seen: What `looks` yields.
        console: Where to show it.
    """
    if not console.is_terminal:
        for line in changes(seen):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False) as live:
        for look in seen:
            live.update(drawn(look), refresh=True)


def changes(seen: Iterator[Look]) -> Iterator[str]:
    """One line for each look at which more trials had ended, and for the first and the last one."""
    told, last = -1, None
    for look in seen:
        last = look
        if look.n_ended != told:
            told, last = look.n_ended, None
            yield f"{look.study.name}: {look.describe()}"
    if last is not None:
        yield f"{last.study.name}: {last.describe()}"


def drawn(look: Look) -> RenderableType:
    """The study for a terminal: a bar for the trials, and one for each that is trained."""
    title = Text(f"{look.study.name}  {look.study.task.get('metric', '')}", style="bold")
    parts: list[RenderableType] = [title, Text(look.describe())]
    if look.limits.n_trials:
        parts.append(_bar(look.limits.n_trials, look.n_ended))
    if look.study.running:
        parts.append(_running_table(look.study.running))
    return Group(*parts)


def _bar(total: int, completed: int) -> Table:
    """A bar on a line of its own, which it would not end by itself."""
    grid = Table.grid()
    grid.add_row(ProgressBar(total=total, completed=completed, width=2 * BAR))
    return grid


def _running_table(running: tuple[Running, ...]) -> Table:
    table = Table("trial", "", "epoch", "left", "host", box=None, pad_edge=False)
    for trial in running:
        of = "?" if trial.planned is None else str(trial.planned)
        left = "" if trial.seconds_left is None else duration(trial.seconds_left)
        bar = ProgressBar(total=trial.planned or 1, completed=trial.n_epochs, width=BAR)
        table.add_row(str(trial.number), bar, f"{trial.n_epochs} of {of}", left, Text(trial.host))
    return table
