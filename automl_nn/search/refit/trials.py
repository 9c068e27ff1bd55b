"""The refit of chosen trials of a study: in stacks, on several cores, stored as soon as it is there."""

import logging
import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_nn.data.images.maps import at_places
from automl_nn.data.scratch import scratch_folder
from automl_nn.errors import BudgetError
from automl_nn.search.draws import stacks
from automl_nn.search.encodings import Encodings
from automl_nn.search.helpers import Helpers
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.study_spec import N_PROBE, compared_places, probed
from automl_nn.search.refit.networks import Again, Refitted, refit, whole
from automl_nn.search.refit.plan import lanes, seeds_of_each
from automl_nn.search.sharing import JOB, get, put
from automl_nn.store.companions import RefitRow
from automl_nn.store.store import Store

_log = logging.getLogger(__name__)

Found = tuple[int, list[RefitRow]]
"""A run, and what is stored of its refit."""


def chosen(store: Store, study_id: int, numbers: Sequence[int]) -> list[Again]:
    """What it takes to train trials again, in the order of their numbers here.

    Args:
        store: Where the study is kept.
        study_id: The study.
        numbers: The trials.
    """
    trials, epochs = store.trials(study_id).set_index("number"), store.epochs(study_id)
    found = []
    for number in numbers:
        trial: Any = trials.loc[number]
        own = epochs[(epochs["trial"] == number) & (epochs["epoch"] <= trial["best_epoch"])]
        loss = float(own["val_loss"].iloc[-1])
        found.append(
            Again(
                run_id=int(trial["run_id"]),
                config=store.config(int(trial["run_id"])),
                seed=int(trial["seed"]),
                n_epochs=int(trial["best_epoch"]),
                loss=loss if math.isfinite(loss) else math.inf,
                seconds=float(own["seconds"].sum()),
            )
        )
    return found


def refit_trials(
    store: Store,
    study_id: int,
    problem: Problem,
    trials: Sequence[Again],
    *,
    n_seeds: int | None = None,
    n_workers: int = 1,
    largest: int = 1,
    timeout: float = math.inf,
) -> list[int]:
    """Refit trials of a study and store the networks in place of earlier ones, each trial's as soon as they are there.

    Args:
        store: Where the study is kept.
        study_id: The study.
        problem: What is given.
        trials: The trials.
        n_seeds: Networks of each of them; as many as make four in all, at least, unless given,
            but one of an embedding.
        n_workers: Processes with one thread each, of which this is one; the networks do not depend on it.
        largest: Most trials of a stack.
        timeout: Seconds from now after which none is stored.

    Returns:
        The runs that were trained again; those that were not keep the networks that they had.

    Raises:
        BudgetError: There is no seed to train.
    """
    if n_seeds is None:
        n_seeds = 1 if problem.task.family == "embedding" else seeds_of_each(len(trials))
    if n_seeds < 1:
        raise BudgetError(f"n_seeds = {n_seeds} is not possible: a refit trains at least one network.")
    jobs = [stack[i : i + largest] for stack in stacks(trials) for i in range(0, len(stack), largest)]
    stored, end = [], time.time() + timeout
    for run_id, rows in _found(problem, store.spec(study_id), lanes(jobs, n_workers), n_seeds=n_seeds, end=end):
        store.put_refits(run_id, rows)
        stored.append(run_id)
    return stored


def _found(
    problem: Problem, spec: Mapping[str, Any], lanes: Sequence[Sequence[Sequence[Again]]], *, n_seeds: int, end: float
) -> Iterator[Found]:
    """What is stored of each refit; the jobs of the first lane are done in this process."""
    own, *others = lanes
    with scratch_folder() as folder:
        if others:
            put(problem, folder / JOB)
        arguments = [(folder / JOB, spec, jobs, n_seeds, end) for jobs in others]
        with Helpers(_shared, arguments, end=end) as helpers:
            for found in _of_jobs(problem, spec, own, n_seeds=n_seeds, end=end):
                yield found
                yield from helpers.found_so_far()
            yield from helpers.found()


def _shared(
    path: Path, spec: Mapping[str, Any], jobs: Sequence[Sequence[Again]], n_seeds: int, end: float
) -> Generator[Found, None, None]:
    """The jobs of a process that finds the problem in a file."""
    yield from _of_jobs(get(path), spec, jobs, n_seeds=n_seeds, end=end)


def _of_jobs(
    problem: Problem, spec: Mapping[str, Any], jobs: Sequence[Sequence[Again]], *, n_seeds: int, end: float
) -> Iterator[Found]:
    """Stack after stack, until the time is over; one that cannot be trained does not cost the others."""
    encodings, are_steps = Encodings(whole(problem)), problem.steps is not None
    for job in jobs:
        if time.time() >= end:
            return
        try:
            made = refit(encodings, job, n_seeds=n_seeds, seconds=end - time.time())
            rows = [
                _rows(spec, trial, networks, are_steps=are_steps) for trial, networks in zip(job, made, strict=True)
            ]
        except Exception as error:  # memory, above all; the networks of the search are there
            _log.warning("%d trials cannot be trained again (%s: %s).", len(job), type(error).__name__, error)
            continue
        yield from ((trial.run_id, own) for trial, own in zip(job, rows, strict=True) if own)


def _rows(spec: Mapping[str, Any], trial: Again, networks: Sequence[Refitted], *, are_steps: bool) -> list[RefitRow]:
    """What is stored of a refit, with what the networks say of the rows that they are compared by."""
    (probe, images), places = probed(spec), compared_places(spec)
    starts = np.zeros(1, dtype=np.int64) if are_steps else None
    outputs = [one.network.output(probe, starts=starts, images=images) for one in networks]
    outputs = [at_places(output, places, n_images=probe.n_rows) for output in outputs]
    return [
        RefitRow(one.seed, trial.n_epochs, one.seconds, output[:N_PROBE], one.network.to_bytes())
        for one, output in zip(networks, outputs, strict=True)
    ]
