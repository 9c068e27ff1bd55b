"""What all estimators share: the parameters of a search, and the study behind `fit`."""

from abc import ABC
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from numpy.random import RandomState
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from sqlalchemy import URL, make_url

from automl_nn.data.scratch import scratch_folder
from automl_nn.decide.decision import Decision
from automl_nn.predict.predictor import Predictor
from automl_nn.search.problems.parting import VAL_SHARE
from automl_nn.study import Study


@dataclass(kw_only=True, eq=False, repr=False)
class AutoML(BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: the parameters of a search, and the study behind `fit`; `AutoMLClassifier` describes them.

    Parameters are the fields of a dataclass: its constructor takes them by name and only stores them, as scikit-learn
    asks for. A class below adds fields, or gives one another default.
    """

    n_trials: int | None = 20
    timeout: float | None = None
    metric: str | None = None
    settings: Mapping[str, Any] | None = None
    val_share: float = VAL_SHARE
    n_workers: int = 1
    storage: str | URL | None = None
    study_name: str = "study"
    random_state: int | RandomState | None = None

    @property
    def study_(self) -> Study:
        """The study in its storage, for everything but `tune`; only where a `storage` was given."""
        check_is_fitted(self)
        if self.storage is None:
            raise AttributeError("Without a storage the study is not kept: fit with storage='sqlite:///study.db'.")
        return Study.load(self.study_name, storage=full_url(self.storage))

    @contextmanager
    def _tuned(self, data: Any, target: Any, *, references: bool, **given: Any) -> Iterator[Study]:
        """A study that was tuned, while its storage is open.

        Args:
            data: As for `Study`.
            target: As for `Study`.
            references: Whether references are fitted.
            given: What else `Study` takes and is no parameter here.
        """
        with storage_for(self.storage) as url:
            study = Study(
                data,
                target,
                metric=self.metric,
                settings=self.settings,
                name=self.study_name,
                storage=url,
                seed=as_seed(self.random_state),
                **given,
            )
            study.tune(n_trials=self.n_trials, timeout=self.timeout, n_workers=self.n_workers, references=references)
            self.trials_, self.best_score_ = study.leaderboard(), study.best_score
            self.best_params_ = study.optuna_study.trials[study.best_number].params
            yield study
            study.store.close()

    def _keep(self, study: Study, decision: Decision, *, with_references: bool) -> None:
        """Keep what predicts.

        Args:
            study: What was tuned, while its storage is open.
            decision: What `predict` does.
            with_references: Whether references may join the ensemble.
        """
        self.decision_ = decision
        self.predictor_: Predictor = study.predictor(decision, with_references=with_references)


@contextmanager
def storage_for(storage: str | URL | None) -> Iterator[str]:
    """The URL of the storage; of a temporary one, which goes away with the block, unless one is given."""
    if storage is not None:
        yield full_url(storage)
        return
    with scratch_folder() as folder:
        yield f"sqlite:///{(folder / 'study.db').as_posix()}"


def full_url(storage: str | URL) -> str:
    """The URL as a text, with its password."""
    return storage if isinstance(storage, str) else make_url(storage).render_as_string(hide_password=False)


def as_seed(random_state: int | RandomState | None) -> int:
    """An integer as it is; else a seed that is drawn from the source."""
    rng = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, Integral) else int(rng.randint(2**31 - 1))
