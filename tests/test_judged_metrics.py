"""Metrics that judge actions where classes are rare: trials are compared otherwise, decisions are made for them."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

from automl_nn.decide.goal import GOALS_OF_METRICS, Goal
from automl_nn.errors import SpaceError
from automl_nn.estimator import AutoMLClassifier
from automl_nn.task.metrics import METRICS

QUICK = {"train.n_epochs": 3, "model.backbone.name": "mlp", "model.backbone.d_block": 16}
X, Y = make_classification(
    600, n_informative=6, n_classes=3, weights=[0.9, 0.07], n_clusters_per_class=1, random_state=0
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    storage = f"sqlite:///{tmp_path_factory.mktemp('judged')}/s.db"
    return AutoMLClassifier(
        metric="balanced_accuracy", n_trials=1, settings=QUICK, storage=storage, random_state=0
    ).fit(X, Y)


def test_predictions_are_best_for_the_metric_and_trials_are_compared_by_log_loss(fitted):
    assert fitted.decision_.goal == Goal("balanced_accuracy")
    assert fitted.study_.task.metric == "neg_log_loss"
    assert fitted.best_score_ < 0


def test_a_loaded_study_decides_for_the_metric_too_and_for_another_goal_when_told(fitted):
    study = fitted.study_
    np.testing.assert_array_equal(study.predictor().predict(X), fitted.predict(X))
    assert study.decide(maximize="accuracy").goal == Goal("accuracy")


def test_a_decision_that_is_given_comes_before_the_metric():
    classifier = AutoMLClassifier(
        metric="f1", decision={"min_recall": 0.9}, n_trials=1, settings=QUICK, random_state=0
    ).fit(X, Y == 0)
    assert classifier.decision_.goal == Goal(min_recall=0.9)


def test_a_metric_of_another_kind_of_task_is_refused():
    with pytest.raises(SpaceError, match="'f1' does not score a multiclass task"):
        AutoMLClassifier(metric="f1", n_trials=1, settings=QUICK).fit(X, Y)


def test_another_metric_is_another_study(fitted):
    with pytest.raises(ValueError, match="another"):
        AutoMLClassifier(**{**fitted.get_params(), "metric": "neg_log_loss"}).fit(X, Y)


def test_every_one_of_them_is_a_metric():
    assert set(GOALS_OF_METRICS) <= set(METRICS)
