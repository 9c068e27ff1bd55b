"""What is written about a run: its config, its epochs, how it ended, its outputs and its network."""

import math
import platform
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
from optuna.storages._rdb.models import TrialValueModel
from optuna.trial import TrialState
from sqlalchemy import Connection, update

from automl_nn.store.arrays import put_prediction
from automl_nn.store.claims import Claim, renew, was_ended, write
from automl_nn.store.optuna_storage import put_report, put_user_attribute, upsert
from automl_nn.store.schema import EpochTable, ModelTable, SpikeTable, utc_now
from automl_nn.store.trial_rows import N_EPOCHS, TRIALS, VALUES

LIBRARIES = ("automl_nn", "numpy", "optuna", "pandas", "scikit-learn", "torch")
"""Libraries whose versions are kept with a run."""

MAX_TRACEBACK = 4000
"""Characters of a traceback that are kept, from its end."""

MAX_MESSAGE = 2000
"""Characters of an error's message that are kept, from its start."""


@final
@dataclass(frozen=True, slots=True)
class SpikeRow:
    """A step whose loss or gradient norm left its recent band.

    Args:
        step: The step within the epoch, from 0.
        kind: What was wild: `loss`, `norm` (of the gradient) or `not finite`.
        value: How far.
        row_ids: Ids of the rows in the batch.
    """

    step: int
    kind: str
    value: float
    row_ids: Sequence[int]


@final
@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch of one network.

    Args:
        number: The epoch, from 1; Optuna's step.
        train_loss: Loss in evaluation mode on a fixed sample of the training rows.
        val_loss: Loss on the validation part.
        score: The task's metric on the validation part, greater is better; Optuna's intermediate value.
        train_score: The same metric on that sample of the training rows.
        metrics: Every metric by part: `{"train": {...}, "val": {...}}`.
        grad_norm_median: Median of the steps' gradient norms before clipping.
        grad_norm_p90: Their 90th percentile.
        grad_norm_max: Their maximum.
        clipped: Share of steps that were clipped, 0 to 1.
        skipped: Number of steps that were skipped because they were not finite or far out.
        learning_rate: At the end of the epoch.
        seconds: Time taken.
        rows_per_second: Training rows per second.
        spikes: Steps that left the recent band.
    """

    number: int
    train_loss: float
    val_loss: float
    score: float
    train_score: float
    metrics: Mapping[str, Any]
    grad_norm_median: float
    grad_norm_p90: float
    grad_norm_max: float
    clipped: float
    skipped: int
    learning_rate: float
    seconds: float
    rows_per_second: float
    spikes: Sequence[SpikeRow] = field(default=())


_EPOCH_FIELDS = tuple(column.name for column in EpochTable.__table__.columns if column.name != "run_id")


def report(connection: Connection, claim: Claim, row: EpochRow) -> bool:
    """Write an epoch and Optuna's intermediate value, over earlier ones; False if the claim is lost."""
    if not renew(connection, claim):
        return False
    values = {name: getattr(row, name) for name in _EPOCH_FIELDS}
    connection.execute(upsert(connection, EpochTable.__table__, "run_id", "number"), {"run_id": claim.run_id, **values})
    for spike in row.spikes:
        values = {"run_id": claim.run_id, "epoch": row.number, **asdict(spike)}
        connection.execute(upsert(connection, SpikeTable.__table__, "run_id", "epoch", "step", "kind"), values)
    put_report(connection, claim.trial_id, step=row.number, value=row.score)
    return True


def begin(connection: Connection, claim: Claim, facts: Mapping[str, Any]) -> bool:
    """Write what a trial is made of, and its number of epochs for pruners too; False if the claim is lost."""
    if not write(connection, claim, **facts):
        return False
    n_epochs = facts["config"].get("train", {}).get(N_EPOCHS)
    if n_epochs is not None:
        put_user_attribute(connection, claim.trial_id, key=N_EPOCHS, value=n_epochs)
    return True


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Args:
        state: `complete`, or `pruned` if it was stopped because others did better.
        score: The task's metric at the best epoch, greater is better.
        best_epoch: The epoch whose weights were kept, from 1.
        stopped: Why training ended, such as `patience`.
        seconds: Time taken.
        n_parameters: Trained numbers of the network.
        peak_memory_mb: Largest memory use in MiB.
        output: Corrected outputs for the validation part, float32 `(n_val, d_out)`.
        payload: The network as bytes.
    """

    state: Literal["complete", "pruned"]
    score: float
    seconds: float
    best_epoch: int | None = None
    stopped: str | None = None
    n_parameters: int | None = None
    peak_memory_mb: float | None = None
    output: npt.NDArray[np.float32] | None = None
    payload: bytes | None = None


@lru_cache
def versions() -> dict[str, str]:
    """The installed versions of what a result may depend on.

    Example:
        >>> sorted(versions())[:3]
        ['automl_nn', 'numpy', 'optuna']
    """
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def finish(connection: Connection, claim: Claim, outcome: Outcome) -> bool:
    """End a run and its trial; again is no error; False if the claim is lost."""
    if outcome.state == "complete" and not math.isfinite(outcome.score):
        raise ValueError(f"A complete trial needs a finite score, but it is {outcome.score}: let it fail instead.")
    if was_ended(connection, claim, state=outcome.state):
        return True
    facts = {name: getattr(outcome, name) for name in _FACTS}
    if not write(connection, claim, **{name: fact for name, fact in facts.items() if fact is not None}):
        return False
    if outcome.output is not None:
        put_prediction(connection, claim.run_id, part="val", output=outcome.output)
    if outcome.payload is not None:
        values = {"run_id": claim.run_id, "payload": outcome.payload}
        connection.execute(upsert(connection, ModelTable.__table__, "run_id"), values)
    _tell(connection, claim, TrialState.COMPLETE if outcome.state == "complete" else TrialState.PRUNED, outcome.score)
    return True


_FACTS = ("state", "score", "seconds", "best_epoch", "stopped", "n_parameters", "peak_memory_mb")


def fail(connection: Connection, claim: Claim, error: BaseException, *, seconds: float | None) -> bool:
    """End a run with what stopped it; again is no error; False if the claim is lost."""
    if was_ended(connection, claim, state="failed"):
        return True
    values = {
        "failure": type(error).__name__,
        "message": _storable(str(error))[:MAX_MESSAGE],
        "traceback": _storable("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:],
        "seconds": seconds,
    }
    if not write(connection, claim, state="failed", **values):
        return False
    _tell(connection, claim, TrialState.FAIL, None)
    return True


def _storable(text: str) -> str:
    """Text without what PostgreSQL refuses: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _tell(connection: Connection, claim: Claim, state: TrialState, score: float | None) -> None:
    """End Optuna's trial as `optuna.Study.tell` does."""
    if score is not None and not math.isnan(score):
        value, kind = TrialValueModel.value_to_stored_repr(score)
        values = {"trial_id": claim.trial_id, "objective": 0, "value": value, "value_type": kind}
        connection.execute(upsert(connection, VALUES, "trial_id", "objective"), values)
    ended = update(TRIALS).where(TRIALS.c.trial_id == claim.trial_id)
    connection.execute(ended.values(state=state, datetime_complete=utc_now()))
