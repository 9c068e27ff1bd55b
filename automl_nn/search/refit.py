"""Refit: networks of a chosen config on all rows, those that chose it included, several seeds in one stack."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from automl_nn.data.images.maps import at_places
from automl_nn.data.parting.split import Split
from automl_nn.data.scratch import scratch_folder
from automl_nn.errors import BudgetError, DivergedError
from automl_nn.model.views import view_of
from automl_nn.search.attempt import stack_of
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.study_spec import N_PROBE, compared_places, probed
from automl_nn.search.samplers import trial_seed
from automl_nn.search.sharing import JOB, get, put
from automl_nn.space.options import Config
from automl_nn.store.companions import RefitRow
from automl_nn.store.store import Store
from automl_nn.train.device import kept_memory, threads
from automl_nn.train.epoch import Epoch
from automl_nn.train.loop import Training
from automl_nn.train.losses.stack_loss import Targets
from automl_nn.train.trained import Trained

N_NETWORKS = 4
"""Networks in all, at least, whose outputs are averaged: an ensemble of four or more trials has one of each."""


def refit(
    problem: Problem, config: Config, *, n_epochs: int, n_seeds: int = N_NETWORKS, seed: int
) -> tuple[list[Trained], list[int], float]:
    """Train networks of one config on all rows.

    They train as long as the trial did up to its best epoch, with its schedule: no row is left that could say when to
    stop, or how good they are. What the trial's outputs have shown for unseen rows, and what was decided from it, is
    the estimate for these networks, too.

    Args:
        problem: What is given.
        config: The trial's config.
        n_epochs: The trial's best epoch.
        n_seeds: Networks to train, all in one stack.
        seed: The trial's seed; the networks get seeds of their own from it.

    Returns:
        The networks that stayed finite, their seeds, and the seconds it took.

    Raises:
        BudgetError: There is no seed to train.
        DivergedError: No network stayed finite.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> from automl_nn.search.spaces.default import default_space
        >>> from automl_nn.space.draw import defaults
        >>> problem = pose(pd.DataFrame({"x": range(60), "y": [0] * 30 + [1] * 30}), ["y"], roles={"x": "numeric"})
        >>> config = defaults(default_space(problem.task, n_rows=48))
        >>> networks, seeds, seconds = refit(problem, config, n_epochs=1, n_seeds=2, seed=0)
        >>> len(networks), networks[0].output(problem.table).shape
        (2, (60, 1))
    """
    if n_seeds < 1:
        raise BudgetError(f"n_seeds = {n_seeds} is not possible: a refit trains at least one network.")
    start, task = time.monotonic(), problem.task
    (rows,) = Encodings(whole(problem)).of(config["model"]["encoder"], view_of(config["model"]))
    seeds = [trial_seed(seed, position) for position in range(n_seeds)]
    network = stack_of(rows, [config] * n_seeds, task=task, seeds=seeds)
    training = Training(network, [rows.fold], [config["train"]] * n_seeds, task=task, seeds=seeds)
    with threads(1), kept_memory():
        epoch = _last(training, n_epochs)
    targets = Targets.of(rows.fold.train.y, rows.fold.train.weight, family=task.family)
    share = tuple(targets.share(d_out=task.d_out, family=task.family).tolist())
    finite = np.flatnonzero(epoch.alive).tolist()
    if not finite:
        raise DivergedError("Every network of the refit stopped being finite: predict with the networks of the search.")
    networks = [
        Trained(
            model=config["model"],
            loss=config["train"]["loss"],
            family=task.family,
            share=share,
            encoder=rows.encoder,
            state=training.network.network_state(i),
            shape=rows.fold.train.inputs.image_shape,
            architecture=network.architecture,
        )
        for i in finite
    ]
    return networks, [seeds[i] for i in finite], time.monotonic() - start


def refit_trials(
    store: Store,
    study_id: int,
    problem: Problem,
    numbers: Sequence[int],
    *,
    n_seeds: int | None = None,
    n_workers: int = 1,
) -> None:
    """Refit trials of a study and store the networks in place of earlier ones, each trial's as soon as they are there.

    Args:
        store: Where the study is kept.
        study_id: The study.
        problem: What is given.
        numbers: The trials.
        n_seeds: Networks for each of them; as many as make four in all, at least, unless given.
        n_workers: Processes, each of which refits one trial at a time; the networks do not depend on it.

    Raises:
        DivergedError: No network of a trial stayed finite.
    """
    n_seeds = -(-N_NETWORKS // max(1, len(numbers))) if n_seeds is None else n_seeds
    trials = {trial["number"]: trial for trial in store.trials(study_id).to_dict("records")}
    chosen = [trials[number] for number in numbers]
    asked = [
        {
            "config": store.config(int(trial["run_id"])),
            "n_epochs": int(trial["best_epoch"]),
            "n_seeds": n_seeds,
            "seed": int(trial["seed"]),
        }
        for trial in chosen
    ]
    spec = store.spec(study_id)
    for trial, rows in zip(chosen, _all_rows(problem, spec, asked, n_workers=min(n_workers, len(asked))), strict=True):
        store.put_refits(int(trial["run_id"]), rows)


def _all_rows(
    problem: Problem, spec: Mapping[str, Any], asked: Sequence[Mapping[str, Any]], *, n_workers: int
) -> Iterator[list[RefitRow]]:
    """What is stored of each refit that is asked for, in their order."""
    if n_workers <= 1:
        yield from (_rows(problem, spec, **one) for one in asked)
        return
    with scratch_folder() as folder:
        put(problem, path := folder / JOB)
        pool = Parallel(n_jobs=n_workers, return_as="generator")
        yield from pool(delayed(_shared_rows)(path, spec, **one) for one in asked)


def _shared_rows(path: Path, spec: Mapping[str, Any], **one: Any) -> list[RefitRow]:
    """The same in a process that finds the problem in a file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told of Ctrl-C, too, and ends this process
    return _rows(get(path), spec, **one)


def _rows(problem: Problem, spec: Mapping[str, Any], *, n_epochs: int, **one: Any) -> list[RefitRow]:
    """What is stored of a refit, with what the networks say of the rows that they are compared by."""
    networks, seeds, seconds = refit(problem, n_epochs=n_epochs, **one)
    (probe, images), places = probed(spec), compared_places(spec)
    starts = None if problem.steps is None else np.zeros(1, dtype=np.int64)
    outputs = [network.output(probe, starts=starts, images=images) for network in networks]
    outputs = [at_places(output, places, n_images=probe.n_rows) for output in outputs]
    return [
        RefitRow(seed, n_epochs, seconds, output[:N_PROBE], network.to_bytes())
        for network, seed, output in zip(networks, seeds, outputs, strict=True)
    ]


def _last(training: Training, n_epochs: int) -> Epoch:
    """The epoch after which training ends."""
    epochs: Sequence[Epoch] = list(islice(training.epochs(), n_epochs))
    return epochs[-1]


def whole(problem: Problem) -> Problem:
    """The same problem with all rows among those that train; those that choose are among them."""
    rows = np.union1d(problem.split.train, problem.split.val)
    return replace(problem, split=Split(rows, problem.split.val))
