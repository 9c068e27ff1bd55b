"""The trials of a study, as they are stored, and what they are worth."""

from functools import cached_property
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.decide.selection import Honest
from automl_nn.decide.stored import Member, Stored
from automl_nn.review.verdict import verdict
from automl_nn.search.problems.step_names import StepNames
from automl_nn.store.store import Store
from automl_nn.store.urls import masked
from automl_nn.task.base import Task


class Trials:
    """Abstract: the trials of a study, which sets its name, its task, its seed and the URL of its storage."""

    name: str
    task: Task
    _url: str
    _seed: int

    @property
    def storage(self) -> str:
        """The storage's URL, without its password."""
        return masked(self._url)

    @cached_property
    def store(self) -> Store:
        """The open storage."""
        return Store(self._url)

    @property
    def study_id(self) -> int:
        """The study's number in the storage."""
        return self._id

    @cached_property
    def _id(self) -> int:
        return self.store.study_id(self.name)

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.store, self.name, self.task)

    @property
    def _spec(self) -> dict[str, Any]:
        return self._stored.spec

    @property
    def _series(self) -> SeriesColumns | None:
        """The columns of series and time, where rows are steps."""
        return SeriesColumns(**self._spec["series"]) if "series" in self._spec else None

    @property
    def optuna_study(self) -> optuna.Study:
        """The study as Optuna sees it."""
        return optuna.load_study(study_name=self.name, storage=self.store.optuna)

    def leaderboard(self) -> pd.DataFrame:
        """One row a trial, best first; failed ones last, with their reason."""
        return self._stored.leaderboard()

    def references(self) -> pd.DataFrame:
        """One row for each model that is no network, fitted to the same rows to compare with: how it scored."""
        return self._stored.references()

    def honest_score(self, *, with_references: bool = False) -> Honest:
        """What the best trial and the ensemble are worth on rows that did not choose them, in seconds.

        The score of the best trial is too good, since it was picked by it; this one is not. Trials that cannot be told
        from the best one are named, too.

        Args:
            with_references: Whether the references may join the ensemble.

        Raises:
            NoTrialError: No trial is complete.
        """
        return self._stored.honest(with_references=with_references, seed=self._seed)

    def verdict(self, *, trial: int | None = None, with_references: bool = False) -> str:
        """One sentence on the networks beside a linear model and untuned boosting, by their honest scores.

        Args:
            trial: Nothing but this trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.
        """
        honest = self._stored.honest(trial, with_references=with_references, seed=self._seed)
        return verdict(honest, metric=self.task.metric, with_references=with_references)

    def spikes(self) -> pd.DataFrame:
        """One row for each training step whose loss or gradient norm left its band, or was not finite.

        `row_ids` are the rows of its batch; of steps of series, the steps at which its windows begin, counted over the
        series in the order of their first rows; `step_names` tells series and step. Rows that come back in many spikes
        are worth a look at their labels.
        """
        return self.store.spikes(self._id)

    @property
    def step_names(self) -> StepNames | None:
        """What steps are called by those who gave them; None where rows are no steps of series with names."""
        return StepNames.from_spec(self._spec)

    def epochs(self, number: int | None = None) -> pd.DataFrame:
        """One row an epoch: losses, scores, gradient norms, of one trial or of all."""
        epochs = self.store.epochs(self._id)
        return epochs if number is None else epochs[epochs["trial"] == number].reset_index(drop=True)

    @property
    def best_number(self) -> int:
        """Number of the best trial that was not pruned.

        Raises:
            NoTrialError: No trial is complete.
        """
        return int(self._stored.trial(None)["number"])

    @property
    def best_score(self) -> float:
        """Score of the best trial on the rows that choose, which makes it too good; see `honest_score`."""
        return float(self._stored.trial(None)["score"])

    def ensemble(self, *, with_references: bool = False) -> dict[Member, float]:
        """Weights of the trials that predict together, by number: an ensemble chosen by their stored outputs.

        Only trials whose networks are kept take part; those of no weight are left out.

        Args:
            with_references: Whether the references may take part, under their names.

        Raises:
            NoTrialError: No trial is complete.
        """
        return self._stored.members(with_references=with_references)

    def validation(
        self, trial: int | None = None, *, with_references: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Stored outputs `(n_val, d_out)` and labels `(n_val, d_y)` of the rows that choose.

        Args:
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.
        """
        members = self._stored.members(trial, with_references=with_references)
        return self._stored.blended(members), self._stored.labels
