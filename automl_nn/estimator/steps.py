"""Estimators of steps: a class or a quantity for each step of a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score

from automl_nn.data.series.panel import Panel, labels_of_series
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.decide.decision import Decision
from automl_nn.decide.events.goals import event_goal
from automl_nn.decide.goal import Goal
from automl_nn.estimator.decided import check_goals
from automl_nn.estimator.panels import AutoMLSeries
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study

SPANS = ("tolerance", "min_duration", "merge_gap", "cool_down")
"""What of a decision on events is no goal."""


@final
@dataclass(kw_only=True, eq=False, repr=False)
class StepClassifier(ClassifierMixin, AutoMLSeries):  # type: ignore[misc]
    """A classifier of the steps of series that tunes networks when it is fitted; the best of them predict together.

    Whole series, or whole groups of them, choose between trials; a single series is parted by time, and so are several
    of which only one holds a class. A label may be missing (NaN) at any step. A single recording is given as a list of
    one series, `fit([X], [y])`.

    Args:
        n_trials: Trials in total.
        timeout: Seconds. Give trials, seconds or both; whichever is spent first ends the search.
        metric: Score that compares trials, over steps; average precision for two classes unless given.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "lstm"}`.
        decision: What `predict` is best for, as for `Study.decide`: `{"maximize": "f1"}` or `{"cost": (1, 50)}`; the
            best for the default goal unless given. `{"events": True, "maximize": "f1", "tolerance": 3}` counts events
            instead of steps, and takes what `Study.decide_events` takes.
        val_share: Share of the series that choose between trials.
        folds: Parts of a cross-validation, blocks of time for a single series; 1 for a single split; 5 unless given,
            where few short series would choose.
        n_workers: Processes that train.
        with_references: Whether a linear model and untuned boosting, on windows of steps, may join the ensemble.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes; the second of two is the positive one.
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        references_: One row for each model that is no network, on the same steps.
        best_score_: Score of the best trial on the steps that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(20, 1, 64))
        >>> y = (X[:, 0] > 1).astype(int)
        >>> settings = {"train.n_epochs": 3, "model.backbone.d_block": 16}
        >>> classifier = StepClassifier(n_trials=1, settings=settings, random_state=0).fit(X, y)
        >>> classifier.predict_proba(X).shape
        (20, 64, 2)
    """

    decision: Mapping[str, Any] | None = None

    def fit(self, X: Any, y: Any, *, groups: ArrayLike | None = None) -> "StepClassifier":
        """Tune networks on series.

        Args:
            X: Series `(n, n_channels, length)`, or a list of `(n_channels, length)` of unequal lengths; `(length,
                n_channels)` is taken where the labels say so.
            y: A class for each step: `(n, length)`, or a list of `(length,)`.
            groups: Series of one group are not parted `(n,)`.

        Raises:
            ValueError: Series, labels, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        self._goal()  # told before the search, not behind it
        panel = Panel.of(X, sizes=[len(labels) for labels in labels_of_series(y)])
        study = self._tune(panel, panel.steps(y), groups, per_step=True, kind=None, decided=self._decided)
        self.classes_ = np.array(study.task.classes)
        return self

    def _goal(self) -> Goal | None:
        """What is asked for, checked; None for the default."""
        by_event = isinstance(self.decision, Mapping) and self.decision.get("events")
        also = ("events", *SPANS) if by_event else ("events", "prevalence")
        check_goals(self.decision, also=also)
        asked = {name: value for name, value in (self.decision or {}).items() if name not in also}
        if by_event and asked.get("maximize") is not None:
            asked["maximize"] = event_goal(asked["maximize"]).maximize
        return Goal.unless_empty(**asked)

    def _decided(self, study: Study) -> Decision:
        asked = {"with_references": self.with_references, **(self.decision or {})}
        if not asked.pop("events", False):
            return study.decide(**asked)
        spans = {name: asked[name] for name in (*SPANS, "with_references") if name in asked}
        return study.decide_events(self._goal(), **spans)

    def predict(self, X: Any) -> Any:
        """The class of each step, `(n, length)`, or a list of `(length,)` if `X` is one.

        Where events are decided on, the steps of alarms are of the positive class.
        """
        return self._by_steps(X, Predictor.predict)

    def predict_proba(self, X: Any) -> Any:
        """Calibrated probabilities `(n, length, n_classes)`, or a list of `(length, n_classes)` if `X` is one."""
        return self._by_steps(X, Predictor.predict_proba)

    def score(self, X: Any, y: Any) -> float:
        """The share of the steps with a label that are given the right one."""
        return float(accuracy_score(*_known(y, self.predict(X))))


@final
@dataclass(kw_only=True, eq=False, repr=False)
class StepRegressor(RegressorMixin, AutoMLSeries):  # type: ignore[misc]
    """A regressor of the steps of series that tunes networks when it is fitted; the best of them predict together.

    Whole series, or whole groups of them, choose between trials; a single series is parted by time. A value may be
    missing (NaN) at any step. With a horizon it forecasts: at each step it tells what a channel will be so many steps
    later, by networks that look back only.

    Args:
        horizon: How many steps later the value is that a step is asked for; 0 asks for its own. Of several, such as
            `(1, 2, 12)`, all are told at once.
        n_trials: As for `StepClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials, over steps; the root mean squared error unless given.
        settings: From knob path to a value, a range or a table: `{"model.backbone.name": "lstm"}`.
        val_share: Share of the series that choose between trials.
        folds: Parts of a cross-validation, blocks of time for a single series; 1 for a single split; 5 unless given,
            where few short series would choose.
        n_workers: Processes that train.
        with_references: Whether a linear model and untuned boosting, on windows of steps, may join the ensemble.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        n_channels_: Number of channels.
        trials_: One row a trial, best first.
        references_: One row for each model that is no network, on the same steps.
        best_score_: Score of the best trial on the steps that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        predictor_: The deployable model, which reads long frames with the columns `__series__`, `x0`, `x1`, ...
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(20, 1, 64))
        >>> settings = {"train.n_epochs": 3, "model.backbone.d_block": 16}
        >>> regressor = StepRegressor(n_trials=1, settings=settings, random_state=0).fit(X, 100 + 5 * X[:, 0])
        >>> regressor.predict([X[0, :, :40], X[1]])[0].shape
        (40,)
    """

    horizon: int | tuple[int, ...] = 0

    def fit(self, X: Any, y: Any, *, groups: ArrayLike | None = None) -> "StepRegressor":
        """Tune networks on series.

        Args:
            X: Series `(n, n_channels, length)`, or a list of `(n_channels, length)` of unequal lengths; `(length,
                n_channels)` is taken where the values say so.
            y: A value for each step: `(n, length)`, or a list of `(length,)`. With a horizon it is one of the channels
                of X, whose later values are asked for, since what is known up to a step is seen there.
            groups: Series of one group are not parted `(n,)`.

        Raises:
            ValueError: Series, values, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        panel = Panel.of(X, sizes=[len(values) for values in labels_of_series(y)])
        values = np.asarray(panel.steps(y), dtype=np.float64)
        asked = panel.channel_of(values) if self.horizon else values
        given: Any = {"per_step": True, "kind": "regression", "decided": self._plain, "horizon": self.horizon}
        self._tune(panel, asked, groups, **given)
        return self

    def predict(self, X: Any) -> Any:
        """Values in the target's unit `(n, length)`, or a list of `(length,)` if `X` is one.

        With a horizon they are those of so many steps later; with several, `(n, length, n_horizons)`.
        """
        return self._by_steps(X, Predictor.predict)

    def score(self, X: Any, y: Any) -> float:
        """The coefficient of determination over all steps that have a value, of later steps with a horizon."""
        horizons = SeriesColumns(horizon=self.horizon).horizons
        later = [_later(values, horizons) for values in labels_of_series(y)] if horizons else y
        return float(r2_score(*_known(later, self.predict(X))))


def _later(values: NDArray[Any], horizons: Sequence[int]) -> NDArray[Any]:
    """The values of each horizon later, horizon by horizon within a step; NaN behind the end."""
    padded = np.append(np.asarray(values, dtype=np.float64), np.full(max(horizons), np.nan))
    return np.stack([padded[horizon : horizon + len(values)] for horizon in horizons], axis=1).ravel()


def _known(y: Any, found: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels of all steps that have one, and what was predicted for these steps."""
    labels, predictions = (np.concatenate(labels_of_series(values)) for values in (y, found))
    known = ~pd.isna(labels)
    return labels[known], predictions[known]
