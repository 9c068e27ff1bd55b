"""Find out by measurement how a neural network must be trained on your data, and decide where to cut its scores.

A public name is imported when it is first used: `import automl_nn` waits for neither torch nor Optuna.
"""

from importlib import import_module
from typing import Any

from automl_nn.errors import did_you_mean

__version__ = "0.1.0"

_EXPORTS = {
    "AutoMLClassifier": "automl_nn.estimator",
    "AutoMLError": "automl_nn.errors",
    "AutoMLRegressor": "automl_nn.estimator",
    "BudgetError": "automl_nn.errors",
    "Choice": "automl_nn.space.ranges",
    "DataError": "automl_nn.errors",
    "Decision": "automl_nn.decide.decision",
    "DecisionClassifier": "automl_nn.estimator",
    "DecisionError": "automl_nn.errors",
    "DivergedError": "automl_nn.errors",
    "FullDiskError": "automl_nn.errors",
    "Held": "automl_nn.space.ranges",
    "ImageClassifier": "automl_nn.estimator",
    "ImageEmbedder": "automl_nn.estimator",
    "ImageRegressor": "automl_nn.estimator",
    "InputError": "automl_nn.errors",
    "Integer": "automl_nn.space.ranges",
    "ModelFileError": "automl_nn.errors",
    "NoTrialError": "automl_nn.errors",
    "Parting": "automl_nn.search.problems.parting",
    "Predictor": "automl_nn.predict.predictor",
    "Real": "automl_nn.space.ranges",
    "SeriesClassifier": "automl_nn.estimator",
    "SeriesColumns": "automl_nn.data.series.steps",
    "SeriesRegressor": "automl_nn.estimator",
    "SpaceError": "automl_nn.errors",
    "SplitError": "automl_nn.errors",
    "StepClassifier": "automl_nn.estimator",
    "StepRegressor": "automl_nn.estimator",
    "StorageError": "automl_nn.errors",
    "Stream": "automl_nn.predict.stream",
    "Study": "automl_nn.study",
    "TargetError": "automl_nn.errors",
    "TrainingError": "automl_nn.errors",
    "label_intervals": "automl_nn.data.series.intervals",
    "read_images": "automl_nn.data.images.files",
}

__all__ = sorted([*_EXPORTS, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"automl_nn has no public name {name!r}. {did_you_mean(name, _EXPORTS)}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return __all__
