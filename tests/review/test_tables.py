import json

import numpy as np
import pandas as pd
import pytest

from automl_nn.decide.choose import decide
from automl_nn.review.decision.numbers import brief, compared, decision_report
from automl_nn.review.tables import check_report, label_rows, study_report, trial_rows
from automl_nn.search.problems.problem import pose
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression


def frame(n_rows=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=n_rows), "town": rng.choice(["Rome", "Oslo"], n_rows)})


def test_check_tells_task_columns_parts_and_classes():
    table = frame().assign(same=1, y=["bad"] * 20 + ["good"] * 180)
    report = check_report(pose(table, ["y"]))
    assert (report["task"], report["target"]) == ("binary", ["y"])
    assert report["rows"] == {"given": 200, "train": 160, "val": 40}
    assert report["labels"] == [
        {"class": "good", "train": 144, "val": 36},
        {"class": "bad", "train": 16, "val": 4},
    ]
    assert [column["role"] for column in report["columns"]] == ["numeric", "category", "dropped"]
    json.dumps(report, allow_nan=False)


def test_check_puts_the_gravest_finding_first():
    table = frame().assign(same=1, y=[0, 1] * 100)
    levels = [
        finding["level"] for finding in check_report(pose(table.assign(leak=table["y"] * 2.5), ["y"]))["findings"]
    ]
    assert levels == sorted(levels, key=("error", "warning", "note").index)
    assert levels[0] == "warning"


@pytest.mark.parametrize(("lowest", "highest"), [(150, 200), (0, 255), (-3e-9, 0), (1e9, 1e9 + 5)])
def test_quantities_are_described_in_their_own_unit(lowest, highest):
    heights = np.append(np.linspace(lowest, highest, 199), np.nan)
    (row,) = label_rows(pose(frame().assign(height=heights), ["height"]))
    assert (row["target"], row["missing"]) == ("height", 1)
    assert (row["lowest"], row["highest"]) == (lowest, highest)  # to the digits that are stored, and not -1e-06 for 0


def test_missing_labels_are_counted_for_each_label():
    labels = {"ill": [1, 0] * 100, "old": [1, 1, 0, np.nan] * 50}
    rows = {row["class"]: row for row in label_rows(pose(frame().assign(**labels), ["ill", "old"], kind="multilabel"))}
    assert rows["old"]["missing"] == 50
    assert rows["old"]["train"] + rows["old"]["val"] == 100


@pytest.fixture
def leaderboard():
    return pd.DataFrame(
        {
            "number": [1, 0, 2],
            "state": ["complete", "complete", "failed"],
            "score": [0.9, 0.8, np.nan],
            "seconds": [1.0, 2.0, np.nan],
            "message": [None, None, "too hot"],
            "train.loss.gamma": [2.0, np.nan, np.nan],
            "train.batch_size": [64.0, 64.0, 128.0],
        }
    )


def test_a_trial_shows_the_knobs_in_which_it_differs_from_trial_0(leaderboard):
    rows = trial_rows(leaderboard)
    assert [row["knobs"] for row in rows] == [{"train.loss.gamma": 2.0}, {}, {"train.batch_size": 128.0}]
    assert rows[2]["score"] is None
    json.dumps(rows, allow_nan=False)


def test_a_study_shows_its_best_complete_trial(leaderboard):
    report = study_report("toy", leaderboard, task=Binary(("y",), "roc_auc"))
    assert report["trials"] == {"complete": 2, "failed": 1}
    assert (report["best_trial"], report["best_score"]) == (1, 0.9)


def test_a_study_without_a_complete_trial_has_no_best_one(leaderboard):
    report = study_report("toy", leaderboard.assign(state="failed"), task=Binary(("y",), "roc_auc"))
    assert (report["best_trial"], report["best_knobs"]) == (None, {})


def test_a_study_without_any_trial_can_be_shown(leaderboard):
    assert study_report("toy", leaderboard.iloc[:0], task=Binary(("y",), "roc_auc"))["trials"] == {}


def outputs(n_columns, n_rows=600):
    rng = np.random.default_rng(0)
    y = (rng.random((n_rows, n_columns)) < 0.3).astype(float)
    return rng.normal(2 * y - 1), y


def test_a_binary_decision_has_its_threshold_on_top():
    report = decision_report(decide(Binary(("y",), "roc_auc"), *outputs(1)))
    assert report["interval"][0] <= report["threshold"] <= report["interval"][1]
    assert set(report["metrics"]) == {"at_threshold", "at_half"}
    assert report["metrics"]["at_threshold"]["f1"] >= report["metrics"]["at_half"]["f1"] - 0.1
    json.dumps(report, allow_nan=False)


def test_several_labels_have_a_row_each():
    report = decision_report(decide(Multilabel(("a", "b"), "roc_auc"), *outputs(2)))
    assert [row["label"] for row in report["labels"]] == ["a", "b"]
    assert report["threshold"] == {row["label"]: row["threshold"] for row in report["labels"]}
    assert report["interval"] == {row["label"]: row["interval"] for row in report["labels"]}
    assert report["rule"] == "one threshold a label"


def test_classes_show_their_offsets():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=(300, 1)).astype(float)
    output = rng.normal(size=(300, 3)) + 2 * np.eye(3)[y[:, 0].astype(int)]
    report = decision_report(decide(Multiclass(("y",), "neg_log_loss", ("a", "b", "c")), output, y))
    assert list(report["offsets"]) == ["a", "b", "c"]
    assert set(report["metrics"]) == {"with_offsets", "at_argmax"}


def test_quantities_need_no_decision():
    task = Regression(("y",), "r2", (0.0,), (1.0,))
    assert decision_report(decide(task, *outputs(1))) == {"task": "regression", "goal": None, "warnings": []}


def test_people_read_one_line_a_label_and_nothing_twice():
    report = decision_report(decide(Multilabel(("a", "b"), "roc_auc"), *outputs(2)))
    shown = brief(report | {"compare": compared({"f1": report})})
    assert [row["label"] for row in shown["labels"]] == ["a", "b"]
    assert {"threshold", "interval", "precision", "recall"} <= set(shown["labels"][0])
    assert not any(isinstance(value, dict) for value in shown["labels"][0].values())
    assert not {"threshold", "interval"} & (set(shown) | set(shown["compare"][0]))
    assert {name: shown[name] for name in ("goal", "utility")} == {name: report[name] for name in ("goal", "utility")}
