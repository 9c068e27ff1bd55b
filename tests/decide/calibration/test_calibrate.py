import json

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from automl_nn.decide.calibration.calibrate import Calibration, bin_outputs, fit_calibration
from automl_nn.decide.calibration.maps import isotonic


def _label(n_rows=5000, *, slope=1.0, intercept=0.0, seed=0):
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, size=(n_rows, 1))
    y = (rng.random((n_rows, 1)) < expit(slope * logit + intercept)).astype(float)
    return logit, y


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"), [(1.0, 0.0, "identity"), (0.4, 0.0, "temperature"), (2.0, -1.5, "platt")]
)
def test_the_simplest_map_that_explains_the_labels_is_found(slope, intercept, kind):
    fitted = fit_calibration(*_label(slope=slope, intercept=intercept), family="labels")
    assert fitted.kind == (kind,)
    assert fitted.slope[0] == pytest.approx(slope, abs=0.15)
    assert fitted.intercept[0] == pytest.approx(intercept, abs=0.15)


def test_platt_scaling_equals_logistic_regression():
    logit, y = _label(20_000, slope=2.0, intercept=-1.0)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, y[:, 0])
    fitted = fit_calibration(logit, y, family="labels")
    assert fitted.slope[0] == pytest.approx(oracle.coef_[0, 0], rel=2e-3)  # Platt's smoothed targets differ a little
    assert fitted.intercept[0] == pytest.approx(oracle.intercept_[0], rel=2e-3)


@pytest.mark.parametrize("furthest", [-13.0, -1e4])
def test_positives_rarer_than_a_group_of_outputs_are_calibrated_as_by_logistic_regression(furthest):
    rng = np.random.default_rng(0)
    logit = np.concatenate([rng.normal(-11, 1, size=400_000), rng.normal(1, 2, size=200)])[:, None]
    y = (rng.random(logit.shape) < expit(logit)).astype(float)  # one in 3,000
    output = 2 * logit + 2
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(output, y[:, 0])
    output[0] = furthest
    fitted = fit_calibration(output, y, family="labels")
    assert expit(fitted.apply(output)).mean() == pytest.approx(y.mean(), rel=5e-3)
    assert fitted.slope[0] == pytest.approx(oracle.coef_[0, 0], rel=2e-2)


def test_each_label_is_calibrated_alone_and_missing_labels_change_nothing():
    logits, y = (
        np.hstack([_label(slope=3.0)[0], _label(seed=1)[0]]),
        np.hstack([_label(slope=3.0)[1], _label(seed=1)[1]]),
    )
    holes = np.vstack([y, np.full((50, 2), np.nan)])
    both = fit_calibration(np.vstack([logits, np.ones((50, 2))]), holes, family="labels")
    alone = [fit_calibration(logits[:, [j]], y[:, [j]], family="labels") for j in range(2)]
    assert both.slope == tuple(calibration.slope[0] for calibration in alone)


def test_few_positives_and_perfect_scores_leave_the_output_as_it_is_and_reversed_ones_say_the_prior():
    logit, y = _label(2000, slope=3.0)
    y[np.flatnonzero(y)[19:]] = 0
    assert fit_calibration(logit, y, family="labels").kind == ("identity",)
    logit, y = _label(slope=-1.0)
    reversed_ = fit_calibration(logit, y, family="labels")
    assert expit(reversed_.apply(logit)) == pytest.approx(y.mean(), abs=0.01)
    separated = fit_calibration(50 * np.sign(logit), (logit > 0).astype(float), family="labels")
    assert 0 < separated.slope[0] <= 1


