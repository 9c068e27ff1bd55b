"""The studies of a database, opened once for all requests of a server."""

from collections import OrderedDict
from threading import Lock
from typing import final

from sqlalchemy import Connection, func, select

from automl_nn.decide.decider import Decider
from automl_nn.results.stored import StoredResults
from automl_nn.store.schema import ModelTable, RunTable
from automl_nn.store.specs import study_name
from automl_nn.store.store import Store

N_DECIDERS = 8
"""Outputs of so many trials or ensembles are kept in memory, those that were asked for last."""

State = tuple[object, ...]
"""What changes when another trial ends or another network is kept."""


@final
class Source:
    """What the pages show: the studies of one database, which is only read.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: There is no such database, or it holds no studies of this version.
    """

    def __init__(self, url: str) -> None:
        self.store = Store.reading(url)
        self._url, self._lock, self._reading = url, Lock(), Lock()
        self._results: dict[tuple[int, str], StoredResults] = {}
        self._deciders: OrderedDict[State, Decider] = OrderedDict()

    def results(self, study_id: int) -> StoredResults | None:
        """The results of a study, None if there is none; what does not change about it is read once."""
        name = self.store.read(lambda connection: study_name(connection, study_id))
        if name is None:
            return None
        with self._lock:
            found = self._results.get((study_id, name))
            if found is None:
                found = StoredResults.within(self.store, name, url=self._url)
                self._results[study_id, name] = found
        return found

    def decider(self, results: StoredResults, trial: int | None) -> Decider:
        """The stored outputs of a trial, or of the ensemble, which are read anew when another trial has ended.

        Args:
            results: The study.
            trial: Number of the trial; None for the ensemble.

        Raises:
            NoTrialError: No trial is complete.
            StorageError: There is no such trial, or it has no outputs.
        """
        state = self.store.read(lambda connection: _state(connection, results.study_id))
        key = (results.study_id, results.name, trial, *state)
        with self._reading:
            if key not in self._deciders:
                self._deciders[key] = results.decider(trial)
            self._deciders.move_to_end(key)
            while len(self._deciders) > N_DECIDERS:
                self._deciders.popitem(last=False)
            return self._deciders[key]

    def writable(self, name: str) -> StoredResults:
        """The results of a study for whoever saves a decision.

        Raises:
            StorageError: The database cannot be opened.
        """
        return StoredResults(name, storage=self._url)


def _state(connection: Connection, study_id: int) -> State:
    ended = select(func.count(), func.max(RunTable.id), func.max(RunTable.score))
    ended = ended.where(RunTable.study_id == study_id, RunTable.state == "complete")
    kept = select(func.count(), func.max(ModelTable.run_id)).join(RunTable, RunTable.id == ModelTable.run_id)
    return (*connection.execute(ended).one(), *connection.execute(kept.where(RunTable.study_id == study_id)).one())
