"""The networks of runs: only those of a study's best runs are kept."""

from sqlalchemy import Connection, delete, select

from automl_nn.errors import StorageError
from automl_nn.store.schema import ModelTable, RunTable


def model(connection: Connection, run_id: int) -> bytes:
    """The network of a run.

    Raises:
        StorageError: The run has none: it failed, or was not among the best.
    """
    payload = connection.scalar(select(ModelTable.payload).where(ModelTable.run_id == run_id))
    if payload is None:
        raise StorageError(f"Run {run_id} has no stored network: only the best runs of a study keep theirs.")
    return bytes(payload)


def runs_with_model(connection: Connection, study_id: int) -> list[int]:
    """The runs whose networks are kept, best first."""
    kept = select(RunTable.id).join(ModelTable, ModelTable.run_id == RunTable.id).where(RunTable.study_id == study_id)
    return list(connection.scalars(kept.order_by(RunTable.score.desc(), RunTable.number)))


def keep_models(connection: Connection, study_id: int, n: int) -> None:
    """Delete the networks of all but the `n` best runs; of equals the earlier one stays."""
    of_study = select(RunTable.id).where(RunTable.study_id == study_id)
    scored = of_study.join(ModelTable, ModelTable.run_id == RunTable.id).where(RunTable.score.is_not(None))
    kept = scored.order_by(RunTable.score.desc(), RunTable.number).limit(n)
    connection.execute(delete(ModelTable).where(ModelTable.run_id.in_(of_study), ModelTable.run_id.not_in(kept)))
