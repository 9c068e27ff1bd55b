"""What both estimators share: their parameters, and the study behind `fit`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from sqlalchemy import URL, make_url

from automl_nn.data.read import as_frame
from automl_nn.data.table import Role
from automl_nn.decide.decision import Decision
from automl_nn.estimator.given import GROUP, Given, target_names
from automl_nn.predict import Predictor
from automl_nn.search.problem import VAL_SHARE, Parting
from automl_nn.study import Study


class AutoML(BaseEstimator):  # type: ignore[misc]
    """Abstract: the parameters of both estimators, and the study behind `fit`; `AutoMLClassifier` describes them."""

    def __init__(
        self,
        *,
        n_trials: int | None = 20,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        roles: Mapping[str, Role] | None = None,
        val_share: float = VAL_SHARE,
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
        self.roles = roles
        self.val_share = val_share
        self.n_workers = n_workers
        self.with_references = with_references
        self.storage = storage
        self.study_name = study_name
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    @property
    def study_(self) -> Study:
        """The study in its storage, for everything but `tune`; only where a `storage` was given."""
        check_is_fitted(self)
        if self.storage is None:
            raise AttributeError("Without a storage the study is not kept: fit with storage='sqlite:///study.db'.")
        return Study.load(self.study_name, storage=full_url(self.storage))

    def _given(self, X: Any, y: Any, values: NDArray[Any], groups: ArrayLike | None, weight: ArrayLike | None) -> Given:
        """The rows of `fit` that count.

        Args:
            X: Features.
            y: Targets as they were given, for their names.
            values: The checked targets.
            groups: What must not be parted.
            weight: Weight of each row.
        """
        features = self._features(X, reset=True)
        check_consistent_length(features, values, groups)
        checked = None if weight is None else _check_sample_weight(weight, features, ensure_non_negative=True)
        given = Given(
            features=features,
            y=values,
            names=target_names(y, values, taken=list(features.columns)),
            groups=None if groups is None else column_or_1d(groups),
            weight=checked,
        )
        return given if checked is None else given.take(np.flatnonzero(checked))

    def _features(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Features as a frame, their names and number checked as scikit-learn does."""
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            n_least = 2 if reset else 1
            X = validate_data(
                self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=n_least
            )
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return as_frame(X).set_axis(list(names), axis=1)

    def _tune(self, given: Given, kind: str, classes: Any, decided: Callable[[Study], Decision]) -> Self:
        """Tune a study on the rows, decide, and keep what predicts."""
        with storage_for(self.storage) as url:
            study = Study(
                given.frame(),
                given.names,
                task=kind,
                metric=self.metric,
                settings=self.settings,
                roles=self.roles,
                parting=Parting(self.val_share, group=None if given.groups is None else GROUP),
                name=self.study_name,
                storage=url,
                seed=as_seed(self.random_state),
                classes=classes,
                weight=given.weight,
            )
            study.tune(
                n_trials=self.n_trials,
                timeout=self.timeout,
                n_workers=self.n_workers,
                references=self.with_references,
            )
            self.trials_ = study.leaderboard()
            self.best_score_ = study.best_score
            self.best_params_ = study.optuna_study.trials[study.best_number].params
            self.decision_ = decided(study)
            self.predictor_: Predictor = study.predictor(self.decision_, with_references=self.with_references)
            study.store.close()
        return self


@contextmanager
def storage_for(storage: str | URL | None) -> Iterator[str]:
    """The URL of the storage; of a temporary one, which goes away with the block, unless one is given."""
    if storage is not None:
        yield full_url(storage)
        return
    with TemporaryDirectory(prefix="automl_nn-") as folder:
        yield f"sqlite:///{Path(folder, 'study.db').as_posix()}"


def full_url(storage: str | URL) -> str:
    """The URL as a text, with its password."""
    return storage if isinstance(storage, str) else make_url(storage).render_as_string(hide_password=False)


def as_seed(random_state: int | RandomState | None) -> int:
    """An integer as it is; else a seed that is drawn from the source."""
    rng = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, Integral) else int(rng.randint(2**31 - 1))
