"""What looking at a large study costs: python benchmarks/dashboard.py [trials; 5000 unless given].

A database of so many trials of 20 epochs is made; the server runs in a process of its own, asked as a browser asks.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import numpy.typing as npt
import optuna
import psutil
from optuna.distributions import distribution_to_json
from sqlalchemy import Connection, insert

from automl_nn.errors import DivergedError
from automl_nn.search.spaces.default import default_space
from automl_nn.space.draw import suggest
from automl_nn.store import claims, records
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store
from automl_nn.store.trial_rows import PARAMS
from automl_nn.task.tasks import Binary

N_TRIALS, N_EPOCHS, N_ROWS, N_KEPT = 5_000, 20, 2_000, 20
"""Of the study: trials, epochs of each, rows that choose, networks that are kept."""

TASK = Binary(("ill",), "average_precision", ("no", "yes"))
SPACE = default_space(TASK, n_rows=5 * N_ROWS)
optuna.logging.set_verbosity(optuna.logging.ERROR)
STUDY = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
WORKER = Worker.this()
SERVE = "import sys; from automl_nn.cli import main; sys.exit(main())"

GOALS = {
    **{"first page": 1.0, "study page": 2.0, "study page, page 2": 2.0, "poll": 0.3, "study page, poll": 0.3},
    **{"trial page": 1.0, "decision page": 2.0, "errors page": 2.0, "Optuna dashboard, poll": 1.0},
}
"""Seconds."""


def main() -> None:
    n_trials = int(sys.argv[1]) if len(sys.argv) > 1 else N_TRIALS
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/studies.db"
        begun = time.perf_counter()
        make(url, n_trials)
        size = Path(folder, "studies.db").stat().st_size / 2**20
        print(f"{n_trials} trials of {N_EPOCHS} epochs: {size:.0f} MiB, made in {time.perf_counter() - begun:.0f} s\n")
        serve(url, n_trials)


def make(url: str, n_trials: int) -> None:
    """A study whose trials were drawn from the real space, but trained nothing; the last one runs."""
    rng = np.random.default_rng(0)
    y = (rng.random((N_ROWS, 1)) < 0.1).astype(np.float32)
    about = {"task": TASK.to_json(), "data": {"n_rows": 5 * N_ROWS, "fingerprint": "f"}, "seed": 0, "schema": []}
    with Store(url) as store:
        study_id = store.open_study("large", spec=about)
        store.put_targets(study_id, row_ids=np.arange(N_ROWS), y=y)
        for begin in range(0, n_trials, 250):
            with store._storage.engine.begin() as connection:
                for number in range(begin, min(begin + 250, n_trials)):
                    write_trial(connection, study_id, y, rng=rng, is_last=number == n_trials - 1)
        store.keep_models(study_id, N_KEPT)


def write_trial(
    connection: Connection, study_id: int, y: npt.NDArray[np.float32], *, rng: np.random.Generator, is_last: bool
) -> None:
    """A trial as a worker writes it; every tenth has failed, every fifth was pruned."""
    claim = claims.claim(connection, study_id, n_trials=None, worker=WORKER, token=claims.new_token())
    assert claim is not None
    drawn = STUDY.ask()
    facts = {"config": suggest(drawn, SPACE), "seed": claim.number, "n_parameters": 10_000}
    records.begin(connection, claim, facts)
    connection.execute(insert(PARAMS), [param(claim.trial_id, drawn, name) for name in drawn.params])
    best = float(rng.beta(8, 3))
    n_epochs = N_EPOCHS // 2 if claim.number % 5 == 1 or is_last else N_EPOCHS
    for number in range(1, n_epochs + 1):
        records.report(connection, claim, EpochRow(number=number, **epoch(best * (1 - 0.5**number))))
    if is_last:
        return
    if claim.number % 10 == 3:
        records.fail(connection, claim, DivergedError("The loss is not finite."), seconds=2.0)
        return
    output = rng.normal(2 * best * y - 2).astype(np.float32)
    state: Any = "pruned" if n_epochs < N_EPOCHS else "complete"
    records.finish(connection, claim, Outcome(state, best, 2.0, best_epoch=n_epochs, output=output, payload=b"x"))


def param(trial_id: int, drawn: optuna.Trial, name: str) -> dict[str, Any]:
    """A row of Optuna's table of parameters."""
    distribution = drawn.distributions[name]
    value = distribution.to_internal_repr(drawn.params[name])
    text = distribution_to_json(distribution)
    return {"trial_id": trial_id, "param_name": name, "param_value": value, "distribution_json": text}


def epoch(score: float) -> dict[str, Any]:
    """What a network reports."""
    metrics = {part: {f"metric_{i}": score for i in range(6)} for part in ("train", "val")}
    losses = {"train_loss": 1 - score, "val_loss": 1.1 - score, "score": score, "train_score": score}
    norms = {"grad_norm_median": 1.0, "grad_norm_p90": 2.0, "grad_norm_max": 3.0, "clipped": 0.1, "skipped": 0}
    return losses | norms | {"metrics": metrics, "learning_rate": 1e-3, "seconds": 0.1, "rows_per_second": 1e4}


def serve(url: str, n_trials: int) -> None:
    """Start the server, ask it, and print how long it takes."""
    command = [sys.executable, "-c", SERVE, "dashboard", "--storage", url, "--port", "0"]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        base = server.stdout.readline().partition("automl/")[0]
        print(f"{time.perf_counter() - begun:6.2f} s until it listens\n")
        try:
            ask_all(base, n_trials, process=psutil.Process(server.pid))
        finally:
            server.terminate()


def ask_all(base: str, n_trials: int, *, process: psutil.Process) -> None:
    """Ask for every address twice, and print how long it takes."""
    for name, path in addresses(n_trials).items():
        before = process.cpu_times()
        seconds, size = ask(base + path)
        after = process.cpu_times()
        work = after.user + after.system - before.user - before.system
        again, _ = ask(base + path)
        goal = f"(goal {GOALS[name]:g} s)" if name in GOALS else ""
        print(f"{name:26}{seconds:7.2f} s {goal:14} work {work:6.2f} s, again {again:5.2f} s{size / 1024:8.0f} KiB")
    print(f"\n{process.memory_info().rss / 2**20:6.0f} MiB at the end (goal 500 MiB)")


def addresses(n_trials: int) -> dict[str, str]:
    """What is asked for, by name."""
    api, ours = "api/studies/1", "automl/studies/1"
    own = {"first page": "automl/", "poll": "automl/live", "study page": ours, "study page, page 2": f"{ours}?page=2"}
    own["study page, poll"] = f"{ours}/live?shown={n_trials - 1}"
    own |= {"trial page": f"{ours}/trials/7", "decision page": f"{ours}/decision", "errors page": f"{ours}/errors"}
    theirs = {"Optuna dashboard, first": api, "Optuna dashboard, poll": f"{api}?after={n_trials - 1}"}
    return own | theirs | {"Optuna's importances": f"{api}/param_importances"}


def ask(url: str) -> tuple[float, int]:
    """Seconds and bytes of an answer."""
    begun = time.perf_counter()
    with urlopen(Request(url, headers={"Accept-Encoding": "gzip"})) as answer:
        size = len(answer.read())
    return time.perf_counter() - begun, size


if __name__ == "__main__":
    main()
