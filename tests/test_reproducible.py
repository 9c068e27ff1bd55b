"""The same seed gives the same study, whether it was left alone, stopped, or killed."""

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.datasets import load_breast_cancer

from automl_nn.search.events import EpochEnded, TrialStarted
from automl_nn.study import Study

SETTINGS = {"train.n_epochs": 5, "model.backbone.d_block": 32, "model.backbone.n_blocks": 1, "train.batch_size": 64}
N_TRIALS = 16
"""More than the random start of the sampler, so that later proposals depend on earlier scores."""

VOLATILE = ["seconds", "peak_memory_mb", "attempt", "run_id", "trial_id"]
PREPARE = """
from sklearn.datasets import load_breast_cancer
from automl_nn.study import Study
frame = load_breast_cancer(as_frame=True).frame
"""
TUNE = f'Study(frame, "target", settings={SETTINGS!r}).tune(n_trials={N_TRIALS}, references=False)'
WARM = f"""
{PREPARE}
Study(frame, "target", settings={SETTINGS!r}, storage="sqlite://").tune(n_trials=1, references=False)
def work():
    {TUNE}
"""


def make_study(**given):
    return Study(load_breast_cancer(as_frame=True).frame, "target", settings=SETTINGS, **given)


def content(study):
    """All of a study that must not depend on when it was trained."""
    trials = study.leaderboard().sort_values("number", ignore_index=True)
    epochs = study.epochs().sort_values(["trial", "epoch"], ignore_index=True)
    timing = [name for name in epochs if name in ("seconds", "rows_per_second", "run_id")]
    return trials.drop(columns=VOLATILE, errors="ignore"), epochs.drop(columns=timing)


def assert_same(one, other):
    for left, right in zip(content(one), content(other), strict=True):
        pd.testing.assert_frame_equal(left, right)
    np.testing.assert_array_equal(one.validation()[0], other.validation()[0])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return make_study(storage=f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/s.db").tune(
        n_trials=N_TRIALS, references=False
    )


def test_the_same_seed_gives_the_same_study(undisturbed):
    assert_same(make_study().tune(n_trials=N_TRIALS, references=False), undisturbed)


def test_another_seed_gives_another_study(undisturbed):
    other = make_study(seed=1).tune(n_trials=2, references=False)
    assert other.leaderboard()["score"].max() != undisturbed.leaderboard()["score"].max()


def test_a_study_made_in_parts_equals_one_made_at_once(undisturbed):
    for n_trials in (1, 7, 12, N_TRIALS):
        study = make_study().tune(n_trials=n_trials, references=False)
    assert_same(study, undisturbed)


@pytest.mark.parametrize("kind", [TrialStarted, EpochEnded])
def test_whoever_stops_asking_can_go_on_later(kind, undisturbed):
    for _ in range(3):
        events = make_study().events(n_trials=N_TRIALS, references=False)
        seen = (event for event in events if isinstance(event, kind))
        list(itertools.islice(seen, 5))
        events.close()
    assert_same(make_study().tune(n_trials=N_TRIALS, references=False), undisturbed)


def n_epochs_in(database):
    """Epochs that are stored by now."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as c,
    ):
        return c.execute("SELECT count(*) FROM automl_epochs").fetchone()[0]
    return 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_kills_leave_the_study_as_if_there_had_been_none(undisturbed, forks, tmp_path):
    rng, database, studies = random.Random(0), tmp_path / "automl_nn.db", forks(WARM)
    for kill in range(10):
        pid = studies.start()
        while n_epochs_in(database) < 4 * kill and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.05))
        os.kill(pid, signal.SIGKILL)
        assert studies.wait(pid) == -signal.SIGKILL, "the study ended before it could be killed"
    subprocess.run([sys.executable, "-c", PREPARE + TUNE], cwd=tmp_path, check=True)
    assert_same(Study.load("study", storage=f"sqlite:///{database}"), undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_share_a_study_without_a_double_trial(tmp_path):
    workers = [subprocess.Popen([sys.executable, "-c", PREPARE + TUNE], cwd=tmp_path) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    trials = Study.load("study", storage=f"sqlite:///{tmp_path}/automl_nn.db").leaderboard()
    assert sorted(trials["number"]) == list(range(N_TRIALS))
    assert set(trials["state"]) <= {"complete", "pruned"}
