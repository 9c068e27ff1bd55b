"""What the store costs: python benchmarks/store.py [URL of an empty database; an SQLite file unless given]."""

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from sqlalchemy import Connection, insert

from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.schema import EpochTable, RunTable
from automl_nn.store.store import Store
from automl_nn.store.trial_rows import PARAMS, TRIALS

N_TRIALS, N_REPORTS, N_STORED = 50, 20, 5_000
KNOBS = [f"knob_{i}" for i in range(15)]
CONFIG = {"train": dict.fromkeys(KNOBS, 0.5)}
METRICS = {part: {f"metric_{i}": 0.5 for i in range(6)} for part in ("train", "val")}
OUTPUT = np.zeros((1_000, 1), dtype=np.float32)
FLOATS = [column.name for column in EpochTable.__table__.columns if column.type.python_type is float]
EPOCH = dict.fromkeys(FLOATS, 0.5)

seconds: dict[str, list[float]] = defaultdict(list)


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Note how long the block takes."""
    begun = time.perf_counter()
    yield
    seconds[name].append(time.perf_counter() - begun)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/studies.db"
        with Store(url) as store:
            train(store)
            print(f"{sum(map(sum, seconds.values())) / N_TRIALS * 1e3:8.2f} ms per trial, of which")
            for name, parts in seconds.items():
                print(f"{sum(parts) / N_TRIALS * 1e3:16.2f} ms in {len(parts) // N_TRIALS} x {name}")
            print(f"{np.median(seconds['report']) * 1e3:8.2f} ms per report (median)")
        read(url)


def train(store: Store) -> None:
    """Run trials that train nothing."""
    study_id = store.open_study("train", spec={"metric": "roc_auc"})
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.load_study(study_name="train", storage=store.optuna, sampler=sampler)
    for _ in range(N_TRIALS):
        with timed("claim"):
            claim = store.claim(study_id, n_trials=None, worker=Worker.this())
            assert claim is not None
            trial = optuna.trial.Trial(study, claim.trial_id)
        with timed("suggest"):
            _ = [trial.suggest_float(knob, 0.0, 1.0) for knob in KNOBS]
        with timed("begin"):
            store.begin(claim, config=CONFIG, seed=0)
        for number in range(N_REPORTS):
            row = EpochRow(number=number, metrics=METRICS, skipped=0, spikes=(), **EPOCH)
            with timed("report"):
                store.report(claim, row)
        with timed("finish"):
            store.finish(
                claim, Outcome(state="complete", score=0.5, seconds=1.0, output=OUTPUT, payload=bytes(100_000))
            )


def read(url: str) -> None:
    """Read many trials into frames, and into Optuna."""
    with Store(url) as store:
        study_id = store.open_study("read", spec={"metric": "roc_auc"})
        store._write(lambda connection: fill(connection, study_id))
        for frame in (store.trials, store.epochs):
            begun = time.perf_counter()
            n_rows = len(frame(study_id))
            print(f"{time.perf_counter() - begun:8.2f} s for {n_rows} {frame.__name__} into a DataFrame")
        begun = time.perf_counter()
        store.optuna.get_all_trials(study_id, deepcopy=False)
        print(f"{time.perf_counter() - begun:8.2f} s for {N_STORED} trials into Optuna")


def fill(connection: Connection, study_id: int) -> None:
    """Write finished trials at once."""
    now = datetime(2026, 1, 1)
    trials: list[dict[str, Any]] = [
        {"study_id": study_id, "number": i, "state": "COMPLETE", "datetime_start": now} for i in range(N_STORED)
    ]
    trial_ids = connection.scalars(insert(TRIALS).returning(TRIALS.c.trial_id), trials).all()
    run = {"study_id": study_id, "state": "complete", "host": "", "pid": 0, "process_started": 0.0, "lease": 0.0}
    run |= {"attempt": 1, "token": "", "started": now, "config": CONFIG, "score": 0.5, "seconds": 1.0}
    runs = [run | {"slot": i, "number": i, "trial_id": trial_id} for i, trial_id in enumerate(trial_ids)]
    run_ids = connection.scalars(insert(RunTable).returning(RunTable.id), runs).all()
    knob = {"param_value": 0.5, "distribution_json": optuna.distributions.distribution_to_json(DISTRIBUTION)}
    knobs = [knob | {"trial_id": trial_id, "param_name": name} for trial_id in trial_ids for name in KNOBS]
    connection.execute(insert(PARAMS), knobs)
    epoch = EPOCH | {"metrics": METRICS, "skipped": 0}
    connection.execute(
        insert(EpochTable), [epoch | {"run_id": i, "number": n} for i in run_ids for n in range(N_REPORTS)]
    )


DISTRIBUTION = optuna.distributions.FloatDistribution(0.0, 1.0)

if __name__ == "__main__":
    main()
