"""A series that is scored step by step, against the same one scored as a whole."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import DataError
from automl_nn.predict.stream import Stream
from automl_nn.search.references.reference import Reference
from automl_nn.study import Study

LENGTH = 16
NETWORKS = {
    "lstm": {"name": "lstm", "direction": "forward", "n_layers": 2, "d_block": 8},
    "both": {"name": "lstm", "direction": "both", "d_block": 8},
    "tcn": {"name": "tcn", "n_blocks": 3, "d_block": 8},
    "unet": {"name": "unet", "n_levels": 2, "d_block": 8},
    "causal_tcn": {"name": "tcn", "direction": "forward", "n_blocks": 3, "d_block": 8},
    "surroundings": {"name": "surroundings", "direction": "forward", "d_block": 8},
    "told": {"name": "step_mlp", "direction": "both", "d_block": 8},
    "told_before": {"name": "step_tabm_mini", "direction": "forward", "d_block": 8},
}


def steps(n_series, n_steps):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_series * n_steps)
    frame = pd.DataFrame({"s": np.repeat(np.arange(n_series), n_steps), "t": np.tile(np.arange(n_steps), n_series)})
    return frame.assign(x=x, mood=rng.choice(["calm", "wild"], len(x)), y=(np.convolve(x, [1, 1, 1])[:-2] > 2))


@pytest.fixture(scope="module")
def predictors(tmp_path_factory):
    """A model of each network, with a decision on events."""
    made = {}
    for name, backbone in NETWORKS.items():
        length = {} if "told" in name else {"length": LENGTH}
        knobs = {f"model.backbone.{knob}": value for knob, value in {**backbone, **length}.items()}
        settings = {"train.n_epochs": 1, "train.n_windows": 64, **knobs}
        storage = f"sqlite:///{tmp_path_factory.mktemp(name)}/s.db"
        study = Study(steps(20, 100), "y", series=SeriesColumns("s", "t"), settings=settings, storage=storage)
        study.tune(n_trials=1, references=False)
        made[name] = study.predictor(study.decide_events(tolerance=1, min_duration=2, merge_gap=2, cool_down=3))
        study.store.close()
    return made


def fed(predictor, frame, size):
    stream = Stream(predictor)
    told = [stream.feed(frame.iloc[at : at + size]) for at in range(0, len(frame), size)]
    return stream, told


@pytest.mark.parametrize(
    ("name", "n_steps", "size"),
    [
        *((name, 90, 13) for name in NETWORKS),
        *((name, *sizes) for name in ("lstm", "both") for sizes in ((7, 2), (40, 1), (333, 50), (333, 333))),
        ("told", 400, 37),
        ("told_before", 400, 37),
    ],
)
def test_a_stream_says_what_is_said_of_the_whole_series(predictors, name, n_steps, size):
    frame = steps(1, n_steps).assign(s="new")
    stream, told = fed(predictors[name], frame, size)
    expected = predictors[name].predict_frame(frame)
    found = pd.concat([*told, stream.end()], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-4, atol=1e-5)


def test_networks_that_look_back_tell_a_step_at_once_and_others_after_a_window(predictors):
    frame = steps(1, 24)
    plain = {name: replace(model, decision=_as_cuts(model)) for name, model in predictors.items()}
    assert [Stream(plain[name]).delay for name in NETWORKS] == [0, LENGTH, LENGTH, LENGTH, 0, 0, 64, 0]
    assert [len(part) for part in fed(plain["lstm"], frame, 1)[1]] == [1] * 24
    assert [len(part) for part in fed(plain["unet"], frame, 1)[1]] == [0] * LENGTH + [1] * (24 - LENGTH)


def _as_cuts(model):
    """The same calibration without waiting for events."""
    trigger = replace(model.decision.choice.trigger, min_duration=1, merge_gap=0)
    return replace(model.decision, choice=replace(model.decision.choice, trigger=trigger))


def test_memory_does_not_grow_with_the_series(predictors):
    stream, _ = fed(predictors["tcn"], steps(1, 400), 8)
    assert len(stream._rows) <= 3 * LENGTH
    assert len(stream._waiting.rows) <= 4


def test_boosting_on_views_of_steps_streams_too(tmp_path):
    """Three neighbours tell the label, so that it is far ahead of a network that was hardly trained."""
    frame = steps(20, 60)
    settings = {"train.n_epochs": 1, "train.n_windows": 64, "model.backbone.name": "tcn", "model.backbone.length": 16}
    study = Study(frame, "y", series=SeriesColumns("s", "t"), settings=settings, storage=f"sqlite:///{tmp_path}/s.db")
    predictor = study.tune(n_trials=1).predictor(with_references=True)
    assert "boosting" in [model.name for model in predictor.networks if isinstance(model, Reference)]
    long = steps(1, 500)
    stream, told = fed(predictor, long, 60)
    found = pd.concat([*told, stream.end()], ignore_index=True)
    assert found["proba_True"].to_numpy() == pytest.approx(predictor.predict_frame(long)["proba_True"], abs=1e-4)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ({"s": ["b"], "t": [1], "x": [0.0], "mood": ["calm"]}, "steps of 'a' and 'b' came"),
        ({"s": ["a"], "t": [0], "x": [0.0], "mood": ["calm"]}, "two steps at t = 0"),
        ({"s": ["a"], "t": [-1], "x": [0.0], "mood": ["calm"]}, "not sorted"),
        ({"s": ["a"], "t": [1], "mood": ["calm"]}, "lack the column 'x'"),
        ({"s": ["a"], "t": [1], "x": ["high"], "mood": ["calm"]}, "'x'"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_and_the_stream_goes_on(predictors, second, why):
    stream = Stream(predictors["lstm"])
    told = [stream.feed({"s": ["a"], "t": [0], "x": [0.0], "mood": ["calm"]})]
    with pytest.raises(DataError, match=why):
        stream.feed(second)
    told += [stream.feed({"s": ["a"], "t": [1], "x": [None], "mood": ["calm"]}), stream.end()]
    assert pd.concat(told)["t"].tolist() == [0, 1]
    with pytest.raises(DataError, match="has ended"):
        stream.feed({"s": ["a"], "t": [2], "x": [0.0], "mood": ["calm"]})


def test_lines_of_several_series_are_told_as_those_of_a_file(predictors, tmp_path, monkeypatch, capsys):
    predictors["both"].save(tmp_path / "steps.nn")
    frame = steps(3, 30).drop(columns="y").sort_values(["t", "s"])
    frame.loc[::7, "x"] = np.nan
    lines = frame.to_csv(index=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["predict", str(tmp_path / "steps.nn"), "-"]) == 0
    told = pd.read_csv(io.StringIO(capsys.readouterr().out)).sort_values(["s", "t"], ignore_index=True)
    expected = predictors["both"].predict_frame(frame).sort_values(["s", "t"], ignore_index=True)
    pd.testing.assert_frame_equal(told, expected, check_dtype=False, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("lines", "more", "why"),
    [
        ("", [], "The stream is empty"),
        ("s,t,x,mood\n1,0,2\n", [], "line 2 of the stream"),
        ("s,t,x,mood\n1,0,2,calm\n1,1,high,calm\n", [], "Line 3 of the stream is refused: Column 'x' holds 'high'"),
        ("s,t,x,mood\n1,0,2,calm\n", ["-o", "told.csv"], "told on standard output"),
    ],
)
def test_a_stream_that_cannot_be_read_is_refused_in_a_sentence(
    predictors, tmp_path, monkeypatch, capsys, lines, more, why
):
    predictors["lstm"].save(tmp_path / "steps.nn")
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["predict", str(tmp_path / "steps.nn"), "-", *more]) == 2
    assert why in capsys.readouterr().err
