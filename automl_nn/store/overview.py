"""All studies at a glance, by three statements of SQL however many there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from sqlalchemy import JSON, Connection, case, func, select, type_coerce

from automl_nn.store.frames import STATES
from automl_nn.store.schema import EpochTable, RunTable, StudyTable
from automl_nn.store.trial_rows import STUDIES


@final
@dataclass(frozen=True)
class Running:
    """A trial in the hands of a worker.

    Args:
        number: The trial.
        begun: When, UTC.
        n_epochs: Epochs that it has done.
        planned: Epochs that it is to do at most; None if it has drawn no config yet.
        seconds: How long its epochs took together.
        host: The machine.
    """

    number: int
    begun: datetime
    n_epochs: int
    planned: int | None
    seconds: float
    host: str

    @property
    def seconds_left(self) -> float | None:
        """How long it will take if the epochs to come are as long as those behind; None before the first one."""
        if self.planned is None or self.n_epochs == 0:
            return None
        return max(self.planned - self.n_epochs, 0) * self.seconds / self.n_epochs


@final
@dataclass(frozen=True)
class Overview:
    """A study at a glance.

    Args:
        study_id: Optuna's id.
        name: Its name.
        created: When it was begun, UTC.
        task: What was asked, as stored: kind, metric, targets, ...
        data: What was given, as stored: number of rows, fingerprint.
        counts: Trials by state.
        best: Best score of a complete trial; None without one.
        best_number: That trial.
        seconds: Seconds of training that have been spent.
        last: When an epoch or a trial was last begun, UTC; None before the first.
        running: The trials that are trained now.
    """

    study_id: int
    name: str
    created: datetime
    task: Mapping[str, Any]
    data: Mapping[str, Any]
    counts: Mapping[str, int]
    best: float | None
    best_number: int | None
    seconds: float
    last: datetime | None
    running: tuple[Running, ...]

    @property
    def n_trials(self) -> int:
        """Trials of all states."""
        return sum(self.counts.values())


def overviews(connection: Connection) -> list[Overview]:
    """Every study, the newest first."""
    running = _running(connection)
    best = {row.study_id: row.number for row in connection.execute(_BEST)}
    return [
        Overview(
            study_id=row.study_id,
            name=row.name,
            created=row.created,
            task=row.task or {},
            data=row.data or {},
            counts={state: getattr(row, state) for state in STATES},
            best=row.best,
            best_number=best.get(row.study_id),
            seconds=row.seconds or 0.0,
            last=row.last,
            running=tuple(running.get(row.study_id, ())),
        )
        for row in connection.execute(_STUDIES)
    ]


def _running(connection: Connection) -> dict[int, list[Running]]:
    """By study."""
    found: dict[int, list[Running]] = {}
    for row in connection.execute(_RUNNING):
        planned = (row.train or {}).get("n_epochs")
        trial = Running(row.number, row.started, row.n_epochs, planned, row.seconds or 0.0, row.host)
        found.setdefault(row.study_id, []).append(trial)
    return found


def _of_spec(part: str) -> Any:
    return type_coerce(StudyTable.spec, JSON)[part]


_COMPLETE = RunTable.state == "complete"
_STUDIES = (
    select(
        STUDIES.c.study_id,
        STUDIES.c.study_name.label("name"),
        StudyTable.created,
        _of_spec("task").label("task"),
        _of_spec("data").label("data"),
        *(func.count(case((RunTable.state == state, RunTable.id))).label(state) for state in STATES),
        func.max(case((_COMPLETE, RunTable.score))).label("best"),
        func.sum(RunTable.seconds).label("seconds"),
        func.max(RunTable.started).label("last"),
    )
    .join(StudyTable, STUDIES.c.study_id == StudyTable.study_id)
    .outerjoin(RunTable, RunTable.study_id == StudyTable.study_id)
    .group_by(StudyTable.study_id, STUDIES.c.study_id)
    .order_by(StudyTable.created.desc(), STUDIES.c.study_id.desc())
)
_PLACE = func.row_number().over(partition_by=RunTable.study_id, order_by=(RunTable.score.desc(), RunTable.number))
_RANKED = (
    select(RunTable.study_id, RunTable.number, _PLACE.label("place"))
    .where(_COMPLETE, RunTable.score.is_not(None))
    .subquery()
)
_BEST = select(_RANKED).where(_RANKED.c.place == 1)
_RUNNING = (
    select(
        RunTable.study_id,
        RunTable.number,
        RunTable.started,
        RunTable.host,
        type_coerce(RunTable.config, JSON)["train"].label("train"),
        func.count(EpochTable.number).label("n_epochs"),
        func.sum(EpochTable.seconds).label("seconds"),
    )
    .outerjoin(EpochTable, EpochTable.run_id == RunTable.id)
    .where(RunTable.state == "running")
    .group_by(RunTable.id)
    .order_by(RunTable.number)
)
