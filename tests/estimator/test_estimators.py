import inspect
import pickle
import re
import shutil
from contextlib import contextmanager

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, make_classification, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sqlalchemy import make_url

from automl_nn import AutoMLClassifier, AutoMLRegressor, Predictor, Study, estimator
from automl_nn.errors import DecisionError
from automl_nn.estimator import base
from automl_nn.estimator.decided import cut_at_half, decided
from automl_nn.store.store import Store

SETTINGS = {
    "train.n_epochs": 20,
    "train.patience": 8,
    "train.optimizer.lr": 0.02,
    "model.backbone.d_block": 32,
    "model.backbone.n_blocks": 1,
}
QUICK = {"n_trials": 1, "settings": SETTINGS, "random_state": 0}
BRIEF = QUICK | {"settings": SETTINGS | {"train.n_epochs": 4}}
CLASSIFIER, REGRESSOR = AutoMLClassifier(**QUICK), AutoMLRegressor(**QUICK)
EXACT = REGRESSOR.get_params() | {"settings": SETTINGS | {"train.precision": "float64"}}
"""A row alone is to have the prediction it has among others up to 1e-7, which is the last digit of float32."""

STOCHASTIC = (
    "Rows of weight 0 are left out, but the rows that choose are drawn at random, so that repeated rows can be on both "
    "sides; and a row of weight 2 is in one batch of an epoch, a repeated one in two."
)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A storage whose tables are laid out: copying it takes less time than making it."""
    file = tmp_path_factory.mktemp("estimator") / "empty.db"
    Store(f"sqlite:///{file}").close()
    return file


@pytest.fixture(autouse=True)
def ready_storage(monkeypatch, empty_database, tmp_path):
    """Let every fit without a storage begin with a copy of the empty one."""
    original, copies = base.storage_for, []

    @contextmanager
    def storage(given):
        if given is not None:
            with original(given) as url:
                yield url
            return
        copies.append(shutil.copy(empty_database, tmp_path / f"{len(copies)}.db"))
        yield f"sqlite:///{copies[-1]}"

    monkeypatch.setattr(base, "storage_for", storage)
    return original


@pytest.fixture
def rare():
    """A binary problem with one positive in eight, and labels that are partly wrong."""
    return make_classification(300, 5, n_informative=3, weights=[0.9], flip_y=0.1, random_state=0)


@pytest.fixture
def people():
    """A frame with each kind of column, values missing in all of them, and classes in words."""
    rng = np.random.default_rng(0)
    age, town = rng.uniform(18, 80, 400), rng.choice(["Rome", "Oslo", "Bonn"], 400)
    frame = pd.DataFrame(
        {
            "age": age,
            "town": pd.Categorical(town),
            "comment": rng.choice(["good", "bad"], 400),
            "is_member": rng.random(400) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 400), unit="D"),
        }
    )
    y = np.where((age > 50) ^ (town == "Oslo"), "yes", "no")
    return frame.mask(rng.random(frame.shape) < 0.05), y


@pytest.mark.slow
@parametrize_with_checks(
    [CLASSIFIER, AutoMLRegressor(**EXACT)],
    expected_failed_checks=lambda _: {"check_sample_weight_equivalence_on_dense_data": STOCHASTIC},
)
def test_the_estimators_keep_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", estimator.__all__)
def test_the_parameters_of_an_estimator_are_those_that_it_describes(name):
    kind = getattr(estimator, name)
    described = re.findall(r"(?m)^ {8}(\w+):", kind.__doc__.partition("Args:")[2].partition("Attributes:")[0])
    parameters = inspect.signature(kind).parameters
    assert set(described) == set(parameters) == set(kind._get_param_names())
    assert all(p.kind is p.KEYWORD_ONLY or p.name == "estimator" for p in parameters.values())


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
@pytest.mark.parametrize("name", sorted({*estimator.__all__} - {"DecisionClassifier"}))
def test_an_estimator_that_was_not_fitted_says_so(name, method):
    kind = getattr(estimator, name)
    if hasattr(kind, method):
        with pytest.raises(NotFittedError):
            getattr(kind(), method)(np.zeros((2, 4, 4)))


class Asked:
    """A study that tells what it is asked to decide."""

    def decide(self, **asked):
        return asked


def test_a_classifier_decides_for_what_it_is_given_or_for_a_metric_of_actions():
    plain = {"with_references": False}
    assert decided(Asked(), None, metric="balanced_accuracy") == plain
    assert decided(Asked(), {"cost": (1, 9), "prevalence": 0.1}, metric=None) == plain | {
        "cost": (1, 9),
        "prevalence": 0.1,
    }
    with pytest.raises(DecisionError, match="Unknown goal 'f1'"):
        decided(Asked(), {"f1": True}, metric=None)


CLASSIFIERS = ("AutoMLClassifier", "ImageClassifier", "SeriesClassifier", "StepClassifier")


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"maximise": "f1"}, "Unknown goal 'maximise'. Did you mean 'maximize'?"),
        ({"maximize": "f1x"}, "'f1x'"),
        ({"min_recall": 90}, "min_recall = 90 is not possible"),
    ],
)
def test_a_decision_that_is_none_is_refused_before_the_search(name, decision, said):
    X = np.random.default_rng(0).normal(size=(8, 1, 8, 8) if name == "ImageClassifier" else (8, 1, 8))
    X, y = (X[:, 0], np.arange(8) % 2) if name == "AutoMLClassifier" else (X, np.arange(8) % 2)
    y = np.repeat(y[:, None], 8, axis=1) if name == "StepClassifier" else y
    with pytest.raises(DecisionError, match=re.escape(said)):
        getattr(estimator, name)(n_trials=0, decision=decision).fit(X, y)  # no search would begin


def test_a_frame_of_texts_categories_dates_and_missing_values_is_read(people):
    X, y = people
    classifier = AutoMLClassifier(**QUICK | {"settings": SETTINGS | {"train.n_epochs": 40}}).fit(X[:300], y[:300])
    assert classifier.classes_.tolist() == ["no", "yes"]
    assert classifier.feature_names_in_.tolist() == list(X.columns)
    assert classifier.score(X[300:], y[300:]) > 0.7


def test_a_polars_frame_gives_what_a_pandas_frame_gives(rare):
    X, y = pd.DataFrame(rare[0], columns=list("abcde")), rare[1]
    of_pandas, of_polars = clone(CLASSIFIER).fit(X, y), clone(CLASSIFIER).fit(pl.from_pandas(X), y)
    assert_array_equal(of_pandas.predict_proba(X), of_polars.predict_proba(pl.from_pandas(X)))


def test_columns_without_names_are_taken_by_position(rare):
    X, y = rare
    of_array, of_frame = clone(CLASSIFIER).fit(X, y), clone(CLASSIFIER).fit(pd.DataFrame(X), y)
    assert_array_equal(of_array.predict_proba(pd.DataFrame(X)), of_frame.predict_proba(X))


def test_a_feature_may_have_the_name_of_the_target(rare):
    X, y = pd.DataFrame(rare[0], columns=["y", "_y", "x2", "x3", "x4"]), rare[1]
    assert AutoMLClassifier(**BRIEF).fit(X, pd.Series(y, name="y")).predictor_.task.targets == ("__y",)


def test_it_works_in_a_pipeline_and_on_folds(people):
    X, y = people
    scaled = make_column_transformer((StandardScaler(), ["age"]), remainder="passthrough").set_output(
        transform="pandas"
    )
    assert cross_val_score(make_pipeline(scaled, CLASSIFIER), X, y, cv=2, scoring="roc_auc").mean() > 0.7


def test_an_estimator_is_a_study_of_the_same_seed(rare, own_folder):
    X, y = rare
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(5)]).assign(y=y)
    study = Study(frame, "y", settings=SETTINGS, seed=7, storage=f"sqlite:///{own_folder}/study.db").tune(n_trials=2)
    classifier = AutoMLClassifier(n_trials=2, settings=SETTINGS, random_state=7).fit(X, y)
    assert classifier.trials_["score"].tolist() == study.leaderboard()["score"].tolist()
    assert_array_equal(classifier.predictor_.output(X), study.predictor().output(frame))


def test_without_a_decision_the_most_probable_class_is_predicted(rare):
    X, y = rare
    classifier = clone(CLASSIFIER).fit(X, y)
    assert_array_equal(classifier.predict(X), classifier.classes_[classifier.predict_proba(X).argmax(axis=1)])
    assert classifier.decision_.utility == classifier.decision_.cuts[0].metrics["accuracy"]


def test_at_an_even_chance_the_first_class_is_predicted():
    cut = cut_at_half("y", np.array([0.0, 1e-15]), np.array([0.0, 1.0]))
    assert (cut.metrics["tp"], cut.metrics["fp"]) == (1, 0)


def test_a_decision_moves_the_threshold_and_leaves_the_probabilities(rare):
    X, y = rare
    plain, tuned = clone(CLASSIFIER).fit(X, y), AutoMLClassifier(**QUICK, decision={"cost": (1, 20)}).fit(X, y)
    assert_array_equal(plain.predict_proba(X), tuned.predict_proba(X))
    assert_array_equal(tuned.predict(X), tuned.predictor_.predict(X))
    assert tuned.predict(X).sum() > plain.predict(X).sum()


def test_labels_may_be_missing_and_are_predicted_as_0_and_1():
    X, y = make_multilabel_classification(200, 8, n_classes=3, random_state=0)
    known = np.where(np.random.default_rng(0).random(y.shape) < 0.2, np.nan, y)
    classifier = clone(CLASSIFIER).fit(X, pd.DataFrame(known, columns=["a", "b", "c"]))
    prediction = classifier.predict(X)
    assert classifier.predictor_.task.targets == ("a", "b", "c")
    assert_array_equal(prediction, classifier.predict_proba(X) > 0.5)
    assert (prediction == y).mean() > 0.75


def test_a_scorer_sees_every_one_of_two_labels():
    X, y = make_multilabel_classification(200, 8, n_classes=2, random_state=0)
    classifier = AutoMLClassifier(**BRIEF)
    assert np.isfinite(cross_val_score(classifier, X, y, cv=2, scoring="roc_auc")).all()


def test_several_quantities_are_predicted_in_their_units_though_some_are_missing():
    X, y = load_diabetes(return_X_y=True)
    targets = np.stack([y, 1000 - 5 * y], axis=1)
    targets[::7, 1] = np.nan
    prediction = clone(REGRESSOR).fit(X, targets).predict(X)
    assert prediction.shape == targets.shape
    assert_allclose(prediction.mean(axis=0), np.nanmean(targets, axis=0), rtol=0.1)


def test_rows_of_weight_0_are_left_out(rare):
    X, y = rare
    weight = np.where(np.arange(len(y)) % 3, 1.0, 0.0)
    weighted = clone(CLASSIFIER).fit(X, y, sample_weight=weight)
    without = clone(CLASSIFIER).fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))


def test_heavy_rows_pull_the_prediction(rare):
    X, y = rare
    even, heavy = (clone(CLASSIFIER).fit(X, y, sample_weight=1 + more * y).predictor_.output(X) for more in (0, 9))
    assert heavy.mean() > even.mean()


def test_groups_are_not_parted(rare, own_folder):
    X, y = rare
    groups = np.arange(len(y)) // 10
    classifier = AutoMLClassifier(**BRIEF, storage=f"sqlite:///{own_folder}/study.db").fit(X, y, groups=groups)
    study = classifier.study_
    val, _ = study.store.targets(study.store.study_id("study"))
    assert not set(groups[val]) & set(np.delete(groups, val))
    assert classifier.n_features_in_ == 5


def test_a_study_in_a_storage_is_kept_and_gone_on_with(rare, own_folder):
    X, y = rare
    classifier = AutoMLClassifier(**BRIEF, storage=f"sqlite:///{own_folder}/study.db").fit(X, y)
    more = clone(classifier).set_params(n_trials=2).fit(X, y)
    assert_array_equal(more.study_.leaderboard()["score"], more.trials_["score"])
    assert set(classifier.trials_["seed"]) < set(more.trials_["seed"])
    assert (more.best_params_, more.best_score_) == (more.study_.optuna_study.best_params, more.study_.best_score)
    with pytest.raises(ValueError, match="study"):
        clone(classifier).fit(X[:200], y[:200])


def test_without_a_storage_nothing_is_left_behind(rare, ready_storage, monkeypatch, tmp_path):
    monkeypatch.setattr(base, "storage_for", ready_storage)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    classifier = AutoMLClassifier(**BRIEF).fit(*rare)
    assert not any(tmp_path.glob("**/*.db"))
    assert not hasattr(classifier, "study_")


def test_a_password_in_a_url_is_not_printed():
    url = make_url("postgresql://ada:secret@host/studies")
    assert "secret" not in repr(AutoMLClassifier(storage=url))
    assert base.full_url(url) == "postgresql://ada:secret@host/studies"


@pytest.mark.parametrize("blank", [CLASSIFIER, REGRESSOR], ids=["classifier", "regressor"])
def test_a_fitted_estimator_can_be_pickled_dumped_and_saved(blank, rare, tmp_path):
    X, y = rare
    fitted = clone(blank).fit(X, y)
    expected = fitted.predict(X)
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    fitted.predictor_.save(tmp_path / "model.nn")
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), expected)
    assert_array_equal(joblib.load(tmp_path / "fitted.joblib").predict(X), expected)
    assert_array_equal(Predictor.load(tmp_path / "model.nn").predict(X), expected)


ROWS = np.random.default_rng(0).normal(size=(20, 2))
BAD = {
    "y holds a missing class": (CLASSIFIER, [None, *"ab" * 9, "a"], {}, "missing in row 0"),
    "y holds a missing quantity": (REGRESSOR, [np.nan, *range(19)], {}, "NaN"),
    "y is infinite": (REGRESSOR, [np.inf, *range(19)], {}, "infinity"),
    "one class": (CLASSIFIER, [1] * 20, {}, "one class alone, 1, but"),
    "one class with weight": (CLASSIFIER, [0, 1] * 10, {"sample_weight": [0, 1] * 10}, "one class alone, 1, but"),
    "classes are continuous": (CLASSIFIER, ROWS[:, 0], {}, "continuous"),
    "labels beside 0 and 1": (CLASSIFIER, np.arange(40).reshape(20, 2), {}, "holds 0, 1 and missing"),
    "a negative weight": (CLASSIFIER, [0, 1] * 10, {"sample_weight": [-1] * 20}, "[Nn]egative"),
    "too few groups": (CLASSIFIER, [0, 1] * 10, {"groups": [0] * 19}, "inconsistent numbers"),
    "no trials": (AutoMLClassifier(n_trials=0), [0, 1] * 10, {}, "greater than zero"),
    "an unknown goal": (AutoMLClassifier(**BRIEF, decision={"maximise": "f1"}), [0, 1] * 10, {}, "'maximize'"),
    "an unknown knob": (AutoMLRegressor(settings={"train.epochs": 1}), range(20), {}, "'n_epochs'"),
}


@pytest.mark.parametrize(("blank", "y", "others", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_a_value_error(blank, y, others, message):
    with pytest.raises(ValueError, match=message):
        clone(blank).fit(ROWS, np.asarray(y), **others)
