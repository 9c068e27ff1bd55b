"""Several processes on one study: each claims trials from the same database, so none needs to know of the others."""

import math
import os
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import psutil
from joblib import cpu_count

from automl_nn.search.events import Event
from automl_nn.search.helpers import CONTEXT, Helpers
from automl_nn.search.plan import Budget
from automl_nn.search.problems.problem import Problem
from automl_nn.search.sharing import JOB, Shelf, get, put
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.search.tune import Tuner
from automl_nn.space.options import Space
from automl_nn.store.store import Store
from automl_nn.train.device import threads

WORKER_BYTES = 700 * 2**20
"""Memory of a worker without data: most of it is libraries."""

N_COPIES = 4
"""How often the workers together hold the data: as a table, encoded in two ways, and in passing."""


def spare_workers(problem: Problem) -> int:
    """Workers that this machine can carry: one for each core, as far as half of the free memory holds them.

    Args:
        problem: What all of them will read.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> problem = pose(pd.DataFrame({"x": range(20), "y": [0, 1] * 10}), ["y"], roles={"x": "numeric"})
        >>> spare_workers(problem) >= 1
        True
    """
    images = 0 if problem.images is None else problem.images.pixels.nbytes  # which all workers share
    data = N_COPIES * int(problem.table.frame.memory_usage(deep=True).sum()) + images
    return max(1, min(int(cpu_count()), (int(psutil.virtual_memory().available) // 2 - data) // WORKER_BYTES))


@final
@dataclass(frozen=True)
class Job:
    """What a worker needs to take part in a study.

    Args:
        url: The storage.
        name: The study, which exists.
        problem: What is given.
        settings: What differs from the default space, by path; see `edit_space`.
        seed: The study's seed.
    """

    url: str
    name: str
    problem: Problem
    settings: Mapping[str, Any]
    seed: int

    @property
    def space(self) -> Space:
        """What is searched."""
        return edit_space(space_for(self.problem), self.settings)

    def shared(self, folder: Path) -> "Job":
        """The same job with its data in a file that all workers read, so that none holds a copy of its own.

        Args:
            folder: A `scratch_folder`.
        """
        put(self, folder / JOB)
        if os.name == "nt":  # where a file that is mapped cannot be removed
            return self
        job: Job = get(folder / JOB)
        return job

    def events(self, budget: Budget, *, store: Store, shelf: Shelf | None = None) -> Generator[Event, None, None]:
        """Work in this process until the budget is spent.

        Args:
            budget: Shared by all workers.
            store: The storage, as this process has opened it.
            shelf: Where several workers share what they read.
        """
        tuner = Tuner(store, self.name, problem=self.problem, space=self.space, seed=self.seed, shelf=shelf)
        with threads(1):
            yield from tuner.events(budget)


def work_together(job: Job, budget: Budget, *, store: Store, folder: Path) -> Generator[Event, None, None]:
    """Work in `budget.n_workers` processes with one thread each; events come in the order in which they happen.

    This process is one of the workers: it trains while the others start, which takes them seconds. With one worker the
    study is reproducible from its seed. With several, the proposals depend on which trial ends first, and the events of
    the others wait for the next one of this process.

    Args:
        job: What to work on; with several workers one that is `shared`.
        budget: Shared by all workers.
        store: The storage, as this process has opened it; the others open their own.
        folder: A `scratch_folder`, where several workers find the job and what they read.
    """
    if budget.n_workers == 1:
        yield from job.events(budget, store=store)
        return
    asked = time.time()
    shelf = Shelf(folder, CONTEXT.Lock())
    end = math.inf if budget.timeout is None else asked + budget.timeout
    with (
        Helpers(_work, [(shelf, budget, asked)] * (budget.n_workers - 1), end=end) as helpers,
        closing(job.events(_left(budget, asked), store=store, shelf=shelf)) as events,
    ):
        for event in events:
            yield event
            yield from helpers.found_so_far()
        yield from helpers.found()


def _work(shelf: Shelf, budget: Budget, asked: float) -> Generator[Event, None, None]:
    """Work as one of several; the time-out began when the work was asked for, before this process had started."""
    job: Job = get(shelf.folder / JOB)
    if budget.timeout is None or time.time() - asked < budget.timeout:
        yield from job.events(_left(budget, asked), store=Store(job.url), shelf=shelf)


def _left(budget: Budget, asked: float) -> Budget:
    """What is left of a budget that began at this time."""
    return budget.after(time.time() - asked)
