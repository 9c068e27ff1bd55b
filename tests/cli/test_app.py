import json
import sys
from inspect import signature
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from automl_nn.cli import main
from automl_nn.cli.check import check
from automl_nn.cli.tune import tune
from automl_nn.decide.selection import Against, Estimate, Honest
from automl_nn.errors import BudgetError, NoTrialError
from automl_nn.search.events import EpochEnded, TrialEnded, TrialStarted
from automl_nn.search.problems.problem import pose
from automl_nn.search.workers import spare_workers
from automl_nn.store.store import Store
from automl_nn.store.urls import masked
from automl_nn.task.tasks import Binary


@pytest.fixture
def run(capsys):
    """Run a command line: its exit code, standard output and standard error."""

    def run(*words):
        code = main(list(map(str, words)))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def table(own_folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] + rng.normal(size=200) > 1, "yes", "no")})
    frame.to_csv(own_folder / "rows.csv", index=False)
    return frame


class FakeStudy:
    """A study that trains nothing and remembers what it was asked."""

    made = None
    state = "complete"
    storage_shown = None
    stop: BaseException | None = None

    def __init__(self, data, target, **options):
        self.data, self.target, self.options = data, target, options
        self.name, self.storage = options["name"], self.storage_shown or options["storage"]
        self.task, self.best_number, self.best_score = Binary(("y",), "roc_auc"), 1, 0.9
        self.problem = pose(load_iris(as_frame=True).frame, ["target"])
        self.findings, self.warnings = (), ["SELU with batch norm loses its point."]
        type(self).made = self

    def events(self, *, refit, **limits):
        self.limits, self.refits_in_time = limits, refit
        if limits.get("n_trials", 1) <= 0:
            raise BudgetError(f"n_trials = {limits['n_trials']} is not possible: it must be greater than zero.")
        yield TrialStarted(0, 2, {})
        yield EpochEnded(0, 1, 2, 0.7, None)
        if self.stop:
            raise self.stop
        yield TrialEnded(0, "complete", 0.7, None, 0, 0.7, 1, limits.get("n_trials"))

    def leaderboard(self):
        columns = {"number": [1, 0], "state": self.state, "score": [0.9, 0.7], "train.batch_size": [64, 256]}
        return pd.DataFrame(columns)

    def references(self):
        return references(Store("sqlite://"))

    def honest_score(self, *, with_references):
        self.with_references = with_references
        estimate = Estimate(0.85, (0.8, 0.9))
        return Honest(estimate, None, None, 0.05, (1, 0), {"linear": Against(0.88, -0.03, (-0.1, 0.1))}, 2, 200, 0)

    def refit(self, *, n_workers):
        self.is_refit = n_workers > 0


def references(store):
    """What a study without references returns."""
    return store.references(store.open_study("none", spec={}))


@pytest.fixture
def fake(monkeypatch):
    module = ModuleType("automl_nn.study")
    study = type("Study", (FakeStudy,), {})
    module.Study = study
    monkeypatch.setitem(sys.modules, "automl_nn.study", module)
    return study


def test_without_a_command_the_help_is_shown(run):
    assert run()[0] == 0
    assert "check" in run()[1]


def test_the_version_is_one_line(run):
    assert run("--version") == (0, "automl-nn 0.1.0\n", "")


COMMANDS = ("check", "tune", "status", "trials", "decide", "predict", "report", "export", "dashboard", "demo")


