"""`automl-nn export`: what it writes, and what it refuses."""

import json
import sys

import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.store.claims import Worker
from automl_nn.store.records import Outcome
from automl_nn.store.store import Store

STORAGE = ["--storage", "sqlite:///studies.db"]


@pytest.fixture
def run(own_folder, capsys):
    """Run a line in a folder with a study of one trial: exit code, standard output, standard error."""
    with Store("sqlite:///studies.db") as store:
        study_id = store.open_study("rows", spec={})
        claim = store.claim(study_id, n_trials=None, worker=Worker.this())
        store.finish(claim, Outcome("complete", 0.75, seconds=1.0))
        store.open_study("empty", spec={})

    def run(*words):
        code = main(["export", *words, *STORAGE])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_tables_are_written_as_csv_or_json(run, own_folder):
    assert run("rows", "--to", "csv", "-o", "tables") == (0, "", "7 tables are in tables\n")
    assert pd.read_csv(own_folder / "tables" / "trials.csv")["score"].tolist() == [0.75]
    assert run("rows", "--to", "json", "-o", "tables.zip")[0] == 0
    assert run("empty", "--to", "json", "-o", "empty")[0] == 0
    assert json.loads((own_folder / "empty" / "trials.json").read_text()) == []


def test_event_files_are_written(run, own_folder):
    code, _, err = run("rows", "--to", "tensorboard", "-o", "logs")
    assert code == 0
    assert err == "1 trials are in logs: tensorboard --logdir logs\n"
    assert [folder.name for folder in (own_folder / "logs").iterdir()] == ["trial_00000"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["gone", "--to", "csv", "-o", "tables"], "Unknown study 'gone'"),
        (["rows", "--to", "excel", "-o", "tables"], "tensorboard"),
        (["rows", "--to", "csv"], "-o FOLDER"),
        (["rows", "--to", "csv", "-o", "gone/tables"], "no folder 'gone'"),
        (["rows", "--to", "csv", "-o", "studies.db"], "--force"),
        (["rows", "--to", "tensorboard", "-o", "."], "not empty"),
        (["rows", "--to", "mlflow"], "pip install 'automl_nn[mlflow]'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(run, own_folder, monkeypatch, words, part):
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert {path.name.split(".")[0] for path in own_folder.iterdir()} == {"studies"}
