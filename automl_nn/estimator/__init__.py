"""The scikit-learn door: estimators that tune networks when they are fitted, and a threshold for any classifier."""

from automl_nn.estimator.classifier import AutoMLClassifier
from automl_nn.estimator.decision import DecisionClassifier
from automl_nn.estimator.regressor import AutoMLRegressor
from automl_nn.estimator.series import SeriesClassifier, SeriesRegressor, StepClassifier

__all__ = [
    "AutoMLClassifier",
    "AutoMLRegressor",
    "DecisionClassifier",
    "SeriesClassifier",
    "SeriesRegressor",
    "StepClassifier",
]
