"""Series: training steps per second of each network, beside the same one in a loop by hand.

    python benchmarks/series.py throughput
    python benchmarks/series.py throughput --networks lstm lstm_forward --lengths 64 256 --batches 32 128

The loop by hand is in float32; ours is in bfloat16, too, and what is faster counts, as in a search. The loops take
turns, so that other load meets all of them.

Printed, for each network, length of windows and size of batches: how many times the pace of the loop by hand is ours,
with one core each, and with all cores: as many loops of ours as there are cores, as a search runs them, beside the loop
by hand with one thread or as many as there are cores. `rare.py` is the case at full size, and `series_peers.py`
compares with other systems.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from series_plain import DROPOUT, NETWORKS, plain, plain_loop
from turns import PRECISIONS, compare, our_stack, our_steps

from automl_nn import SeriesColumns
from automl_nn.model.backbones import SEQUENCES, TOLD, WHOLE
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.options import Space
from automl_nn.train.precision import Precision

N_WINDOWS = 512
"""Windows of an epoch."""

STEPWISE = (*SEQUENCES, *TOLD, "lstm_forward")
"""Networks that say something of each step; the others of a whole series."""


def throughput(options: argparse.Namespace) -> None:
    """Training steps per second of each network, and of a loop by hand."""
    for name, length, batch_size in product(options.networks, options.lengths, options.batches):
        asked = {"name": name, "frame": _frame(name, length=length), "length": length, "batch_size": batch_size}
        ours = {precision: partial(_our_loop, precision=precision, **asked) for precision in PRECISIONS}
        by_hand = {"by hand": partial(plain_loop, **asked)} if name in NETWORKS else {}
        told = compare(ours, by_hand, n_rounds=options.rounds, seconds=options.seconds)
        print(f"{name} ({_sizes(**asked)}), windows of {length}, batches of {batch_size}: {told}", flush=True)


def _frame(name: str, *, length: int) -> pd.DataFrame:
    """Noise: 64 series of 1,024 steps with labels, or as many steps in series of the length of a window."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(64 * 1024, 4)), columns=list("abcd"), dtype=np.float32)
    if name in STEPWISE:
        return frame.assign(s=np.arange(len(frame)) // 1024, y=(frame["a"] > 2).astype(int))
    series = np.arange(len(frame)) // length
    return frame.assign(s=series, y=series % 2)


def _our_loop(name: str, frame: pd.DataFrame, *, length: int, batch_size: int, precision: Precision) -> Iterator[int]:
    """Train by our loop; yield the number of steps of series of each batch."""
    problem, space = _posed(name, frame, length=length, batch_size=batch_size)
    return our_steps(problem, space, precision=precision)


def _sizes(name: str, frame: pd.DataFrame, **asked: int) -> str:
    """Numbers of parameters of both networks."""
    network, _ = our_stack(*_posed(name, frame, **asked))
    both = [network, plain(name, d_in=4)] if name in NETWORKS else [network]
    return " and ".join(f"{sum(own.numel() for own in one.parameters()):,}" for one in both) + " parameters"


def _posed(name: str, frame: pd.DataFrame, *, length: int, batch_size: int) -> tuple[Problem, Space]:
    """What is asked, and the one network in the space."""
    problem = pose_steps(frame, ["y"], SeriesColumns("s", per_step=name in STEPWISE))
    settings: dict[str, object] = {
        "model.backbone.name": name.removesuffix("_forward"),
        "model.backbone.length": length,
        "model.recipe": "relu-he-batchnorm",
        "model.dropout.rate": DROPOUT,
        "train.n_windows": N_WINDOWS,
        "train.batch_size": batch_size,
    }
    if "lstm" in name:
        settings |= {"model.backbone.n_layers": 2, "model.backbone.d_block": 64}
    if name == "lstm_forward":
        settings["model.backbone.direction"] = "forward"
    return problem, edit_space(space_for(problem), settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("throughput",))
    every = (*STEPWISE, *WHOLE)
    parser.add_argument("--networks", nargs="+", default=every, choices=every, metavar="NAME", help="only these")
    parser.add_argument("--lengths", type=int, nargs="+", default=(64,), help="steps of a window")
    parser.add_argument("--batches", type=int, nargs="+", default=(32,), help="windows of a batch")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each loop that are measured")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    throughput(parser.parse_args())


if __name__ == "__main__":
    main()
