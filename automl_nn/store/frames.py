"""The store as pandas frames, read by plain SQL; times are UTC."""

import pandas as pd
from sqlalchemy import Connection, Executable, case, func, select

from automl_nn.space.draw import flatten
from automl_nn.store.schema import DecisionTable, EpochTable, FindingTable, RunTable, SpikeTable, StudyTable
from automl_nn.store.trial_rows import STUDIES

STATES = ("complete", "pruned", "failed", "running", "free")


def studies(connection: Connection) -> pd.DataFrame:
    """One row per study: name, created, metric, number of trials by state, best score of a complete trial."""
    counts = [func.count(case((RunTable.state == state, RunTable.id))).label(state) for state in STATES]
    best = func.max(case((RunTable.state == "complete", RunTable.score))).label("best")
    rows = (
        select(STUDIES.c.study_name.label("name"), StudyTable.created, StudyTable.spec, *counts, best)
        .join(StudyTable, STUDIES.c.study_id == StudyTable.study_id)
        .outerjoin(RunTable, RunTable.study_id == StudyTable.study_id)
        .group_by(StudyTable.study_id, STUDIES.c.study_name)
        .order_by(StudyTable.study_id)
    )
    frame = frame_of(connection, rows)
    specs = frame.pop("spec")
    frame.insert(2, "metric", [spec.get("task", spec).get("metric") for spec in specs])
    return frame


def trials(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per trial in the order of their numbers; the knobs of their configs are the last columns, by path."""
    rows = (
        select(
            RunTable.number,
            RunTable.state,
            RunTable.score,
            RunTable.seconds,
            RunTable.best_epoch,
            RunTable.stopped,
            RunTable.failure,
            RunTable.message,
            RunTable.attempt,
            RunTable.seed,
            RunTable.n_parameters,
            RunTable.peak_memory_mb,
            RunTable.id.label("run_id"),
            RunTable.config,
        )
        .where(RunTable.study_id == study_id)
        .order_by(RunTable.number)
    )
    frame = frame_of(connection, rows)
    return spread(frame, "config")


def epochs(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per epoch, in the order of trial and epoch; metrics are the last columns, as `val.roc_auc`."""
    columns = [
        column.label({"number": "epoch"}.get(column.name, column.name)) for column in EpochTable.__table__.columns
    ]
    rows = select(RunTable.number.label("trial"), *columns).join(RunTable, RunTable.id == EpochTable.run_id)
    frame = frame_of(connection, rows.where(RunTable.study_id == study_id).order_by(RunTable.number, EpochTable.number))
    return spread(frame, "metrics")


def spikes(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per spike, in the order of trial and step, with the ids of its batch's rows."""
    rows = select(
        RunTable.number.label("trial"),
        SpikeTable.epoch,
        SpikeTable.step,
        SpikeTable.kind,
        SpikeTable.value,
        SpikeTable.row_ids,
    )
    rows = rows.join(RunTable, RunTable.id == SpikeTable.run_id).where(RunTable.study_id == study_id)
    return frame_of(connection, rows.order_by(RunTable.number, SpikeTable.step, SpikeTable.kind))


def decisions(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per decision, oldest first; `trial` is empty for an ensemble."""
    rows = (
        select(
            DecisionTable.id,
            DecisionTable.created,
            RunTable.number.label("trial"),
            DecisionTable.run_id,
            DecisionTable.spec,
            DecisionTable.result,
            DecisionTable.threshold,
            DecisionTable.utility,
        )
        .outerjoin(RunTable, RunTable.id == DecisionTable.run_id)
        .where(DecisionTable.study_id == study_id)
        .order_by(DecisionTable.id)
    )
    return frame_of(connection, rows).astype({"trial": "Int64", "run_id": "Int64"})


def findings(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per finding about the data, in the order of finding: kind, level, column, message."""
    rows = select(FindingTable.kind, FindingTable.level, FindingTable.column, FindingTable.message).where(
        FindingTable.study_id == study_id
    )
    return frame_of(connection, rows.order_by(FindingTable.id))


def frame_of(connection: Connection, rows: Executable) -> pd.DataFrame:
    """What a query gives."""
    result = connection.execute(rows)
    return pd.DataFrame.from_records(result.all(), columns=list(result.keys()))


def spread(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The frame with a column of nested dictionaries as one column per path."""
    nested = [flatten(value or {}) for value in frame.pop(column)]
    return pd.concat([frame, pd.DataFrame(nested, index=frame.index)], axis=1)
