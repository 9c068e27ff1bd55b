"""Labels per step, from a long frame to predictions."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from automl_nn.cli import main
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import DataError, DecisionError, SpaceError, SplitError
from automl_nn.estimator import SeriesClassifier, StepClassifier, StepRegressor
from automl_nn.predict.predictor import Predictor
from automl_nn.search.encodings import Encodings
from automl_nn.search.knobs import training_curve
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.series import STEP_PORTFOLIO, step_space
from automl_nn.search.spaces.windows import window_lengths
from automl_nn.space.draw import defaults
from automl_nn.study import Study
from automl_nn.train.device import threads

QUICK = {"train.n_epochs": 4, "train.n_windows": 64, "model.backbone.d_block": 16, "model.backbone.length": 32}


def bounces(n_series=24, n_steps=160, *, seed=0):
    """A long frame in which a bounce of two steps is an event."""
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=0.3, size=(n_series, n_steps))
    y = np.zeros((n_series, n_steps), dtype=int)
    for series, at in enumerate(rng.integers(5, n_steps - 5, n_series)):
        x[series, at : at + 2] += 3, -3
        y[series, at : at + 2] = 1
    series, t = np.indices(x.shape)
    return pd.DataFrame({"s": series.ravel(), "t": t.ravel(), "x": x.ravel(), "y": y.ravel()})


@pytest.fixture(scope="module")
def frame():
    return bounces()


def test_scales_come_from_the_training_part_alone(frame):
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t"))
    encoded = Encodings(problem).of({"name": "standard", "max_one_hot": 16})[0]
    train = problem.table.frame["x"].to_numpy()[problem.split.train]
    scaler = encoded.encoder.scaler.to_json()
    assert scaler["center"] == pytest.approx([train.mean()])
    assert encoded.fold.train.inputs.dense.mean().abs() < 1e-5
    assert not encoded.fold.val.inputs.dense.mean().abs() < 1e-5


def test_no_stretch_is_in_both_parts(frame):
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t"))
    encoded = Encodings(problem).of({"name": "standard", "max_one_hot": 16})[0]
    train, val = encoded.fold.train, encoded.fold.val
    assert train.inputs.starts.tolist() == list(range(0, len(train), 160))
    assert not set(frame["s"][train.ids.numpy()]) & set(frame["s"][val.ids.numpy()])


def test_a_single_series_is_parted_by_time_with_a_gap():
    long = bounces(1, 4000).assign(y=lambda long: (np.arange(4000) % 100 < 2).astype(int))
    problem = pose_steps(long, ["y"], SeriesColumns(None, "t"))
    assert problem.split.val[0] - problem.split.train[-1] > max(window_lengths(problem))


@pytest.mark.parametrize("n_steps", [60, 240, 1000])
def test_parts_by_time_are_as_far_apart_as_the_longest_window_that_may_be_asked_for(n_steps):
    events = (np.arange(n_steps) % 20 < 9).astype(int)
    problem = pose_steps(bounces(1, n_steps).assign(y=events), ["y"], SeriesColumns(None, "t"))
    n_between = int(problem.split.val[0] - problem.split.train[-1] - 1)
    assert max(window_lengths(problem)) <= n_between
    edited = edit_space(step_space(problem), {"model.backbone.length": n_between, "model.backbone.name": "lstm"})
    assert defaults(edited)["model"]["backbone"]["length"] == n_between
    with pytest.raises(SpaceError, match=f"a whole number from 8 to {n_between}"):
        edit_space(step_space(problem), {"model.backbone.length": n_between + 1})


def test_a_single_group_is_parted_by_time():
    long = bounces(2, 2000).assign(y=lambda long: (np.arange(4000) % 100 < 2).astype(int), site="north")
    problem = pose_steps(long, ["y"], SeriesColumns("s", "t"), parting=Parting(group="site"))
    by_time = pose_steps(long.drop(columns="site"), ["y"], SeriesColumns("s", "t"), parting=Parting(gap=1))
    np.testing.assert_array_equal(problem.split.val, by_time.split.val)


def test_to_group_by_series_changes_nothing_and_by_times_is_refused(frame):
    by = SeriesColumns("s", "t")
    grouped, plain = (pose_steps(frame, ["y"], by, parting=Parting(group=group)) for group in ("s", None))
    np.testing.assert_array_equal(grouped.split.val, plain.split.val)
    with pytest.raises(DataError, match="cannot be grouped by 't', their times"):
        pose_steps(frame, ["y"], by, parting=Parting(group="t"))
    with pytest.raises(SplitError, match="A single series cannot be parted by series, 's': leave the group out"):
        pose_steps(frame[frame["s"] == frame["s"].iloc[0]], ["y"], by, parting=Parting(group="s"))


def test_where_the_end_of_a_series_tells_the_value_networks_look_back_only():
    left = np.tile(np.arange(99, -1, -1.0), 12)
    worn = pd.DataFrame({"s": np.repeat(range(12), 100), "x": 100 - left, "y": left})
    problem = pose_steps(worn, ["y"], SeriesColumns("s"))
    assert problem.looks_back
    assert not pose_steps(worn.assign(y=np.roll(left, 50)), ["y"], SeriesColumns("s")).looks_back
    known = step_space(problem)["model"]["backbone"]
    assert [*known] == ["lstm", "surroundings", "tcn", "step_mlp", "step_tabm_mini"]
    assert {defaults(option.space)["direction"] for option in known.values()} == {"forward"}
    assert any("look back only" in finding.message for finding in problem.findings)


def test_a_window_longer_than_every_series_is_refused(frame):
    with pytest.raises(SpaceError, match="4096 is not possible: it takes a whole number from 8 to 160"):
        edit_space(step_space(pose_steps(frame, ["y"], SeriesColumns("s"))), {"model.backbone.length": 4096})


def test_hard_windows_are_known_from_the_second_epoch_on(frame):
    encodings = Encodings(pose_steps(frame, ["y"], SeriesColumns("s", "t")))
    knobs = {**QUICK, "train.n_windows": 32, "train.n_epochs": 2, "model.backbone.name": "tcn"}
    configs = [
        defaults(edit_space(step_space(encodings.problem), knobs | {"train.sampling.hard": hard}))
        for hard in (0.0, 0.5)
    ]
    plain, hard = (training_curve(encodings, config) for config in configs)
    assert plain[0].tolist() == hard[0].tolist()
    assert plain[1].tolist() != hard[1].tolist()


def test_average_precision_is_what_labels_of_steps_are_compared_by():
    common = bounces().assign(y=lambda frame: (frame["x"] > 0).astype(int))
    assert pose_steps(common, ["y"], SeriesColumns("s")).task.metric == "average_precision"


def test_events_are_found_predictions_are_probabilities_and_the_model_is_kept(frame, tmp_path, monkeypatch):
    by = SeriesColumns("s", "t")
    study = Study(frame, "y", series=by, settings=QUICK | {"train.n_epochs": 8}, storage=f"sqlite:///{tmp_path}/s.db")
    study.tune(n_trials=1)
    output, y = study.validation()
    assert study.best_score > 20 * y.mean()
    study.predictor(study.decide(maximize="f1")).save(tmp_path / "steps.nn")
    model = Predictor.load(tmp_path / "steps.nn")
    shuffled = frame.sort_values(["t", "s"])
    expected = model.predict_frame(frame).set_index(["s", "t"])
    pd.testing.assert_frame_equal(model.predict_frame(shuffled).set_index(["s", "t"]).loc[expected.index], expected)
    val = study.problem.split.val
    whole = model.output(frame)
    assert whole[study.problem.steps.order[val]] == pytest.approx(output, abs=1e-4)
    monkeypatch.setattr("automl_nn.data.series.steps.STEPS_AT_ONCE", 300)  # pieces for two threads at a time
    with threads(2):
        assert model.output(shuffled) == pytest.approx(whole[shuffled.index], abs=1e-5)


def test_missing_labels_and_values_and_texts_are_taken(frame):
    gappy = frame.assign(mood=np.where(frame["t"] % 7 == 0, "calm", "wild"), y=frame["y"].where(frame["t"] % 5 != 0))
    gappy.loc[::11, "x"] = np.nan
    study = Study(gappy, "y", series=SeriesColumns("s", "t"), settings=QUICK).tune(n_trials=1)
    assert np.isfinite(study.best_score)


def test_values_of_steps_come_back_in_their_unit(frame):
    levels = frame.assign(y=1000 + 50 * frame.groupby("s")["x"].transform(lambda x: x.rolling(3, 1).mean()))
    study = Study(levels, "y", series=SeriesColumns("s", "t"), settings=QUICK).tune(n_trials=1)
    predicted = study.predictor().predict(levels)
    assert np.abs(predicted - levels["y"]).mean() < np.abs(levels["y"] - levels["y"].mean()).mean()


@pytest.fixture(scope="module")
def tides():
    """Long series whose values follow from those before, but for noise."""
    rng = np.random.default_rng(0)
    clock = np.arange(200) / 12 + rng.uniform(size=(12, 1))
    x = 500 + 100 * np.sin(2 * np.pi * clock) + rng.normal(scale=5, size=clock.shape)
    series, t = np.indices(x.shape)
    return pd.DataFrame({"s": series.ravel(), "t": t.ravel(), "x": x.ravel()})


def test_values_to_come_are_predicted_without_looking_ahead(tides):
    by = SeriesColumns("s", "t", horizon=6)
    settings = {**QUICK, "train.n_epochs": 12, "train.n_windows": 192}
    study = Study(tides, "x", series=by, settings=settings).tune(n_trials=1)
    assert study.best_score > -0.9 * tides["x"].std()  # half a wave later the present value is twice as far off
    predictor = study.predictor()
    whole, cut = (predictor.output(frame) for frame in (tides, tides[tides["t"] < 100]))
    early = (tides["t"] < 60).to_numpy()
    assert whole[early] == pytest.approx(cut[(tides[tides["t"] < 100]["t"] < 60).to_numpy()], abs=1e-4)


def test_a_value_to_come_is_that_of_the_same_series(tides):
    problem = pose_steps(tides, ["x"], SeriesColumns("s", "t", horizon=6))
    values = problem.task.prediction(problem.y)[:, 0].reshape(12, 200)
    truth = tides["x"].to_numpy().reshape(12, 200)
    assert values[:, :-6] == pytest.approx(truth[:, 6:], abs=1e-2)
    assert np.isnan(values[:, -6:]).all()
    assert "x" in problem.table.frame


def test_several_values_to_come_are_predicted_at_once_in_their_unit(tides):
    by = SeriesColumns("s", "t", horizon=(1, 2, 6))
    study = Study(tides, "x", series=by, settings=QUICK | {"train.n_epochs": 4}).tune(n_trials=1, references=False)
    told = study.predictor().predict_frame(tides)
    assert told.columns.tolist() == ["s", "t", "prediction_x+1", "prediction_x+2", "prediction_x+6"]
    for later in (1, 2, 6):
        off = told[f"prediction_x+{later}"] - tides.groupby("s")["x"].shift(-later)
        assert off.std() < tides["x"].std()


def test_the_shell_takes_several_horizons_and_refuses_what_is_none(tides, capsys):
    tides.to_parquet("tides.parquet")
    asked = ["--target", "x", "--series-id", "s", "--time", "t", "--per-step", "--horizon"]
    assert main(["check", "tides.parquet", "--quick", *asked, "1-3,6"]) == 0
    assert "x+6" in capsys.readouterr().out
    tides.assign(x="calm").to_parquet("words.parquet")
    assert main(["check", "words.parquet", *asked, "1-3,6"]) == 2
    assert "'x' holds words: take one horizon" in capsys.readouterr().err
    for odd in ("0", "3-1", "1-x", "1,,2"):
        assert main(["check", "tides.parquet", *asked, odd]) == 2
        assert f"--horizon {odd} is" in capsys.readouterr().err


def test_the_step_classifier_gives_back_the_shape_of_its_series(frame):
    X, y = (frame[name].to_numpy().reshape(24, 160) for name in ("x", "y"))
    classifier = StepClassifier(n_trials=1, settings=QUICK, random_state=0).fit(X[:, None], y)
    assert classifier.classes_.tolist() == [0, 1]
    assert classifier.predict(X[:, None]).shape == (24, 160)
    listed = classifier.predict_proba([X[:1, :100], X[1:2]])
    assert [part.shape for part in listed] == [(100, 2), (160, 2)]


def test_the_shell_tunes_decides_and_predicts_steps(frame, capsys):
    frame.to_parquet("steps.parquet")
    asked = ["--target", "y", "--series-id", "s", "--time", "t", "--per-step"]
    quick = [word for path, value in QUICK.items() for word in ("--set", f"{path}={value}")]
    assert main(["check", "steps.parquet", *asked]) == 0
    assert main(["tune", "steps.parquet", *asked, *quick, "--n-trials", "1"]) == 0
    assert main(["decide", "steps", "--maximize", "f1", "-o", "steps.nn"]) == 0
    assert main(["predict", "steps.nn", "steps.parquet", "-o", "found.csv"]) == 0
    found = pd.read_csv("found.csv")
    assert found.columns.tolist() == ["s", "t", "prediction", "proba_0", "proba_1"]
    assert found[["s", "t"]].equals(frame[["s", "t"]])
    capsys.readouterr()


@pytest.mark.parametrize(("share", "hard"), [(0.25, 0.25), (0.5, 0.0)])
def test_probabilities_keep_the_base_rate_whatever_windows_are_drawn(frame, share, hard):
    drawn = {"name": "events", "share": share, "hard": hard}
    settings = QUICK | {f"train.sampling.{knob}": value for knob, value in drawn.items()}
    study = Study(frame, "y", series=SeriesColumns("s", "t"), settings=settings)
    study.tune(n_trials=1, references=False)
    chosen = study.problem.steps.order[study.problem.split.val]
    predicted = study.predictor().predict_proba(frame)[chosen, 1].mean()
    assert predicted == pytest.approx(frame["y"].to_numpy()[chosen].mean(), rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[::-1], "not sorted"),
        (lambda frame: pd.concat([frame, frame]).sort_values(["s", "t"]), "two steps at t"),
        (lambda frame: frame.assign(x=np.nan), "Channel 'x' is missing at all"),
        (lambda frame: frame.assign(t=frame["t"] * np.where(frame["s"] == 3, 60, 1)), "60 times as far apart"),
        (lambda frame: frame.assign(t=frame["t"].where(frame["t"] != 7)), "'t' is missing in row 7"),
        (lambda frame: frame.rename(columns={"s": "site"}), "no column 's'"),
        (lambda frame: frame[frame["s"] == 3][:60].assign(y=0), "in every row"),
        (lambda frame: frame.assign(y=frame["y"] * (frame["s"] == 3)), "Class 1"),
        (lambda frame: frame[frame["s"] == 3].assign(y=lambda one: (one["t"] < 2).astype(int)), "a single series, of"),
    ],
)
def test_the_shell_refuses_series_that_cannot_be_used(frame, change, message, capsys):
    change(frame).to_parquet("odd.parquet")
    asked = ["--target", "y", "--series-id", "s", "--time", "t", "--per-step"]
    assert main(["tune", "odd.parquet", *asked, "--n-trials", "1"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def recordings(n_series, *, n_steps=120, seed=0):
    """Series `(length, 2)` of unequal lengths, and for each step the mean of the last three of its first channel."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(int(rng.integers(n_steps // 2, n_steps)), 2)) for _ in range(n_series)]
    return X, [500 + 100 * np.convolve(x[:, 0], np.ones(3) / 3)[: len(x)] for x in X]


