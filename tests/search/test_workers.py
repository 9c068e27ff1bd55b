import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from automl_nn.search.helpers import _Helper
from automl_nn.study import Study

PROGRAM = """
from sklearn.datasets import load_breast_cancer
from automl_nn.study import Study
if __name__ == "__main__":
    settings = {"train.n_epochs": 30, "train.patience": 30, "model.backbone.d_block": 32}
    Study(load_breast_cancer(as_frame=True).frame, "target", settings=settings).tune(n_trials=10_000, n_workers=3)
"""


UNGUARDED = """
from sklearn.datasets import load_breast_cancer
from automl_nn.study import Study
settings = {"train.n_epochs": 3, "model.backbone.d_block": 8}
study = Study(load_breast_cancer(as_frame=True).frame, "target", settings=settings)
study.tune(n_trials=9, n_workers=2)
print(len(study.leaderboard()))
"""


def n_epochs():
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect("automl_nn.db")) as connection:
        return connection.execute("SELECT count(*) FROM automl_epochs").fetchone()[0]
    return 0


@pytest.fixture
def search(own_folder):
    """A search with three workers, of which the parent is one, and the two others."""
    (own_folder / "search.py").write_text(PROGRAM)
    with subprocess.Popen([sys.executable, "search.py"]) as parent:
        while n_epochs() < 20 and parent.poll() is None:
            time.sleep(0.05)
        workers = [
            p for p in psutil.Process(parent.pid).children(recursive=True) if "spawn_main" in " ".join(p.cmdline())
        ]
        yield parent, workers
        for process in [parent, *workers]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent_and_leave_a_study_to_go_on_with(sign, search):
    parent, workers = search
    assert len(workers) == 2
    parent.send_signal(sign)
    _, alive = psutil.wait_procs(workers, timeout=100)
    assert not alive
    states = Study.load("study").leaderboard()["state"].tolist()
    n_of_a_cohort = 8  # what a process that is killed cannot release; whoever goes on claims it again
    assert states.count("running") <= (n_of_a_cohort if sign == signal.SIGKILL else 0)
    assert "failed" not in states


@pytest.mark.parametrize("timeout", [60.0, None])
def test_nobody_waits_for_a_process_that_is_still_starting_when_the_time_is_over(monkeypatch, timeout):
    process = SimpleNamespace(start=lambda: None, is_alive=lambda: True)
    context = SimpleNamespace(Event=threading.Event, Process=lambda **_: process)
    begun = time.time()
    end = float("inf") if timeout is None else begun + timeout
    late, busy = (_Helper(context, (), end=end) for _ in range(2))
    busy._has_begun.set()
    assert late.is_working
    monkeypatch.setattr(time, "time", lambda: begun + 61.0)
    assert busy.is_working
    assert late.is_working is (timeout is None)


@pytest.mark.slow
def test_a_script_that_searches_as_it_is_imported_searches_alone_and_says_why(own_folder):
    (own_folder / "search.py").write_text(UNGUARDED)
    ended = subprocess.run([sys.executable, "search.py"], capture_output=True, text=True, check=True)
    assert ended.stdout == "9\n"
    assert ended.stderr.count('put what searches under `if __name__ == "__main__":`') == 1
    assert "Traceback" not in ended.stderr
