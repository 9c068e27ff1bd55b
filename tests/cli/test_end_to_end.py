"""The command line on the real thing: small networks, few epochs."""

import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.cli.arguments import options

SMALL = ["--set", "train.n_epochs=20", "--set", "model.backbone.name=mlp", "--set", "model.backbone.d_block=16"]
SMALL += ["--set", "train.batch_size=32", "--set", "train.optimizer.lr=0.01"]
PROGRAM = [sys.executable, "-c", "import sys; from automl_nn.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["a", "b", "c"])
    frame["town"] = rng.choice(["Rome", "Oslo"], 300)
    frame["y"] = np.where(frame["a"] + rng.normal(size=300) > 0.8, "ill", "well")
    return frame


@pytest.fixture(scope="module")
def home(rows, tmp_path_factory):
    """A folder with a table and a study of two trials."""
    folder = tmp_path_factory.mktemp("home")
    rows.to_csv(folder / "rows.csv", index=False)
    words = ["--storage", f"sqlite:///{folder / 'studies.db'}", "--n-trials", "2", *SMALL]
    assert main(["tune", str(folder / "rows.csv"), "--target", "y", *words]) == 0
    return folder


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Run a line in that folder: exit code, standard output, standard error."""
    monkeypatch.chdir(home)

    def run(*words):
        code = main([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


STORAGE = ["--storage", "sqlite:///studies.db"]


def report(run, *words):
    code, out, err = run(*words, "-f", "json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_default_storage_is_that_of_python():
    from automl_nn import study

    assert options.STORAGE == study.STORAGE


def test_status_and_trials_show_what_tune_stored(run):
    standing = report(run, "status", "rows", *STORAGE)
    trials = report(run, "trials", "rows", *STORAGE)
    assert standing["trials"] == {"complete": 2}
    assert standing["best_score"] == trials[0]["score"] == max(trial["score"] for trial in trials[:2])
    assert {trial["number"] for trial in trials} == {0, 1, "linear", "boosting"}
    assert next(iter(standing)) == "verdict"
    assert [row["name"] for row in standing["references"]] == ["boosting", "linear"]
    assert "rows" in [study["name"] for study in report(run, "status", *STORAGE)]


def test_trials_have_their_curves_and_are_picked_sorted_and_limited(run):
    every = {row["number"]: row for row in report(run, "trials", "rows", *STORAGE)}
    assert len(every[0]["curve"]) == 20
    assert max(every[0]["curve"]) == every[0]["score"]
    best, *rest = report(run, "trials", "rows", "--limit", 1, *STORAGE)
    assert best["number"] in (0, 1)
    assert [row["number"] for row in rest] == ["boosting", "linear"]
    picked = report(run, "trials", "rows", "--state", "complete", "--sort", "-number", *STORAGE)
    assert [row["number"] for row in picked] == [1, 0]
    assert report(run, "trials", "rows", "--where", "score>1e9", *STORAGE) == []
    assert "▁" in run("trials", "rows", *STORAGE)[1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--sort", "scor"], "Did you mean 'score'"),
        (["--state", "done"], "Unknown state 'done'"),
        (["--where", "score"], "write a condition such as"),
        (["--where", "state>2"], "only numbers"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_trials_that_cannot_be_picked_are_refused(run, words, part):
    code, out, err = run("trials", "rows", *words, *STORAGE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert part in err


def test_a_finished_study_is_followed_to_its_end(run):
    code, out, err = run("status", "rows", "--follow", *STORAGE)
    assert (code, err) == (0, "")
    assert out.startswith("rows: 2 of 2 done (2 complete), best ")
    (line,) = run("status", "rows", "--watch", "-f", "json", *STORAGE)[1].splitlines()
    assert json.loads(line)["n_trials"] == 2
    assert run("status", "--follow", *STORAGE)[0] == 2


def test_the_same_line_again_adds_no_trial(run):
    before = report(run, "trials", "rows", *STORAGE)
    assert run("tune", "rows.csv", "--target", "y", "--n-trials", 2, *STORAGE, *SMALL)[0] == 0
    assert report(run, "trials", "rows", *STORAGE) == before


def test_another_seed_or_table_is_refused_under_the_same_name(run, rows, home):
    code, out, err = run("tune", "rows.csv", "--target", "y", "--n-trials", 2, "--seed", 1, *STORAGE, *SMALL)
    assert (code, out) == (2, "")
    assert "seed: 0 -> 1" in err
    rows.assign(a=0.5 * rows["a"]).to_csv(home / "changed.csv", index=False)
    words = ["--study-name", "rows", "--n-trials", 2]
    code, _, err = run("tune", "changed.csv", "--target", "y", *words, *STORAGE, *SMALL)
    assert code == 2
    assert "fingerprint" in err


def test_a_decision_is_written_and_applied_row_by_row(run, home, rows):
    decided = report(run, "decide", "rows", "--cost", "fp=1,fn=5", "-o", "rows.nn", *STORAGE)
    assert decided["model"] == "rows.nn"
    assert run("predict", "rows.nn", "rows.csv", "-o", "out.csv") == (0, "", "")
    predicted = pd.read_csv(home / "out.csv")
    assert predicted.columns.tolist() == ["prediction", "proba_well", "proba_ill"]
    assert len(predicted) == len(rows)
    marked = predicted["proba_ill"] >= decided["threshold"]
    assert ((predicted["prediction"] == "ill") == marked).mean() > 0.99
    assert predicted["proba_ill"].corr(rows["a"]) > 0.5


def test_predictions_go_to_standard_output_or_parquet_and_follow_the_rows(run, home, rows):
    assert run("decide", "rows", "--maximize", "f1", "-o", "order.nn", *STORAGE)[0] == 0
    rows[["town", "c", "b", "a"]].iloc[::-1].assign(extra=1).to_csv(home / "reversed.csv", index=False)
    out = run("predict", "order.nn", "reversed.csv")[1]
    assert run("predict", "order.nn", "rows.csv", "-o", "out.parquet")[0] == 0
    forward = pd.read_parquet(home / "out.parquet")
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == forward["prediction"].tolist()[::-1]


def test_a_decision_that_cannot_be_is_refused(run):
    for words, part in (
        (["--min-precision", "1.5"], "min_precision = 1.5"),
        (["--maximize", "f3"], "Known: accuracy"),
        (["--maximize", "f1", "--cost", "fp=1,fn=2"], "give one of them"),
        (["--maximize", "f1", "-o", "gone/m.nn"], "no folder 'gone'"),
    ):
        code, out, err = run("decide", "rows", *words, *STORAGE)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert part in err


def test_a_model_file_that_is_cut_short_is_refused(run, home):
    assert run("decide", "rows", "-o", "whole.nn", *STORAGE)[0] == 0
    (home / "cut.nn").write_bytes((home / "whole.nn").read_bytes()[:-200])
    for model in ("cut.nn", "gone.nn", "rows.csv"):
        code, out, err = run("predict", model, "rows.csv")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert model in err


def test_a_table_without_a_needed_column_is_refused(run, home, rows):
    assert run("decide", "rows", "-o", "whole.nn", *STORAGE)[0] == 0
    rows.drop(columns="b").to_csv(home / "short.csv", index=False)
    code, out, err = run("predict", "whole.nn", "short.csv", "-o", "never.csv")
    assert (code, out) == (2, "")
    assert "'b'" in err
    assert not (home / "never.csv").exists()


@pytest.mark.parametrize("command", [["status"], ["status", "rows"], ["trials", "rows"], ["decide", "rows"]])
def test_reading_makes_no_database(run, own_folder, monkeypatch, command):
    monkeypatch.chdir(own_folder)
    code, out, err = run(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "There is no database" in err
    assert not list(own_folder.iterdir())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--n-trials", 0], "n_trials = 0"),
        (["--n-trials", -3], "n_trials = -3"),
        (["--n-workers", 0], "--n-workers"),
        (["--set", "model.activatoin.name=relu"], "Did you mean 'activation'"),
        (["--set", "train.batch_size=0"], "train.batch_size = 0"),
        (["--set", "train.loss.name=focl"], "Did you mean 'focal'"),
        (["--storage", "studies.db"], "sqlite:///studies.db"),
        (["--storage", "sqlite:///gone/studies.db"], "which does not exist"),
        (["--storage", "mysql://ann:secret@host/studies"], "***"),
    ],
)
def test_bad_settings_and_storages_write_nothing(run, own_folder, rows, monkeypatch, words, part):
    monkeypatch.chdir(own_folder)
    rows.to_csv("rows.csv", index=False)
    code, out, err = run("tune", "rows.csv", "--target", "y", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert "secret" not in err
    assert [path.name for path in own_folder.iterdir()] == ["rows.csv"]


def test_a_database_that_is_none_is_refused_and_left_alone(run, home):
    (home / "letter.db").write_text("Dear Ann, " * 200)
    code, _, err = run("tune", "rows.csv", "--target", "y", "--storage", "sqlite:///letter.db", "--n-trials", 1)
    assert (code, err.count("\n")) == (2, 1)
    assert (home / "letter.db").read_text() == "Dear Ann, " * 200


def test_quantities_are_predicted_without_a_goal(run, home, rows):
    rows.drop(columns="y").assign(height=100 + 5 * rows["a"]).to_csv(home / "heights.csv", index=False)
    assert run("tune", "heights.csv", "--target", "height", "--n-trials", 1, *STORAGE, *SMALL)[0] == 0
    assert report(run, "status", "heights", *STORAGE)["next"].startswith("automl-nn decide heights -o heights.nn")
    decided = report(run, "decide", "heights", "-o", "heights.nn", *STORAGE)
    assert decided["goal"] is None
    header, *lines = run("predict", "heights.nn", "heights.csv")[1].splitlines()
    assert header == "prediction"
    assert 80 < np.mean([float(line) for line in lines]) < 120


def test_several_labels_have_a_prediction_each(run, home, rows):
    labels = {"up": (rows["a"] > 0).astype(int), "down": (rows["b"] < 0).astype(int)}
    rows.drop(columns="y").assign(**labels).to_csv(home / "labels.csv", index=False)
    assert run("tune", "labels.csv", "--target", "up,down", "--n-trials", 1, *STORAGE, *SMALL)[0] == 0
    decided = report(run, "decide", "labels", "--maximize", "f1", "-o", "labels.nn", *STORAGE)
    assert [row["label"] for row in decided["labels"]] == ["up", "down"]
    header = run("predict", "labels.nn", "labels.csv")[1].splitlines()[0]
    assert header == "prediction_up,prediction_down,proba_up,proba_down"


@pytest.mark.slow
def test_ctrl_c_leaves_a_study_that_the_same_line_finishes(run, home):
    words = ["rows.csv", "--target", "y", "--study-name", "stopped", "--n-trials", "4", *STORAGE, *SMALL]
    line = ["tune", *words]
    with subprocess.Popen([*PROGRAM, *line], cwd=home, stdout=-1, stderr=-1, text=True) as process:
        assert process.stderr.readline().startswith("reference: a linear model")
        assert process.stderr.readline().startswith("reference: untuned boosting")
        assert process.stderr.readline().startswith("trial 0 complete")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert "the same line goes on from there" in err
    code, out, err = run(*line, "-f", "json")
    assert code == 0, err
    states = json.loads(out)["trials"]
    assert sum(states.values()) == 4
    assert not {"running", "free"} & states.keys()


@pytest.mark.slow
def test_a_process_writes_results_to_standard_output_and_all_else_to_standard_error(home):
    line = ["tune", "rows.csv", "--target", "y", "--study-name", "apart", "--n-trials", "2", *STORAGE, *SMALL]
    done = subprocess.run([*PROGRAM, *line, "-f", "json"], cwd=home, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["study"] == "apart"
    said = [text.split()[0] for text in done.stderr.splitlines()]
    assert said == ["reference:", "reference:", "trial", "trial", "best"]


@pytest.mark.slow
def test_two_workers_share_the_trials(home):
    line = ["tune", "rows.csv", "--target", "y", "--study-name", "shared", "--n-trials", "4", "--n-workers", "2"]
    done = subprocess.run([*PROGRAM, *line, *STORAGE, *SMALL, "-f", "json"], cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == {"complete": 4}


@pytest.mark.slow
def test_the_demo_ends_with_a_picture_and_three_sentences(run, own_folder, monkeypatch):
    monkeypatch.chdir(own_folder)
    code, out, _ = run("demo", "--timeout", "5")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("$ automl-nn ")]
    assert [line.split()[2] for line in lines] == ["check", "tune", "decide", "predict"]
    *_, first, second, third, _, files = out.splitlines()
    assert first.startswith("Of 171 patients whom no step above has seen, 64 have a malignant tumour")
    assert "it raises an alarm from a probability of" in second
    assert "average precision" in third
    assert "automl_nn_demo/pr_curve.png" in files
    assert (own_folder / "automl_nn_demo" / "pr_curve.png").read_bytes().startswith(b"\x89PNG")
    assert float(third.split(" is ")[1].split(";")[0]) > 0.9
    assert run("demo", "--timeout", "2")[0] == 0
