"""`automl-nn decide STUDY`: on what a study has stored, without a network."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl_nn import Predictor, Study
from automl_nn.cli import main
from automl_nn.decide.by_hand import set_by_hand

STORAGE = ("--storage", "sqlite:///studies.db")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a study of one trial, parted by time: 600 hours that choose."""
    folder, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(3000, 2)), columns=["a", "b"])
    rows["when"] = pd.date_range("2026-01-01", periods=3000, freq="h").astype(str)
    rows["y"] = np.where(rows["a"] + rng.normal(size=3000) > 1.8, "ill", "well")
    rows.to_csv(folder / "rows.csv", index=False)
    words = ["--time", "when", "--n-trials", "1", "--storage", f"sqlite:///{folder / 'studies.db'}"]
    words += ["--set", "train.n_epochs=5", "--set", "model.backbone.name=mlp", "--set", "model.backbone.d_block=16"]
    assert main(["tune", str(folder / "rows.csv"), "--target", "y", *words]) == 0
    return folder


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Decide in that folder: exit code, standard output, standard error."""
    monkeypatch.chdir(home)

    def run(*words):
        code = main(["decide", "rows", *map(str, words), *STORAGE])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _decisions():
    study = Study.load("rows", storage=STORAGE[1])
    return study.store.decisions(study.store.study_id("rows"))


def test_alarms_are_counted_by_the_times_that_the_rows_were_parted_by(run):
    report = json.loads(run("--maximize", "recall", "--max-alarms", "3/day", "-f", "json")[1])
    metrics = report["metrics"]["at_threshold"]
    assert 60 <= metrics["tp"] + metrics["fp"] <= 3 * 599 / 24
    given = json.loads(run("--maximize", "recall", "--max-alarms", "3", "--periods", 599 / 24, "-f", "json")[1])
    assert given["threshold"] == report["threshold"]


def test_a_stored_decision_says_what_it_was_made_for_and_from(run):
    run("--cost", "fp=1,fn=9", "--compare", "f2")
    study, rows = Study.load("rows", storage=STORAGE[1]), _decisions().tail(2)
    first = rows.iloc[0]
    assert first["spec"]["cost"] == [1, 9]
    assert first["spec"]["fingerprint"] == study.store.spec(study.store.study_id("rows"))["data"]["fingerprint"]
    assert (first["spec"]["n_rows"], first["spec"]["members"]) == (600, {"0": 1.0})
    cut = first["result"]["cuts"][0]
    assert cut["threshold"] == first["threshold"]
    assert {"rule", "interval", "utility", "utility_interval"} <= set(cut)
    assert first["created"] is not None
    assert rows.iloc[1]["spec"]["maximize"] == "f2"


def test_new_predictions_tell_their_base_rate_and_whether_they_drifted(run, home, capsys):
    assert run("--maximize", "f1", "-o", "rows.nn")[0] == 0
    rows = pd.read_csv(home / "rows.csv").drop(columns="y")
    rows.assign(a=rows["a"] + 1).to_csv("new.csv", index=False)
    rows.tail(600).to_csv("same.csv", index=False)  # the rows that chose
    assert main(["predict", "rows.nn", "same.csv", "-o", "same_predicted.csv"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["predict", "rows.nn", "new.csv", "-o", "new_predicted.csv"]) == 0
    assert "drifted (major)" in capsys.readouterr().err
    drifted = json.loads(run("--unlabelled", "new_predicted.csv", "-f", "json")[1])
    same = json.loads(run("--unlabelled", "same_predicted.csv", "--score", "proba_ill", "-f", "json")[1])
    assert (drifted["drift"]["level"], same["drift"]["level"]) == ("major", "none")
    low, high = same["prevalence_interval"]
    assert low <= same["prevalence"] <= high < drifted["prevalence"]


def test_a_decision_is_drawn_from_the_shell_and_from_python(run, own_folder):
    assert run("--maximize", "f2", "--picture", "sheet.png")[0] == 0
    study = Study.load("rows", storage=STORAGE[1])
    seen = study.see(study.decide(maximize="f2"))
    files = seen.save(own_folder / "seen")
    assert {file.name for file in files} >= {"curve.csv", "precision_recall.png"}
    assert json.loads(run("--picture", "more", "-f", "json")[1])["picture"] == "more"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--maximize", "f11"), "Did you mean 'f1'"),
        (("--maximize", "roc_auc"), "not actions"),
        (("--cost", "fp=-1,fn=5"), "cost = "),
        (("--cost", "fp=0,fn=0"), "not both 0"),
        (("--min-recall", "0.99", "--min-precision", "0.99"), "No threshold keeps"),
        (("--compare", "min_recal=0.5"), "Did you mean 'min_recall'"),
        (("--compare", "min_recall=0.99,min_precision=0.99"), "No threshold keeps"),
        (("--max-alarms", "3/yeer"), "Unknown period"),
        (("--max-alarms", "3"), "need each other"),
        (("--prevalence", "1.5"), "prevalence = 1.5"),
        (("--prevalence", "0.1", "--unlabelled", "rows.csv"), "two base rates"),
        (("--unlabelled", "rows.csv"), "no column 'proba_"),
        (("--unlabelled", "rows.csv", "--score", "a"), "is no probability"),
        (("--picture", "p.svg"), "is no picture"),
        (("-o", "gone/rows.nn"), "no folder 'gone'"),
        (("-o", "rows.csv"), "no model file"),
        (("--reject", "0.1"), "several classes"),
        (("--cost-matrix", "gone.csv"), "gone.csv"),
        (("--trial", "7"), "has no trial 7"),
        (("--cost", "fp=1,fn=5", "--amount", "b"), "a study takes no --label"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_stored(run, home, words, part):
    before = len(_decisions()) if (home / "studies.db").exists() else 0
    files = {file.name for file in home.iterdir()}
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert len(_decisions()) == before
    assert {file.name for file in home.iterdir()} == files


@pytest.mark.slow
def test_deciding_again_imports_no_torch(home):
    code = (
        "import sys; from automl_nn.cli import main; "
        "main(['decide', 'rows', '--maximize', 'f1', '--picture', 'again.png', '--storage', 'sqlite:///studies.db']); "
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home)
    assert done.stderr == "False\n"


def test_a_saved_decision_becomes_a_model_as_it_was_stored(run, home, capsys):
    study = Study.load("rows", storage=STORAGE[1])
    decider = study.decider(0)
    moved = set_by_hand(decider.weigh(), decider.output, decider.y, logit=-1.25)
    study.keep(moved, decider, trial=0)
    rows = _decisions()
    number = int(rows["id"].iloc[-1])
    code, out, _ = run("--saved", number, "-o", "saved.nn", "-f", "json")
    assert code == 0
    report = json.loads(out)
    assert (report["decision"], report["rule"], report["trials"]) == (number, "set by hand", {"0": 1.0})
    assert Predictor.load("saved.nn").decision == study.saved(number).decision == moved
    assert len(_decisions()) == len(rows)


def test_a_saved_decision_is_not_asked_for_anything_else(run, home):
    words = ("--maximize", "f1", "--trial", "0", "--output-events", "x.csv", "--events")
    code, _, err = run("--saved", 1, *words, "-o", "no.nn")
    assert code == 2
    assert "leave --maximize and --events and --trial and --output-events out" in err
    assert not (home / "no.nn").exists()


def test_a_decision_that_was_never_saved_is_refused(run, home):
    code, _, err = run("--saved", 99, "-o", "no.nn")
    assert code == 2
    assert "has no decision 99" in err
    assert not (home / "no.nn").exists()
