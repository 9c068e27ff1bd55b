"""Everything about a study but its data and its search."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from automl_nn.data.images.arrays import ImageForm
from automl_nn.data.images.maps import MapForm
from automl_nn.decide.decision import Decision
from automl_nn.decide.ensemble import blend
from automl_nn.decide.stored import Member, Stored
from automl_nn.errors import StorageError
from automl_nn.results.decisions import Decisions
from automl_nn.store.records import versions
from automl_nn.store.store import Store

if TYPE_CHECKING:
    from automl_nn.predict.predictor import Predictor


class Results(Decisions):
    """Abstract: the trials of a study, decisions on them, and its models; `Study` is the one to make."""

    def __repr__(self) -> str:
        kind, metric = self.task.kind, self.task.metric
        return f"{type(self).__name__}({self.name!r}, {kind}, metric={metric!r}, storage={self.storage!r})"

    def _repr_html_(self) -> str:
        """How it looks in a notebook; looking makes no database."""
        from automl_nn.review.notebook import study_card

        try:
            leaderboard = self._leaderboard_if_any()
        except StorageError:  # it was not tuned yet
            leaderboard = pd.DataFrame()
        title = f"{type(self).__name__} {self.name!r}"
        return study_card(title, self.task, storage=self.storage, leaderboard=leaderboard)

    def _leaderboard_if_any(self) -> pd.DataFrame:
        if "store" in vars(self):
            return self.leaderboard()
        with Store.reading(self._url) as store:
            return Stored(store, self.name, self.task).leaderboard()

    def predictor(
        self,
        decision: Decision | None = None,
        *,
        trial: int | None = None,
        with_references: bool = False,
        refit: bool = True,
    ) -> "Predictor":
        """The deployable model, checked against what its members predicted when they were trained.

        Args:
            decision: Where to cut; `decide()` with the default goal unless given.
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble; as for the decision.
            refit: Whether networks that were trained again on all rows, if there are, stand beside those of the search.

        Raises:
            ModelFileError: The model does not repeat the stored outputs here.
        """
        members = self._stored.members(trial, with_references=with_references)
        decided = decision or self.decide(trial=trial, with_references=with_references)
        return self._deployed(decided, members, refit=refit)

    def saved_predictor(self, number: int, *, refit: bool = True) -> "Predictor":
        """The deployable model with a decision that was stored, of the trials that it was made for.

        Args:
            number: As for `saved`.
            refit: As for `predictor`.

        Raises:
            StorageError: The study has no such decision, or no longer keeps the networks that it was made for.
            DecisionError: It cannot be read any more.
            ModelFileError: The model does not repeat the stored outputs here.
        """
        saved = self.saved(number)
        return self._deployed(saved.decision, saved.members, refit=refit)

    def _deployed(self, decision: Decision, members: Mapping[Member, float], *, refit: bool) -> "Predictor":
        from automl_nn.predict.predictor import Predictor  # whoever only decides waits for no torch
        from automl_nn.search.members import load_members
        from automl_nn.search.problems.study_spec import N_PROBE, compared_places, probed

        loaded = load_members(self.store, self._id, members, refit=refit)
        predictor = Predictor(
            task=self.task,
            schema=tuple(self._spec["schema"]),
            decision=decision,
            networks=tuple(member.model for member in loaded),
            weights=tuple(member.weight for member in loaded),
            versions=versions(),
            series=self._series,
            images=ImageForm.from_json(self._spec["images"]) if "images" in self._spec else None,
            maps=MapForm.from_json(self._spec["maps"]) if "maps" in self._spec else None,
        )
        probes = [member.probe for member in loaded if member.probe is not None]
        if len(probes) == len(loaded):
            n_rows = min([N_PROBE, *map(len, probes)])  # of images, refits have only told a few
            stored = blend([probe[:n_rows] for probe in probes], predictor.weights, family=self.task.family)
            predictor.check_parity(*probed(self._spec), stored, places=compared_places(self._spec))
        return predictor
