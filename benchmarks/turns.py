"""Training loops that take turns: each of them in processes of its own, alone on the machine while it is measured."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from multiprocessing.connection import Connection
from typing import final

import numpy as np
import torch

from automl_nn.model.network import Network
from automl_nn.model.views import view_of
from automl_nn.search.attempt import stack_of
from automl_nn.search.encodings import Encoded, Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.space.draw import defaults
from automl_nn.space.options import Space
from automl_nn.train.batches.feed import Feeder
from automl_nn.train.device import all_memory_kept, threads
from automl_nn.train.loop import stack_loss
from automl_nn.train.losses.stack_loss import FoldLosses
from automl_nn.train.precision import Precision, set_precision
from automl_nn.train.step import Stepper

N_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")

N_EPOCHS = 10_000
"""More than are ever asked for."""

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["turns"])  # torch is imported once

Make = Callable[[], Iterator[int]]
"""Starts a training loop, which yields how much each step has trained on, in images or steps of series."""


@final
@dataclass(frozen=True)
class Side:
    """A training loop, in one process of so many threads or in several processes at the same moment."""

    make: Make
    n_threads: int = 1
    n_processes: int = 1


@final
@dataclass(frozen=True)
class Pace:
    """What a side does.

    Args:
        by_clock: In a second, all its processes together.
        by_work: In a second of processor time, without that of a loader's workers.
    """

    by_clock: float
    by_work: float


def our_stack(problem: Problem, space: Space) -> tuple[Network, Encoded]:
    """As many networks as a search trains at once, with the defaults of a space, and the rows that they learn from."""
    config = defaults(space)
    (rows,) = Encodings(problem).of(config["model"]["encoder"], view_of(config["model"]))
    seeds = range(config["search"]["cohort"])
    return stack_of(rows, [config] * len(seeds), task=problem.task, seeds=seeds), rows


def our_steps(problem: Problem, space: Space, *, precision: Precision) -> Iterator[int]:
    """Train that stack by our loop; yield what each step has trained on, counted for each network."""
    (network, rows), config = our_stack(problem, space), defaults(space)["train"]
    configs = [config] * network.k
    set_precision(network, precision)
    batches, _ = Feeder(network, [rows.fold], config, problem.task, range(network.k)).feed()
    losses = FoldLosses([stack_loss(rows.fold.train, configs, task=problem.task)])
    stepper = Stepper(network, configs, loss=losses, n_steps=batches.n_steps * N_EPOCHS)
    network.train()
    with threads(1), all_memory_kept():
        for batch in chain.from_iterable(batches.epoch() for _ in range(N_EPOCHS)):
            stepper.step(batch)
            yield network.k * batches.batch_size


def compare(ours: Mapping[Precision, Make], by_hand: Mapping[str, Make], *, n_rounds: int, seconds: float) -> str:
    """How many times the pace of the loop by hand is ours, and all paces behind it.

    With one core each, both have one thread and nothing beside it. With all cores, ours runs as often as there are
    cores, as a search does, and stands beside the best loop by hand, of one thread or as many as there are cores.

    Args:
        ours: One for each precision; the faster one counts, as in a search.
        by_hand: By what tells them apart, if there is any; the first one has nothing beside it.
        n_rounds: Turns of each loop.
        seconds: Of a turn.
    """
    counts = sorted({1, N_CORES})
    own = {n: {f"{n} x ours in {name}": Side(make, n_processes=n) for name, make in ours.items()} for n in counts}
    other = {f"{name}, threads: {n}": Side(make, n_threads=n) for name, make in by_hand.items() for n in counts}
    sides = {name: side for some in own.values() for name, side in some.items()} | other
    paces = take_turns(sides, n_rounds=n_rounds, seconds=seconds)
    found = "; ".join(f"{name} {pace.by_clock:,.0f}" for name, pace in paces.items())
    return f"{_ratios(paces, own, list(other))}[{found}]"


def _ratios(paces: Mapping[str, Pace], own: Mapping[int, Iterable[str]], other: Sequence[str]) -> str:
    if not other:
        return ""
    alone = paces[other[0]]
    one_core = max(paces[name].by_clock for name in own[1]) / alone.by_clock
    by_work = max(paces[name].by_work for name in own[1]) / alone.by_work
    all_cores = max(paces[name].by_clock for name in own[N_CORES]) / max(paces[name].by_clock for name in other)
    return f"one core {one_core:.2f} ({by_work:.2f} by processor time), {N_CORES} cores {all_cores:.2f}  "


def take_turns(sides: Mapping[str, Side], *, n_rounds: int, seconds: float) -> dict[str, Pace]:
    """The paces of sides that take turns, so that other load meets all of them: medians.

    Args:
        sides: By name.
        n_rounds: Turns of each side; one more comes first, in which memory is claimed and kernels are chosen.
        seconds: Of a turn, which ends with the step that is under way.
    """
    with ExitStack() as stack:
        lines = {name: stack.enter_context(_started(side)) for name, side in sides.items()}
        rounds = [{name: _turn(own, seconds) for name, own in lines.items()} for _ in range(n_rounds + 1)]
    return {name: Pace(*np.median([turns[name] for turns in rounds[1:]], axis=0).tolist()) for name in sides}


@contextmanager
def _started(side: Side) -> Iterator[list[Connection]]:
    """Lines to the processes of a side."""
    pairs = [CONTEXT.Pipe() for _ in range(side.n_processes)]
    processes = [CONTEXT.Process(target=_serve, args=(side, far)) for _, far in pairs]
    for process, (_, far) in zip(processes, pairs, strict=True):
        process.start()
        far.close()  # so that the near end is told when the process breaks down
    try:
        yield [near for near, _ in pairs]
    finally:
        for process, (near, _) in zip(processes, pairs, strict=True):
            near.close()
            process.join()


def _turn(lines: Sequence[Connection], seconds: float) -> tuple[float, float]:
    """Let all processes of a side work at the same moment; what they did a second, by the clock and by their work."""
    for line in lines:
        line.send(seconds)
    n, taken, worked = (np.array(own) for own in zip(*(line.recv() for line in lines), strict=True))
    return float((n / taken).sum()), float(n.sum() / worked.sum())


def _serve(side: Side, line: Connection) -> None:
    """Train for as many seconds as are asked for, as often as they are."""
    torch.set_num_threads(side.n_threads)
    loop = side.make()
    while (seconds := _asked(line)) is not None:
        n, begun, begun_to_work = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() < begun + seconds:
            n += next(loop)
        line.send((n, time.perf_counter() - begun, time.process_time() - begun_to_work))


def _asked(line: Connection) -> float | None:
    """For how many seconds; None if nobody asks any more."""
    try:
        seconds: float = line.recv()
    except EOFError:
        return None
    return seconds
