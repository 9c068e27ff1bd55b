"""Events in series whose steps a study has scored: decisions, reports, pictures, model files."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.decide.ensemble import ensemble_weights
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.events.stored import weigh_events
from automl_nn.errors import DecisionError
from automl_nn.estimator import StepClassifier
from automl_nn.predict.predictor import Predictor
from automl_nn.search.problems.parting import Parting
from automl_nn.study import Study
from automl_nn.task.events import Events

N_SERIES, N_STEPS = 40, 100
QUICK = {"train.n_epochs": 4, "train.n_windows": 64, "model.backbone.d_block": 8, "model.backbone.length": 32}


def bounces(**columns):
    """A step a minute; a bounce of two steps in each series is an event."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(scale=0.3, size=(N_SERIES, N_STEPS)), np.zeros((N_SERIES, N_STEPS), dtype=int)
    for row, at in enumerate(rng.integers(5, N_STEPS - 5, size=N_SERIES)):
        x[row, at : at + 2], y[row, at : at + 2] = (3, -3), 1
    series, t = np.indices(x.shape)
    at = pd.Timestamp("2026-01-01") + pd.to_timedelta(t.ravel(), unit="min")
    names = np.array([f"s{i}" for i in range(N_SERIES)])[series.ravel()]
    return pd.DataFrame({"s": names, "at": at, "x": x.ravel(), "y": y.ravel(), **columns})


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A database with the tuned study `bounces`."""
    url = f"sqlite:///{tmp_path_factory.mktemp('events')}/studies.db"
    by = SeriesColumns("s", "at")
    study = Study(bounces(), "y", series=by, settings=QUICK, name="bounces", storage=url)
    study.tune(n_trials=1, references=False)
    return url


@pytest.fixture
def run(storage, capsys):
    """Decide on events of the study: exit code, standard output and standard error."""

    def run(*words, study="bounces"):
        code = main(["decide", study, "--events", "--storage", storage, *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_model_file_numbers_the_alarms_of_each_series(run, own_folder, capsys):
    code, out, _ = run("--maximize", "event_f1", "--tolerance", "2", "-o", "bounces.nn", "-f", "json")
    assert (code, json.loads(out)["model"]) == (0, "bounces.nn")
    mixed = bounces().drop(columns="y").sample(frac=1, random_state=0).sort_values("at", kind="stable")
    mixed.to_csv("new.csv", index=False)
    assert main(["predict", "bounces.nn", "new.csv", "-o", "found.csv"]) == 0
    capsys.readouterr()
    found = pd.read_csv("found.csv", parse_dates=["at"])
    assert found.columns.tolist() == ["s", "at", "prediction", "event", "proba_0", "proba_1"]
    assert found[["s", "at"]].equals(mixed[["s", "at"]].reset_index(drop=True))
    assert (found["prediction"] == (found["event"] > 0)).all()
    model = Predictor.load("bounces.nn")
    assert isinstance(model.decision, EventCuts)
    by_series = bounces().merge(found, on=["s", "at"])  # series by series again
    for _, series in by_series.groupby("s", sort=False):
        alarms = model.decision.find(model.output(series))
        assert len(alarms) == series["event"].max()
        assert series["event"].tolist() == alarms.numbers().tolist()
    assert (found["event"] > 0).any()


def test_an_alarm_does_not_reach_into_the_next_series(storage):
    study = Study.load("bounces", storage=storage)
    predictor = study.predictor(study.decide_events(tolerance=2, merge_gap=1000))
    found = predictor.predict_frame(bounces())
    assert found.groupby("s")["event"].max().max() == 1  # all alarms of a series are one, and stay in it
    some = bounces()[lambda frame: frame["s"].isin(["s3", "s20"])]
    alone = predictor.predict_frame(some)
    assert alone["event"].tolist() == found[found["s"].isin(["s3", "s20"])]["event"].tolist()


def test_groups_of_series_are_drawn_as_a_whole(storage, tmp_path):
    frame = bounces().assign(site=lambda frame: frame["s"].str[1:].astype(int) // 4)
    parting = Parting(group="site", val_share=0.4)
    by = SeriesColumns("s", "at")
    settings = QUICK | {"model.backbone.name": "tcn"}
    study = Study(frame, "y", series=by, settings=settings, parting=parting, storage=f"sqlite:///{tmp_path}/grouped.db")
    study.tune(n_trials=4, references=False)
    decider = study.step_decider()
    sites = frame["site"].to_numpy()[study.problem.steps.order[study.problem.split.val]]
    assert len(np.unique(decider.groups)) == 4 * len(np.unique(decider.units))
    assert [len(np.unique(decider.units[sites == site])) for site in np.unique(sites)] == [1] * len(np.unique(sites))
    outputs, y = zip(*map(study.validation, range(4)), strict=True)
    by_site, by_step = (ensemble_weights(study.task, outputs, y[0], units=units) for units in (decider.units, None))
    assert study.ensemble() == pytest.approx({i: weight for i, weight in enumerate(by_site) if weight})
    assert np.abs(by_site - by_step).max() > 0.1
    apart = weigh_events(replace(decider, units=None), n_bootstrap=10)
    assert weigh_events(decider, n_bootstrap=10).choice.utility_interval != apart.choice.utility_interval
    assert decider.weigh().to_json() != replace(decider, units=None, drawn=None).weigh().to_json()


def test_figures_stand_beside_random_scores_and_other_goals(run, own_folder):
    words = ("--tolerance", "2m", "--max-alarms", "100/day", "--compare", "event_f2", "--compare", "fp=1,fn=20")
    code, out, err = run(*words, "--picture", "seen", "-f", "json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    n_steps = report["n_steps"]
    assert report["tolerance"] == 2
    assert report["goal"] == f"event_recall with at most {int(100 * n_steps / 1440)} alarms"
    beside = {row["metric"]: row for row in report["against_random"]}
    assert {"average_precision", "vus_pr", "event_f1", "false_alarms_per_1000_steps", "mean_delay"} <= set(beside)
    trigger = report["metrics"]["with_trigger"]
    assert beside["event_f1"]["value"] == pytest.approx(trigger["f1"])
    assert beside["event_f1"]["shuffled"] < beside["event_f1"]["value"]
    assert report["time"]["false_alarms_per_day"] == pytest.approx(1.44 * trigger["false_alarms_per_1000_steps"])
    assert [row["goal"] for row in report["compare"]][1:] == ["event_f2", "cost(fp=1, fn=20) of 1,000 steps"]
    assert {"seen/events.csv", "seen/against_random.csv"} <= set(report["pictures"])
    assert pd.read_csv("seen/events.csv")["series"].str.fullmatch(r"s\d+").all()  # as the data call them


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--score", "p"), "columns of a study"),
        (("--tolerance", "soon"), "--tolerance 'soon' is not possible"),
        (("--max-alarms", "3"), "needs a period"),
        (("--max-alarms", "3/yeer"), "Unknown period"),
        (("--max-fpr", "0.1"), "--max-fpr have no meaning for events"),
        (("--unlabelled", "new.csv"), "--unlabelled have no meaning for events"),
        (("--compare", "accuracy"), "true negatives"),
        (("--picture", "seen.jpg"), "no picture"),
        (("-o", "gone/m.nn"), "no folder"),
        (("--top-k", "1", "--min-recall", "0.9"), "No trigger keeps"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(run, own_folder, words, part):
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert list(own_folder.iterdir()) == []


def test_alarms_in_a_day_need_times_that_are_dates(storage, run):
    by = SeriesColumns("s", "t")
    frame = bounces(t=np.tile(np.arange(N_STEPS), N_SERIES)).drop(columns="at")
    Study(frame, "y", series=by, settings=QUICK, name="numbered", storage=storage).tune(n_trials=1, references=False)
    code, _, err = run("--max-alarms", "3/day", study="numbered")
    assert code == 2
    assert "need times" in err
    assert run("--max-alarms", "3", "--periods", "2", study="numbered")[0] == 0
    assert "--time" in run("--tolerance", "3m", study="numbered")[2]


def test_rows_that_are_no_steps_have_no_events(storage, run):
    frame = bounces()[["x", "y"]]
    Study(frame, "y", settings={"train.n_epochs": 1}, name="rows", storage=storage).tune(n_trials=1, references=False)
    code, _, err = run(study="rows")
    assert code == 2
    assert "no events: tune with --per-step" in err


def test_the_step_classifier_decides_on_events():
    frame = bounces()
    X, y = (frame[name].to_numpy().reshape(N_SERIES, N_STEPS) for name in ("x", "y"))
    goal = {"events": True, "maximize": "event_f1", "tolerance": 2, "min_duration": 2}
    classifier = StepClassifier(n_trials=1, settings=QUICK, decision=goal, random_state=0).fit(X[:, None], y)
    assert classifier.decision_.choice.trigger.min_duration == 2
    alarms = Events.of(classifier.predict(X[:, None]).ravel(), offsets=np.arange(0, X.size + 1, N_STEPS))
    assert len(alarms)
    assert alarms.length.min() >= 2


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"maximise": "f1"}, "Unknown goal 'maximise'. Did you mean 'maximize'?"),
        ({"events": True, "tolerence": 3}, "Unknown goal 'tolerence'. Did you mean 'tolerance'?"),
        ({"tolerance": 3}, "Unknown goal 'tolerance'"),
        ({"events": True, "maximize": "event_f9"}, "Unknown utility 'event_f9'"),
        ("f1", "decision = 'f1' names no goal"),
    ],
)
def test_a_decision_that_is_none_is_refused_before_the_search(decision, said):
    X = np.random.default_rng(0).normal(size=(4, 1, 20))
    with pytest.raises(DecisionError, match=re.escape(said)):
        StepClassifier(n_trials=0, decision=decision).fit(X, (X[:, 0] > 1).astype(int))  # no search would begin
