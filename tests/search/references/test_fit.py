"""The references: their arrays predict like scikit-learn, whatever the task, and no time is wasted on them."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from automl_nn.errors import ModelFileError
from automl_nn.model.encoders import Inputs
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import pose
from automl_nn.search.references.boosting import fit_boosting
from automl_nn.search.references.fit import N_FIRST, add_references, fit_references
from automl_nn.search.references.linear import fit_linear
from automl_nn.search.references.parts import ABSENT, Sample, parts
from automl_nn.search.references.reference import Reference
from automl_nn.search.references.trees import Trees
from automl_nn.store.store import Store
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression, SoftLabels

RNG = np.random.default_rng(0)
N = 600
NUMBERS = RNG.normal(size=(N, 3)).astype(np.float32)
CODES = np.stack([RNG.integers(0, 40, N), RNG.integers(0, 4, N)], axis=1)
SIGNAL = NUMBERS[:, 0] + (CODES[:, 0] % 3) - NUMBERS[:, 1] ** 2 + RNG.normal(size=N)
WEIGHT = RNG.uniform(0.1, 2.0, N).astype(np.float32)
INPUTS = Inputs(torch.from_numpy(NUMBERS), torch.from_numpy(CODES))
VOCABULARIES = (41, 4)
COLUMNS = np.hstack([CODES, NUMBERS]).astype(np.float64)
CATEGORIES = np.arange(5) < 2
DESIGN = np.hstack([NUMBERS, np.eye(41)[CODES[:, 0]], np.eye(4)[CODES[:, 1]]])
CLASSES = np.digitize(SIGNAL, [-1.0, 1.0])


def sample(y, weight=None):
    return Sample(INPUTS, np.asarray(y, dtype=np.float32).reshape(N, -1), weight)


def same_order(a, b):
    """Equal but for a number added to each row, which changes no probability."""
    np.testing.assert_allclose(a - a[:, :1], b - b[:, :1], atol=1e-6)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_boosting_predicts_classes_like_scikit_learn(weight):
    own = fit_boosting(sample(CLASSES, weight), Multiclass(("y",), "accuracy", (0, 1, 2)), vocabularies=VOCABULARIES)
    theirs = HistGradientBoostingClassifier(categorical_features=CATEGORIES, random_state=0)
    theirs.fit(ranked(COLUMNS), CLASSES, sample_weight=weight)
    np.testing.assert_allclose(own.output(INPUTS), theirs.decision_function(ranked(COLUMNS)), atol=1e-9)


@pytest.mark.parametrize(("weight", "kept"), [(1.0, None), (3.0, [3.0] * N)])
def test_weights_of_one_are_none_since_boosting_takes_long_to_bin_rows_with_weights(weight, kept):
    (part,) = parts(sample(SIGNAL, np.full(N, weight, dtype=np.float32)), Regression(("y",), "r2"))
    assert kept == (part.weight if part.weight is None else part.weight.tolist())


def ranked(columns):
    """Codes by how frequent they are, as the trees name them."""
    columns = columns.copy()
    for j in np.flatnonzero(CATEGORIES):
        counts = np.bincount(columns[:, j].astype(int))
        rank = np.empty(len(counts))
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        columns[:, j] = rank[columns[:, j].astype(int)]
    return columns


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_boosting_predicts_labels_and_values_like_scikit_learn(weight):
    labels = (SIGNAL > 0.5).astype(float)
    own = fit_boosting(sample(labels, weight), Binary(("y",), "roc_auc"), vocabularies=VOCABULARIES)
    theirs = HistGradientBoostingClassifier(categorical_features=CATEGORIES, random_state=0)
    theirs.fit(ranked(COLUMNS), labels, sample_weight=weight)
    np.testing.assert_allclose(own.output(INPUTS)[:, 0], theirs.decision_function(ranked(COLUMNS)), atol=1e-9)
    own = fit_boosting(sample(SIGNAL, weight), Regression(("y",), "r2"), vocabularies=VOCABULARIES)
    theirs = HistGradientBoostingRegressor(categorical_features=CATEGORIES, random_state=0)
    theirs.fit(ranked(COLUMNS), SIGNAL.astype(np.float32), sample_weight=weight)
    np.testing.assert_allclose(own.output(INPUTS)[:, 0], theirs.predict(ranked(COLUMNS)), atol=1e-9)


def test_trees_treat_missing_values_and_unknown_categories_like_scikit_learn(rng):
    x = ranked(COLUMNS)
    x[rng.random(x.shape) < 0.1] = np.nan
    theirs = HistGradientBoostingRegressor(categorical_features=CATEGORIES).fit(x, SIGNAL)
    own = Trees.of(theirs, columns=[0], baseline=np.zeros(1))
    unknown, missing = x.copy(), x.copy()
    unknown[:30, 0], missing[:30, 0] = 200.0, np.nan
    unknown[:30, 2] = missing[:30, 2] = np.nan
    np.testing.assert_allclose(own.output(missing)[:, 0], theirs.predict(unknown), atol=1e-9)


def test_rare_levels_beyond_those_that_trees_know_count_as_missing():
    codes = np.repeat(np.arange(300), 2)
    inputs = Inputs(torch.zeros(N, 0), torch.from_numpy(codes[:, None]))
    y = (codes % 2).astype(np.float32)[:, None]
    model = fit_boosting(Sample(inputs, y), Binary(("y",), "roc_auc"), vocabularies=(301,))
    assert np.isfinite(model.output(Inputs(torch.zeros(1, 0), torch.tensor([[300]])))).all()


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_the_linear_model_predicts_like_scikit_learn(weight):
    def logistic(y):
        return LogisticRegression(max_iter=300).fit(DESIGN, y, sample_weight=weight).decision_function(DESIGN)

    own = fit_linear(sample(CLASSES, weight), Multiclass(("y",), "accuracy", (0, 1, 2)), vocabularies=VOCABULARIES)
    np.testing.assert_allclose(own.output(INPUTS), logistic(CLASSES), atol=0.02)
    labels = (SIGNAL > 0.5).astype(float)
    own = fit_linear(sample(labels, weight), Binary(("y",), "roc_auc"), vocabularies=VOCABULARIES)
    np.testing.assert_allclose(own.output(INPUTS)[:, 0], logistic(labels), atol=0.02)
    own = fit_linear(sample(SIGNAL, weight), Regression(("y",), "r2"), vocabularies=VOCABULARIES)
    ridge = Ridge().fit(DESIGN, SIGNAL.astype(np.float32), sample_weight=weight).predict(DESIGN)
    np.testing.assert_allclose(own.output(INPUTS)[:, 0], ridge, atol=5e-3)


@pytest.mark.parametrize("fit", [fit_linear, fit_boosting])
def test_each_label_is_fitted_to_the_rows_that_have_it(fit):
    y = np.stack([SIGNAL > 0, SIGNAL > 1, np.ones(N)], axis=1).astype(np.float32)
    y[::3, 0] = np.nan
    together = fit(sample(y), Multilabel(("u", "v", "w"), "roc_auc"), vocabularies=VOCABULARIES).output(INPUTS)
    known = np.flatnonzero(np.isfinite(y[:, 0]))
    alone = fit(sample(y).take(known), Binary(("u",), "roc_auc"), vocabularies=VOCABULARIES)
    if fit is fit_linear:  # trees name the categories by how frequent they are among all rows
        np.testing.assert_allclose(together[:, 0], alone.output(INPUTS)[:, 0], atol=0.02)
    assert (together[:, 2] > 4).all()
    assert np.isfinite(together).all()


def test_a_whole_soft_label_counts_like_a_class():
    soft = fit_linear(sample(np.eye(3)[CLASSES]), SoftLabels(("a", "b", "c"), "accuracy"), vocabularies=VOCABULARIES)
    hard = fit_linear(sample(CLASSES), Multiclass(("y",), "accuracy", (0, 1, 2)), vocabularies=VOCABULARIES)
    same_order(soft.output(INPUTS), hard.output(INPUTS))


@pytest.mark.parametrize("fit", [fit_linear, fit_boosting])
def test_a_class_without_rows_is_improbable(fit):
    task = Multiclass(("y",), "accuracy", (0, 1, 2))
    output = fit(sample(CLASSES % 2), task, vocabularies=VOCABULARIES).output(INPUTS)
    assert (output[:, 2] == ABSENT).all()
    assert np.abs(output[:, :2]).max() < -ABSENT


@pytest.fixture
def problem():
    frame = pd.DataFrame({"x": NUMBERS[:, 0], "town": CODES[:, 1].astype(str), "y": SIGNAL > 0})
    frame.loc[::9, ["x", "town"]] = None
    return pose(frame, ["y"])


def test_the_stored_model_repeats_its_outputs(problem):
    for row in fit_references(problem, timeout=None, seed=0):
        model = Reference.from_bytes(row.payload)
        again = model.output(problem.table.take(problem.split.val))
        np.testing.assert_array_equal(again, row.output)
        assert row.score == problem.task.score(problem.y[problem.split.val], again)
        assert row.n_rows == len(problem.split.train)
        with pytest.raises(ModelFileError):
            Reference.from_bytes(row.payload[:-9])


def test_each_fold_is_scored_by_the_model_that_did_not_see_it():
    frame = pd.DataFrame({"x": NUMBERS[:, 0], "town": CODES[:, 1].astype(str), "y": SIGNAL > 0})
    problem = pose(frame, ["y"], parting=Parting(folds=3))
    for row in fit_references(problem, timeout=None, seed=0):
        reference, start = Reference.from_bytes(row.payload), 0
        assert len(reference.models) == 3
        for fold, model in zip(problem.folds, reference.models, strict=True):
            inputs = reference.encoder.transform(problem.table.take(fold.val))
            own = row.output[start : start + len(fold.val)]
            np.testing.assert_allclose(own, model.output(inputs), atol=1e-6)
            start += len(fold.val)
        outputs = [model.output(reference.encoder.transform(problem.table)) for model in reference.models]
        np.testing.assert_allclose(reference.output(problem.table), np.mean(outputs, axis=0), atol=1e-6)


def test_references_are_fitted_once_for_a_study(problem):
    store = Store("sqlite://")
    study = store.open_study("s", spec={})
    told = list(add_references(store, study, problem, timeout=None, seed=0))
    assert [(event.name, event.state) for event in told] == [
        ("a linear model", "complete"),
        ("untuned boosting", "complete"),
    ]
    assert list(add_references(store, study, problem, timeout=None, seed=0)) == []
    stored = store.references(study).set_index("name")
    assert stored.loc["linear", "score"] == told[0].score
    output, _ = store.reference(study, "linear")
    assert output.shape == (len(problem.split.val), 1)


def test_many_rows_are_left_out_where_time_is_short():
    n = 40 * N_FIRST
    x = np.arange(n) % 997
    problem = pose(pd.DataFrame({"x": x.astype(float), "y": x % 2 == 0}), ["y"])
    linear, _ = fit_references(problem, timeout=0.1, seed=0)
    assert linear.n_rows == N_FIRST
    assert "of 64000 rows" in linear.message


def test_boosting_of_very_many_classes_is_not_begun():
    y = np.arange(N) % 150
    problem = pose(pd.DataFrame({"x": NUMBERS[:, 0], "y": y.astype(str)}), ["y"], kind="multiclass")
    _, boosting = fit_references(problem, timeout=10, seed=0)
    assert boosting.state == "skipped"
    assert "15000 trees" in boosting.message
