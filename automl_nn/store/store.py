"""The store: everything that is kept about studies, in one database beside Optuna's own tables."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt
import optuna
import pandas as pd
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from automl_nn.data.findings import Finding
from automl_nn.errors import StorageError
from automl_nn.store import arrays, claims, companions, frames, kept_models, looks, records, specs
from automl_nn.store.claims import Claim, Worker
from automl_nn.store.companions import ReferenceRow, RefitRow
from automl_nn.store.opening import open_existing, open_reading, open_storage, reason
from automl_nn.store.optuna_storage import READING, SafeRDBStorage
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.retries import retried
from automl_nn.store.urls import masked

T = TypeVar("T")
_log = logging.getLogger(__name__)


@final
class Store:
    """Studies in a database; opening it makes or updates the tables.

    Writing about a run takes the claim on it, and tells by its result whether the claim still holds. A worker that was
    thought dead and finds its trial taken over is not interrupted: what it writes is dropped, and a warning logged.

    Args:
        url: `sqlite:///file.db`, `postgresql://user:password@host/name`, or `sqlite://` for one in memory, which lives
            in the thread that opened it.

    Raises:
        StorageError: The URL is none, or its database cannot be used.

    Example:
        >>> store = Store("sqlite://")
        >>> study_id = store.open_study("iris", spec={"metric": "accuracy"})
        >>> claim = store.claim(study_id, n_trials=1, worker=Worker.this())
        >>> store.begin(claim, config={"train": {"batch_size": 64}}, seed=7)
        True
        >>> store.finish(claim, Outcome(state="complete", score=0.9, seconds=1.5))
        True
        >>> store.claim(study_id, n_trials=1, worker=Worker.this()) is None
        True
        >>> store.trials(study_id)[["number", "state", "score", "train.batch_size"]].to_dict("records")
        [{'number': 0, 'state': 'complete', 'score': 0.9, 'train.batch_size': 64}]
    """

    def __init__(self, url: str) -> None:
        self._hold(open_storage(url))

    @classmethod
    def existing(cls, url: str) -> "Store":
        """A store that was made before, for whoever only reads: opening it makes no file and no table.

        Raises:
            StorageError: The database is missing, holds no studies of this version, or cannot be used.
        """
        store = cls.__new__(cls)
        store._hold(open_existing(url))
        return store

    @classmethod
    def reading(cls, url: str) -> "Store":
        """A store that cannot be changed through it, for whoever looks on while others search.

        Raises:
            StorageError: As for `existing`.
        """
        store = cls.__new__(cls)
        store._hold(open_reading(url))
        return store

    def _hold(self, storage: SafeRDBStorage) -> None:
        self._storage = storage
        self.optuna: optuna.storages.BaseStorage = optuna.storages.get_storage(storage)

    def __repr__(self) -> str:
        return f"Store({masked(self._storage.engine.url)!r})"

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the store may be used again."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def open_study(self, name: str, *, spec: Mapping[str, Any]) -> int:
        """The id of a study, made if there is none with this name.

        Args:
            name: The study.
            spec: What it is begun with: data, task, metric, space, seed. A resumed study must be given the same.

        Raises:
            StorageError: The study was begun with something else, or by another program.
        """
        try:
            return self._write(lambda connection: specs.open_study(connection, name, spec))
        except IntegrityError:  # another process has just made it
            return self._write(lambda connection: specs.open_study(connection, name, spec))

    def study_names(self) -> list[str]:
        """The names of all studies, oldest first."""
        return self.read(specs.study_names)

    def study_id(self, name: str) -> int:
        """The id of a study.

        Raises:
            StorageError: There is none with this name.
        """
        return self.read(lambda connection: specs.study_id(connection, name))

    def spec(self, study_id: int) -> dict[str, Any]:
        """What a study was begun with."""
        return self.read(lambda connection: specs.spec(connection, study_id))

    def claim(self, study_id: int, *, n_trials: int | None, worker: Worker) -> Claim | None:
        """Take the next trial: the lowest slot that is new, was released, or whose worker died.

        A trial that was begun before keeps its parameters in Optuna; what it had reported is removed, since it is
        trained again from its seed. A trial in which a dozen processes died fails. A trial that was enqueued in Optuna
        is taken before a new one is made.

        Args:
            study_id: The study.
            n_trials: Trials in total, failed ones included; None for no limit.
            worker: Who will train it.

        Returns:
            The claim, or None if every slot is done or in the hands of a living worker.
        """
        token = claims.new_token()
        taken = self._write(
            lambda connection: claims.claim(connection, study_id, n_trials=n_trials, worker=worker, token=token)
        )
        self.optuna.get_all_trials(study_id, deepcopy=False, states=())  # Optuna's cache must know the trial
        return taken

    def renew(self, claim: Claim) -> bool:
        """Tell other machines that the worker lives, as a report does; needed at least every 120 s."""
        return self._write_for(claim, lambda connection: claims.renew(connection, claim))

    def begin(
        self,
        claim: Claim,
        *,
        config: Mapping[str, Any],
        seed: int,
        data_fingerprint: str | None = None,
        n_parameters: int | None = None,
    ) -> bool:
        """Note what a trial is made of, and the versions of the libraries.

        Args:
            claim: The claim on the trial.
            config: Its draw from the space.
            seed: The seed of its training.
            data_fingerprint: What the data are recognized by.
            n_parameters: Trained numbers of the network.
        """
        facts = {"config": dict(config), "seed": seed, "data_fingerprint": data_fingerprint}
        facts |= {"n_parameters": n_parameters, "versions": records.versions()}
        return self._write_for(claim, lambda connection: records.begin(connection, claim, facts))

    def report(self, claim: Claim, row: EpochRow) -> bool:
        """Write an epoch and its score for Optuna's pruner, over an earlier epoch of the same number."""
        return self._write_for(claim, lambda connection: records.report(connection, claim, row))

    def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """End a trial, for Optuna too; once more is no error.

        Raises:
            ValueError: A complete trial has a score that is not finite; let it `fail` instead.
        """
        return self._write_for(claim, lambda connection: records.finish(connection, claim, outcome))

    def fail(self, claim: Claim, error: BaseException, *, seconds: float | None = None) -> bool:
        """End a trial with the error that stopped it; once more is no error."""
        return self._write_for(claim, lambda connection: records.fail(connection, claim, error, seconds=seconds))

    def release(self, claim: Claim) -> bool:
        """Give a trial back, to be claimed by anyone at once."""
        return self._write_for(claim, lambda connection: claims.release(connection, claim))

    def put_targets(self, study_id: int, *, row_ids: npt.ArrayLike, y: npt.ArrayLike, part: str = "val") -> None:
        """Store the encoded labels `(n, d_y)` of a part of the data, once for all trials, and its rows' ids `(n,)`."""
        self._write(lambda connection: arrays.put_targets(connection, study_id, part=part, row_ids=row_ids, y=y))

    def targets(self, study_id: int, *, part: str = "val") -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The rows' ids `(n,)` and the encoded labels `(n, d_y)` of a part of the data.

        Raises:
            StorageError: There are none.
        """
        return self.read(lambda connection: arrays.targets(connection, study_id, part=part))

    def predictions(self, run_id: int, *, part: str = "val") -> npt.NDArray[np.float32]:
        """The corrected outputs `(n, d_out)` of a run, in the order of the part's targets.

        Raises:
            StorageError: The run has none.
        """
        return self.read(lambda connection: arrays.prediction(connection, run_id, part=part))

    def config(self, run_id: int) -> dict[str, Any]:
        """The draw from the space that a run was begun with."""
        return self.read(lambda connection: looks.config(connection, run_id))

    def model(self, run_id: int) -> bytes:
        """The network of a run.

        Raises:
            StorageError: The run has none: it failed, or was not among the best.
        """
        return self.read(lambda connection: kept_models.model(connection, run_id))

    def runs_with_model(self, study_id: int) -> list[int]:
        """The runs whose networks are kept, best first."""
        return self.read(lambda connection: kept_models.runs_with_model(connection, study_id))

    def keep_models(self, study_id: int, n: int) -> None:
        """Delete the networks of all but the `n` best runs of a study."""
        self._write(lambda connection: kept_models.keep_models(connection, study_id, n))

    def put_reference(self, study_id: int, row: ReferenceRow) -> None:
        """Store a model to compare with, in place of an earlier one of its name."""
        self._write(lambda connection: companions.put_reference(connection, study_id, row))

    def references(self, study_id: int) -> pd.DataFrame:
        """One row per reference: name, state, score, metrics, seconds, n_rows, n_parameters, message."""
        return self.read(lambda connection: companions.references(connection, study_id))

    def reference(self, study_id: int, name: str) -> tuple[npt.NDArray[np.float32], bytes]:
        """A reference's outputs `(n_val, d_out)` for the rows that choose, and the model as bytes.

        Raises:
            StorageError: The study has no such reference.
        """
        return self.read(lambda connection: companions.reference(connection, study_id, name))

    def put_refits(self, run_id: int, rows: Sequence[RefitRow]) -> None:
        """Store the networks of a run that were trained on all rows, in place of earlier ones."""
        self._write(lambda connection: companions.put_refits(connection, run_id, rows))

    def refits(self, run_id: int) -> list[RefitRow]:
        """The networks of a run that were trained on all rows; none if it was not trained again."""
        return self.read(lambda connection: companions.refits(connection, run_id))

    def add_decision(
        self,
        study_id: int,
        *,
        run_id: int | None,
        spec: Mapping[str, Any],
        result: Mapping[str, Any],
        threshold: float | None = None,
        utility: float | None = None,
    ) -> int:
        """Store a decision and give its id.

        Args:
            study_id: The study.
            run_id: The run that was decided on; None for an ensemble.
            spec: What was asked for.
            result: What came out.
            threshold: Where the scores were cut.
            utility: What that is worth.
        """
        facts: dict[str, Any] = {"study_id": study_id, "run_id": run_id, "spec": dict(spec)}
        facts |= {"result": dict(result), "threshold": threshold, "utility": utility}
        return self._write(lambda connection: companions.add_decision(connection, facts))

    def put_findings(self, study_id: int, findings: Iterable[Finding]) -> None:
        """Store what was noticed about the data, in place of earlier findings."""
        noticed = tuple(findings)
        self._write(lambda connection: companions.put_findings(connection, study_id, noticed))

    def studies(self) -> pd.DataFrame:
        """One row per study: name, created (UTC), metric, number of trials by state, best score."""
        return self.read(frames.studies)

    def trials(self, study_id: int) -> pd.DataFrame:
        """One row per trial: number, state, score, seconds, ..., and every knob of its config by path."""
        return self.read(lambda connection: frames.trials(connection, study_id))

    def epochs(self, study_id: int) -> pd.DataFrame:
        """One row per epoch of every trial: losses, scores, gradient norms, ..., and every metric as `val.roc_auc`."""
        return self.read(lambda connection: frames.epochs(connection, study_id))

    def spikes(self, study_id: int) -> pd.DataFrame:
        """One row per step that left its band: trial, epoch, step, kind, value, row_ids."""
        return self.read(lambda connection: frames.spikes(connection, study_id))

    def decisions(self, study_id: int) -> pd.DataFrame:
        """One row per decision, oldest first."""
        return self.read(lambda connection: frames.decisions(connection, study_id))

    def findings(self, study_id: int) -> pd.DataFrame:
        """One row per finding: kind, level, column, message."""
        return self.read(lambda connection: frames.findings(connection, study_id))

    def _write_for(self, claim: Claim, act: Callable[[Connection], bool]) -> bool:
        held = self._write(act)
        if not held:
            _log.warning("Trial %d was taken over by another worker; this one's news is dropped.", claim.number)
        return held

    def _write(self, act: Callable[[Connection], T]) -> T:
        return self._retried(self._storage.engine.begin, act)

    def read(self, act: Callable[[Connection], T]) -> T:
        """What a query gives, asked on a connection that lets others write meanwhile."""
        return self._retried(self._storage.engine.execution_options(**READING).connect, act)

    def _retried(self, connect: Callable[[], AbstractContextManager[Connection]], act: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with connect() as connection:
                return act(connection)

        try:
            return retried(self._storage.engine, transaction)
        except (OperationalError, InterfaceError) as error:
            said = reason(error, self._storage.engine.url)
            raise StorageError(f"{self!r} does not answer: {said}. The same command again resumes.") from error