def test_the_step_regressor_answers_in_the_unit_of_the_target_and_takes_series_with_time_first():
    X, y = recordings(40)
    y[3][:10] = np.nan
    regressor = StepRegressor(n_trials=1, settings=QUICK | {"train.n_epochs": 12}, random_state=0).fit(X, y)
    assert regressor.score(X, y) > 0.5
    assert [len(part) for part in regressor.predict(X)] == [len(x) for x in X]
    turned = regressor.predict([x.T for x in X])
    np.testing.assert_allclose(turned[0], regressor.predict(X[:1])[0], atol=1e-2)


def test_the_step_regressor_forecasts_a_channel_by_what_came_before():
    start = np.random.default_rng(0).uniform(0, 10, (30, 1))
    X = 500 + 100 * np.sin(start + np.arange(60) / 2)[:, None]
    quick = QUICK | {"model.backbone.name": "surroundings", "train.n_epochs": 15}
    regressor = StepRegressor(horizon=(1, 3), n_trials=1, settings=quick, random_state=0).fit(X, X[:, 0])
    assert "seasonal" in set(regressor.references_["name"])
    told = regressor.predict(X)
    assert told.shape == (30, 60, 2)
    found, truth = (
        np.concatenate([one.ravel() for one in parts])
        for parts in ((told[:, :-1, 0], told[:, :-3, 1]), (X[:, 0, 1:], X[:, 0, 3:]))
    )
    assert regressor.score(X, X[:, 0]) == pytest.approx(r2_score(truth, found))
    assert r2_score(truth, found) > 0.5
    np.testing.assert_allclose(regressor.predict(X[:, :, :40]), told[:, :40], rtol=1e-4)  # nothing was looked ahead


