"""A database of small studies of every kind, made once, and the app that shows it."""

import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from werkzeug.test import Client

from automl_nn.results.stored import StoredResults
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store
from automl_nn.study import Study
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression
from automl_nn.web.app import make_app

HOSTILE = "<img src=x onerror=alert(1)>/../\"'&'"
N_ROWS = 400
HERE = {"REMOTE_ADDR": "127.0.0.1"}
STUDIES = (
    "tumours",
    "binary",
    "multilabel",
    "multiclass",
    "regression",
    "events",
    "empty",
    "failed",
    "running",
    HOSTILE,
)
"""Every study of the database."""


def epoch_row(number, score):
    """An epoch as a network reports it."""
    return EpochRow(
        number=number,
        train_loss=1.0 / number,
        val_loss=1.2 / number,
        score=score,
        train_score=score + 0.01,
        metrics={"train": {"roc_auc": score}, "val": {"roc_auc": score}},
        grad_norm_median=1.0,
        grad_norm_p90=2.0,
        grad_norm_max=3.0,
        clipped=0.1,
        skipped=0,
        learning_rate=0.001,
        seconds=0.5,
        rows_per_second=1000.0,
    )


def begin_study(store, name, task, y, **spec):
    """A study without trials, as `tune` begins one."""
    about = {"task": task.to_json(), "data": {"n_rows": 2 * len(y), "fingerprint": "f"}, "seed": 0, "schema": []}
    study_id = store.open_study(name, spec=about | spec)
    store.put_targets(study_id, row_ids=np.arange(len(y)), y=y)
    return study_id


def begin_trial(store, study_id, *, n_epochs=3):
    """A trial with its first epochs."""
    claim = store.claim(study_id, n_trials=None, worker=Worker.this())
    store.begin(claim, config={"train": {"n_epochs": 10, "batch_size": 64}}, seed=7, n_parameters=10)
    for number in range(1, n_epochs + 1):
        store.report(claim, epoch_row(number, 0.5 + 0.1 * number))
    return claim


def complete(store, study_id, output, *, score=0.8):
    """A trial that has ended well, with its outputs and a network."""
    claim = begin_trial(store, study_id)
    outcome = Outcome(state="complete", score=score, seconds=1.5, best_epoch=3, output=output, payload=b"x")
    store.finish(claim, outcome)


def make_tables(store):
    """Studies whose outputs are drawn at random, by what is asked."""
    rng = np.random.default_rng(0)
    y = (rng.random((N_ROWS, 1)) < 0.2).astype(np.float32)
    several, quantity = (rng.random((N_ROWS, 3)) < 0.3).astype(np.float32), rng.normal(size=(N_ROWS, 1))
    classes = rng.integers(3, size=(N_ROWS, 1)).astype(np.float32)
    columns = ("a", "b", HOSTILE)
    tables = {
        "binary": (Binary(("ill",), "average_precision", ("no", "yes")), y, rng.normal(2 * y - 2)),
        "multilabel": (Multilabel(columns, "roc_auc"), several, rng.normal(2 * several - 1)),
        "multiclass": (
            Multiclass(("kind",), "neg_log_loss", columns),
            classes,
            2 * np.eye(3)[classes[:, 0].astype(int)],
        ),
        "regression": (Regression(("x",), "r2", (0.0,), (1.0,)), quantity, quantity + rng.normal(size=quantity.shape)),
    }
    for name, (task, labels, outputs) in tables.items():
        noise = rng.normal(size=outputs.shape)
        complete(store, begin_study(store, name, task, labels), (outputs + noise).astype(np.float32))
    return tables["binary"]


def make_events(store):
    """Series whose steps have labels."""
    rng = np.random.default_rng(1)
    y = np.tile(np.repeat([0.0, 1.0], [90, 10]), 30)[:, None]
    series = {"series": "machine", "time": "minute", "per_step": True, "horizon": 0}
    study_id = begin_study(store, "events", Binary(("fault",), "average_precision", ("0", "1")), y, series=series)
    store.put_targets(
        study_id, row_ids=np.arange(len(y)), y=np.repeat(np.arange(30.0), 100)[:, None], part="val_groups"
    )
    complete(store, study_id, rng.normal(5 * y - 4).astype(np.float32))


def make_unfinished(store, task, y):
    """An empty study, one with nothing but failures, and one that runs."""
    begin_study(store, "empty", task, y)
    failed = begin_study(store, "failed", task, y)
    for _ in range(2):
        store.fail(begin_trial(store, failed), ValueError("<b>too wild</b>"), seconds=1.0)
    begin_trial(store, begin_study(store, "running", task, y))
    hostile = begin_study(store, HOSTILE, Binary((HOSTILE,), "average_precision", ("no", HOSTILE)), y)
    complete(store, hostile, (3 * y - 2).astype(np.float32))


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """The file that every test gets a copy of: a study that was really tuned, and drawn ones."""
    folder = tmp_path_factory.mktemp("studies")
    url, frame = f"sqlite:///{folder / 'studies.db'}", load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    small = {"train.n_epochs": 4, "model.backbone.d_block": 32, "model.backbone.name": "mlp"}
    study = Study(frame, "target", settings=small, name="tumours", storage=url).tune(n_trials=3)
    study.decide(maximize="f1")
    study.decide(cost=(1, 20))
    study.store.close()
    with Store(url) as store:
        task, y, _ = make_tables(store)
        make_events(store)
        make_unfinished(store, task, y)
    with closing(sqlite3.connect(folder / "studies.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(folder / "whole.db")])  # one file, whatever lies beside the first
    return folder / "whole.db"


@pytest.fixture
def url(original, tmp_path):
    """The URL of a fresh copy."""
    shutil.copy(original, tmp_path / "studies.db")
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def ids(url):
    """The number of each study by name."""
    with Store.existing(url) as store:
        return {name: store.study_id(name) for name in store.study_names()}


@pytest.fixture
def results(url):
    """The results of a study by name."""
    return lambda name: StoredResults(name, storage=url)


class Browser:
    """Asks an app as a browser on the same machine does."""

    def __init__(self, app):
        self._client = Client(app, use_cookies=False)

    def __call__(self, path, method="GET", *, host="localhost:8080", here=HERE, **options):
        headers = {"Host": host, "Accept": "text/html", **options.pop("headers", {})}
        answer = self._client.open(path, method=method, headers=headers, environ_base=here, buffered=True, **options)
        is_plain = "Content-Encoding" not in answer.headers
        return SimpleNamespace(
            status=answer.status_code,
            headers=answer.headers,
            data=answer.get_data(),
            text=answer.get_data(as_text=True) if is_plain else None,
            json=answer.json if is_plain and answer.is_json else None,
        )


@pytest.fixture
def ask(url):
    """Asks the app that reads only."""
    return Browser(make_app(url))


@pytest.fixture
def browser_of():
    """Makes something that asks an app."""
    return Browser
