import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from automl_nn.decide.calibration.reliability import quality, reliability


def _rows(slope=1.0, n_rows=6000, seed=0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, size=n_rows)
    return logit, (rng.random(n_rows) < expit(slope * logit)).astype(float)


def test_the_scores_are_those_of_scikit_learn():
    logit, y = _rows()
    found = quality(reliability(logit, y))
    assert found["log_loss"] == pytest.approx(log_loss(y, expit(logit)), rel=0.04)
    assert found["brier"] == pytest.approx(brier_score_loss(y, expit(logit)), rel=0.04)


def test_the_bands_hold_the_truth_of_calibrated_scores_and_not_of_others():
    held = [
        ((t.low <= t.predicted) & (t.predicted <= t.high)).mean()
        for t in (reliability(*_rows(seed=s)) for s in range(8))
    ]
    assert 0.75 <= np.mean(held) <= 1
    worse = reliability(*_rows(slope=0.3))
    assert ((worse.low <= worse.predicted) & (worse.predicted <= worse.high)).mean() < 0.5


def test_a_fitted_map_is_judged_on_rows_that_it_has_not_seen():
    logit, y = _rows(slope=0.3)
    raw, fitted = (quality(reliability(logit, y, kind=kind)) for kind in ("identity", "platt"))
    assert fitted["ece"] < 0.25 * raw["ece"]
    noise = np.random.default_rng(0).normal(size=300)
    coin = np.tile([0.0, 1.0], 150)
    assert quality(reliability(noise, coin, kind="isotonic"))["log_loss"] > np.log(2)


def test_rows_without_a_label_change_nothing_and_rows_add_up():
    logit, y = _rows()
    table = reliability(np.append(logit, [9.0, -9.0]), np.append(y, [np.nan, np.nan]))
    assert table.equals(reliability(logit, y))
    assert table.n_rows.sum() == pytest.approx(len(y))
