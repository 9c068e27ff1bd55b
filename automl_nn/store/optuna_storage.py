"""Optuna's storage, made safe for several workers, restarts of the server, and passwords."""

import json
import sqlite3
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any, cast, final

from optuna.distributions import BaseDistribution, check_distribution_compatibility, distribution_to_json
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Engine, FromClause, Table, bindparam, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL

from automl_nn.store.full_disk import tell_full_disk
from automl_nn.store.retries import RETRY_SECONDS, retried, retrying
from automl_nn.store.trial_rows import (
    PARAMS,
    REPORTS,
    TRIALS,
    USER_ATTRS,
    parse_distribution,
    read_trial,
    read_trials,
)
from automl_nn.store.urls import complete, masked

READING = {"sqlite_begin": "DEFERRED"}
"""Execution options of a connection that only reads: SQLite then lets others write meanwhile."""

_STATE = select(TRIALS.c.study_id, TRIALS.c.state).where(TRIALS.c.trial_id == bindparam("trial"))
_DISTRIBUTION = (
    select(PARAMS.c.distribution_json)
    .join(TRIALS, TRIALS.c.trial_id == PARAMS.c.trial_id)
    .where(TRIALS.c.study_id == bindparam("study"), PARAMS.c.param_name == bindparam("name"))
    .limit(1)
)


@final
class SafeRDBStorage(RDBStorage):
    """Optuna's storage in a database that several processes write to.

    SQLite writes ahead (WAL), waits up to 60 s for another writer, and takes the write lock when a transaction begins,
    because two workers would otherwise be handed the same enqueued trial. PostgreSQL tests a connection before using
    it, and calls that can be repeated are, for up to 60 s, while the server is away. Suggestions, reports and reading
    trials go by plain SQL. All of this survives pickling; `repr` shows no password.

    Args:
        url: The database, from `parse_url`.

    Example:
        >>> import optuna
        >>> from automl_nn.store.urls import parse_url
        >>> study = optuna.create_study(storage=SafeRDBStorage(parse_url("sqlite://")))
        >>> study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
        >>> [trial.state.name for trial in study.trials]
        ['COMPLETE', 'COMPLETE']
    """

    _serial = False

    def __init__(self, url: URL) -> None:
        # Optuna checks its schema through two connections at once, which would wait for each other.
        super().__init__(complete(url), engine_kwargs=_engine_options(url), skip_compatibility_check=True)
        self._serial = True

    @property
    def engine(self) -> Engine:
        """Where Optuna's tables and ours are."""
        engine: Engine = self.__dict__["engine"]
        return engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        """Tune every engine that Optuna makes, at birth and after a pickle."""
        if engine.dialect.name == "sqlite":
            event.listen(engine, "handle_error", tell_full_disk)
            event.listen(engine, "connect", _tune)
            event.listen(engine, "begin", self._begin)
        self.__dict__["engine"] = engine

    def _begin(self, connection: Connection) -> None:
        if self._serial:
            mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
            connection.exec_driver_sql(f"BEGIN {mode}")

    def __repr__(self) -> str:
        return f"SafeRDBStorage({masked(self.engine.url)!r})"

    @retrying
    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        with self.engine.begin() as connection:
            study_id = self._study_of_open_trial(connection, trial_id)
            previous = previous_distribution or _previous(connection, study_id, param_name)
            if previous is not None:
                check_distribution_compatibility(previous, distribution)
            values = {
                "trial_id": trial_id,
                "param_name": param_name,
                "param_value": param_value_internal,
                "distribution_json": distribution_to_json(distribution),
            }
            connection.execute(upsert(connection, PARAMS, "trial_id", "param_name", keep=True), values)

    @retrying
    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Store the score of an epoch, over an earlier one of the same step."""
        with self.engine.begin() as connection:
            self._study_of_open_trial(connection, trial_id)
            put_report(connection, trial_id, step=step, value=intermediate_value)

    def _study_of_open_trial(self, connection: Connection, trial_id: int) -> int:
        row = connection.execute(_STATE, {"trial": trial_id}).first()
        if row is None:
            raise KeyError(models.NOT_FOUND_MSG)
        self.check_trial_is_updatable(trial_id, row.state)
        return int(row.study_id)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Finish a trial; once more is no error when a lost connection hid that the first time succeeded."""
        asked = 0

        def tell() -> bool:
            nonlocal asked
            asked += 1
            try:
                return RDBStorage.set_trial_state_values(self, trial_id, state, values)
            except UpdateFinishedTrialError:
                if asked == 1 or self.get_trial(trial_id).state != state:
                    raise
                return True

        return retried(self.engine, tell)

    @retrying
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial."""
        with self.engine.connect().execution_options(**READING) as connection:
            return read_trial(connection, trial_id)

    @retrying
    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        with self.engine.connect().execution_options(**READING) as connection:
            trials = read_trials(connection, study_id, above=trial_id_greater_than, ids=included_trial_ids)
        return trials if states is None else [trial for trial in trials if trial.state in states]


for _name in (
    "get_all_studies",
    "get_best_trial",
    "get_study_directions",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_system_attrs",
    "get_study_user_attrs",
    "get_trial_id_from_study_id_trial_number",
    "get_trial_system_attrs",
    "get_trial_user_attrs",
    "set_study_system_attr",
    "set_study_user_attr",
    "set_trial_system_attr",
    "set_trial_user_attr",
):
    setattr(SafeRDBStorage, _name, retrying(getattr(RDBStorage, _name)))


def put_report(connection: Connection, trial_id: int, *, step: int, value: float) -> None:
    """Write Optuna's intermediate value of a trial, over an earlier one of the same step."""
    stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
    values = {"trial_id": trial_id, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}
    connection.execute(upsert(connection, REPORTS, "trial_id", "step"), values)


def put_user_attribute(connection: Connection, trial_id: int, *, key: str, value: Any) -> None:
    """Write a user attribute of a trial, as `optuna.Trial.set_user_attr` does."""
    values = {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
    connection.execute(upsert(connection, USER_ATTRS, "trial_id", "key"), values)


def upsert(connection: Connection, table: FromClause, *key: str, keep: bool = False) -> Any:
    """An `INSERT` that replaces the row with the same key, or keeps that row as it is.

    Args:
        connection: Whose dialect to speak.
        table: Where to insert.
        key: The columns that name a row.
        keep: Leave a row that is there as it is.
    """
    return _upsert(connection.dialect.name, table, key, keep)


@lru_cache
def _upsert(dialect: str, table: FromClause, key: tuple[str, ...], keep: bool) -> Any:
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(cast(Table, table))
    if keep:
        return insert.on_conflict_do_nothing(index_elements=key)
    others = [column.name for column in table.columns if column.name not in key and not column.primary_key]
    return insert.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in others})


def _previous(connection: Connection, study_id: int, name: str) -> BaseDistribution | None:
    found = connection.scalar(_DISTRIBUTION, {"study": study_id, "name": name})
    return None if found is None else parse_distribution(found)


def _engine_options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": RETRY_SECONDS}}
    return {"pool_pre_ping": True}


def _tune(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event begins, not the driver
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:  # who may only read needs no such thing
            raise
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