def test_a_temperature_of_classes_lowers_the_log_loss_and_keeps_the_order():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 4))
    y = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])[:, None].astype(float)
    fitted = fit_calibration(5 * logits, y, family="classes")
    assert fitted.slope == pytest.approx((0.2,) * 4, abs=0.02)
    before, after = softmax(5 * logits, axis=1), softmax(fitted.apply(5 * logits), axis=1)
    assert log_loss(y, after) < log_loss(y, before)
    assert np.array_equal(before.argmax(1), after.argmax(1))
    hard = fit_calibration(5 * logits, np.eye(4)[y[:, 0].astype(int)], family="classes")
    assert hard.slope == pytest.approx(fitted.slope)


def test_calibrated_classes_and_values_are_left_alone():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 3))
    y = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])[:, None]
    assert fit_calibration(logits, y, family="classes") == Calibration.identity(3)
    assert fit_calibration(logits, logits, family="values") == Calibration.identity(3)
    assert fit_calibration(logits, np.full((3000, 1), np.nan), family="classes") == Calibration.identity(3)


def test_a_calibration_survives_json():
    fitted = fit_calibration(*_label(slope=0.3, intercept=1.0), family="labels")
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def _beta(n_rows=20_000):
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, size=(n_rows, 1))
    true = 2.5 * np.logaddexp(0, logit) - 0.3 * np.logaddexp(0, -logit) - 1
    return logit, true, (rng.random((n_rows, 1)) < expit(true)).astype(float)


def _steps(n_rows=20_000):
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, size=(n_rows, 1))
    true = np.select([logit < -2, logit < 0, logit < 0.5, logit < 3], [-4.0, -0.5, 0.5, 0.6], 4.0)
    return logit, true, (rng.random((n_rows, 1)) < expit(true)).astype(float)


@pytest.mark.parametrize(("case", "kind"), [(_beta, "beta"), (_steps, "isotonic")])
def test_what_is_not_linear_is_fitted_and_the_order_of_the_rows_stays(case, kind):
    logit, true, y = case()
    fitted = fit_calibration(logit, y, family="labels")
    assert fitted.kind == (kind,)
    assert np.abs(expit(fitted.apply(logit)) - expit(true)).mean() < 0.02
    calibrated = fitted.apply(np.sort(logit, axis=0))[:, 0]
    assert (np.diff(calibrated)[np.diff(np.sort(logit[:, 0])) > 1e-9] > 0).all()
    assert min(fitted.log_loss[0], key=fitted.log_loss[0].get) == kind
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_isotonic_regression_equals_scikit_learns_but_for_one_row_of_the_prior():
    logit, _, y = _steps(1500)
    fitted = isotonic(bin_outputs(logit[:, 0], y[:, 0])[1]).apply(logit[:, 0])
    oracle = IsotonicRegression().fit_transform(logit[:, 0], y[:, 0])
    assert np.abs(expit(fitted) - oracle).mean() < 0.01


def test_a_calibration_that_was_stored_before_there_were_other_maps_is_read():
    old = {"slope": [2.0], "intercept": [1.0], "kind": ["platt"]}
    assert Calibration.from_json(old).apply([[3.0]]).tolist() == [[7.0]]


def test_classes_without_an_error_are_not_made_certain():
    y = np.arange(300) % 3
    output = 4.0 * np.eye(3)[y]
    slope = fit_calibration(output, y[:, None], family="classes").slope[0]
    doubt = 1 - softmax(slope * output, axis=1).max(axis=1).mean()
    assert 0.2 / len(y) < doubt < 5 / len(y)


def test_labels_without_an_error_are_no_more_certain_than_classes_may_be():
    y = np.tile([[0.0], [1.0]], (40, 1))
    output = (2 * y - 1) * np.random.default_rng(0).uniform(10, 20, size=y.shape)
    label = fit_calibration(output, y, family="labels")
    classes = fit_calibration(np.hstack([np.zeros_like(output), output]), y, family="classes")
    assert label.kind == ("temperature",)
    assert label.slope[0] == pytest.approx(classes.slope[0], rel=1e-3)
    assert 0.2 / len(y) < expit(-np.abs(label.apply(output))).mean() < 5 / len(y)
