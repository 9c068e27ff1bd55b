"""Who trains which trial: slots of the budget are claimed, renewed, released, and taken over from dead workers.

A study of `n_trials` has the slots 0 to `n_trials - 1`, and one run fills each. Claiming is one transaction that holds
Optuna's row of the study, so a crash at any instant leaves neither a lost nor a doubled trial. A claim carries a token:
whoever lost it writes nothing more.
"""

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast, final

import psutil
from optuna.trial import TrialState
from sqlalchemy import Connection, Double, Executable, Row, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from automl_nn.store.schema import EpochTable, ModelTable, PredictionTable, RunTable, SpikeTable, utc_now
from automl_nn.store.trial_rows import REPORTS, STUDIES, TRIALS

LEASE_SECONDS = 120.0
"""How long a claim holds without a sign of life, for workers on other machines."""

MAX_ATTEMPTS = 12
"""So many processes may die in one trial; then it fails."""

CLOCK_TOLERANCE_SECONDS = 2.0
"""A process that started this much off the noted time is another one with the same number."""

State = Literal["free", "running", "complete", "pruned", "failed"]


@final
@dataclass(frozen=True, slots=True)
class Worker:
    """A process that trains.

    Args:
        host: The machine's name.
        pid: The process's number there.
        started: When it started, in seconds since 1970; numbers of processes are used again.

    Example:
        >>> Worker.this().is_dead()
        False
    """

    host: str
    pid: int
    started: float

    @staticmethod
    def this() -> "Worker":
        """The calling process."""
        return _this(os.getpid())

    def is_dead(self) -> bool:
        """Whether the process is gone; it must have been on this machine."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < CLOCK_TOLERANCE_SECONDS
            return not same or process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.NoSuchProcess:
            return True


@lru_cache(maxsize=1)
def _this(pid: int) -> Worker:
    return Worker(platform.node(), pid, psutil.Process(pid).create_time())


@final
@dataclass(frozen=True, slots=True)
class Claim:
    """The right to train one trial and to write about it, until another worker takes it over.

    Args:
        run_id: Our row of the trial.
        slot: Which part of the budget it uses, from 0.
        trial_id: Optuna's id.
        number: Optuna's number, from 0.
        attempt: How many processes have begun this trial, this one included; 1 unless one died.
        token: What the database knows this claim by.
    """

    run_id: int
    slot: int
    trial_id: int
    number: int
    attempt: int
    token: str


class _Now(FunctionElement[float]):
    """Seconds since 1970 by the clock of the database."""

    type = Double()
    inherit_cache = True


@compiles(_Now, "sqlite")
def _now_in_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(_Now, "postgresql")
def _now_in_postgresql(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())"


_LEASE = _Now() + LEASE_SECONDS
_OPEN = RunTable.state.in_(("free", "running"))
_HELD = (
    RunTable.id == bindparam("run"),
    RunTable.token == bindparam("held"),
    RunTable.state == "running",
    exists().where(TRIALS.c.trial_id == RunTable.trial_id, TRIALS.c.state == TrialState.RUNNING),
)
_RENEW = update(RunTable).where(*_HELD).values(lease=_LEASE)


def new_token() -> str:
    """A name for the next claim."""
    return uuid.uuid4().hex


def claim(connection: Connection, study_id: int, *, n_trials: int | None, worker: Worker, token: str) -> Claim | None:
    """Take the lowest free slot, or none if all `n_trials` are taken; again with the same token gives the same claim.

    A slot is free if its worker released it or died, and after those come the slots that nobody had yet.
    """
    connection.execute(select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id).with_for_update())
    limit = 2**31 - 1 if n_trials is None else n_trials
    had = connection.execute(
        select(RunTable).where(RunTable.study_id == study_id, RunTable.token == token, _OPEN)
    ).first()
    if had is not None:
        return _claim(had)
    for run in _abandoned(connection, study_id, limit):
        if run.trial_state != TrialState.RUNNING:
            _end(connection, run, failure="Told", message="the trial was ended by another program")
        elif run.attempt >= MAX_ATTEMPTS:
            connection.execute(_trial_fails(run.trial_id))
            _end(connection, run, failure="Died", message=f"the process died {MAX_ATTEMPTS} times in this trial")
        else:
            return _take_over(connection, run, worker=worker, token=token)
    return _take_new(connection, study_id, limit, worker=worker, token=token)


def renew(connection: Connection, claim: Claim) -> bool:
    """Say that the worker lives; False if the claim is lost."""
    return connection.execute(_RENEW, _holder(claim)).rowcount == 1


def write(connection: Connection, claim: Claim, **values: Any) -> bool:
    """Change columns of the run; False if the claim is lost."""
    return connection.execute(update(RunTable).where(*_HELD).values(**values), _holder(claim)).rowcount == 1


def was_ended(connection: Connection, claim: Claim, *, state: State) -> bool:
    """Whether this very claim ended so before: then a reply was lost, not the claim."""
    row = connection.execute(select(RunTable.state, RunTable.token).where(RunTable.id == claim.run_id)).first()
    return row is not None and (row.state, row.token) == (state, claim.token)


def _holder(claim: Claim) -> dict[str, Any]:
    return {"run": claim.run_id, "held": claim.token}


def release(connection: Connection, claim: Claim) -> bool:
    """Free the slot at once; the attempt does not count. False if the claim is lost."""
    return write(connection, claim, state="free", attempt=RunTable.attempt - 1)


def _abandoned(connection: Connection, study_id: int, limit: int) -> Iterator[Row[Any]]:
    """Runs without a living worker, in the order of their slots."""
    runs = (
        select(
            *RunTable.__table__.columns, TRIALS.c.state.label("trial_state"), (RunTable.lease < _Now()).label("is_late")
        )
        .join(TRIALS, TRIALS.c.trial_id == RunTable.trial_id)
        .where(RunTable.study_id == study_id, RunTable.slot < limit, _OPEN)
        .order_by(RunTable.slot)
    )
    found: Sequence[Row[Any]] = connection.execute(cast(Executable, runs)).all()
    for run in found:
        if run.state == "free" or run.trial_state != TrialState.RUNNING or _is_gone(run):
            yield run


def _is_gone(run: Row[Any]) -> bool:
    if run.host != platform.node():
        return bool(run.is_late)
    return Worker(run.host, run.pid, run.process_started).is_dead()


def _end(connection: Connection, run: Row[Any], *, failure: str, message: str) -> None:
    ended = update(RunTable).where(RunTable.id == run.id).values(state="failed", failure=failure, message=message)
    connection.execute(ended)


def _trial_fails(trial_id: int) -> Any:
    return (
        update(TRIALS).where(TRIALS.c.trial_id == trial_id).values(state=TrialState.FAIL, datetime_complete=utc_now())
    )


def _take_over(connection: Connection, run: Row[Any], *, worker: Worker, token: str) -> Claim:
    """Claim a run again: its trial keeps its parameters, what the earlier attempt reported is removed."""
    for table in (EpochTable, SpikeTable, PredictionTable, ModelTable):
        connection.execute(delete(table).where(table.run_id == run.id))
    connection.execute(delete(REPORTS).where(REPORTS.c.trial_id == run.trial_id))
    taken = update(RunTable).where(RunTable.id == run.id).values(attempt=run.attempt + 1, **_owned(worker, token))
    return _claim(connection.execute(taken.returning(*RunTable.__table__.columns)).one())


def _take_new(connection: Connection, study_id: int, limit: int, *, worker: Worker, token: str) -> Claim | None:
    slot = (
        connection.scalar(select(func.coalesce(func.max(RunTable.slot) + 1, 0)).where(RunTable.study_id == study_id))
        or 0
    )
    if slot >= limit:
        return None
    trial = _enqueued_trial(connection, study_id) or _new_trial(connection, study_id)
    run = {"study_id": study_id, "slot": slot, "trial_id": trial.trial_id, "number": trial.number, "attempt": 1}
    made = insert(RunTable).values(**run, **_owned(worker, token)).returning(*RunTable.__table__.columns)
    return _claim(connection.execute(made).one())


def _enqueued_trial(connection: Connection, study_id: int) -> Row[Any] | None:
    """The first trial that `optuna.Study.enqueue_trial` left waiting, now running."""
    waiting = (TRIALS.c.study_id == study_id, TRIALS.c.state == TrialState.WAITING)
    first = select(func.min(TRIALS.c.trial_id)).where(*waiting).scalar_subquery()
    taken = update(TRIALS).where(TRIALS.c.trial_id == first, *waiting)
    return connection.execute(
        taken.values(state=TrialState.RUNNING, datetime_start=utc_now()).returning(TRIALS.c.trial_id, TRIALS.c.number)
    ).first()


def _new_trial(connection: Connection, study_id: int) -> Row[Any]:
    number = select(func.count()).select_from(TRIALS).where(TRIALS.c.study_id == study_id).scalar_subquery()
    made = insert(TRIALS).values(study_id=study_id, number=number, state=TrialState.RUNNING, datetime_start=utc_now())
    return connection.execute(made.returning(TRIALS.c.trial_id, TRIALS.c.number)).one()


def _owned(worker: Worker, token: str) -> dict[str, Any]:
    return {
        "state": "running",
        "host": worker.host,
        "pid": worker.pid,
        "process_started": worker.started,
        "token": token,
        "lease": _LEASE,
        "started": utc_now(),
    }


def _claim(run: Row[Any]) -> Claim:
    return Claim(
        run_id=run.id,
        slot=run.slot,
        trial_id=run.trial_id,
        number=run.number,
        attempt=run.attempt,
        token=run.token,
    )
