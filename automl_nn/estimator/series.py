"""Estimators of series: a class for each step, or a class or a quantity for each series."""

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted
from sqlalchemy import URL

from automl_nn.data.panel import SERIES, Panel
from automl_nn.data.series import SeriesColumns
from automl_nn.decide.decision import Decision
from automl_nn.decide.events import event_goal
from automl_nn.decide.goal import Goal
from automl_nn.errors import DataError
from automl_nn.estimator.base import as_seed, storage_for
from automl_nn.estimator.classifier import most_probable
from automl_nn.estimator.given import GROUP, checked_labels, checked_quantities
from automl_nn.predict import Predictor
from automl_nn.search.problem import VAL_SHARE, Parting
from automl_nn.study import Study

SPANS = ("tolerance", "min_duration", "merge_gap", "cool_down")
"""What of a decision on events is no goal."""

LABEL = "__label__"
"""Column that carries the labels to the study."""


class AutoMLSeries(BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: the parameters of the estimators of series; `StepClassifier` describes them."""

    def __init__(
        self,
        *,
        n_trials: int | None = 20,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        n_workers: int = 1,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.timeout = timeout
        self.metric = metric
        self.settings = settings
        self.val_share = val_share
        self.n_workers = n_workers
        self.storage = storage
        self.study_name = study_name
        self.random_state = random_state

    def _tune(
        self,
        panel: Panel,
        labels: NDArray[Any],
        groups: ArrayLike | None,
        *,
        per_step: bool,
        kind: str | None,
        decided: Callable[[Study], Decision],
    ) -> Study:
        """Tune a study on series, decide, and keep what predicts."""
        self.n_channels_ = panel.values.shape[1]
        frame = panel.frame().assign(**{LABEL: labels})
        if groups is not None:
            frame[GROUP] = np.repeat(np.asarray(groups), panel.sizes)
        with storage_for(self.storage) as url:
            study = Study(
                frame,
                LABEL,
                task=kind,
                metric=self.metric,
                settings=self.settings,
                parting=Parting(self.val_share, group=None if groups is None else GROUP),
                name=self.study_name,
                storage=url,
                seed=as_seed(self.random_state),
                series=SeriesColumns(SERIES, per_step=per_step),
            )
            study.tune(n_trials=self.n_trials, timeout=self.timeout, n_workers=self.n_workers)
            self.trials_, self.best_score_ = study.leaderboard(), study.best_score
            self.decision_ = decided(study)
            self.predictor_: Predictor = study.predictor(self.decision_)
            study.store.close()
        return study

    def _panel(self, X: Any) -> Panel:
        check_is_fitted(self)
        panel = Panel.of(X)
        if panel.values.shape[1] != self.n_channels_:
            raise DataError(
                f"The series have {panel.values.shape[1]} channels, but the model was trained with {self.n_channels_}: "
                "give the same ones."
            )
        return panel

    def _frame(self, X: Any) -> pd.DataFrame:
        return self._panel(X).frame()


@final
class StepClassifier(ClassifierMixin, AutoMLSeries):  # type: ignore[misc]
    """A classifier of the steps of series that tunes networks when it is fitted; the best of them predict together.

    Whole series, or whole groups of them, choose between trials; a single series is parted by time. A label may be
    missing (NaN) at any step.

    Args:
        n_trials: Trials in total.
        timeout: Seconds. Give trials, seconds or both; whichever is spent first ends the search.
        metric: Score that compares trials, over steps; average precision for two classes unless given.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "lstm"}`.
        decision: What `predict` is best for, as for `Study.decide`: `{"maximize": "f1"}` or `{"cost": (1, 50)}`; the
            best for the default goal unless given. `{"events": True, "maximize": "f1", "tolerance": 3}` counts events
            instead of steps, and takes what `Study.decide_events` takes.
        val_share: Share of the series that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes; the second of two is the positive one.
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the steps that choose.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(20, 1, 64))
        >>> y = (X[:, 0] > 1.5).astype(int)
        >>> classifier = StepClassifier(n_trials=1, settings={"train.n_epochs": 20}, random_state=0).fit(X, y)
        >>> classifier.predict_proba(X).shape
        (20, 64, 2)
    """

    def __init__(
        self,
        *,
        n_trials: int | None = 20,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        decision: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        n_workers: int = 1,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(
            n_trials=n_trials,
            timeout=timeout,
            metric=metric,
            settings=settings,
            val_share=val_share,
            n_workers=n_workers,
            storage=storage,
            study_name=study_name,
            random_state=random_state,
        )
        self.decision = decision

    def fit(self, X: Any, y: Any, *, groups: ArrayLike | None = None) -> "StepClassifier":
        """Tune networks on series.

        Args:
            X: Series `(n, n_channels, length)`, or a list of `(n_channels, length)` of unequal lengths.
            y: A class for each step: `(n, length)`, or a list of `(length,)`.
            groups: Series of one group are not parted `(n,)`.

        Raises:
            ValueError: Series, labels, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        panel = Panel.of(X)
        study = self._tune(panel, panel.steps(y), groups, per_step=True, kind=None, decided=self._decided)
        self.classes_ = np.array(study.task.classes)
        return self

    def _decided(self, study: Study) -> Decision:
        asked = dict(self.decision or {})
        if not asked.pop("events", False):
            return study.decide(**asked)
        spans = {name: asked.pop(name) for name in SPANS if name in asked}
        if asked.get("maximize") is not None:
            asked["maximize"] = event_goal(asked["maximize"]).maximize
        return study.decide_events(Goal.unless_empty(**asked), **spans)

    def predict(self, X: Any) -> Any:
        """The class of each step, `(n, length)`, or a list of `(length,)` if `X` is one.

        Where events are decided on, the steps of alarms are of the positive class.
        """
        panel = self._panel(X)
        return panel.back(self.predictor_.predict(panel.frame()))

    def predict_proba(self, X: Any) -> Any:
        """Calibrated probabilities `(n, length, n_classes)`, or a list of `(length, n_classes)` if `X` is one."""
        panel = self._panel(X)
        return panel.back(self.predictor_.predict_proba(panel.frame()))


@final
class SeriesClassifier(ClassifierMixin, AutoMLSeries):  # type: ignore[misc]
    """A classifier of whole series that tunes networks when it is fitted; the best of them predict together.

    Args:
        n_trials: As for `StepClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials; average precision where positives are under 10 %, else log loss.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "inception"}`.
        decision: What `predict` is best for; the class of the greatest probability unless given.
        val_share: Share of the series that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes; the second of two is the positive one.
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the series that choose.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["calm", "wild"], 20)
        >>> X = rng.normal(size=(40, 1, 32)) * np.where(y == "calm", 0.1, 1.0)[:, None, None]
        >>> classifier = SeriesClassifier(n_trials=1, settings={"train.n_epochs": 20}, random_state=0).fit(X, y)
        >>> bool(classifier.score(X, y) > 0.9)
        True
    """

    def __init__(
        self,
        *,
        n_trials: int | None = 20,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        decision: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        n_workers: int = 1,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(
            n_trials=n_trials,
            timeout=timeout,
            metric=metric,
            settings=settings,
            val_share=val_share,
            n_workers=n_workers,
            storage=storage,
            study_name=study_name,
            random_state=random_state,
        )
        self.decision = decision

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
        panel = Panel.of(X)
        classes = checked_labels(y)
        kind = "binary" if len(np.unique(classes)) == 2 else "multiclass"
        study = self._tune(panel, panel.repeated(classes), groups, per_step=False, kind=kind, decided=self._decided)
        self.classes_ = np.array(study.task.classes)
        return self

    def _decided(self, study: Study) -> Decision:
        return most_probable(study) if self.decision is None else study.decide(**self.decision)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each series `(n,)`."""
        return self.predictor_.predict(self._frame(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probabilities `(n, n_classes)`, in the order of `classes_`."""
        return self.predictor_.predict_proba(self._frame(X))


@final
class SeriesRegressor(RegressorMixin, AutoMLSeries):  # type: ignore[misc]
    """A regressor of whole series that tunes networks when it is fitted; the best of them predict together.

    Args:
        n_trials: As for `StepClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials; the root mean squared error unless given.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "inception"}`.
        val_share: Share of the series that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the series that choose.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...

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
        self._tune(panel, labels, groups, per_step=False, kind="regression", decided=Study.decide)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values in the target's unit `(n,)`."""
        return self.predictor_.predict(self._frame(X))
