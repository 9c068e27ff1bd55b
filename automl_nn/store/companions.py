"""What stands beside the trials of a study: findings, references, networks that were trained again, decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, delete, insert, select

from automl_nn.data.findings import Finding
from automl_nn.errors import StorageError
from automl_nn.store.arrays import FLOATS, pack, unpack
from automl_nn.store.optuna_storage import upsert
from automl_nn.store.schema import DecisionTable, FindingTable, ReferenceTable, RefitTable, utc_now

Floats = npt.NDArray[np.float32]

REFERENCES = {
    "linear": "a linear model",
    "boosting": "untuned boosting",
    "mean map": "the mean map",
    "zero": "zero everywhere",
    "pixels": "the pixels themselves",
    "seasonal": "the value a season before",
}
"""The references by name, and what they are called in a sentence."""


@final
@dataclass(frozen=True)
class ReferenceRow:
    """How a reference did: a model that is no network, and no trial.

    Args:
        name: Which reference, as `boosting`.
        state: `complete`, or `skipped` or `failed` with the reason in `message`.
        score: The task's metric on the rows that choose.
        metrics: Every metric that epochs have.
        seconds: Time taken.
        n_rows: Training rows that it was fitted to.
        n_parameters: Fitted numbers.
        message: Why there is none, or that rows were left out.
        output: Outputs for the rows that choose, float32 `(n_val, d_out)`.
        payload: The model as bytes.
    """

    name: str
    state: Literal["complete", "skipped", "failed"]
    score: float | None = None
    metrics: Mapping[str, float] | None = None
    seconds: float | None = None
    n_rows: int | None = None
    n_parameters: int | None = None
    message: str | None = None
    output: Floats | None = None
    payload: bytes | None = None


@final
@dataclass(frozen=True)
class RefitRow:
    """A network of a run's config that was trained on all rows.

    Args:
        seed: Seed of its training.
        n_epochs: Epochs that it was trained.
        seconds: Time taken by all networks of the run together.
        probe: Its outputs for the first of the rows that choose, `(n_probe, d_out)`.
        payload: The network as bytes.
    """

    seed: int
    n_epochs: int
    seconds: float
    probe: Floats
    payload: bytes


_FACTS = tuple(field.name for field in fields(ReferenceRow) if field.name not in ("output", "payload"))


def put_findings(connection: Connection, study_id: int, findings: Iterable[Finding]) -> None:
    """Store what was noticed about the data in place of earlier findings."""
    connection.execute(delete(FindingTable).where(FindingTable.study_id == study_id))
    rows = [
        {"study_id": study_id, "kind": f.kind, "level": f.level, "column": f.column, "message": f.message}
        for f in findings
    ]
    if rows:
        connection.execute(insert(FindingTable), rows)


def put_reference(connection: Connection, study_id: int, row: ReferenceRow) -> None:
    """Store a reference in place of an earlier one of its name."""
    values = {name: getattr(row, name) for name in _FACTS} | {"study_id": study_id, "payload": row.payload}
    if row.output is not None:
        values |= {"shape": list(row.output.shape), "output": pack(row.output, FLOATS)}
    connection.execute(upsert(connection, ReferenceTable.__table__, "study_id", "name"), values)


def references(connection: Connection, study_id: int) -> pd.DataFrame:
    """One row per reference: name, state, score, metrics, seconds, n_rows, n_parameters, message."""
    columns = [getattr(ReferenceTable, name) for name in _FACTS]
    rows = connection.execute(select(*columns).where(ReferenceTable.study_id == study_id).order_by(ReferenceTable.name))
    return pd.DataFrame.from_records(rows.all(), columns=list(_FACTS))


def reference(connection: Connection, study_id: int, name: str) -> tuple[Floats, bytes]:
    """The outputs `(n_val, d_out)` of a reference for the rows that choose, and the model as bytes.

    Raises:
        StorageError: The study has no such reference.
    """
    of_name = (ReferenceTable.study_id == study_id, ReferenceTable.name == name, ReferenceTable.state == "complete")
    found = connection.execute(select(ReferenceTable).where(*of_name)).first()
    if found is None or found.output is None or found.payload is None:
        raise StorageError(f"The study has no fitted reference {name!r}: `automl-nn tune` fits the references first.")
    output = unpack(found.output, FLOATS).reshape(found.shape).astype(np.float32)
    return output, bytes(found.payload)


def put_refits(connection: Connection, run_id: int, rows: Sequence[RefitRow]) -> None:
    """Store the refit networks of a run in place of earlier ones."""
    connection.execute(delete(RefitTable).where(RefitTable.run_id == run_id))
    if rows:
        connection.execute(insert(RefitTable), [_refit(run_id, i, row) for i, row in enumerate(rows)])


def _refit(run_id: int, position: int, row: RefitRow) -> dict[str, Any]:
    facts = {"run_id": run_id, "position": position, "seed": row.seed, "n_epochs": row.n_epochs, "seconds": row.seconds}
    return facts | {"shape": list(row.probe.shape), "probe": pack(row.probe, FLOATS), "payload": row.payload}


def refits(connection: Connection, run_id: int) -> list[RefitRow]:
    """The refit networks of a run; none if it was not trained again."""
    found = connection.execute(select(RefitTable).where(RefitTable.run_id == run_id).order_by(RefitTable.position))
    return [
        RefitRow(
            seed=row.seed,
            n_epochs=row.n_epochs,
            seconds=row.seconds,
            probe=unpack(row.probe, FLOATS).reshape(row.shape).astype(np.float32),
            payload=bytes(row.payload),
        )
        for row in found
    ]


def add_decision(connection: Connection, facts: Mapping[str, Any]) -> int:
    """Store a decision, which is made now, and give its id."""
    made = insert(DecisionTable).values(created=utc_now(), **facts).returning(DecisionTable.id)
    return int(connection.execute(made).scalar_one())
