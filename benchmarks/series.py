"""Series: training steps per second of each network, beside the same one in a loop by hand.

    python benchmarks/series.py throughput

Both sides have the same windows and batches and a processor core each, at the same moment, in a process of their own.
The loop by hand is in float32; ours is in bfloat16 where it is measured to be faster, as in a search. `rare.py` is the
case at full size, and `series_peers.py` compares with other systems.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import series_plain

from automl_nn import SeriesColumns
from automl_nn.model.backbones import SEQUENCES, WHOLE
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.series import step_space
from automl_nn.space.draw import defaults
from automl_nn.train.device import threads
from automl_nn.train.precision import Precision

N_WINDOWS, BATCH_SIZE = 512, 32
"""Windows of an epoch, and of a batch."""

FASTER = 0.9
"""Share of the time in float32 that bfloat16 may take to be chosen."""


def throughput(options: argparse.Namespace) -> None:
    """Training steps per second of each network, and of a loop by hand."""
    rows = []
    for table, per_step in ((SEQUENCES, True), (WHOLE, False)):
        for name in options.networks or table:
            if name in table:
                rows.append({"network": name} | _both(name, options, per_step=per_step))
                print(f"{name} is measured.", flush=True)
    print(pd.DataFrame(rows).to_string(index=False, na_rep=""))


def _both(name: str, options: argparse.Namespace, *, per_step: bool) -> dict[str, str]:
    """A line of the table; both sides at the same moment."""
    frame = _frame(options.length, per_step=per_step)
    asked = {"length": options.length, "batch_size": BATCH_SIZE, "seconds": options.seconds}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        by_hand = pool.submit(series_plain.plain, name, frame, **asked) if name in series_plain.NETWORKS else None
        ours = pool.submit(_ours, name, frame, options.length, options.seconds, per_step).result()
        compared = {} if by_hand is None else _compared(ours[1], *by_hand.result())
    return {"parameters": f"{ours[0]:,}", "steps/s": f"{ours[1]:,.0f}", "precision": ours[2], **compared}


def _compared(pace: float, n_parameters: int, by_hand: float) -> dict[str, str]:
    """What stands beside a pace of ours."""
    return {
        "parameters by hand": f"{n_parameters:,}",
        "steps/s by hand": f"{by_hand:,.0f}",
        "times": f"{pace / by_hand:.2f}",
    }


def _frame(length: int, *, per_step: bool) -> pd.DataFrame:
    """Noise: 64 series of 1,024 steps with labels, or as many steps in series of the length of a window."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(64 * 1024, 4)), columns=list("abcd"), dtype=np.float32)
    if per_step:
        return frame.assign(s=np.arange(len(frame)) // 1024, y=(frame["a"] > 2).astype(int))
    series = np.arange(len(frame)) // length
    return frame.assign(s=series, y=series % 2)


def _ours(name: str, frame: pd.DataFrame, length: int, seconds: float, per_step: bool) -> tuple[int, float, str]:
    """Parameters, steps per second and the precision that was chosen."""
    problem = pose_steps(frame, ["y"], SeriesColumns("s", per_step=per_step))
    with threads(1):
        attempt = _attempt(problem, name, length=length)
        is_rounded = attempt.may_round and attempt.pace(1.0, "bfloat16") < FASTER * attempt.pace(1.0, "float32")
        precision: Precision = "bfloat16" if is_rounded else "float32"
        attempt.plan_epochs(1000, precision=precision)
        rates = [float(told[0].row.rows_per_second) for told in attempt.epochs(seconds=seconds)]
    return attempt.n_parameters, float(np.median(rates[1:] or rates)), precision


def _attempt(problem: Problem, name: str, *, length: int) -> Attempt:
    settings: dict[str, object] = {
        "model.backbone.name": name,
        "model.backbone.length": length,
        "model.recipe": "relu-he-batchnorm",
        "model.dropout.rate": series_plain.DROPOUT,
        "train.n_windows": N_WINDOWS,
        "train.batch_size": BATCH_SIZE,
    }
    settings |= {"model.backbone.n_layers": 2, "model.backbone.d_block": 64} if name.endswith("lstm") else {}
    return Attempt(Encodings(problem), [defaults(edit_space(step_space(problem), settings))], seeds=[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("throughput",))
    parser.add_argument("--networks", nargs="*", metavar="NAME", help="only these; all of them unless given")
    parser.add_argument("--length", type=int, default=64, help="steps of a window")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each network and side")
    throughput(parser.parse_args())


if __name__ == "__main__":
    main()
