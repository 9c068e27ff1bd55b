"""The scikit-learn door: estimators that tune networks when they are fitted, and a threshold for any classifier."""

from automl_nn.estimator.classifier import AutoMLClassifier
from automl_nn.estimator.decision import DecisionClassifier
from automl_nn.estimator.regressor import AutoMLRegressor

__all__ = ["AutoMLClassifier", "AutoMLRegressor", "DecisionClassifier"]
