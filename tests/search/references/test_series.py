"""A linear model and boosting on what surrounds a step, or on the course of a series."""

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.model.inputs import Inputs
from automl_nn.model.views import SPANS, View
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.references.fit import fit_references
from automl_nn.search.references.reference import Reference
from automl_nn.search.references.series_sample import sample_of_series
from automl_nn.study import Study

STARTS = torch.tensor([0, 70, 71, 300])
X = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
INPUTS = Inputs(torch.from_numpy(X), torch.zeros(500, 0, dtype=torch.int64), starts=STARTS)


def after_a_peak(n_series=24, n_steps=120):
    """A step is positive two steps after a peak: no step alone tells it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_series, n_steps))
    y = np.zeros_like(x)
    y[:, 2:] = x[:, :-2] > 1.5
    s = np.repeat(np.arange(n_series), n_steps)
    return pd.DataFrame({"s": s, "x": x.ravel(), "y": y.ravel().astype(int)})


@pytest.mark.parametrize("causal", [True, False])
def test_statistics_around_a_step_are_those_of_pandas(causal):
    found = View(per_step=True, causal=causal).read(INPUTS).numbers.numpy()
    assert found.shape == (500, View(per_step=True, causal=causal).width(2))
    n_near = 2 * (4 if causal else 7)
    for series in np.split(np.arange(500), STARTS[1:].tolist()):
        frame = pd.DataFrame(X[series])
        for place, span in enumerate(SPANS):
            at = np.arange(len(series)) if causal else np.minimum(np.arange(len(series)) + span // 2, len(series) - 1)
            rolling = frame.rolling(span, min_periods=1)
            mean, deviation = (rolled.to_numpy()[at] for rolled in (rolling.mean(), rolling.std(ddof=0)))
            apart = (frame.to_numpy() - mean) / np.maximum(deviation, 1e-6)
            expected = np.hstack([mean, deviation, apart])
            np.testing.assert_allclose(found[series, n_near + 6 * place :][:, :6], expected, atol=1e-4)
        at = np.arange(len(series)) if causal else np.minimum(np.arange(len(series)) + 16, len(series) - 1)
        rolling = frame.rolling(32, min_periods=1)
        expected = np.hstack([rolling.min().to_numpy()[at], rolling.max().to_numpy()[at]])
        np.testing.assert_allclose(found[series, -4:], expected, atol=1e-6)


def test_how_many_deviations_a_step_lies_from_a_mean_does_not_depend_on_the_scale():
    view = View(per_step=True, causal=False)
    mine, theirs = (
        view.read(Inputs(INPUTS.numbers * scale + shift, INPUTS.codes, starts=STARTS)).numbers
        for scale, shift in ((1, 0), (50, 7))
    )
    same = np.isclose(mine, theirs, atol=1e-3).all(axis=0)
    assert same.sum() == 2 * len(SPANS)


def test_a_view_that_was_stored_before_is_told_what_it_was():
    stored = View.from_json({"per_step": True, "causal": True, "lags": None})
    assert stored.width(2) == View(per_step=True, causal=True).width(2) - 2 * len(SPANS)
    assert stored.read(INPUTS).numbers.shape[1] == stored.width(2)
    assert View.from_json(View(per_step=True, causal=True).to_json()) == View(per_step=True, causal=True)


def test_a_causal_view_is_told_nothing_of_later_steps():
    later = Inputs(INPUTS.numbers.clone(), INPUTS.codes, starts=STARTS)
    later.numbers[200:] += 5
    view = View(per_step=True, causal=True)
    assert torch.equal(view.read(INPUTS).numbers[:200], view.read(later).numbers[:200])


@pytest.mark.parametrize("per_step", [True, False])
def test_a_series_is_read_alone_as_it_is_beside_others(per_step, monkeypatch):
    monkeypatch.setattr("automl_nn.model.views.STEPS_AT_ONCE", 100)
    view = View(per_step=per_step, causal=False)
    together = view.read(INPUTS).numbers
    pieces = [view.read(piece).numbers for _, piece in view.pieces(INPUTS)]
    assert len(pieces) == 3
    torch.testing.assert_close(torch.cat(pieces), together, atol=1e-4, rtol=0)


def test_references_of_steps_see_what_was_before():
    problem = pose_steps(after_a_peak(), ["y"], SeriesColumns("s"))
    rows = {row.name: row for row in fit_references(problem, timeout=None, seed=0)}
    assert rows["boosting"].score > 0.95
    stored = Reference.from_bytes(rows["boosting"].payload)
    val = problem.split.val
    again = stored.output(problem.table.take(val), starts=problem.steps.stretches(val))
    np.testing.assert_allclose(again, rows["boosting"].output, atol=1e-5)


def test_references_of_whole_series_see_their_course():
    frame = after_a_peak(60).assign(y=lambda frame: frame["s"] % 2)
    frame["x"] += np.where(frame["y"] == 1, 1, -1) * np.tile(np.linspace(-2, 2, 120), 60)
    problem = pose_steps(frame, ["y"], SeriesColumns("s", per_step=False), parting=Parting(folds=3))
    for row in fit_references(problem, timeout=None, seed=0):
        assert row.score > -0.3


def test_too_many_steps_are_thinned_but_for_the_positives_and_what_is_left_counts_for_them(monkeypatch):
    monkeypatch.setattr("automl_nn.search.references.series_sample.MOST_STEPS", 600)
    problem = pose_steps(after_a_peak(), ["y"], SeriesColumns("s"))
    train = problem.split.train
    from automl_nn.model.encoders import fit_encoder
    from automl_nn.model.scalers import Robust

    encoder = fit_encoder(problem.table, scaler=Robust, max_one_hot=0)
    view = View(per_step=problem.steps.columns.per_step, causal=problem.looks_back)
    sample = sample_of_series(problem, encoder, view, train, rng=np.random.default_rng(0))
    assert len(sample) == 600
    assert sample.y.sum() == problem.y[train].sum()
    assert sample.weight.sum() == pytest.approx(len(train))
    whole = view.read(problem.inputs(encoder, train)).numbers.numpy()
    assert {tuple(row) for row in sample.inputs.numbers.numpy()} <= {tuple(row) for row in whole}


def test_boosting_may_predict_beside_networks_of_steps(tmp_path):
    frame = after_a_peak()
    settings = {"train.n_epochs": 1, "train.n_windows": 32, "model.backbone.d_block": 8}
    study = Study(frame, "y", series=SeriesColumns("s"), settings=settings).tune(n_trials=1)
    assert "boosting" in study.ensemble(with_references=True)
    decision = study.decide(maximize="f1", with_references=True)
    predictor = study.predictor(decision, with_references=True)
    assert np.mean(predictor.predict(frame) == frame["y"]) > 0.95


def seasonal_series(n_series=6, n_steps=200, *, period=12):
    """Series that repeat themselves, but for a level that walks and noise."""
    rng = np.random.default_rng(0)
    x = 500 + 100 * np.sin(2 * np.pi * (np.arange(n_steps) / period + rng.uniform(size=(n_series, 1))))
    x += rng.normal(size=x.shape) + rng.normal(size=x.shape).cumsum(axis=1)
    s = np.repeat(np.arange(n_series), n_steps)
    return pd.DataFrame({"s": s, "load": np.resize([0.0, 1.0], len(s)), "x": x.ravel()})


@pytest.mark.parametrize("horizon", [1, 5, 12, 30])
def test_the_season_before_is_found_and_told_in_the_unit_of_the_target(horizon):
    frame = seasonal_series()
    problem = pose_steps(frame, ["x"], SeriesColumns("s", horizon=horizon), parting=Parting(folds=1))
    row = next(iter(fit_references(problem, timeout=None, seed=0)))
    assert (row.name, row.state, row.message) == ("seasonal", "complete", "the value of the last season of 12 steps")
    before = frame.groupby("s")["x"].shift(-(-horizon // 12) * 12 - horizon).fillna(frame["x"])
    found = problem.task.prediction(row.output)[:, 0]
    np.testing.assert_allclose(found, before.to_numpy()[problem.split.val], rtol=1e-4)
    stored = Reference.from_bytes(row.payload)
    again = stored.output(problem.table, starts=problem.steps.starts)[problem.split.val]
    np.testing.assert_allclose(again, row.output, atol=1e-5)


def test_each_horizon_has_its_own_season_before_and_later_values_are_quantities():
    frame = seasonal_series().assign(y=lambda frame: 3 * frame["x"] + 7)
    by = SeriesColumns("s", horizon=[13, 1, 5])
    problem = pose_steps(frame, ["x", "y"], by, parting=Parting(folds=1))
    assert problem.task.targets == ("x+1", "x+5", "x+13", "y+1", "y+5", "y+13")
    assert SeriesColumns(**problem.steps.columns.to_json()) == problem.steps.columns
    alike = {"rtol": 1e-4, "atol": 1e-3}
    for place, (name, horizon) in enumerate((name, horizon) for name in "xy" for horizon in (1, 5, 13)):
        truth = frame.groupby("s")[name].shift(-horizon)
        np.testing.assert_allclose(problem.task.prediction(problem.y)[:, place], truth, **alike)
    row = next(iter(fit_references(problem, timeout=None, seed=0)))
    assert row.state == "complete"
    for output in (row.output, Reference.from_bytes(row.payload).output(problem.table, starts=problem.steps.starts)):
        found = problem.task.prediction(output)
        for place, (name, horizon) in enumerate((name, horizon) for name in "xy" for horizon in (1, 5, 13)):
            before = frame.groupby("s")[name].shift(-(-horizon // 12) * 12 - horizon).fillna(frame[name]).to_numpy()
            rows = problem.split.val if len(found) < len(frame) else slice(None)
            np.testing.assert_allclose(found[:, place], before[rows], rtol=1e-4)


def test_without_a_season_the_present_value_is_told():
    frame = seasonal_series().assign(x=lambda frame: frame["x"] * 0 + np.random.default_rng(0).normal(size=len(frame)))
    problem = pose_steps(frame, ["x"], SeriesColumns("s", horizon=3), parting=Parting(folds=1))
    row = next(iter(fit_references(problem, timeout=None, seed=0)))
    assert row.message == "the present value: no season"
    np.testing.assert_allclose(
        problem.task.prediction(row.output)[:, 0], frame["x"].to_numpy()[problem.split.val], atol=1e-4
    )