def test_whatever_check_looks_at_can_be_tuned():
    assert set(signature(check).parameters) - {"quick"} <= set(signature(tune).parameters)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Usage: automl-nn" in out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["tunee"], "Did you mean 'tune'?"),
        (["tune"], "Missing argument"),
        (["tune", "rows.csv", "--n-trials", "few"], "'--n-trials': 'few' is not possible: it must be a valid integer."),
        (["trials", "s", "-f", "xml"], "'-f': there is no 'xml'. Known: json, table."),
        (["export", "s", "--to", "mlfow"], "'--to': there is no 'mlfow'. Did you mean 'mlflow'?"),
        (["check", "rows.csv", "--tarket", "y"], "--target"),
        (["tune", "rows.csv", "--target", "y", "--storage", "sqlite://"], "in memory ends with the command"),
        (["tune", "rows.csv", "--target", "y", "--timeout", "0"], "timeout = '0' is not possible"),
        (["tune", "rows.csv", "--target", "y", "--set", "batch"], "path=value"),
        (["tune", "rows.csv", "--target", "y", "--seed", "-1"], "--seed"),
        (["tune", "gone.csv", "--target", "y"], "no file 'gone.csv'"),
        (["tune", "gone.py"], "no study file 'gone.py'"),
        (["tune", ".", "--target", "y"], "holds no image files"),
        (["check", "rows.csv", "--target", "z"], "no target column 'z'"),
        (["check", "rows.csv"], "No target column is named"),
        (["check", "rows.csv", "--target", "y", "--task", "binry"], "Did you mean 'binary'"),
        (["check", "rows.csv", "--target", "y", "--metric", "roc"], "Did you mean 'roc_auc'"),
        (["check", "rows.csv", "--target", "y", "--role", "a=catgory"], "Did you mean 'category'"),
        (["check", "rows.csv", "--target", "y", "--gap", "3"], "--time"),
        (["decide", "s", "--cost", "5"], "fp=1,fn=50"),
        (["predict", "m.nn", "rows.csv", "-o", "out.xlsx"], ".csv or .parquet"),
        (["predict", "m.nn", "rows.csv", "-o", "rows.csv"], "the file that is read"),
        (["predict", "m.nn", "rows.csv", "-o", "gone/out.csv"], "no folder 'gone'"),
        (["demo", "tables"], "tabular"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(run, fake, table, own_folder, words, part):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert [path.name for path in own_folder.iterdir()] == ["rows.csv"]


def test_check_shows_the_problem(run, table):
    code, out, err = run("check", "rows.csv", "--target", "y", "--quick", "-f", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert (report["task"], report["rows"]["given"]) == ("binary", 200)
    shown = run("check", "rows.csv", "--target", "y", "--quick")[1]
    assert shown.splitlines()[0].split() == ["task", "binary"]


def test_check_fits_simple_models_and_names_the_knobs_that_change_nothing(run, table, monkeypatch):
    monkeypatch.setattr("automl_nn.cli.check.KNOB_SECONDS", 0.5)
    report = json.loads(run("check", "rows.csv", "--target", "y", "-f", "json")[1])
    assert next(iter(report)) == "verdict"
    assert report["verdict"].startswith("There is something to learn: ")
    assert set(report["scores"]) == {"guess", "linear", "boosting"}
    assert "not compared for lack of time" in report["knobs without effect"][-1]


def test_check_parts_by_group(run, table, own_folder):
    table.assign(who=np.arange(200) // 10).to_csv(own_folder / "rows.csv", index=False)
    code, out, _ = run("check", "rows.csv", "--target", "y", "--group", "who", "--quick", "-f", "json")
    assert code == 0
    assert json.loads(out)["rows"]["val"] % 10 == 0


def test_tune_passes_on_what_is_asked(run, fake, table):
    words = [
        "--metric",
        "roc_auc",
        "--set",
        "train.batch_size=64",
        "--role",
        "a=category",
        "--seed",
        "3",
        "--n-workers",
        2,
    ]
    code, *_ = run("tune", "rows.csv", "--target", "y", "--time-limit", "1m", "--n-trials", 5, *words)
    study = fake.made
    assert code == 0
    assert study.data["y"].tolist() == table["y"].tolist()
    assert study.target == ("y",)
    assert study.limits == {"n_trials": 5, "timeout": 60.0, "n_workers": 2}
    assert study.options["settings"] == {"train.batch_size": 64}
    assert study.options["roles"] == {"a": "category"}
    assert study.options["metric"] == "roc_auc"
    assert (study.options["name"], study.options["seed"]) == ("rows", 3)
    assert study.options["storage"] == "sqlite:///automl_nn.db"


def test_tune_shows_the_best_trial_and_the_next_line(run, fake, table):
    code, out, err = run("tune", "rows.csv", "--target", "y", "--n-trials", 1, "-f", "json")
    report = json.loads(out)
    assert code == 0
    assert (report["best_trial"], report["best_score"], report["best_knobs"]) == (1, 0.9, {"train.batch_size": 64})
    assert report["next"] == "automl-nn decide rows --maximize f1 -o rows.nn"
    assert err.splitlines() == [
        "warning: SELU with batch norm loses its point.",
        "trial 0 complete 0.7000; 1 of 1, best 0.7000 (trial 0), about 0 s left",
        "best trial 1: roc_auc 0.9000",
    ]


def test_the_first_line_says_whether_simpler_models_are_better(run, fake, table):
    out = run("tune", "rows.csv", "--target", "y", "--n-trials", 1)[1].splitlines()
    assert out[0].startswith("verdict")
    assert "The networks are no better than a linear model: roc_auc 0.8500 on new rows" in out[0]
    assert "trials 1, 0; the simplest is 0" in "\n".join(out)
    honest = json.loads(run("tune", "rows.csv", "--target", "y", "--n-trials", 1, "-f", "json")[1])["honest"]
    assert honest["best_trial"] == {"score": 0.85, "interval": [0.8, 0.9]}


def test_references_and_a_refit_are_asked_for(run, fake, table):
    run("tune", "rows.csv", "--target", "y", "--n-trials", 1)
    assert not fake.made.with_references
    assert fake.made.refits_in_time
    assert not hasattr(fake.made, "is_refit")
    run("tune", "rows.csv", "--target", "y", "--n-trials", 1, "--no-refit")
    assert not fake.made.refits_in_time
    assert not hasattr(fake.made, "is_refit")
    out = run("tune", "rows.csv", "--target", "y", "--n-trials", 1, "--with-references", "--refit")[1]
    assert fake.made.with_references
    assert fake.made.is_refit
    assert not fake.made.refits_in_time
    assert out.splitlines()[-1].endswith("-o rows.nn --with-references")


def test_the_next_line_names_another_storage_and_quotes_names(run, fake, table):
    words = ["--storage", "sqlite:///other.db", "--study-name", "my rows"]
    out = run("tune", "rows.csv", "--target", "y", "-f", "json", *words)[1]
    line = "automl-nn decide 'my rows' --maximize f1 -o 'my rows.nn' --storage sqlite:///other.db"
    assert json.loads(out)["next"] == line


def test_the_next_line_connects_in_the_same_way_without_the_password(run, fake, table):
    fake.storage_shown = masked("postgresql://ann:secret@/studies?host=/run&port=5433")
    line = json.loads(run("tune", "rows.csv", "--target", "y", "-f", "json")[1])["next"]
    assert line.endswith("--storage 'postgresql://ann@/studies?host=%2Frun&port=5433'")


def test_without_a_complete_trial_no_decision_is_proposed(run, fake, table):
    fake.state = "pruned"
    assert json.loads(run("tune", "rows.csv", "--target", "y", "-f", "json")[1])["next"] is None
    assert "decide rows" not in run("tune", "rows.csv", "--target", "y")[1]


def test_the_next_line_stands_alone_to_be_copied(run, fake, table):
    last = run("tune", "rows.csv", "--target", "y")[1].splitlines()[-1]
    assert last == "next: automl-nn decide rows --maximize f1 -o rows.nn"


def test_a_search_without_a_limit_takes_ten_minutes(run, fake, table):
    run("tune", "rows.csv", "--target", "y")
    assert fake.made.limits["timeout"] == 600.0


def test_only_a_search_that_time_alone_limits_takes_all_cores(run, fake, table):
    run("tune", "rows.csv", "--target", "y", "--timeout", "60")
    assert fake.made.limits["n_workers"] == spare_workers(fake.made.problem)
    run("tune", "rows.csv", "--target", "y", "--timeout", "60", "--n-trials", "5")
    assert "n_workers" not in fake.made.limits


def test_tune_takes_a_study_file_whose_limits_can_be_replaced(run, fake, table, own_folder):
    text = "DATA = 'rows.csv'\nTASK = {'target': 'y', 'kind': 'binary'}\nSPACE = {'a': 1}\nBUDGET = {'n_trials': 9}\n"
    (own_folder / "deep.py").write_text(text)
    assert run("tune", "deep.py", "--set", "b=2")[0] == 0
    assert fake.made.name == "deep"
    assert fake.made.options["task"] == "binary"
    assert fake.made.options["settings"] == {"a": 1, "b": 2}
    assert fake.made.limits == {"n_trials": 9}
    run("tune", "deep.py", "--n-trials", 2, "--timeout", 30)
    assert fake.made.limits == {"n_trials": 2, "timeout": 30.0}


def test_ctrl_c_ends_with_1_and_says_how_to_go_on(run, fake, table):
    fake.stop = KeyboardInterrupt()
    code, out, err = run("tune", "rows.csv", "--target", "y")
    assert (code, out) == (1, "")
    assert "the same line goes on from there" in err


def test_failed_training_ends_with_1(run, fake, table):
    fake.stop = NoTrialError("No trial of 'rows' finished: give it more time.")
    code, out, err = run("tune", "rows.csv", "--target", "y")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "error: No trial of 'rows' finished: give it more time."


def test_what_nobody_foresaw_ends_with_1_and_a_way_to_the_traceback(run, fake, table, monkeypatch):
    fake.stop = ZeroDivisionError("division\nby zero")
    code, out, err = run("tune", "rows.csv", "--target", "y")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: ZeroDivisionError: division by zero;")
    monkeypatch.setenv("AUTOML_NN_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in run("tune", "rows.csv", "--target", "y")[2]


def test_the_demo_keeps_away_from_a_folder_with_other_files(run, own_folder):
    (own_folder / "mine").mkdir()
    (own_folder / "mine" / "letter.txt").write_text("dear")
    code, _, err = run("demo", "--folder", "mine")
    assert code == 2
    assert "holds other files" in err
    assert len(list((own_folder / "mine").iterdir())) == 1