def test_later_values_are_those_of_a_channel():
    X = np.random.default_rng(0).normal(size=(4, 2, 20))
    with pytest.raises(DataError, match="y is none of the channels of X: add it to X"):
        StepRegressor(horizon=1).fit(X, X.sum(axis=1))


def test_a_single_recording_is_parted_by_time_and_answered_in_its_shape(frame):
    x = np.concatenate([frame["x"].to_numpy()] * 2)
    y = np.concatenate([frame["y"].to_numpy()] * 2)
    classifier = StepClassifier(n_trials=1, settings=QUICK, random_state=0).fit([x[:, None]], [y])
    assert classifier.predict_proba([x[:500, None]])[0].shape == (500, 2)
    with pytest.raises(DataError, match="put a single recording and its labels into lists"):
        StepClassifier(n_trials=1).fit(x[:, None], y)


def test_few_recordings_are_crossed_by_group_and_boosting_may_join():
    X, values = recordings(9)
    y = [(v > 550).astype(int) for v in values]
    classifier = StepClassifier(n_trials=1, settings=QUICK, with_references=True, random_state=0)
    classifier.fit(X, y, groups=np.arange(9) // 2)
    assert set(classifier.references_["name"]) == {"boosting", "linear"}
    assert classifier.score(X, y) > 0.9
    with pytest.raises(DataError, match=r"groups have shape \(3,\), but there are 9 series"):
        classifier.fit(X, y, groups=[0, 1, 2])


def test_series_that_look_turned_are_told_of():
    X, y = np.random.default_rng(0).normal(size=(12, 40, 3)), np.arange(12) % 2
    with pytest.warns(UserWarning, match="40 channels and 3 steps"):
        SeriesClassifier(n_trials=1, settings={"model.backbone.n_features": 840}, random_state=0).fit(X, y)


def spikes_in_series_of_all_scales(n_series=24, n_steps=200):
    """What is unusual in one series is nothing in another one, ten thousand times as large."""
    rng = np.random.default_rng(0)
    y = rng.uniform(size=n_series * n_steps) < 0.02
    x = rng.normal(size=len(y)) + 8 * y * rng.choice([-1, 1], len(y))
    series, scale = np.repeat(np.arange(n_series), n_steps), 10.0 ** rng.uniform(0, 4, n_series)
    return pd.DataFrame({"s": series, "x": (x + 100 * rng.normal(size=n_series)[series]) * scale[series], "y": y})


def test_the_first_trials_of_steps_find_what_is_unusual_at_any_scale(tmp_path):
    """A U-Net alone, on channels that are scaled as a whole, reaches 0.32."""
    storage, settings = f"sqlite:///{tmp_path}/s.db", {"train.n_epochs": 8, "model.backbone.name": "surroundings"}
    frame = spikes_in_series_of_all_scales()
    study = Study(frame, "y", series=SeriesColumns("s"), storage=storage, settings=settings)
    study.tune(n_trials=1, references=False)
    assert study.best_score > 0.9
    names = [entry.get("model.backbone.name") for entry in STEP_PORTFOLIO]
    assert "surroundings" in names[:2]
    study.store.close()


@pytest.mark.parametrize(("n_events", "is_known"), [(60, True), (6, False)])
def test_one_recording_says_how_good_its_networks_are_or_that_nobody_knows(n_events, is_known):
    x, y = np.random.default_rng(0).normal(scale=0.3, size=3_000), np.zeros(3_000, dtype=int)
    for at in np.linspace(20, 2_980, n_events).astype(int):
        x[at : at + 2], y[at : at + 2] = (3, -3), 1
    frame = pd.DataFrame({"t": np.arange(3_000), "x": x, "y": y})
    study = Study(frame, "y", series=SeriesColumns(None, "t"), settings=QUICK)
    found = study.tune(n_trials=2).honest_score()
    assert found.deployed.is_known == is_known
    assert ("may be good by luck" in study.verdict()) != is_known
    decider = study.decider()
    with nullcontext() if is_known else pytest.raises(DecisionError, match="label 3 more"):
        assert decider.weigh().to_json() != replace(decider, drawn=None).weigh().to_json()
