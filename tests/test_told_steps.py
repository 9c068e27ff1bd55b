"""Networks of tables that read each step alone, with what it is told of its whole series."""

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.model.backbones import TOLD
from automl_nn.model.build import build
from automl_nn.model.inputs import Inputs
from automl_nn.model.numeric import PiecewiseLinear
from automl_nn.model.views import View, view_of
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.series import step_space
from automl_nn.space.draw import defaults
from automl_nn.study import Study

QUICK = {"train.n_epochs": 8, "train.n_windows": 64, "model.backbone.d_block": 16}
every_told = pytest.mark.parametrize("name", list(TOLD))


def slow(n_series=16, n_steps=400):
    """Steps count where the mean of the last 128 is high, which no window of 16 shows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_series, n_steps)) + 1.5 * (np.arange(n_steps) // 150 % 2)
    mean = pd.DataFrame(x.T).rolling(128, min_periods=1).mean().to_numpy().T
    series, t = np.indices(x.shape)
    return pd.DataFrame({"s": series.ravel(), "t": t.ravel(), "x": x.ravel(), "y": mean.ravel() > 1.0})


def config_of(problem, name, **knobs):
    return defaults(edit_space(step_space(problem), {**QUICK, "model.backbone.name": name, **knobs}))


def encoded(problem, name):
    model = config_of(problem, name)["model"]
    return Encodings(problem).of(model["encoder"], view_of(model))[0].fold


@every_told
def test_a_step_is_told_what_no_window_shows(name, tmp_path, monkeypatch):
    frame = slow()
    study = Study(
        frame,
        "y",
        series=SeriesColumns("s", "t"),
        settings=QUICK | {"model.backbone.name": name, "model.backbone.direction": "forward"},
        storage=f"sqlite:///{tmp_path}/s.db",
    )
    study.tune(n_trials=1, references=False)
    assert study.best_score > 0.97
    study.predictor().save(tmp_path / "model.zip")
    whole = study.predictor().predict_proba(frame)
    monkeypatch.setattr("automl_nn.model.views.STEPS_AT_ONCE", 1_000)
    np.testing.assert_allclose(study.predictor().predict_proba(frame), whole, atol=1e-5)
    study.store.close()


def test_what_steps_are_told_does_not_cross_the_cut_between_parts():
    frame = slow(1, 3_000)
    frame["y"] = np.arange(len(frame)) % 50 < 3
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t"))
    last = problem.split.train.max()
    assert last + 1 < problem.split.val.min()
    moved = frame.assign(x=frame["x"].where((frame.index <= last) | frame.index.isin(problem.split.val), 99.0))
    one, other = (encoded(pose_steps(f, ["y"], SeriesColumns("s", "t")), "step_mlp") for f in (frame, moved))
    assert torch.equal(one.val.inputs.numbers, other.val.inputs.numbers)
    assert torch.equal(one.train.inputs.numbers, other.train.inputs.numbers)


def test_where_networks_look_back_steps_are_told_nothing_of_later_ones():
    frame = slow().assign(y=lambda frame: frame["x"])
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t", horizon=(3,)))
    assert problem.looks_back
    model = config_of(problem, "step_mlp")["model"]
    assert view_of(model) == View(per_step=True, causal=True)


def test_series_of_very_many_steps_are_not_told(monkeypatch):
    problem = pose_steps(slow(), ["y"], SeriesColumns("s", "t"))
    assert set(TOLD) < set(step_space(problem)["model"]["backbone"])
    monkeypatch.setattr("automl_nn.search.spaces.series.MOST_TOLD", 6_000)
    assert not set(TOLD) & set(step_space(problem)["model"]["backbone"])


def test_series_of_tokens_alone_are_not_told():
    frame = slow().assign(x=lambda frame: "w" + (frame["t"] * 7 % 40).astype(str))
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t"))
    assert not set(TOLD) & set(step_space(problem)["model"]["backbone"])


def test_an_epoch_reads_as_many_steps_as_one_of_windows_and_none_of_them_in_long_ones():
    problem = pose_steps(slow(), ["y"], SeriesColumns("s", "t"), parting=Parting(folds=1))
    attempt = Attempt(Encodings(problem), [config_of(problem, "step_mlp")], seeds=[0])
    batches = attempt._training._batches
    assert batches.n_steps * batches.batch_size == 64 * QUICK["train.n_windows"]
    assert {len(batch.targets.y[0]) for batch in batches.epoch()} == {batches.batch_size}


@every_told
def test_a_network_in_a_stack_is_the_network_alone(name):
    problem = pose_steps(slow(), ["y"], SeriesColumns("s", "t"))
    config, fold = config_of(problem, name)["model"], encoded(problem, name)

    def made(seeds):
        return build(
            [config] * len(seeds),
            fold.train.inputs,
            n_numeric=1,
            vocabularies=(),
            d_out=1,
            output_bias=torch.zeros(len(seeds), 1),
            seeds=seeds,
        ).backbone

    x = fold.val.inputs.dense[None, :50]
    torch.testing.assert_close(made([3, 4])(x)[1], made([4])(x)[0])


def test_categories_stand_behind_the_numbers_as_they_are():
    frame = slow().assign(mood=lambda frame: np.where(frame["t"] % 3, "calm", np.where(frame["t"] % 2, "wild", "odd")))
    problem = pose_steps(frame, ["y"], SeriesColumns("s", "t"))
    config = defaults(
        edit_space(step_space(problem), {"model.backbone.name": "step_mlp", "model.encoder.max_one_hot": 0})
    )
    inputs = Encodings(problem).of(config["model"]["encoder"], view_of(config["model"]))[0].fold.train.inputs
    assert inputs.codes.shape[1] == 1
    network = build(
        [config["model"]],
        inputs,
        n_numeric=1,
        vocabularies=(4,),
        d_out=1,
        output_bias=torch.zeros(1, 1),
        seeds=[0],
    )
    assert network.backbone.embedding.n_numeric == inputs.d_dense
    assert (network.backbone.embedding.slope.amax((0, 2, 3)) > 0).all()  # bins are those of the training steps
    assert len(network.predict(inputs)[0]) == len(inputs)


def test_bins_that_are_fitted_later_are_those_of_the_start():
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    early = PiecewiseLinear(k=2, x=x, n_bins=8, d_embedding=2)
    late = PiecewiseLinear(k=2, x=torch.zeros(0, 3), n_bins=8, d_embedding=2)
    late.fit(x)
    assert all(torch.equal(one, other) for one, other in zip(early.buffers(), late.buffers(), strict=True))


def test_inputs_of_no_steps_are_told_nothing():
    none = Inputs(torch.zeros(0, 2), torch.zeros(0, 0, dtype=torch.int64), starts=torch.zeros(0, dtype=torch.int64))
    view = View(per_step=True, causal=False)
    assert view.beside(none).numbers.shape == (0, view.width(2))
