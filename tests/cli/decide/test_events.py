import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.decide.events.trigger import Trigger
from automl_nn.task.event_metrics import count_events

N_SERIES, N_STEPS = 25, 300


@pytest.fixture
def run(capsys):
    """Decide on events of a file of scores: exit code, standard output and standard error."""

    def run(*words):
        code = main(["decide", "scores.csv", "--events", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def scores(own_folder):
    """A step a minute, an event of 10 minutes in each series."""
    rng = np.random.default_rng(0)
    y = np.zeros((N_SERIES, N_STEPS), dtype=int)
    for row, start in enumerate(rng.integers(10, N_STEPS - 20, size=N_SERIES)):
        y[row, start : start + 10] = 1
    noise = rng.normal(size=y.shape)
    noise[:, 1:] = (noise[:, 1:] + noise[:, :-1]) / np.sqrt(2)
    frame = pd.DataFrame({"p": (1 / (1 + np.exp(3 - noise - 3 * y))).ravel(), "y": y.ravel()})
    frame["site"] = np.repeat([f"s{i}" for i in range(N_SERIES)], N_STEPS)
    frame["town"] = np.repeat(np.arange(N_SERIES) // 2, N_STEPS)
    frame["at"] = np.tile(pd.date_range("2026-01-01", periods=N_STEPS, freq="min"), N_SERIES)
    frame["number"] = np.tile(np.arange(N_STEPS), N_SERIES)
    frame["far"], frame["quiet"], frame["upset"] = 3 * frame["p"], 0, frame["at"].to_numpy()[::-1]
    frame["same"] = "2026-01-01"
    frame.to_csv("scores.csv", index=False)
    return frame


COLUMNS = ("--score", "p", "--label", "y", "--series-id", "site")


def test_a_trigger_is_chosen_for_the_events_of_scored_series(run, scores, own_folder):
    code, out, err = run(*COLUMNS, "--maximize", "event_f1", "-f", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert {"threshold", "interval", "utility", "utility_interval", "rule", "warnings"} <= set(report)
    assert (report["goal"], report["n_events"], report["tolerance"]) == ("event_f1", N_SERIES, 5)
    spans = {name: report[name] for name in ("min_duration", "merge_gap", "cool_down")}
    trigger = Trigger(report["threshold"], report["threshold_low"], **spans)
    alarms = trigger.find(scores["p"], offsets=np.arange(0, len(scores) + 1, N_STEPS))
    found = count_events(alarms, scores["y"], tolerance=5)
    assert found.f1 == pytest.approx(report["metrics"]["with_trigger"]["f1"])
    beside = {row["metric"]: row for row in report["against_random"]}
    assert beside["event_f1"]["shuffled"] < 0.5 * beside["event_f1"]["value"] == pytest.approx(found.f1 / 2)
    assert [path.name for path in own_folder.iterdir()] == ["scores.csv"]


def test_series_may_be_mixed_and_steps_are_given_as_spans_of_time(run, scores):
    words = (*COLUMNS, "--time", "at", "--tolerance", "3m", "--min-duration", "4", "--merge-gap", "90s", "-f", "json")
    plain = json.loads(run(*words)[1])
    assert (plain["tolerance"], plain["min_duration"], plain["merge_gap"]) == (3, 4, 2)
    assert plain["time"]["step_seconds"] == 60
    scores.sort_values(["at", "site"]).to_csv("scores.csv", index=False)
    assert json.loads(run(*words)[1])["metrics"] == plain["metrics"]


def test_alarms_are_counted_in_days_of_all_series_together(run, scores):
    report = json.loads(run(*COLUMNS, "--time", "at", "--max-alarms", "3/day", "-f", "json")[1])
    days = N_SERIES * N_STEPS / 1440
    metrics = report["metrics"]["with_trigger"]
    assert metrics["found"] + metrics["false_alarms"] <= 3 * days
    assert report["goal"] == f"event_recall with at most {int(3 * days)} alarms"
    given = json.loads(run(*COLUMNS, "--max-alarms", "3", "--periods", days, "-f", "json")[1])
    assert given["threshold"] == report["threshold"]


def test_goals_stand_side_by_side_and_groups_are_drawn_as_a_whole(run, scores):
    words = ("--cost", "fp=1,fn=10", "--compare", "event_recall,min_precision=0.8")
    code, out, err = run(*COLUMNS, *words, "--group", "town", "--cool-down", "10", "-f", "json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    goals = ["cost(fp=1, fn=10) of 1,000 steps", "event_recall with precision >= 0.8"]
    assert [row["goal"] for row in report["compare"]] == goals
    assert report["compare"][1]["precision"] >= 0.8
    assert report["cool_down"] == 10


def test_alarms_and_pictures_are_written(run, scores):
    code, out, _ = run(*COLUMNS, "--time", "at", "--output-events", "alarms.csv", "--picture", "seen")
    assert code == 0
    assert "alarms.csv" in out
    alarms = pd.read_csv("alarms.csv", parse_dates=["start", "end"])
    assert alarms.columns.tolist() == ["site", "start", "end", "n_steps", "peak", "kind"]
    assert (((alarms["end"] - alarms["start"]).dt.total_seconds() / 60 + 1) == alarms["n_steps"]).all()
    worst = pd.read_csv("seen/worst.csv")
    assert set(worst["kind"]) <= {"false alarm", "missed"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--score", "p"), "--label COL"),
        (("--score", "q", "--label", "y"), "no column 'q'"),
        ((*COLUMNS[:4], "--series-id", "sight"), "no column 'sight'"),
        (("--score", "far", "--label", "y"), "is no probability"),
        (("--score", "p", "--label", "quiet"), "at least 5 events, but there are 0"),
        ((*COLUMNS, "--maximize", "mcc"), "Unknown utility 'mcc' of events"),
        ((*COLUMNS, "--maximize", "event_f1", "--cost", "fp=1,fn=5"), "two goals"),
        ((*COLUMNS, "--cost", "fp=-1,fn=5"), "cost = "),
        ((*COLUMNS, "--compare", "accuracy"), "true negatives"),
        ((*COLUMNS, "--max-fpr", "0.1"), "--max-fpr have no meaning for events"),
        ((*COLUMNS, "--weight", "p"), "--weight have no meaning for events"),
        ((*COLUMNS, "--top-k", "1", "--min-recall", "0.9"), "No trigger keeps"),
        ((*COLUMNS, "--max-alarms", "3/day"), "need times"),
        ((*COLUMNS, "--max-alarms", "3"), "needs a period"),
        ((*COLUMNS, "--max-alarms", "3/yeer", "--time", "at"), "Unknown period"),
        ((*COLUMNS, "--max-alarms", "3/day", "--time", "number"), "need times"),
        ((*COLUMNS, "--time", "upset"), "not sorted"),
        ((*COLUMNS, "--time", "same"), "two steps"),
        ((*COLUMNS, "--tolerance", "soon"), "--tolerance 'soon' is not possible"),
        ((*COLUMNS, "--min-duration", "3m"), "--time"),
        ((*COLUMNS, "--min-duration", "0"), "min_duration = 0"),
        ((*COLUMNS, "--group", "number"), "more than one 'number'"),
        ((*COLUMNS, "--output-events", "alarms.txt"), "ends in .csv"),
        ((*COLUMNS, "--output-events", "gone/alarms.csv"), "no folder"),
        ((*COLUMNS, "--picture", "seen.jpg"), "no picture"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(run, scores, own_folder, words, part):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert part in err
    assert [path.name for path in own_folder.iterdir()] == ["scores.csv"]


def test_options_of_events_are_refused_without_them(scores, capsys):
    code = main(["decide", "scores.csv", "--score", "p", "--label", "y", "--series-id", "site", "--tolerance", "3"])
    assert code == 2
    assert "--series-id and --tolerance need --events" in capsys.readouterr().err
    assert main(["decide", "scores.csv", "--score", "p", "--label", "y", "--tolerance", "3"]) == 2
    assert "--tolerance needs --events" in capsys.readouterr().err


@pytest.mark.slow
def test_neither_torch_nor_optuna_is_imported(scores):
    code = (
        "import sys; from automl_nn.cli import main; "
        "main(['decide', 'scores.csv', '--events', '--score', 'p', '--label', 'y', '--series-id', 'site']); "
        "print({'torch', 'optuna'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"
