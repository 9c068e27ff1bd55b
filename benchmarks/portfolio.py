"""Choose the first trials of a study by measurement: few configurations that do well on tables they were not chosen on.

    python benchmarks/portfolio.py                                            # tables that scikit-learn bundles
    python benchmarks/portfolio.py a.parquet b.csv --target y --n-configs 40 --size 8 --results scores.csv

Every candidate is trained once on every table: the configurations that are in the portfolio now, and random draws
from the default space. Its regret on a table is how far its validation score lies behind the best candidate's, in units
of the median candidate's distance. A portfolio is filled greedily: next comes the configuration that lowers the mean
regret of the best one so far. How good that is, is told by tables left out one after the other: filled on the others,
the portfolio is judged by its best configuration's regret on the one left out, beside the present one and random ones
of the same size.

Measured scores are kept in `--results`; the same line again goes on where it was stopped.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from automl_nn import Study
from automl_nn.data.read import read_frame
from automl_nn.errors import AutoMLError
from automl_nn.search.spaces.default import default_space
from automl_nn.search.spaces.portfolio import PORTFOLIO
from automl_nn.space.draw import flatten, suggest
from automl_nn.space.ranges import Value
from automl_nn.task.infer import make_task

Config = Mapping[str, Value]
GIVEN = ("train.loss", "train.n_epochs", "train.patience", "train.precision", "train.batch_size", "search.")
"""Paths that depend on the task, on the rows or on the machine: their defaults stay."""


def main() -> None:
    arguments = _arguments()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tables = dict(_bundled() if not arguments.tables else _read(arguments.tables, arguments.target))
    candidates = _candidates(arguments.n_configs, seed=arguments.seed)
    scores = measured(tables, candidates, arguments)
    print(scores.describe().T.to_string())
    loss = regret(scores.to_numpy())
    _report(loss, list(scores.columns), arguments.size)
    for i in fill(loss, arguments.size):
        print(json.dumps(candidates[i]))


def measured(
    tables: Mapping[str, pd.DataFrame], candidates: Sequence[Config], given: argparse.Namespace
) -> pd.DataFrame:
    """Validation scores, a row for each candidate and a column for each table; NaN where training failed."""
    if not given.results.is_file():
        given.results.write_text("config,table,score\n")
    known = {(row.config, row.table) for row in pd.read_csv(given.results).itertuples()}
    for (i, config), (name, frame) in product(enumerate(candidates), tables.items()):
        if (i, name) not in known:
            with given.results.open("a") as file:
                file.write(f"{i},{name},{_score(frame, config, given)}\n")
    return pd.read_csv(given.results).pivot(index="config", columns="table", values="score")[list(tables)]


def _score(frame: pd.DataFrame, config: Config, given: argparse.Namespace) -> float:
    rows = frame.sample(min(given.max_rows, len(frame)), random_state=given.seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            study = Study(
                rows, given.target, settings=config, storage=f"sqlite:///{folder}/study.db", seed=given.seed
            ).tune(n_trials=1, timeout=given.seconds)
        except AutoMLError:
            return float("nan")
        return float("nan") if study.best_score is None else study.best_score


def regret(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each candidate is behind the best one of its table, in units of the median one's distance; at most 3."""
    behind = np.nanmax(scores, axis=0) - scores
    units = behind / np.maximum(np.nanmedian(behind, axis=0), 1e-12)
    return np.asarray(np.nan_to_num(np.clip(units, 0, 3), nan=3.0))


def fill(loss: NDArray[np.float64], size: int) -> list[int]:
    """Greedily, the candidates whose best one has the lowest mean regret."""
    chosen: list[int] = []
    best = np.full(loss.shape[1], np.inf)
    for _ in range(size):
        mean = np.minimum(loss, best).mean(axis=1)
        mean[chosen] = np.inf
        chosen.append(int(mean.argmin()))
        best = np.minimum(best, loss[chosen[-1]])
    return chosen


def _report(loss: NDArray[np.float64], tables: Sequence[str], size: int) -> None:
    """Print the regret on tables left out."""
    rng = np.random.default_rng(0)
    rows = []
    for t, table in enumerate(tables):
        others = np.delete(np.arange(len(tables)), t)
        random = [loss[rng.choice(len(loss), size, replace=False), t].min() for _ in range(1000)]
        now = loss[: min(size, len(PORTFOLIO)), t].min()
        rows.append((table, loss[fill(loss[:, others], size), t].min(), now, np.mean(random)))
    report = pd.DataFrame(rows, columns=["left out", "chosen on the others", "present portfolio", "random"])
    print(report.set_index("left out").round(3).to_string())
    print(report.drop(columns="left out").mean().round(3).to_string())


def _candidates(n_configs: int, *, seed: int) -> list[Config]:
    """The present portfolio, then draws from the default space."""
    space = default_space(make_task(pd.DataFrame({"y": [0, 1]})), n_rows=10_000)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    drawn = [flatten(suggest(study.ask(), space)) for _ in range(n_configs)]
    free = [{path: value for path, value in config.items() if not path.startswith(GIVEN)} for config in drawn]
    return [*PORTFOLIO, *free]


def _read(paths: Iterable[Path], target: str) -> Iterable[tuple[str, pd.DataFrame]]:
    for path in paths:
        frame = read_frame(path)
        if target not in frame:
            raise SystemExit(f"{path} has no column {target!r}.")
        yield path.stem if path.stem != "train" else path.parent.name, frame


def _bundled() -> Iterable[tuple[str, pd.DataFrame]]:
    for load in (load_breast_cancer, load_wine, load_digits, load_diabetes):
        frame = load(as_frame=True).frame
        yield load.__name__.removeprefix("load_"), frame.rename(columns={"target": "y"})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--target", default="y")
    parser.add_argument("--n-configs", type=int, default=24, help="random draws beside the present portfolio")
    parser.add_argument("--size", type=int, default=8, help="configurations to choose")
    parser.add_argument("--max-rows", type=int, default=6000, help="rows of a table that are used")
    parser.add_argument("--seconds", type=float, default=20.0, help="at most, for a training")
    parser.add_argument("--results", type=Path, default=Path("portfolio-scores.csv"))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
