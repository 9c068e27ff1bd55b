"""The scikit-learn door: estimators that tune networks when they are fitted, and a threshold for any classifier."""

from automl_nn.estimator.classifier import AutoMLClassifier
from automl_nn.estimator.decision import DecisionClassifier
from automl_nn.estimator.embedder import ImageEmbedder
from automl_nn.estimator.image import ImageClassifier, ImageRegressor
from automl_nn.estimator.regressor import AutoMLRegressor
from automl_nn.estimator.series import SeriesClassifier, SeriesRegressor
from automl_nn.estimator.steps import StepClassifier, StepRegressor

__all__ = [
    "AutoMLClassifier",
    "AutoMLRegressor",
    "DecisionClassifier",
    "ImageClassifier",
    "ImageEmbedder",
    "ImageRegressor",
    "SeriesClassifier",
    "SeriesRegressor",
    "StepClassifier",
    "StepRegressor",
]
