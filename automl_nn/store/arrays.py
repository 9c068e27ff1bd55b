"""Arrays in the database: labels once per study, outputs once per run; float32, compressed."""

import zlib

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from automl_nn.errors import StorageError
from automl_nn.store.optuna_storage import upsert
from automl_nn.store.schema import PredictionTable, TargetTable

FLOATS = np.dtype("<f4")
IDS = np.dtype("<i8")


def pack(array: npt.ArrayLike, dtype: np.dtype[np.generic]) -> bytes:
    """The numbers as compressed bytes, row by row.

    Example:
        >>> unpack(pack([[1.5, np.nan]], FLOATS), FLOATS)
        array([1.5, nan], dtype=float32)
    """
    return zlib.compress(np.ascontiguousarray(array, dtype=dtype).tobytes(), level=1)


def unpack(packed: bytes, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """The numbers of `pack`, in one dimension and writable."""
    return np.frombuffer(zlib.decompress(packed), dtype=dtype).copy()


def put_prediction(connection: Connection, run_id: int, *, part: str, output: npt.ArrayLike) -> None:
    """Store the outputs `(n, d_out)` of a run for a part of the data."""
    array = np.asarray(output)
    values = {"run_id": run_id, "part": part, "shape": list(array.shape), "output": pack(array, FLOATS)}
    connection.execute(upsert(connection, PredictionTable.__table__, "run_id", "part"), values)


def prediction(connection: Connection, run_id: int, *, part: str) -> npt.NDArray[np.float32]:
    """The outputs `(n, d_out)` of a run for a part of the data.

    Raises:
        StorageError: There are none.
    """
    found = connection.execute(
        select(PredictionTable).where(PredictionTable.run_id == run_id, PredictionTable.part == part)
    ).first()
    if found is None:
        raise StorageError(
            f"Run {run_id} has no stored outputs for the part {part!r}: it did not finish. Decide on another trial, or "
            "tune on until one finishes."
        )
    return unpack(found.output, FLOATS).reshape(found.shape).astype(np.float32)


def put_targets(connection: Connection, study_id: int, *, part: str, row_ids: npt.ArrayLike, y: npt.ArrayLike) -> None:
    """Store the encoded labels `(n, d_y)` of a part of the data and its rows' ids `(n,)`."""
    labels = np.asarray(y)
    if len(np.asarray(row_ids)) != len(labels):
        raise ValueError(f"{len(np.asarray(row_ids))} row ids do not fit {len(labels)} rows of labels.")
    values = {
        "study_id": study_id,
        "part": part,
        "row_ids": pack(row_ids, IDS),
        "labels": pack(labels, FLOATS),
        "shape": list(labels.shape),
    }
    connection.execute(upsert(connection, TargetTable.__table__, "study_id", "part"), values)


def targets(
    connection: Connection, study_id: int, *, part: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The rows' ids `(n,)` and their encoded labels `(n, d_y)`.

    Raises:
        StorageError: There are none.
    """
    found = connection.execute(
        select(TargetTable).where(TargetTable.study_id == study_id, TargetTable.part == part)
    ).first()
    if found is None:
        raise StorageError(f"The study has no stored labels for the part {part!r}: it has not been tuned yet.")
    labels = unpack(found.labels, FLOATS).reshape(found.shape).astype(np.float32)
    return unpack(found.row_ids, IDS).astype(np.int64), labels
