import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV
from sklearn.preprocessing import StandardScaler

from automl_nn.model.ridge import PENALTIES, Answers, ridge


@pytest.fixture
def x():
    x = np.random.default_rng(0).normal(size=(40, 90)) * np.linspace(0.1, 10, 90)
    x[:, 0] = 3.0  # a constant tells nothing
    return x


def said(x, answers):
    found = ridge(torch.from_numpy(x).float(), answers)
    return found, (x @ found.weight.double().numpy()) + found.bias.double().numpy()


def answers_of(y, family):
    y = torch.from_numpy(np.asarray(y, dtype=np.float32))
    return Answers(y, family, torch.zeros(1, y.shape[1]))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_are_scored_as_by_ridge_regression_of_scikit_learn(x, n_classes):
    labels = np.arange(40) % n_classes
    x[:, 1:9] += 4 * labels[:, None]
    family, y = ("labels", labels[:, None]) if n_classes == 2 else ("classes", np.eye(n_classes)[labels])
    found, scores = said(x, answers_of(y, family))
    scaled = StandardScaler().fit_transform(x)
    theirs = RidgeClassifierCV(alphas=PENALTIES).fit(scaled, labels)
    expected = theirs.decision_function(scaled).reshape(40, -1)
    slope = (scores * expected).sum() / (expected**2).sum()
    assert found.penalty == pytest.approx(theirs.alpha_)
    assert slope > 0
    np.testing.assert_allclose(scores, slope * expected, atol=1e-3 * slope)


def test_values_are_those_of_ridge_regression_of_scikit_learn(x):
    y = x[:, [3]] + 0.1 * x[:, [5]]
    found, values = said(x, answers_of(y, "values"))
    scaled = StandardScaler().fit_transform(x)
    theirs = RidgeCV(alphas=PENALTIES).fit(scaled, y[:, 0])
    assert found.penalty == pytest.approx(theirs.alpha_)
    np.testing.assert_allclose(values[:, 0], theirs.predict(scaled), atol=1e-3)


def test_a_row_left_out_is_told_what_a_fit_without_it_says(x):
    y = x[:, [3]] + 0.1 * x[:, [5]]
    found, _ = said(x, answers_of(y, "values"))
    scaled = StandardScaler().fit_transform(x)
    for row in (0, 7, 39):
        rest = np.arange(40) != row
        alone = Ridge(found.penalty).fit(scaled[rest], y[rest, 0]).predict(scaled[[row]])
        assert float(found.left_out[row, 0]) == pytest.approx(float(alone[0]), abs=1e-3)


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 2.0, 200.0), (30.0, 0.0, 1.0)])
def test_scores_are_as_certain_as_rows_left_out_allow(x, noise, least, most):
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 2
    x[:, 1:30] += 20 * labels[:, None] + noise * rng.normal(size=(40, 29)) * 20
    _, scores = said(x, answers_of(labels[:, None], "labels"))
    assert least <= np.abs(scores).mean() <= most


@pytest.mark.parametrize("unknown", [3, slice(None)])
def test_where_labels_are_not_known_all_that_is_said_is_finite(x, unknown):
    y = np.random.default_rng(2).integers(0, 2, size=(40, 2)).astype(float)
    y[unknown, 0] = np.nan
    found, scores = said(x, answers_of(y, "labels"))
    assert np.isfinite(scores).all()
    assert bool(found.left_out.isfinite().all())


def test_a_row_by_itself_is_told_its_own_value(x):
    found, scores = said(x[:1], answers_of(np.array([[3.0]]), "values"))
    assert scores.item() == pytest.approx(3.0)
    assert bool(found.left_out.isfinite().all())
