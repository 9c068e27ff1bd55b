"""Our tables beside Optuna's: one per thing that a person will ask for.

Every row hangs on Optuna's study or trial, and goes when Optuna deletes it. Times are UTC without a zone, as Optuna
stores them; a lease is in seconds since 1970 by the clock of the database.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, final

import numpy as np
from optuna.storages._rdb.models import StudyModel, TrialModel
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numpy numbers become Python's, NaN and the infinities become null.

    Example:
        >>> import numpy as np
        >>> plain({"score": np.float32(0.5), "shape": (2, 3), "loss": float("nan")})
        {'score': 0.5, 'shape': [2, 3], 'loss': None}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@final
class Json(TypeDecorator[Any]):
    """A column of JSON in standard form, which both databases can query."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make the value fit for JSON on its way into the database."""
        return plain(value)


def utc_now() -> datetime:
    """The time now in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    """Abstract: a table of automl_nn."""

    type_annotation_map = {  # noqa: RUF012 (the class attribute that SQLAlchemy reads)
        float: Double,
        datetime: DateTime,
        bytes: LargeBinary,
        dict[str, Any]: Json,
        list[Any]: Json,
    }


def _of_study(**options: Any) -> Any:
    return mapped_column(ForeignKey(StudyModel.__table__.c.study_id, ondelete="CASCADE"), **options)


def _of_run(**options: Any) -> Any:
    return mapped_column(ForeignKey("automl_runs.id", ondelete="CASCADE"), **options)


@final
class StudyTable(Base):
    """What a study was begun with; a resumed study must have the same."""

    __tablename__ = "automl_studies"
    study_id: Mapped[int] = _of_study(primary_key=True)
    spec: Mapped[dict[str, Any]]
    created: Mapped[datetime]


@final
class TargetTable(Base):
    """The labels of one part of the data: float32 `(n, d_y)`, with the rows' ids."""

    __tablename__ = "automl_targets"
    study_id: Mapped[int] = _of_study(primary_key=True)
    part: Mapped[str] = mapped_column(String(16), primary_key=True)
    row_ids: Mapped[bytes]
    labels: Mapped[bytes]
    shape: Mapped[list[Any]]


@final
class RunTable(Base):
    """One slot of a study's budget, and the trial that fills it: who trains it, with what, and how it ended."""

    __tablename__ = "automl_runs"
    __table_args__ = (
        UniqueConstraint("study_id", "slot", name="automl_runs_slot"),
        UniqueConstraint("trial_id", name="automl_runs_trial"),
        Index("automl_runs_state", "study_id", "state"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = _of_study()
    slot: Mapped[int]
    trial_id: Mapped[int] = mapped_column(ForeignKey(TrialModel.__table__.c.trial_id, ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    process_started: Mapped[float]
    token: Mapped[str] = mapped_column(String(32))
    attempt: Mapped[int]
    lease: Mapped[float]
    started: Mapped[datetime]
    config: Mapped[dict[str, Any] | None]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    data_fingerprint: Mapped[str | None] = mapped_column(String(128))
    versions: Mapped[dict[str, Any] | None]
    n_parameters: Mapped[int | None] = mapped_column(BigInteger)
    peak_memory_mb: Mapped[float | None]
    seconds: Mapped[float | None]
    best_epoch: Mapped[int | None]
    score: Mapped[float | None]
    stopped: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str | None] = mapped_column(Text)
    traceback: Mapped[str | None] = mapped_column(Text)


@final
class EpochTable(Base):
    """One epoch of a run; `metrics` holds every metric of both parts as `{"train": {...}, "val": {...}}`."""

    __tablename__ = "automl_epochs"
    run_id: Mapped[int] = _of_run(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    train_loss: Mapped[float | None]
    val_loss: Mapped[float | None]
    score: Mapped[float | None]
    train_score: Mapped[float | None]
    metrics: Mapped[dict[str, Any]]
    grad_norm_median: Mapped[float | None]
    grad_norm_p90: Mapped[float | None]
    grad_norm_max: Mapped[float | None]
    clipped: Mapped[float | None]
    skipped: Mapped[int | None]
    learning_rate: Mapped[float | None]
    seconds: Mapped[float | None]
    rows_per_second: Mapped[float | None]


@final
class SpikeTable(Base):
    """A step whose loss or gradient norm left its recent band, with the rows of its batch."""

    __tablename__ = "automl_spikes"
    run_id: Mapped[int] = _of_run(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[float | None]
    row_ids: Mapped[list[Any]]


@final
class PredictionTable(Base):
    """Corrected outputs of a run for one part: float32 `(n, d_out)`, in the order of that part's targets."""

    __tablename__ = "automl_predictions"
    run_id: Mapped[int] = _of_run(primary_key=True)
    part: Mapped[str] = mapped_column(String(16), primary_key=True)
    shape: Mapped[list[Any]]
    output: Mapped[bytes]


@final
class ModelTable(Base):
    """The trained network of a run."""

    __tablename__ = "automl_models"
    run_id: Mapped[int] = _of_run(primary_key=True)
    payload: Mapped[bytes]


@final
class ReferenceTable(Base):
    """A model that is no network, on the same rows: how it scored, its outputs for the rows that choose, and itself."""

    __tablename__ = "automl_references"
    study_id: Mapped[int] = _of_study(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    score: Mapped[float | None]
    metrics: Mapped[dict[str, Any] | None]
    seconds: Mapped[float | None]
    n_rows: Mapped[int | None]
    n_parameters: Mapped[int | None] = mapped_column(BigInteger)
    message: Mapped[str | None] = mapped_column(Text)
    shape: Mapped[list[Any] | None]
    output: Mapped[bytes | None]
    payload: Mapped[bytes | None]


@final
class RefitTable(Base):
    """A network of a run's config that was trained on all rows, and what it gives for the probe."""

    __tablename__ = "automl_refits"
    run_id: Mapped[int] = _of_run(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    n_epochs: Mapped[int]
    seconds: Mapped[float]
    shape: Mapped[list[Any]]
    probe: Mapped[bytes]
    payload: Mapped[bytes]


@final
class DecisionTable(Base):
    """Where the scores were cut, for which utility, and what that gives; `run_id` is empty for an ensemble."""

    __tablename__ = "automl_decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = _of_study(index=True)
    run_id: Mapped[int | None] = _of_run()
    created: Mapped[datetime]
    spec: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    threshold: Mapped[float | None]
    utility: Mapped[float | None]


@final
class FindingTable(Base):
    """What was noticed about the data."""

    __tablename__ = "automl_findings"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = _of_study(index=True)
    kind: Mapped[str] = mapped_column(String(64))
    level: Mapped[str] = mapped_column(String(16))
    column: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
