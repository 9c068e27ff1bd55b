"""One label for each series, from a long frame to predictions."""

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.cli import main
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import DataError, SplitError, TargetError
from automl_nn.estimator import SeriesClassifier, SeriesRegressor
from automl_nn.model.backbones import WHOLE, Answering
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.ridge import Answers
from automl_nn.search.problems.series import pose_steps
from automl_nn.study import Study

QUICK = {"train.n_epochs": 4, "train.n_windows": 64, "model.backbone.d_block": 16}
WHOLE_OF = SeriesColumns("s", "t", per_step=False)


def waves(n_series=45, *, seed=0):
    """A long frame of series of unequal lengths, whose frequency is their class."""
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(n_series):
        t = np.arange(rng.integers(30, 60))
        period = (4, 9, 20)[number % 3]
        x = np.sin(2 * np.pi * (t / period + rng.uniform())) + rng.normal(scale=0.2, size=len(t))
        parts.append(pd.DataFrame({"s": f"s{number}", "t": t, "x": x, "y": ("fast", "fair", "slow")[number % 3]}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def frame():
    return waves()


def test_a_series_counts_once_whatever_its_length(frame):
    problem = pose_steps(frame, ["y"], WHOLE_OF)
    assert np.isfinite(problem.y).sum() == 45
    assert np.isfinite(problem.y[problem.split.val]).sum() == 9
    assert problem.task.metric == "neg_log_loss"


def test_a_series_with_two_labels_is_refused(frame):
    with pytest.raises(DataError, match="Series 's1' has several values of 'y', but a series has one"):
        pose_steps(frame.assign(y=np.where(frame.index % 60 == 59, "odd", frame["y"])), ["y"], WHOLE_OF)


def test_a_single_series_has_nothing_to_be_compared_with(frame):
    with pytest.raises((SplitError, DataError, ValueError)):
        pose_steps(frame[frame["s"] == "s0"], ["y"], WHOLE_OF)


def test_a_series_longer_than_any_window_is_refused():
    long = pd.DataFrame({"s": np.repeat([0, 1], 5000), "x": 0.0, "y": np.repeat([0, 1], 5000)})
    with pytest.raises(DataError, match=r"A series has 5,000 steps, but .* is learned from 4,096 at most"):
        pose_steps(long, ["y"], SeriesColumns("s", per_step=False))


@pytest.mark.parametrize("name", list(WHOLE))
def test_a_whole_window_has_one_output(name):
    knobs = {"inception": {"n_taps": 9, "n_blocks": 3}, "whole_tcn": {"n_blocks": 3}, "whole_lstm": {"n_layers": 1}}
    knobs["minirocket"] = {"n_features": 840}
    own = knobs[name] if name == "minirocket" else {"d_block": 8, **knobs[name]}
    net = WHOLE[name].make(d_in=2, length=16, parts=plain_parts(k=2, d_in=2), **own)
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.data.normal_(generator=generator)
    if isinstance(net, Answering):
        fitted_to = torch.randn(1, 64, 2, generator=generator)
        answers = Answers(torch.rand(4, 1, generator=generator), "values", torch.zeros(2, 1))
        net.answer(fitted_to, answers, generators=[torch.Generator().manual_seed(seed) for seed in range(2)])
    output = net(torch.randn(1, 32, 2, generator=generator)).view(2, 2, 16, -1)
    assert torch.equal(output, output[:, :, :1].expand_as(output))
    assert not torch.equal(output[:, 0], output[:, 1])


@pytest.mark.parametrize("name", list(WHOLE))
def test_every_network_learns_what_a_mean_cannot_tell(name, frame):
    quick = {path: value for path, value in QUICK.items() if name != "minirocket" or "d_block" not in path}
    study = Study(frame, "y", series=WHOLE_OF, settings={**quick, "model.backbone.name": name, "train.n_epochs": 8})
    study.tune(n_trials=1)
    prior = study.problem.task.scores(study.problem.y, np.zeros((len(frame), 3)))["neg_log_loss"]
    assert study.best_score > prior


def test_predictions_are_one_row_a_series_in_their_order(frame, tmp_path):
    study = Study(frame, "y", series=WHOLE_OF, settings=QUICK).tune(n_trials=1)
    predictor = study.predictor(study.decide())
    found = predictor.predict_frame(frame)
    assert found.columns.tolist() == ["s", "prediction", "proba_fair", "proba_fast", "proba_slow"]
    assert found["s"].tolist() == [f"s{number}" for number in range(45)]
    alone = predictor.predict_frame(frame[frame["s"] == "s7"])
    assert alone.loc[0, "proba_fast"] == pytest.approx(found.loc[7, "proba_fast"], abs=1e-5)


def test_the_shell_tunes_whole_series(frame, capsys):
    frame.to_parquet("waves.parquet")
    quick = [word for path, value in QUICK.items() for word in ("--set", f"{path}={value}")]
    asked = ["--target", "y", "--series-id", "s", "--time", "t"]
    assert main(["tune", "waves.parquet", *asked, *quick, "--n-trials", "1"]) == 0
    assert main(["decide", "waves", "-o", "waves.nn"]) == 0
    assert main(["predict", "waves.nn", "waves.parquet", "-o", "found.csv"]) == 0
    assert len(pd.read_csv("found.csv")) == 45
    capsys.readouterr()


def test_the_series_classifier_takes_lists_of_unequal_lengths(frame):
    X = [part["x"].to_numpy()[None] for _, part in frame.groupby("s", sort=False)]
    y = frame.groupby("s", sort=False)["y"].first().to_numpy()
    classifier = SeriesClassifier(n_trials=1, settings=QUICK, random_state=0).fit(X, y)
    assert set(classifier.classes_) == {"fast", "fair", "slow"}
    assert classifier.predict(X).shape == (45,)
    assert classifier.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(45))


def test_the_series_regressor_answers_in_the_unit_of_the_target():
    rng = np.random.default_rng(0)
    level = rng.uniform(100, 900, 60)
    X = (level[:, None] + rng.normal(scale=20, size=(60, 40)))[:, None]
    regressor = SeriesRegressor(n_trials=1, settings={**QUICK, "train.n_epochs": 12}, random_state=0).fit(X, level)
    assert regressor.score(X, level) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[frame["s"] == "s0"], "in every row"),
        (
            lambda frame: pd.concat([frame] * 30).assign(s="long", t=lambda long: np.arange(len(long)), y="fast"),
            "at most",
        ),
        (lambda frame: frame.assign(y=np.where(frame.index % 60 == 59, "odd", frame["y"])), "several values of 'y'"),
    ],
)
def test_the_shell_refuses_what_cannot_be_learned_of_whole_series(frame, change, message, capsys):
    change(frame).to_parquet("odd.parquet")
    asked = ["--target", "y", "--series-id", "s", "--time", "t"]
    assert main(["tune", "odd.parquet", *asked, "--n-trials", "1"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_fixed_convolutions_are_the_first_trial(frame):
    study = Study(frame, "y", series=WHOLE_OF, settings={"train.n_epochs": 1})
    study.tune(n_trials=1, references=False)
    assert study.leaderboard()["model.backbone.name"].tolist() == ["minirocket"]


def test_values_of_steps_are_no_values_of_series():
    with pytest.raises(TargetError, match="values of each step of a series are for StepClassifier and StepRegressor"):
        SeriesRegressor(n_trials=1).fit([np.zeros((1, 20)), np.zeros((1, 30))], [np.zeros(20), np.zeros(30)])
