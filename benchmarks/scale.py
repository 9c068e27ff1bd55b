"""What many rows, many levels and many boolean columns cost.

    python benchmarks/scale.py rows       # steps of the plain network on 10,000 to 1,000,000 rows
    python benchmarks/scale.py levels     # steps with 20,000 and with 2,000,000 levels of a category
    python benchmarks/scale.py flags      # memory of 1,000,000 rows of 512 boolean columns up to steps and scores

Steps of the compared cases take turns, and the least time of each counts.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np
import pandas as pd
import torch

from automl_nn.model.build import build, model_space
from automl_nn.model.inputs import Inputs
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import space_for
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix
from automl_nn.train.batches.rows import Batch, Batches
from automl_nn.train.device import threads
from automl_nn.train.losses.stack_loss import StackLoss, Targets
from automl_nn.train.space import train_space
from automl_nn.train.step import Stepper

N_COLUMNS = 20


def made(n_rows: int, *, n_levels: int = 0) -> Inputs:
    """Random inputs, with one embedded category where there are levels."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, max(n_levels, 1), (n_rows, min(n_levels, 1)), generator=generator)
    return Inputs(torch.randn(n_rows, N_COLUMNS, generator=generator), codes)


def steps(inputs: Inputs, *, vocabularies: tuple[int, ...] = ()) -> Iterator[float]:
    """Seconds of each step of the plain network, batches included."""
    model = defaults(fix(model_space(), "backbone.name", "mlp"))
    train = defaults(train_space("labels", n_rows=10_000))
    targets = Targets((torch.arange(len(inputs)) % 2).unsqueeze(1).float())
    network = build(
        [model],
        inputs,
        n_numeric=N_COLUMNS,
        vocabularies=vocabularies,
        d_out=1,
        output_bias=torch.zeros(1, 1),
        seeds=[0],
    ).train()
    loss = StackLoss([train["loss"]], targets, family="labels", d_out=1)
    stepper = Stepper(network, [train], loss=loss, n_steps=1_000_000)
    batches = Batches(inputs, targets, batch_size=256, seeds=[0])
    forever: Iterator[Batch] = chain.from_iterable(batches.epoch() for _ in repeat(None))
    while True:
        start = time.perf_counter()
        stepper.step(next(forever))
        yield time.perf_counter() - start


def compare(cases: dict[str, Iterator[float]], *, n_steps: int) -> None:
    """Least and median time of a step of each case, in microseconds."""
    taken = pd.DataFrame([{name: next(case) for name, case in cases.items()} for _ in range(n_steps)]) * 1e6
    print(taken.agg(["min", "median", "mean"]).T.round(0).to_string())


def flags(n_rows: int, n_columns: int) -> None:
    """Peak memory from boolean columns to the first steps and scores, in units of the columns as bytes."""
    x = np.random.default_rng(0).integers(0, 2, (n_columns, n_rows), dtype=np.uint8).view(bool).T
    names = [f"x{i}" for i in range(n_columns)]
    frame = pd.DataFrame(x, columns=names, copy=False).assign(target=x[:, 0] ^ x[:, 1])
    start = time.perf_counter()
    problem = pose(frame, ["target"])
    config = defaults(space_for(problem))
    Attempt(Encodings(problem), [config], seeds=[0]).pace(0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{time.perf_counter() - start:.1f} s, peak {peak / 1e9:.2f} GB = {peak / x.nbytes:.1f} times the columns")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rows", "levels", "flags"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    with threads(1):
        if options.what == "flags":
            flags(options.rows, options.columns)
        elif options.what == "levels":
            sizes = (20_000, 2_000_000)
            inputs = {n: made(100_000, n_levels=n) for n in sizes}
            compare({f"{n:,} levels": steps(inputs[n], vocabularies=(n,)) for n in sizes}, n_steps=options.steps)
        else:
            numbers = [n for n in (10_000, 100_000, 1_000_000) if n <= options.rows]
            compare({f"{n:,} rows": steps(made(n)) for n in numbers}, n_steps=options.steps)


if __name__ == "__main__":
    main()
