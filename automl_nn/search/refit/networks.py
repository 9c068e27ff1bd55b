"""Networks of chosen trials on all rows, trained in one stack."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from automl_nn.data.parting.split import Split
from automl_nn.errors import BudgetError
from automl_nn.model.views import view_of
from automl_nn.search.attempt import stack_of, trained_of
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.search.samplers import trial_seed
from automl_nn.space.options import Config
from automl_nn.train.device import all_memory_kept, threads
from automl_nn.train.loop import Training
from automl_nn.train.stop import State
from automl_nn.train.trained import Trained

TOLERANCE = 0.25
"""By this share a network's loss on the rows that chose, which it has learned, may exceed that of its trial there."""


@final
@dataclass(frozen=True)
class Again:
    """A trial that is trained again.

    Args:
        run_id: Its run in the store.
        config: Its draw from the space.
        seed: Its seed; its networks get seeds of their own from it.
        n_epochs: Its best epoch, with which they end.
        loss: Its loss on the rows that choose at that epoch.
        seconds: What it took up to that epoch: its share of the time of a stack.
    """

    run_id: int
    config: Config
    seed: int
    n_epochs: int
    loss: float = math.inf
    seconds: float = 0.0


@final
@dataclass(frozen=True)
class Refitted:
    """A network that was trained on all rows.

    Args:
        seed: Its seed.
        seconds: Its share of the time.
        network: The network.
    """

    seed: int
    seconds: float
    network: Trained


def refit(
    encodings: Encodings, trials: Sequence[Again], *, n_seeds: int = 1, seconds: float = math.inf
) -> list[list[Refitted]]:
    """Train networks of some trials on all rows, in one stack.

    They train as long as their trial did up to its best epoch, with its schedule: no row is left that could say when to
    stop, or how good they are. What the trial's outputs have shown for unseen rows, and what was decided from it, is
    the estimate for these networks, too. One that tells the rows that chose, which it has learned, clearly worse than
    its trial, which had not, is dropped, and so is one that is not finite, or whose epochs take too long.

    Args:
        encodings: The rows of `whole(problem)`.
        trials: The trials, all of one bucket; see `stacks`.
        n_seeds: Networks of each of them.
        seconds: Wall time, as far as the pace of the first epochs tells what the others take.

    Returns:
        The networks of each trial.

    Raises:
        BudgetError: There is no seed to train.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> from automl_nn.search.spaces.default import default_space
        >>> from automl_nn.space.draw import defaults
        >>> problem = pose(pd.DataFrame({"x": range(60), "y": [0] * 30 + [1] * 30}), ["y"], roles={"x": "numeric"})
        >>> trial = Again(0, defaults(default_space(problem.task, n_rows=48)), seed=0, n_epochs=1)
        >>> ((network, other),) = refit(Encodings(whole(problem)), [trial], n_seeds=2)
        >>> network.network.output(problem.table).shape
        (60, 1)
    """
    if n_seeds < 1:
        raise BudgetError(f"n_seeds = {n_seeds} is not possible: a refit trains at least one network.")
    task, model = encodings.problem.task, trials[0].config["model"]
    (rows,) = encodings.of(model["encoder"], view_of(model))
    owners = [trial for trial in trials for _ in range(n_seeds)]
    configs = [owner.config for owner in owners]
    seeds = [trial_seed(trial.seed, position) for trial in trials for position in range(n_seeds)]
    network = stack_of(rows, configs, task=task, seeds=seeds)
    training = Training(network, [rows.fold], [config["train"] for config in configs], task=task, seeds=seeds)
    with threads(1), all_memory_kept():
        ended = {i: (share, state) for i, share, state in _ends(training, owners, seconds=seconds)}
    architecture = network.architecture
    made = {
        i: Refitted(seeds[i], spent, trained_of(rows, configs[i], state, task=task, architecture=architecture))
        for i, (spent, state) in ended.items()
    }
    firsts = range(0, len(owners), n_seeds)
    return [[made[i] for i in range(first, first + n_seeds) if i in made] for first in firsts]


def _ends(training: Training, owners: Sequence[Again], *, seconds: float) -> Iterator[tuple[int, float, State]]:
    """Each network at its last epoch, with its share of the time; it costs nothing from then on."""
    begun = before = time.monotonic()
    share = 0.0
    for epoch in training.epochs():
        now = time.monotonic()
        share, before = share + (now - before) / len(epoch.candidates), now
        left = []
        for place, i in enumerate(epoch.candidates):
            n_left = owners[i].n_epochs - epoch.number
            if n_left <= 0 and epoch.alive[place] and epoch.val_loss[place] <= _most(owners[i].loss):
                yield i, share, training.network.network_state(place)
            needed = now - begun + n_left * (now - begun) / epoch.number
            if n_left > 0 and epoch.alive[place] and needed <= seconds:
                left.append(place)
        if not left:
            return
        if len(left) < len(epoch.candidates):
            training.keep(left)


def _most(loss: float) -> float:
    return loss + TOLERANCE * abs(loss)


def whole(problem: Problem) -> Problem:
    """The same problem with all rows among those that train; those that choose are among them."""
    rows = np.union1d(problem.split.train, problem.split.val)
    return replace(problem, split=Split(rows, problem.split.val))
