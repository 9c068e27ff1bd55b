"""What a study has stored of its trials, for whoever decides: outputs, labels, groups; never a network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.decide.blocks import LEAST_FILLED, blocks_of_time
from automl_nn.decide.decision import Decision
from automl_nn.decide.ensemble import blend, ensemble_weights, evidence
from automl_nn.decide.selection import Honest, honest_selection
from automl_nn.errors import DecisionError, NoTrialError, StorageError
from automl_nn.search.problems.step_names import SERIES_GROUPS
from automl_nn.store.looks import run, runs
from automl_nn.store.store import Store
from automl_nn.task.base import Task

GROUPS = "val_groups"
"""Under which the groups of the rows that choose are stored."""

Member = int | str
"""A trial by its number, or a reference by its name."""


@final
@dataclass(frozen=True)
class SavedDecision:
    """A decision of a study's storage.

    Args:
        number: Its number there.
        decision: Where to cut.
        members: Who predicts, with their weights, as when it was made.
    """

    number: int
    decision: Decision
    members: Mapping[Member, float]


@final
class Stored:
    """The stored results of a study.

    Args:
        store: Where the study is kept.
        name: The study, which exists.
        task: What is asked.
    """

    def __init__(self, store: Store, name: str, task: Task) -> None:
        self._store, self._name, self._task = store, name, task
        self._id = store.study_id(name)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What the study was begun with."""
        return self._store.spec(self._id)

    def leaderboard(self) -> pd.DataFrame:
        """One row a trial, best first; failed ones last, with their reason."""
        return self._store.trials(self._id).sort_values("score", ascending=False, kind="stable", ignore_index=True)

    def trial(self, number: int | None) -> Mapping[Any, Any]:
        """The trial's row of the leaderboard, without its knobs; the best complete one unless a number is given.

        Raises:
            StorageError: There is no such trial.
            NoTrialError: No trial is complete.
        """
        if number is not None:
            found = self._store.read(lambda connection: run(connection, self._id, number))
            if found is None:
                n_trials = len(self._runs())
                raise StorageError(f"The study {self._name!r} has no trial {number}: it has {n_trials} trials.")
            return found
        for trial in self._runs():
            if trial["state"] == "complete":
                return trial
        raise NoTrialError(f"No trial of {self._name!r} is complete: run `tune` with a larger budget.")

    def _runs(self) -> list[dict[Any, Any]]:
        """The leaderboard without configs, which take long to read."""
        board = self._store.read(lambda connection: runs(connection, self._id))
        return board.sort_values("score", ascending=False, kind="stable").to_dict("records")

    def references(self) -> pd.DataFrame:
        """One row a reference: name, state, score, metrics, seconds, n_rows, n_parameters, message."""
        return self._store.references(self._id)

    @property
    def labels(self) -> NDArray[np.float32]:
        """Encoded labels `(n_val, d_y)` of the rows that choose."""
        return self._store.targets(self._id)[1]

    @property
    def groups(self) -> NDArray[np.float32] | None:
        """The groups of the rows that choose `(n_val, 1)`, where rows were parted by group, or are steps or pixels."""
        if not {"series", "maps"} & set(self.spec) and self.spec.get("split", {}).get("group") is None:
            return None
        try:
            return self._store.targets(self._id, part=GROUPS)[1]
        except StorageError:  # a study of an earlier version kept no groups
            return None

    @property
    def units(self) -> NDArray[np.int64] | None:
        """What belongs together `(n_val,)`: rows of a group, or of a series, or all series of a group."""
        groups = self.groups
        if groups is None:
            return None
        numbers = groups.ravel().astype(np.int64)
        by_series = self.spec.get(SERIES_GROUPS)
        return numbers if by_series is None else np.asarray(by_series, dtype=np.int64)[numbers]

    @property
    def drawn(self) -> NDArray[np.int64] | None:
        """What resamples draw as a whole `(n_val,)`: `units`, or blocks of time of a single recording.

        Too few blocks that hold an event tell nothing, so they are not drawn.
        """
        units, groups = self.units, self.groups
        alone = units is not None and len(np.unique(units)) == 1
        if groups is None or not alone or not self.spec.get("series", {}).get("per_step"):
            return units
        y = self.labels
        blocks = blocks_of_time(groups.ravel().astype(np.int64), None if self._task.family == "values" else y)
        return blocks if evidence(self._task, y, blocks) >= LEAST_FILLED else units

    def output(self, member: Member) -> NDArray[np.float32]:
        """Outputs `(n_val, d_out)` of a trial or a reference for the rows that choose."""
        if isinstance(member, str):
            return self._store.reference(self._id, member)[0]
        return self._store.predictions(int(self.trial(member)["run_id"]))

    def members(self, trial: int | None = None, *, with_references: bool = False) -> dict[Member, float]:
        """Who predicts, and with which weight: one trial, or an ensemble chosen by the stored outputs.

        Only trials whose networks are kept take part; those of no weight are left out. Embeddings of two networks have
        nothing in common, so the best trial stands alone.

        Args:
            trial: One trial; the ensemble unless given.
            with_references: Whether the references may join the ensemble.

        Raises:
            NoTrialError: No trial is complete, or no network is kept.
        """
        if trial is not None or self._task.family == "embedding":
            return {int(self.trial(trial)["number"]): 1.0}
        self.trial(None)
        numbers = {int(row["run_id"]): int(row["number"]) for row in self._runs()}
        kept: dict[Member, int] = {numbers[run]: run for run in self._store.runs_with_model(self._id)}
        candidates = [*kept, *(self._fitted() if with_references else ())]
        if not candidates:
            raise NoTrialError(f"No network of {self._name!r} is kept, so there is none to predict with: tune on.")
        outputs = [self._store.predictions(kept[one]) if one in kept else self.output(one) for one in candidates]
        weights = ensemble_weights(self._task, outputs, self.labels, units=self.units)
        return {member: float(weight) for member, weight in zip(candidates, weights, strict=True) if weight > 0}

    def saved(self, number: int) -> SavedDecision:
        """A decision that was stored, with those that it was made for.

        Args:
            number: Its number.

        Raises:
            StorageError: The study has no such decision.
            DecisionError: It was stored by a version that wrote something else.
        """
        known = self._store.decisions(self._id).set_index("id")
        if number not in known.index:
            has = f"its last ones are {', '.join(map(str, known.index[-5:]))}" if len(known) else "none was saved yet"
            raise StorageError(f"The study {self._name!r} has no decision {number}: {has}.")
        row: Any = known.loc[number]
        members = {_member(name): float(weight) for name, weight in row["spec"].get("members", {}).items()}
        if not members:
            raise DecisionError(f"Decision {number} does not say for which networks it is: decide again.")
        return SavedDecision(number, Decision.from_json(row["result"]), members)

    def blended(self, members: Mapping[Member, float]) -> NDArray[np.float64]:
        """The members' mean output `(n_val, d_out)` for the rows that choose."""
        outputs = [self.output(member) for member in members]
        return blend(outputs, list(members.values()), family=self._task.family)

    def honest(self, trial: int | None = None, *, with_references: bool = False, seed: int = 0) -> Honest:
        """What the best trial and the ensemble are worth on rows that did not choose them; see `honest_selection`.

        Args:
            trial: Nothing but this trial; all of them unless given.
            with_references: Whether the references may join the ensemble.
            seed: Seed of the resamples.

        Raises:
            NoTrialError: No trial is complete.
        """
        best = self.trial(trial)
        complete: list[Mapping[Any, Any]] = [row for row in self._runs() if row["state"] == "complete"]
        rows = complete if trial is None else [best]
        references = {name: self._store.reference(self._id, name)[0] for name in self._fitted()}
        honest = honest_selection(
            self._task,
            (self._store.predictions(int(row["run_id"])) for row in rows),
            self.labels,
            partners=list(references.values()) if with_references and trial is None else (),
            references=references,
            groups=self.drawn,
            units=self.units,
            seed=seed,
        )
        simplest = min(honest.within_noise, key=lambda i: (rows[i]["n_parameters"] or np.inf, rows[i]["seconds"]))
        numbers = tuple(int(rows[i]["number"]) for i in honest.within_noise)
        return replace(honest, within_noise=numbers, simplest=int(rows[simplest]["number"]))

    def _fitted(self) -> list[str]:
        references = self.references()
        return [str(name) for name in references.loc[references["state"] == "complete", "name"]]


def _member(name: str) -> Member:
    return int(name) if name.isdigit() else name
