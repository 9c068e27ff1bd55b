"""Estimators of whole series: a class or a quantity for each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from automl_nn.data.series.panel import Panel
from automl_nn.decide.decision import Decision
from automl_nn.estimator.decided import check_decision, decided
from automl_nn.estimator.given import checked_labels, checked_quantities
from automl_nn.estimator.panels import AutoMLSeries
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study


@final
@dataclass(kw_only=True, eq=False, repr=False)
class SeriesClassifier(ClassifierMixin, AutoMLSeries):  # type: ignore[misc]
    """A classifier of whole series that tunes networks when it is fitted; the best of them predict together.

    A class of a single series is learned, and is not asked for a choice between trials.

    Args:
        n_trials: As for `StepClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials; average precision where positives are under 10 %, else log loss.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "inception"}`.
        decision: What `predict` is best for; the class of the greatest probability unless given.
        val_share: Share of the series that choose between trials.
        folds: Parts of a cross-validation; 1 for a single split; 5 unless given, where few short series would choose.
        n_workers: Processes that train.
        with_references: Whether a linear model and untuned boosting may join the ensemble.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes; the second of two is the positive one.
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        references_: One row for each model that is no network, on the same series.
        best_score_: Score of the best trial on the series that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["calm", "wild"], 20)
        >>> X = rng.normal(size=(40, 1, 32)) * np.where(y == "calm", 0.1, 1.0)[:, None, None]
        >>> classifier = SeriesClassifier(n_trials=1, settings={"train.n_epochs": 20}, random_state=0).fit(X, y)
        >>> bool(classifier.score(X, y) > 0.9)
        True
    """

    decision: Mapping[str, Any] | None = None

    def fit(self, X: Any, y: ArrayLike, *, groups: ArrayLike | None = None) -> "SeriesClassifier":
        """Tune networks on series.

        Args:
            X: Series `(n, n_channels, length)`, or a list of `(n_channels, length)` of unequal lengths.
            y: The class of each series `(n,)`.
            groups: Series of one group are not parted `(n,)`.

        Raises:
            ValueError: Series, labels, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        check_decision(self.decision)
        panel = Panel.of(X)
        classes = checked_labels(y)
        kind = "binary" if len(np.unique(classes)) == 2 else "multiclass"
        study = self._tune(panel, panel.repeated(classes), groups, per_step=False, kind=kind, decided=self._decided)
        self.classes_ = np.array(study.task.classes)
        return self

    def _decided(self, study: Study) -> Decision:
        return decided(study, self.decision, metric=self.metric, with_references=self.with_references)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each series `(n,)`."""
        return self._by_series(X, Predictor.predict)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probabilities `(n, n_classes)`, in the order of `classes_`."""
        return self._by_series(X, Predictor.predict_proba)


@final
class SeriesRegressor(RegressorMixin, AutoMLSeries):  # type: ignore[misc]
    """A regressor of whole series that tunes networks when it is fitted; the best of them predict together.

    Args:
        n_trials: As for `StepClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials; the root mean squared error unless given.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "inception"}`.
        val_share: Share of the series that choose between trials.
        folds: Parts of a cross-validation; 1 for a single split; 5 unless given, where few short series would choose.
        n_workers: Processes that train.
        with_references: Whether a linear model and untuned boosting may join the ensemble.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        references_: One row for each model that is no network, on the same series.
        best_score_: Score of the best trial on the series that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(60, 1, 32)) + rng.uniform(0, 5, (60, 1, 1))
        >>> regressor = SeriesRegressor(n_trials=1, settings={"train.n_epochs": 10}, random_state=0)
        >>> bool(regressor.fit(X, X.mean((1, 2))).score(X, X.mean((1, 2))) > 0.5)
        True
    """

    def fit(self, X: Any, y: ArrayLike, *, groups: ArrayLike | None = None) -> "SeriesRegressor":
        """Tune networks on series.

        Args:
            X: Series `(n, n_channels, length)`, or a list of `(n_channels, length)` of unequal lengths.
            y: A quantity for each series `(n,)`.
            groups: Series of one group are not parted `(n,)`.

        Raises:
            ValueError: Series, values, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        panel = Panel.of(X)
        labels = panel.repeated(checked_quantities(y))
        self._tune(panel, labels, groups, per_step=False, kind="regression", decided=self._plain)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values in the target's unit `(n,)`."""
        return self._by_series(X, Predictor.predict)
