"""What a page shows of a study, by plain SQL: no outputs, no networks, and configs of single trials only."""

import json
from collections.abc import Collection
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Text, cast, func, or_, select

from automl_nn.space.draw import flatten
from automl_nn.space.ranges import Value
from automl_nn.store.frames import frame_of, spread
from automl_nn.store.schema import EpochTable, RunTable, SpikeTable

RUN_COLUMNS = (
    *("number", "state", "score", "seconds", "started", "best_epoch", "stopped", "failure", "message", "attempt"),
    *("seed", "n_parameters", "peak_memory_mb"),
)

MANY_NUMBERS = 500
"""Trials that are asked for at once: a statement takes a limited number of values."""


def runs(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per trial in the order of their numbers, without its config: `RUN_COLUMNS` and `run_id`."""
    columns = [getattr(RunTable, name) for name in RUN_COLUMNS]
    rows = select(*columns, RunTable.id.label("run_id")).where(RunTable.study_id == study_id)
    return frame_of(connection, rows.order_by(RunTable.number))


def configs(connection: Connection, study_id: int, numbers: Collection[int]) -> dict[int, dict[str, Value]]:
    """The configs of these trials by number, as values by path; those without one are left out."""
    rows = select(RunTable.number, RunTable.config).where(RunTable.study_id == study_id, RunTable.config.is_not(None))
    found: dict[int, dict[str, Value]] = {}
    wanted = sorted(set(numbers))
    for first in range(0, len(wanted), MANY_NUMBERS):
        some = rows.where(RunTable.number.in_(wanted[first : first + MANY_NUMBERS])).order_by(RunTable.number)
        found |= {row.number: flatten(row.config) for row in connection.execute(some)}
    return found


def config(connection: Connection, run_id: int) -> dict[str, Any]:
    """The draw from the space that a run was begun with."""
    return dict(connection.execute(select(RunTable.config).where(RunTable.id == run_id)).scalar_one())


def matching(connection: Connection, study_id: int, text: str) -> set[int]:
    """The numbers of the trials whose config, failure or message holds a text; small and capital letters are alike."""
    pattern = f"%{_escaped(text)}%"
    in_config = f"%{_escaped(json.dumps(text)[1:-1])}%"  # as the database holds it
    config = cast(RunTable.config, Text)
    held = [func.lower(config).like(in_config.lower(), escape="!")]
    held += [func.lower(column).like(pattern.lower(), escape="!") for column in (RunTable.failure, RunTable.message)]
    rows = select(RunTable.number).where(RunTable.study_id == study_id, or_(*held))
    return set(connection.scalars(rows))


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def run(connection: Connection, study_id: int, number: int) -> dict[str, Any] | None:
    """All that is known of one trial but its epochs; None if there is none of this number."""
    columns = [getattr(RunTable, name) for name in (*RUN_COLUMNS, "config", "traceback", "versions", "host")]
    rows = select(*columns, RunTable.id.label("run_id")).where(RunTable.study_id == study_id, RunTable.number == number)
    found = connection.execute(rows).first()
    return None if found is None else dict(found._mapping)


def epochs(connection: Connection, run_id: int) -> pd.DataFrame:
    """One row per epoch of a run, in their order; metrics are the last columns, as `val.roc_auc`."""
    columns = [column for column in EpochTable.__table__.columns if column.name != "run_id"]
    rows = select(*columns).where(EpochTable.run_id == run_id).order_by(EpochTable.number)
    return spread(frame_of(connection, rows).rename(columns={"number": "epoch"}), "metrics")


def spikes(connection: Connection, run_id: int) -> pd.DataFrame:
    """One row per spike of a run, in the order of epoch and step: epoch, step, kind, value, row_ids."""
    columns = [column for column in SpikeTable.__table__.columns if column.name != "run_id"]
    rows = select(*columns).where(SpikeTable.run_id == run_id)
    return frame_of(connection, rows.order_by(SpikeTable.epoch, SpikeTable.step, SpikeTable.kind))


def n_epochs(connection: Connection, study_id: int) -> int:
    """Epochs that all trials of a study have trained."""
    rows = select(func.count()).select_from(EpochTable).join(RunTable, RunTable.id == EpochTable.run_id)
    return int(connection.execute(rows.where(RunTable.study_id == study_id)).scalar_one())


def curves(connection: Connection, run_ids: Collection[int]) -> dict[int, list[float | None]]:
    """The score of each epoch of these runs, in their order, by run."""
    rows = select(EpochTable.run_id, EpochTable.score).where(EpochTable.run_id.in_(list(run_ids)))
    found: dict[int, list[float | None]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(rows.order_by(EpochTable.run_id, EpochTable.number)):
        found[row.run_id].append(row.score)
    return found


def neighbours(connection: Connection, study_id: int, number: int) -> tuple[int | None, int | None]:
    """The numbers of the trials before and behind one; None where there is none."""
    before = select(func.max(RunTable.number)).where(RunTable.study_id == study_id, RunTable.number < number)
    behind = select(func.min(RunTable.number)).where(RunTable.study_id == study_id, RunTable.number > number)
    return connection.scalar(before), connection.scalar(behind)
