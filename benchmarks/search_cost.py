"""What the search itself costs, sampler and storage, up to thousands of trials, and as a share of a search's time.

    python benchmarks/search_cost.py                                  # 2,000 trials of 20 epochs
    python benchmarks/search_cost.py --trials 200                     # a look whether it runs

The search runs as it does for a user, with its own sampler, its own SQLite file and one worker, but networks are not
trained: their curves are drawn, so that what is left is the search. Processor time, in milliseconds for each trial, by
tenths of the search. Then two cohorts of the default space train on a made table, and the last lines say which share of
a search of so many trials would be its own; the smaller the networks, the larger the share.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, final
from unittest import mock

import numpy as np
import optuna
import pandas as pd
from throughput import own_settings, table

from automl_nn import Study
from automl_nn.search import stack_run, tune
from automl_nn.search.attempt import Progress
from automl_nn.search.encodings import Encodings
from automl_nn.search.events import TrialEnded
from automl_nn.space.options import Config
from automl_nn.store.records import EpochRow, Outcome

METRICS = ("neg_log_loss", "average_precision", "roc_auc", "accuracy", "f1", "balanced_accuracy")

N_BYTES = 60_000
"""Bytes of a stored network of width 64."""

N_PARTS = 10
"""Parts of a search whose costs are told apart."""

N_TRAINED = 17
"""Trials that are trained in earnest: the first one, and two cohorts of 8."""


@final
class Drawn:
    """Stands in for a stack in training: its curves depend on the learning rate and on chance."""

    may_round, least_epochs, kind, pace = False, 1, "drawn", 1.0

    def __init__(self, encodings: Encodings, configs: Sequence[Config], *, seeds: Sequence[int]) -> None:
        self._rng, self._n_val = np.random.default_rng(list(seeds)), len(encodings.problem.split.val)
        self._left, self._n_epochs = list(range(len(configs))), int(configs[0]["train"]["n_epochs"])
        lr = np.log10([config["train"]["optimizer"]["lr"] for config in configs])
        self._worth = -0.3 - 0.1 * np.abs(lr + 2.5) + 0.02 * self._rng.normal(size=len(configs))

    def epochs(self, *, seconds: float) -> Iterator[list[Progress]]:
        del seconds
        for number in range(1, self._n_epochs + 1):
            scores = self._worth - 0.5 / number + 0.005 * self._rng.normal(size=len(self._worth))
            yield [self._progress(trial, number, float(scores[trial])) for trial in self._left]

    def _progress(self, trial: int, number: int, score: float) -> Progress:
        metrics = {part: dict.fromkeys(METRICS, score) for part in ("train", "val")}
        row = EpochRow(number, 0.4, 0.4, score, score, metrics, 0.1, 0.2, 0.3, 0.0, 0, 1e-3, 0.1, 1e5)
        return Progress(trial, row, score, None, is_stale=False)

    def keep(self, trials: Sequence[int]) -> None:
        self._left = list(trials)

    def seconds(self, trial: int) -> float:
        del trial
        return 0.1

    def outcome(self, trial: int, state: Any, *, stopped: str | None) -> Outcome:
        output = self._rng.normal(size=(self._n_val, 1)).astype(np.float32)
        return Outcome(
            state=state,
            score=float(self._worth[trial]),
            seconds=0.1,
            best_epoch=5,
            stopped=stopped,
            n_parameters=9_000,
            peak_memory_mb=300.0,
            output=output,
            payload=self._rng.bytes(N_BYTES),
        )


def costs(frame: pd.DataFrame, *, n_trials: int, settings: dict[str, Any]) -> pd.DataFrame:
    """Milliseconds of a trial by tenths of a search, the sampler's and all, without what is done once."""
    spent = {"sampler": 0.0}
    with _counted(spent):
        ends = [(spent["sampler"], time.process_time()) for _ in _ended(frame, n_trials=n_trials, settings=settings)]
    marks = np.linspace(0, n_trials - 1, N_PARTS + 1).astype(int)
    took = pd.DataFrame(ends, columns=["sampler", "all"]).iloc[marks].diff().iloc[1:] * 1000
    shown = took.div(np.diff(marks), axis=0).set_axis(marks[1:] + 1)
    shown.loc["mean"] = took.sum() / (n_trials - 1)
    return shown.assign(storage=shown["all"] - shown["sampler"])[["sampler", "storage", "all"]]


def _ended(frame: pd.DataFrame, *, n_trials: int, settings: dict[str, Any]) -> Iterator[TrialEnded]:
    with tempfile.TemporaryDirectory() as folder:
        study = Study(frame, "target", metric="neg_log_loss", settings=settings, storage=f"sqlite:///{folder}/study.db")
        events = study.events(n_trials=n_trials, references=False)
        yield from (event for event in events if isinstance(event, TrialEnded))


def _counted(spent: dict[str, float]) -> Any:
    """While it lasts, what drawing configs takes is counted."""
    draw: Callable[..., Any] = tune.Tuner._draw

    def counted(*args: Any) -> Generator[Any, None, Any]:
        start = time.process_time()
        draws = yield from draw(*args)
        spent["sampler"] += time.process_time() - start
        return draws

    return mock.patch.object(tune.Tuner, "_draw", counted)


def trained(frame: pd.DataFrame, *, settings: dict[str, Any]) -> float:
    """Milliseconds of a trial of two cohorts that are trained, the search's own included."""
    ends = [time.process_time() for _ in _ended(frame, n_trials=N_TRAINED, settings=settings)]
    return float((ends[-1] - ends[0]) / (len(ends) - 1) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"trials": 2000, "epochs": 20, "rows": 10_000, "columns": 20}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = table(n_rows=options.rows, n_columns=options.columns)
    length = {"train.n_epochs": options.epochs, "train.patience": options.epochs}
    with mock.patch.object(stack_run, "Attempt", Drawn):
        found = costs(frame, n_trials=options.trials, settings=length)
    print("milliseconds of a trial, after so many trials")
    print(found.round(1).to_string(), end="\n\n")
    small = own_settings(width=64, batch=256, epochs=options.epochs, precision="float32", cohort=8)
    own = found.loc["mean", "all"]
    for name, settings in {"the default space": length, "perceptrons of width 64": small}.items():
        training = max(trained(frame, settings=settings) - found["all"].iloc[0], 0.0)
        print(f"share of a search of {name}, {training:.0f} ms to train each: {own / (own + training):.1%}")


if __name__ == "__main__":
    main()
