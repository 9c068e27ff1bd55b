import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main


@pytest.fixture
def run(capsys):
    """Decide on a file of scores: exit code, standard output and standard error."""

    def run(*words):
        code = main(["decide", "scores.csv", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def scores(own_folder):
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.1).astype(int)
    frame = pd.DataFrame({"p": 1 / (1 + np.exp(-rng.normal(2 * y - 3))), "y": y, "site": np.arange(2000) // 50})
    frame["name"] = np.where(y == 1, "ill", "well")
    frame["money"] = rng.exponential(100, size=2000)
    frame["at"] = pd.date_range("2026-01-01", periods=2000, freq="h")
    frame["far"], frame["none"], frame["all"], frame["zero"] = 3 * frame["p"], np.nan, 1, 0
    frame["rare"], frame["two"] = np.arange(2000) < 3, np.arange(2000) % 3
    frame.to_csv("scores.csv", index=False)
    return frame


COLUMNS = ("--score", "p", "--label", "y")


def test_scores_of_any_model_are_decided_on(run, scores, own_folder):
    code, out, err = run(*COLUMNS, "--maximize", "f1", "-f", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert {"threshold", "interval", "utility", "utility_interval", "rule"} <= set(report)
    marked = scores["p"] >= report["threshold"]
    assert report["metrics"]["at_threshold"]["tp"] == (marked & (scores["y"] == 1)).sum()
    assert [path.name for path in own_folder.iterdir()] == ["scores.csv"]


def test_several_labels_get_a_threshold_each(run, scores, own_folder):
    words = ("--score", "p,p", "--label", "y,rare", "--group", "site", "--compare", "mcc", "--picture", "seen")
    report = json.loads(run(*words, "-f", "json")[1])
    alone = json.loads(run(*COLUMNS, "--group", "site", "-f", "json")[1])
    assert report["threshold"]["y"] == alone["threshold"]
    assert report["labels"][0]["metrics"] == alone["metrics"]
    assert list(report["interval"]) == ["y", "rare"]
    assert "of all labels" in report["labels"][1]["rule"]
    assert [row["goal"] for row in report["compare"]] == ["f1", "mcc"]
    assert (own_folder / "seen" / "labels.csv").is_file()


def test_goals_stand_side_by_side(run, scores):
    words = ("--maximize", "f1", "--compare", "f2", "--compare", "fp=1,fn=20", "--compare", "min_recall=0.9")
    report = json.loads(run(*COLUMNS, *words, "-f", "json")[1])
    goals = ["f1", "f2", "cost(fp=1, fn=20)", "precision with recall >= 0.9"]
    assert [row["goal"] for row in report["compare"]] == goals
    assert report["compare"][0]["threshold"] == report["threshold"]
    assert report["compare"][3]["recall"] >= 0.9
    assert "min_recall" not in run(*COLUMNS, *words)[1]


def test_labels_have_names_and_rows_have_groups_weights_and_amounts(run, scores):
    plain = json.loads(run(*COLUMNS, "--cost", "fp=5,fn=1", "-f", "json")[1])
    named = json.loads(
        run("--score", "p", "--label", "name", "--positive", "ill", "--cost", "fp=5,fn=1", "-f", "json")[1]
    )
    assert named["threshold"] == plain["threshold"]
    dear = json.loads(run(*COLUMNS, "--cost", "fp=5,fn=1", "--amount", "money", "-f", "json")[1])
    assert dear["threshold"] < plain["threshold"]
    for words in (("--group", "site"), ("--weight", "all")):
        assert run(*COLUMNS, *words)[0] == 0


def test_alarms_are_counted_in_a_period(run, scores):
    days = 1999 / 24
    report = json.loads(run(*COLUMNS, "--maximize", "recall", "--max-alarms", "2/day", "--time", "at", "-f", "json")[1])
    metrics = report["metrics"]["at_threshold"]
    assert 1.8 * days < metrics["tp"] + metrics["fp"] <= 2 * days
    given = json.loads(run(*COLUMNS, "--maximize", "recall", "--max-alarms", "2", "--periods", days, "-f", "json")[1])
    assert given["threshold"] == report["threshold"]


def test_another_base_rate_is_given_or_found_in_new_scores(run, scores, own_folder):
    rare = scores[(scores["y"] == 0) | (scores.index % 5 == 0)]
    rare[["p"]].to_csv("new.csv", index=False)
    plain = json.loads(run(*COLUMNS, "-f", "json")[1])
    given = json.loads(run(*COLUMNS, "--prevalence", rare["y"].mean(), "-f", "json")[1])
    found = json.loads(run(*COLUMNS, "--unlabelled", "new.csv", "-f", "json")[1])
    assert found["prevalence"] == pytest.approx(rare["y"].mean(), abs=0.015)
    assert found["prevalence_interval"][0] < rare["y"].mean() < found["prevalence_interval"][1]
    assert min(given["threshold"], found["threshold"]) > plain["threshold"]


def test_new_scores_that_drifted_are_told(run, scores, own_folder):
    scores[["p"]].to_csv("same.csv", index=False)
    (scores[["p"]] ** 0.5).to_csv("other.csv", index=False)
    same, other = (
        json.loads(run(*COLUMNS, "--unlabelled", name, "-f", "json")[1])["drift"] for name in ("same.csv", "other.csv")
    )
    assert (same["level"], same["n_rows"]) == ("none", 2000)
    assert same["psi"] < same["by_chance_below"] < other["psi"]
    assert other["level"] == "major"


def test_a_decision_is_drawn_into_a_file_or_a_folder_with_its_tables(run, scores, own_folder):
    report = json.loads(run(*COLUMNS, "--cost", "fp=1,fn=9", "--picture", "sheet.png", "-f", "json")[1])
    assert report["picture"] == "sheet.png"
    assert (own_folder / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert run(*COLUMNS, "--min-recall", "0.8", "--group", "site", "--prevalence", "0.02", "--picture", "seen")[0] == 0
    curve = pd.read_csv("seen/curve.csv")
    assert {"threshold", "precision_low", "utility"} <= set(curve)
    pictures = {"precision_recall", "utility", "reliability", "confusion_at_half", "confusion", "scores"}
    assert {file.stem for file in (own_folder / "seen").glob("*.png")} == pictures


@pytest.mark.parametrize("name", ["jaccard", "fbeta@3"])
def test_any_scorer_and_any_f_beta_is_a_goal(run, scores, name):
    report = json.loads(run(*COLUMNS, "--maximize", name, "-f", "json")[1])
    assert report["goal"] == {"jaccard": "jaccard", "fbeta@3": "f3"}[name]
    assert report["interval"][0] <= report["threshold"] <= report["interval"][1]


def test_the_threshold_of_theory_stands_beside_that_of_the_costs(run, scores):
    report = json.loads(run(*COLUMNS, "--cost", "fp=1,fn=9", "-f", "json")[1])
    assert report["theory"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--score", "p"), "--label COL"),
        ((), "--score COL"),
        (("--score", "q", "--label", "y"), "no column 'q'"),
        (("--score", "p,far", "--label", "y,all"), "is no probability"),
        (("--score", "p,p", "--label", "y,y,y"), "names 2 columns and --label 3"),
        (("--score", "p,p", "--label", "y,y", "--weight", "site"), "take no --weight"),
        (("--score", "p,gone", "--label", "y,y"), "no column 'gone'"),
        (("--score", "p,p", "--label", "y,all", "--reject", "1"), "several classes"),
        (("--score", "far", "--label", "y"), "is no probability"),
        (("--score", "none", "--label", "y"), "2000 of 2000 scores are not finite"),
        (("--score", "name", "--label", "y"), "not numbers"),
        (("--score", "p", "--label", "all"), "at least 5 negatives, but there are 0"),
        (("--score", "p", "--label", "name"), "--positive"),
        ((*COLUMNS, "--maximize", "f11"), "Did you mean 'f1'"),
        ((*COLUMNS, "--cost", "fp=-1,fn=5"), "cost = "),
        ((*COLUMNS, "--maximize", "f1", "--cost", "fp=1,fn=5"), "two goals"),
        ((*COLUMNS, "--weight", "none"), "A weight is negative or not finite"),
        ((*COLUMNS, "--min-precision", "0.999", "--min-recall", "0.9"), "No threshold keeps"),
        ((*COLUMNS, "--prevalence", "1.5"), "prevalence = 1.5 is not possible"),
        ((*COLUMNS, "--unlabelled", "gone.csv"), "gone.csv"),
        ((*COLUMNS, "--max-alarms", "x"), "3/day"),
        ((*COLUMNS, "--max-alarms", "3/day"), "--time"),
        ((*COLUMNS, "--max-alarms", "3/yeer", "--time", "at"), "Unknown period"),
        ((*COLUMNS, "--max-alarms", "3/day", "--time", "name"), "holds no times"),
        ((*COLUMNS, "--compare", "min_recal=0.5"), "Did you mean 'min_recall'"),
        ((*COLUMNS, "-o", "m.nn"), "leave --trial and --output out"),
        ((*COLUMNS, "--amount", "money"), "fp=5,fn=1"),
        (
            (*COLUMNS, "--cost", "fp=5,fn=1", "--amount", "money", "--picture", "p.png"),
            "leave --picture or --amount out",
        ),
        ((*COLUMNS, "--picture", "p.jpg"), "is no picture"),
        ((*COLUMNS, "--picture", "gone/p.png"), "no folder 'gone'"),
        ((*COLUMNS, "--prevalence", "0.1", "--unlabelled", "scores.csv"), "two base rates"),
        ((*COLUMNS, "--maximize", "roc_auc"), "not actions"),
        ((*COLUMNS, "--maximize", "recall"), "marks every row"),
        ((*COLUMNS, "--min-recall", "1.5"), "min_recall = 1.5"),
        ((*COLUMNS, "--weight", "zero"), "The weights sum to 0"),
        (("--score", "p", "--label", "rare"), "at least 5 positives, but there are 3: label 2 more"),
        (("--score", "p", "--label", "two"), "--positive"),
        ((*COLUMNS, "--cost-matrix", "scores.csv"), "one label, not several classes"),
        ((*COLUMNS, "--one-vs-rest", "--maximize", "f1"), "several classes"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_stored(run, scores, own_folder, words, part):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert [path.name for path in own_folder.iterdir()] == ["scores.csv"]


@pytest.mark.slow
def test_neither_torch_nor_optuna_is_imported(scores):
    code = (
        "import sys; from automl_nn.cli import main; "
        "main(['decide', 'scores.csv', '--score', 'p', '--label', 'y', '-f', 'json']); "
        "print({'torch', 'optuna'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
