"""Trials per second: our search, alone and in stacks, beside the loop that people write by hand.

    python benchmarks/throughput.py                                   # 64 trials of width 64, then of 256: README.md
    python benchmarks/throughput.py --widths 64 --trials 9 --epochs 2 # a look whether it runs

Every system trains the same number of networks of one shape on the same made table, for the same number of epochs,
without pruning, and keeps its study in SQLite. The loop by hand is Optuna with a DataLoader and plain PyTorch, with
torch's default number of threads. Stacks are trained in float32 and, where their products are large enough for it to be
another training, in bfloat16. The last line is the limit: the matrix products of all those steps and nothing else, in
stacks and in the precision that are fastest here, by as many processes as there are workers.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import optuna
import pandas as pd
import torch
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from automl_nn import Study
from automl_nn.model.stack import LEAST_ROUNDED
from automl_nn.train.device import threads

N_BLOCKS = 3
STACKS = (1, 2, 4, 8, 16)
TRAIN_SHARE = 0.8


def table(*, n_rows: int, n_columns: int) -> pd.DataFrame:
    x, y = make_classification(n_rows, n_columns, n_informative=n_columns // 2, flip_y=0.1, random_state=0)
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(n_columns)]).assign(target=y)


def by_hand(frame: pd.DataFrame, *, width: int, options: argparse.Namespace) -> float:
    """Seconds of a plain Optuna study over a DataLoader loop."""
    columns = [torch.tensor(frame.drop(columns="target").to_numpy(), dtype=torch.float32)]
    columns.append(torch.tensor(frame["target"].to_numpy(), dtype=torch.float32))
    train, val = train_test_split(np.arange(len(frame)), test_size=1 - TRAIN_SHARE, random_state=0)
    data, (x_val, y_val) = TensorDataset(*(column[train] for column in columns)), (column[val] for column in columns)

    def objective(trial: optuna.Trial) -> float:
        network = make_network(trial, d_in=x_val.shape[1], width=width)
        lr, decay = trial.suggest_float("lr", 1e-4, 3e-2, log=True), trial.suggest_float("decay", 1e-6, 0.1, log=True)
        optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=decay)
        best = np.inf
        for epoch in range(options.epochs):
            network.train()
            for x, y in DataLoader(data, batch_size=options.batch, shuffle=True, drop_last=True):
                optimizer.zero_grad()
                nn.functional.binary_cross_entropy_with_logits(network(x)[:, 0], y).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            network.eval()
            with torch.no_grad():
                best = min(best, log_loss(y_val, torch.sigmoid(network(x_val)[:, 0]).double()))
            trial.report(best, epoch)
        return float(best)

    with tempfile.TemporaryDirectory() as folder:
        sampler = optuna.samplers.TPESampler(seed=0)
        study = optuna.create_study(sampler=sampler, storage=f"sqlite:///{folder}/study.db")
        n_trials: int = options.trials
        return seconds_of(lambda: study.optimize(objective, n_trials=n_trials, catch=ValueError))


def make_network(trial: optuna.Trial, *, d_in: int, width: int) -> nn.Sequential:
    """Blocks of dense layer, Mish and dropout."""
    rate = trial.suggest_float("dropout", 0.0, 0.7)
    layers: list[nn.Module] = []
    for d in [d_in] + [width] * (N_BLOCKS - 1):
        layers += [nn.Linear(d, width), nn.Mish(), nn.Dropout(rate)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def own_settings(*, width: int, batch: int, epochs: int, precision: str, cohort: int) -> dict[str, Any]:
    """The default space with the shape and the length of its networks fixed."""
    return {
        "model.backbone.name": "mlp",
        "model.backbone.n_blocks": N_BLOCKS,
        "model.backbone.d_block": width,
        "model.recipe": "mish-lsuv",
        "model.embedding.name": "none",
        "train.batch_size": batch,
        "train.n_epochs": epochs,
        "train.patience": epochs,
        "train.precision": precision,
        "search.pruner": "none",
        "search.cohort": cohort,
    }


def ours(frame: pd.DataFrame, *, n_trials: int, n_workers: int, settings: dict[str, Any]) -> float:
    """Seconds of our search."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(frame, "target", metric="neg_log_loss", settings=settings, storage=f"sqlite:///{folder}/study.db")
        return seconds_of(lambda: study.tune(n_trials=n_trials, n_workers=n_workers))


def limit(*, width: int, options: argparse.Namespace) -> float:
    """Seconds that the products of all training steps take on one core at least."""
    n_steps = int(TRAIN_SHARE * options.rows) // options.batch * options.epochs * options.trials
    with threads(1):
        least = min(seconds_of_products(k, width, options, dtype) / k for k in STACKS for dtype in DTYPES)
    return float(n_steps * least)


DTYPES = (torch.float32, torch.bfloat16)


def seconds_of_products(k: int, width: int, options: argparse.Namespace, dtype: torch.dtype) -> float:
    """Seconds of the products of one step of a stack of k networks: the least of several."""
    widths = [options.columns] + [width] * N_BLOCKS + [1]
    layers = [
        tuple(
            torch.randn(k, *shape).to(dtype) for shape in ((options.batch, d_in), (d_in, d_out), (options.batch, d_out))
        )
        for d_in, d_out in pairwise(widths)
    ]

    def step() -> None:
        for place, (x, weight, gradient) in enumerate(layers):
            product(x, weight)
            product(x.mT, gradient)
            if place:
                product(gradient, weight.mT)

    return min(seconds_of(step) for _ in range(30))


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[0] @ b[0] if len(a) == 1 else a @ b


def seconds_of(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(frame: pd.DataFrame, *, width: int, options: argparse.Namespace) -> pd.DataFrame:
    """Seconds of each system for networks of one width, beside the loop by hand and the limit."""
    shape = {"width": width, "batch": options.batch, "epochs": options.epochs}
    systems = [
        ("one network at a time", 1, 1, "float32"),
        (f"stacks of {options.cohort}", 1, options.cohort, "float32"),
    ]
    systems += [(f"stacks of {options.cohort}", options.workers, options.cohort, "float32")]
    if options.batch * width**2 >= LEAST_ROUNDED:
        systems += [(f"stacks of {options.cohort}", options.workers, options.cohort, "bfloat16")]
    taken = {"by hand": by_hand(frame, width=width, options=options)}
    for name, n_workers, cohort, precision in systems:
        settings = own_settings(**shape, precision=precision, cohort=cohort)
        words = f"ours, {name}, {precision}, {n_workers} worker{'s' * (n_workers > 1)}"
        taken[words] = ours(frame, n_trials=options.trials, n_workers=n_workers, settings=settings)
    least = limit(width=width, options=options)
    shown = pd.DataFrame({"seconds": taken})
    shown["times as fast as by hand"] = taken["by hand"] / shown["seconds"]
    cores = [options.workers] + [n_workers for _, n_workers, _, _ in systems]
    shown["share of the limit"] = least / np.array(cores) / shown["seconds"]
    shown.loc[f"matrix products alone, {options.workers} processes"] = least / options.workers, np.nan, 1.0
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"trials": 64, "batch": 256, "epochs": 20, "rows": 10_000, "columns": 20, "cohort": 8}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 256])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = table(n_rows=options.rows, n_columns=options.columns)
    for width in options.widths:
        print(f"width {width}")
        print(compare(frame, width=width, options=options).round(2).to_string(na_rep=""), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
