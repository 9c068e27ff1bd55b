import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from automl_nn import DecisionClassifier
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores
from automl_nn.errors import DecisionError


@pytest.fixture(scope="module")
def parts():
    X, y = make_classification(3000, n_informative=6, weights=[0.93], flip_y=0.03, random_state=0)
    return (X[:1000], y[:1000]), (X[1000:2000], y[1000:2000]), (X[2000:], y[2000:])


@pytest.fixture(scope="module")
def model(parts):
    return LogisticRegression().fit(*parts[0])


def test_it_predicts_as_a_fixed_threshold_classifier_does(parts, model):
    decided = DecisionClassifier(model, decision={"maximize": "f1"}).fit(*parts[1])
    fixed = FixedThresholdClassifier(model, threshold=decided.threshold_).fit(*parts[0])
    X, y = parts[2]
    assert np.array_equal(decided.predict(X), fixed.predict(X))
    assert np.array_equal(decided.predict_proba(X), model.predict_proba(X))
    assert f1_score(y, decided.predict(X)) > f1_score(y, model.predict(X))
    assert decided.interval_[0] <= decided.threshold_ <= decided.interval_[1]


def test_the_other_class_may_be_positive_and_classes_may_have_names(parts):
    X, y = parts[0]
    names = np.array(["fraud", "fine"])
    model = LogisticRegression().fit(X, names[1 - y])
    decided = DecisionClassifier(model, pos_label="fraud").fit(parts[1][0], names[1 - parts[1][1]])
    plain = DecisionClassifier(LogisticRegression().fit(X, y)).fit(*parts[1])
    same = (decided.predict(parts[2][0]) == "fraud") == (plain.predict(parts[2][0]) == 1)
    assert same.mean() > 0.99


def test_a_pipeline_and_a_forest_are_wrapped_and_the_wrapper_is_cloned():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    for model in (make_pipeline(StandardScaler(), LogisticRegression()), RandomForestClassifier(20, random_state=0)):
        decided = DecisionClassifier(model.fit(X[:300], y[:300]), decision={"cost": (5, 1)}).fit(X[300:], y[300:])
        assert decided.score(X, y) > 0.9
        assert list(decided.feature_names_in_) == list(X.columns)
        assert clone(decided).get_params()["decision"] == {"cost": (5, 1)}


def test_groups_widen_the_interval_and_weights_count_rows(parts, model):
    X, y = parts[1]
    plain = DecisionClassifier(model).fit(X, y)
    doubled = DecisionClassifier(model).fit(X, y, sample_weight=np.full(len(y), 2.0))
    assert np.ptp(doubled.utility_interval_) < np.ptp(plain.utility_interval_)
    grouped = DecisionClassifier(model).fit(X, y, groups=np.argsort(np.argsort(y, kind="stable")) // 50)
    assert np.ptp(grouped.utility_interval_) > np.ptp(plain.utility_interval_)


def test_what_cannot_be_decided_is_refused(parts, model):
    X, y = parts[1]
    with pytest.raises(NotFittedError):
        DecisionClassifier(model).predict(X)
    with pytest.raises(DecisionError, match=r"Unknown goal 'maximise'\. Did you mean 'maximize'"):
        DecisionClassifier(LogisticRegression(), decision={"maximise": "f1"}).fit(X, y)
    with pytest.raises(DecisionError, match="pos_label = 7 is none of"):
        DecisionClassifier(model, pos_label=7).fit(X, y)
    with pytest.raises(DecisionError, match="but there are 3"):
        DecisionClassifier(LogisticRegression().fit(X, np.arange(len(y)) % 3)).fit(X, y)
    with pytest.raises(DecisionError, match="is none of"):
        DecisionClassifier(model).fit(X, y + 1)
    with pytest.raises(ValueError, match="at least one non-zero"):
        DecisionClassifier(model).fit(X, y, sample_weight=np.zeros(len(y)))


def test_a_classifier_that_is_not_fitted_is_judged_on_rows_that_it_was_not_trained_on(parts):
    X, y = parts[0]
    goal = {"cost": (1, 10)}
    decided = DecisionClassifier(LogisticRegression(), decision=goal).fit(X, y)
    scores = cross_val_predict(LogisticRegression(), X, y, cv=5, method="predict_proba")[:, 1]
    by_hand = decide_scores(scores, y.astype(float), goal=Goal(cost=(1, 10)))
    assert decided.cut_ == by_hand
    assert np.array_equal(decided.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))
    assert not hasattr(decided.estimator, "classes_")
    assert cross_val_score(decided, X, y, cv=3).min() > 0.5


def test_groups_share_a_fold(parts):
    X, y = parts[0]
    copies = DecisionClassifier(KNeighborsClassifier(1)).fit(np.tile(X, (2, 1)), np.tile(y, 2))
    grouped = DecisionClassifier(KNeighborsClassifier(1)).fit(
        np.tile(X, (2, 1)), np.tile(y, 2), groups=np.tile(np.arange(len(y)), 2)
    )
    assert copies.utility_ > grouped.utility_ + 0.1


def test_a_scorer_of_scikit_learn_is_maximized(parts, model):
    scorer = make_scorer(fbeta_score, beta=3)
    own, ours = (DecisionClassifier(model, decision={"maximize": goal}).fit(*parts[1]) for goal in (scorer, "fbeta@3"))
    assert own.interval_[0] <= ours.threshold_ <= own.interval_[1]


EXPECTED = {"check_fit2d_1feature": "ten rows do not carry a threshold: they are refused by their number"}


@parametrize_with_checks([DecisionClassifier(LogisticRegression())], expected_failed_checks=lambda _: EXPECTED)
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)
