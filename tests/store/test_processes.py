"""Several processes on one database, and processes that are killed."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from automl_nn.store.claims import Worker
from automl_nn.store.store import Store

SCRIPT = """
import sys, time
import optuna
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store

optuna.logging.set_verbosity(optuna.logging.ERROR)

def work(url, n_trials, seconds=0.0, told="/dev/null"):
    store = Store(url)
    study_id = store.open_study("study", spec={"metric": "roc_auc"})
    study = optuna.load_study(study_name="study", storage=store.optuna)
    while claim := store.claim(study_id, n_trials=n_trials, worker=Worker.this()):
        trial = optuna.trial.Trial(study, claim.trial_id)
        x = optuna.samplers.RandomSampler(seed=claim.number)._rng.rng.random()
        x = trial.suggest_float("x", x, x)
        store.begin(claim, config={"x": x}, seed=claim.number)
        for number in range(3):
            facts = dict.fromkeys(EpochRow.__dataclass_fields__, 0.5) | {"metrics": {}, "spikes": (), "skipped": 0}
            store.report(claim, EpochRow(**facts | {"number": number, "score": x + number}))
            time.sleep(seconds)
        store.finish(claim, Outcome(state="complete", score=x, seconds=1.0, output=[[x]], payload=b"network"))
        with open(told, "a") as file:
            file.write("ended\\n")
"""


@pytest.fixture
def workers(forks):
    """Processes that work on the study of a database."""
    return forks(SCRIPT)


def check_complete(store, n_trials):
    """Every trial is there once, complete, and has all it should, in our tables and in Optuna's."""
    study_id = store.study_id("study")
    trials = store.trials(study_id)
    assert trials["number"].tolist() == list(range(n_trials))
    assert set(trials["state"]) == {"complete"}
    frozen = store.optuna.get_all_trials(study_id)
    assert [trial.number for trial in frozen] == list(range(n_trials))
    assert [trial.value for trial in frozen] == trials["score"].tolist() == trials["x"].tolist()
    assert [len(trial.intermediate_values) for trial in frozen] == [3] * n_trials
    assert len(store.epochs(study_id)) == 3 * n_trials
    for run_id in trials["run_id"]:
        assert store.predictions(run_id).shape == (1, 1)
        assert store.model(run_id) == b"network"
    return trials


def test_two_processes_share_the_trials(url, workers):
    pids = [workers.start(url, 10) for _ in range(2)]
    assert [workers.wait(pid) for pid in pids] == [0, 0]
    with Store(url) as store:
        check_complete(store, 10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_processes_may_open_an_empty_database_at_once(url, workers):
    pids = [workers.start(url, 64) for _ in range(8)]
    assert [workers.wait(pid) for pid in pids] == [0] * 8
    with Store(url) as store:
        check_complete(store, 64)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_after_ten_kills_no_trial_is_lost_or_doubled(url, workers, tmp_path):
    rng, told = random.Random(0), tmp_path / "told"
    for _ in range(10):
        told.write_text("")
        pid = workers.start(url, 40, 0.005, str(told))
        while not told.read_text():
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.1))
        os.kill(pid, signal.SIGKILL)
        assert workers.wait(pid) in (-signal.SIGKILL, 0)
    assert workers.wait(workers.start(url, 40)) == 0
    uninterrupted = f"sqlite:///{tmp_path}/uninterrupted.db"
    assert workers.wait(workers.start(uninterrupted, 40)) == 0
    with Store(url) as store, Store(uninterrupted) as other:
        got, expected = check_complete(store, 40), check_complete(other, 40)
        assert (got["attempt"] > 1).sum() >= 5  # the kills did hit trials
        assert got[["number", "score", "x", "seed"]].equals(expected[["number", "score", "x", "seed"]])


@pytest.mark.slow
def test_a_process_killed_while_it_makes_the_tables_does_no_harm(url, workers):
    rng = random.Random(0)
    for _ in range(5):
        pid = workers.start(url, 1)
        time.sleep(rng.uniform(0.0, 0.5))
        os.kill(pid, signal.SIGKILL)
        assert workers.wait(pid) in (-signal.SIGKILL, 0)
    assert workers.wait(workers.start(url, 3)) == 0
    with Store(url) as store:
        check_complete(store, 3)


def test_a_process_is_dead_when_it_is_gone_or_waits_to_be_buried():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    worker = Worker(Worker.this().host, process.pid, time.time())
    assert not worker.is_dead()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, but its parent has not asked
    assert worker.is_dead()
    process.wait()
    assert worker.is_dead()
