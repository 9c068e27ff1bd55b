from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from automl_nn.decide.events.choose import choose_events
from automl_nn.decide.events.decision import decide_events
from automl_nn.decide.events.trigger import Trigger
from automl_nn.decide.goal import Goal
from automl_nn.review.decision.numbers import decision_report
from automl_nn.review.events.alarms import Watched
from automl_nn.review.events.pictures import SeenEvents, draw_series
from automl_nn.task.random_scores import against_random
from automl_nn.task.tasks import Binary


@pytest.fixture
def series():
    rng = np.random.default_rng(0)
    y = np.tile(np.repeat([0.0, 1.0, 0.0], [60, 8, 32]), 20)
    return rng.normal(2.5 * y), y, np.arange(0, 2001, 100)


def _watched(scores, y, trigger, tolerance, **given):
    choice = choose_events(np.arange(60) % 7, np.arange(60) % 7 == 6, goal=Goal("f1"), tolerance=0, n_bootstrap=10)
    return Watched.of(scores, y, replace(choice, trigger=trigger, tolerance=tolerance), **given)


def test_every_alarm_and_miss_is_a_row_as_by_hand():
    y = [0, 1, 1, 0, 0, 0, 1, np.nan, np.nan, 0, 1, 0]
    scores = [9, 8, 1, 9, 1, 7, 1, 1, 9, 1, 2, 3]
    watched = _watched(scores, y, Trigger(7, 7), 1, offsets=[0, 6, 12], names=["a", "b"])
    table = watched.table()
    assert table["kind"].tolist() == ["found", "repeated", "false alarm", "missed", "unknown", "missed"]
    assert table["series"].tolist() == ["a", "a", "a", "b", "b", "b"]
    assert table["start"].tolist() == [0, 3, 5, 0, 2, 4]
    assert table["end"].tolist() == [1, 3, 5, 0, 2, 4]
    assert table["peak"].tolist() == [9, 9, 7, 1, 9, 2]
    assert watched.worst(1)[["kind", "peak"]].to_numpy().tolist() == [["false alarm", 7], ["missed", 1]]


def test_the_table_agrees_with_the_metrics(series):
    scores, y, offsets = series
    choice = choose_events(scores, y, goal=Goal("f1"), tolerance=2, offsets=offsets, n_bootstrap=20)
    kinds = Watched.of(scores, y, choice, offsets=offsets).table()["kind"].value_counts()
    assert kinds.get("found", 0) == choice.metrics["found"]
    assert kinds.get("missed", 0) == choice.metrics["missed"]
    assert kinds.get("false alarm", 0) + kinds.get("repeated", 0) == choice.metrics["false_alarms"]


def test_what_is_drawn_stays_in_its_series(series):
    scores, y, offsets = series
    watched = _watched(scores, y, Trigger(2.0, 1.0), 2, offsets=offsets)
    around = watched.around(160, n_steps=8, context=80)
    assert around["time"].tolist() == list(range(100))
    assert (around["score"].to_numpy() == scores[100:200]).all()
    assert (around["alarm"].to_numpy() == watched.alarms.marks()[100:200]).all()


def test_pictures_and_tables_are_saved(series, tmp_path):
    scores, y, offsets = series
    y = np.where(np.arange(2000) < 20, np.nan, y)
    times = np.datetime64("2026-01-01") + np.arange(2000).astype("timedelta64[m]")
    watched = _watched(scores, y, Trigger(2.5, 2.0, 1), 2, offsets=offsets, times=times)
    beside = against_random(y, scores, find=lambda s: watched.alarms, tolerance=2, rng=np.random.default_rng(0))
    seen = SeenEvents(watched, "event_f1", beside)
    files = seen.save(tmp_path / "seen")
    assert {"events.csv", "worst.csv", "against_random.csv", "first_look.png", "false_alarm_1.png"} <= {
        file.name for file in files
    }
    assert seen.save(tmp_path / "seen.png") == [tmp_path / "seen.png"]


def test_the_drawing_shows_events_alarms_and_thresholds(series):
    scores, y, offsets = series
    watched = _watched(scores, y, Trigger(2.0, 1.0), 2, offsets=offsets)
    axes = Figure().subplots()
    draw_series(watched.around(60, n_steps=8, context=30), axes, trigger=Trigger(2.0, 1.0), title="a")
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["event", "score", "alarm from", "until below", "alarm"]
    assert axes.patches[0].get_x() == 29.5
    assert axes.patches[0].get_width() == 8


def test_a_decision_of_steps_is_reported_in_probabilities(series):
    scores, y, offsets = series
    task = Binary(("fault",), "average_precision")
    decision = decide_events(task, scores[:, None] - 4, y[:, None], tolerance=2, offsets=offsets, n_bootstrap=20)
    report = decision_report(decision)
    assert report["goal"] == "event_f1"
    assert 0 < report["interval"][0] <= report["threshold"] <= report["interval"][1] < 1
    assert report["metrics"]["with_threshold"]["threshold"] < 1
    assert decision.choice.metrics_of_threshold["threshold"] != report["metrics"]["with_threshold"]["threshold"]
