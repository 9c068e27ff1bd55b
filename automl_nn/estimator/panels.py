"""What the estimators of series share: their parameters, and the study behind `fit`."""

import warnings
from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from sqlalchemy import URL

from automl_nn.data.panel import SERIES, Panel
from automl_nn.data.series import SeriesColumns
from automl_nn.decide.decision import Decision
from automl_nn.errors import DataError
from automl_nn.estimator.base import as_seed, storage_for
from automl_nn.estimator.given import GROUP
from automl_nn.predict import Predictor
from automl_nn.search.problem import VAL_SHARE, Parting
from automl_nn.study import Study

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
        folds: int | None = None,
        n_workers: int = 1,
        with_references: bool = False,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.timeout = timeout
        self.metric = metric
        self.settings = settings
        self.val_share = val_share
        self.folds = folds
        self.n_workers = n_workers
        self.with_references = with_references
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
        _warn_of_turned(panel)
        self._layout, self.n_channels_ = panel.layout, panel.values.shape[1]
        frame = panel.frame().assign(**{LABEL: labels})
        if groups is not None:
            frame[GROUP] = np.repeat(_checked_groups(groups, panel), panel.sizes)
        with storage_for(self.storage) as url:
            study = Study(
                frame,
                LABEL,
                task=kind,
                metric=self.metric,
                settings=self.settings,
                parting=Parting(self.val_share, group=None if groups is None else GROUP, folds=self.folds),
                name=self.study_name,
                storage=url,
                seed=as_seed(self.random_state),
                series=SeriesColumns(SERIES, per_step=per_step),
            )
            study.tune(n_trials=self.n_trials, timeout=self.timeout, n_workers=self.n_workers)
            self.trials_, self.best_score_ = study.leaderboard(), study.best_score
            self.references_ = study.references()
            self.decision_ = decided(study)
            self.predictor_: Predictor = study.predictor(self.decision_, with_references=self.with_references)
            study.store.close()
        return study

    def _plain(self, study: Study) -> Decision:
        """What is best for the default goal."""
        return study.decide(with_references=self.with_references)

    def _panel(self, X: Any) -> Panel:
        """Series to predict for, read as those of `fit` were."""
        check_is_fitted(self)
        panel = Panel.of(X, layout=self._layout)
        if panel.values.shape[1] != self.n_channels_:
            raise DataError(
                f"The series have {panel.values.shape[1]} channels, but the model was trained with {self.n_channels_}: "
                "give the same ones."
            )
        return panel

    def _by_series(self, X: Any, predict: Callable[[Any], NDArray[Any]]) -> NDArray[Any]:
        """What the predictor says of whole series."""
        return predict(self._panel(X).frame())

    def _by_steps(self, X: Any, predict: Callable[[Any], NDArray[Any]]) -> Any:
        """What the predictor says of steps, in the shape of the series."""
        panel = self._panel(X)
        return panel.back(predict(panel.frame()))


class DecidedSeries(AutoMLSeries, ABC):
    """Abstract: an estimator of series that decides between classes."""

    def __init__(
        self,
        *,
        n_trials: int | None = 20,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        decision: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        folds: int | None = None,
        n_workers: int = 1,
        with_references: bool = False,
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
            folds=folds,
            n_workers=n_workers,
            with_references=with_references,
            storage=storage,
            study_name=study_name,
            random_state=random_state,
        )
        self.decision = decision


def _warn_of_turned(panel: Panel) -> None:
    """Tell of series that look as if their axes were exchanged."""
    n_channels, longest = panel.values.shape[1], int(panel.sizes.max())
    if n_channels > longest:
        warnings.warn(
            f"The series have {n_channels} channels and {longest} steps: if it is the other way round, hand them over "
            "as (n_channels, length), X.transpose(0, 2, 1).",
            stacklevel=4,
        )


def _checked_groups(groups: ArrayLike, panel: Panel) -> NDArray[Any]:
    found = np.asarray(groups)
    if found.shape != (len(panel),):
        raise DataError(f"The groups have shape {found.shape}, but there are {len(panel)} series: give one for each.")
    return found
