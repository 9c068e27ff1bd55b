"""The store as pandas frames, read by plain SQL; times are UTC."""

import pandas as pd
from sqlalchemy import Connection, Executable, case, func, select

from automl_nn.search.schema import Decision, Epoch, Finding, Run, Spike, Study
from automl_nn.search.trial_rows import STUDIES
from automl_nn.space.draw import flatten

STATES = ("complete", "pruned", "failed", "running", "free")


def studies(connection: Connection) -> pd.DataFrame:
    """One row per study: name, created, metric, number of trials by state, best score of a complete trial."""
    counts = [func.count(case((Run.state == state, Run.id))).label(state) for state in STATES]
    best = func.max(case((Run.state == "complete", Run.score))).label("best")
    rows = (
        select(STUDIES.c.study_name.label("name"), Study.created, Study.spec, *counts, best)
        .join(Study, STUDIES.c.study_id == Study.study_id)
        .outerjoin(Run, Run.study_id == Study.study_id)
        .group_by(Study.study_id, STUDIES.c.study_name)
        .order_by(Study.study_id)
    )
    frame = _frame(connection, rows)
    specs = frame.pop("spec")
    frame.insert(2, "metric", [spec.get("task", spec).get("metric") for spec in specs])
    return frame


def trials(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per trial in the order of their numbers; the knobs of their configs are the last columns, by path."""
    rows = (
        select(
            Run.number,
            Run.state,
            Run.score,
            Run.seconds,
            Run.best_epoch,
            Run.stopped,
            Run.failure,
            Run.message,
            Run.attempt,
            Run.seed,
            Run.n_parameters,
            Run.peak_memory_mb,
            Run.id.label("run_id"),
            Run.config,
        )
        .where(Run.study_id == study_id)
        .order_by(Run.number)
    )
    frame = _frame(connection, rows)
    return _spread(frame, "config")


def epochs(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per epoch, in the order of trial and epoch; metrics are the last columns, as `val.roc_auc`."""
    columns = [column.label({"number": "epoch"}.get(column.name, column.name)) for column in Epoch.__table__.columns]
    rows = select(Run.number.label("trial"), *columns).join(Run, Run.id == Epoch.run_id)
    frame = _frame(connection, rows.where(Run.study_id == study_id).order_by(Run.number, Epoch.number))
    return _spread(frame, "metrics")


def spikes(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per spike, in the order of trial and step, with the ids of its batch's rows."""
    rows = select(Run.number.label("trial"), Spike.epoch, Spike.step, Spike.kind, Spike.value, Spike.row_ids)
    rows = rows.join(Run, Run.id == Spike.run_id).where(Run.study_id == study_id)
    return _frame(connection, rows.order_by(Run.number, Spike.step, Spike.kind))


def decisions(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per decision, oldest first; `trial` is empty for an ensemble."""
    rows = (
        select(
            Decision.id,
            Decision.created,
            Run.number.label("trial"),
            Decision.run_id,
            Decision.spec,
            Decision.result,
            Decision.threshold,
            Decision.utility,
        )
        .outerjoin(Run, Run.id == Decision.run_id)
        .where(Decision.study_id == study_id)
        .order_by(Decision.id)
    )
    return _frame(connection, rows).astype({"trial": "Int64", "run_id": "Int64"})


def findings(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per finding about the data, in the order of finding: kind, level, column, message."""
    rows = select(Finding.kind, Finding.level, Finding.column, Finding.message).where(Finding.study_id == study_id)
    return _frame(connection, rows.order_by(Finding.id))


def _frame(connection: Connection, rows: Executable) -> pd.DataFrame:
    result = connection.execute(rows)
    return pd.DataFrame.from_records(result.all(), columns=list(result.keys()))


def _spread(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The frame with a column of nested dictionaries as one column per path."""
    nested = [flatten(value or {}) for value in frame.pop(column)]
    return pd.concat([frame, pd.DataFrame(nested, index=frame.index)], axis=1)
