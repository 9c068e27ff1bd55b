"""The trials of a study as what trackers of experiments call runs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any, final

import pandas as pd

from automl_nn.store.schema import utc_now
from automl_nn.store.store import Store

ENDED = ("complete", "pruned", "failed")

SERIES = (
    *("train_loss", "val_loss", "score", "train_score", "grad_norm_median", "grad_norm_p90", "grad_norm_max"),
    *("clipped", "skipped", "learning_rate", "rows_per_second"),
)
"""What each epoch has beside the metrics of both parts."""

FACTS = ("score", "best_epoch", "seconds", "n_parameters", "peak_memory_mb")
"""What came of a trial, in numbers."""


@final
@dataclass(frozen=True)
class TrackedRun:
    """A trial that has ended.

    Args:
        number: The trial.
        state: `complete`, `pruned` or `failed`.
        knobs: Its config by path.
        facts: What came of it, in numbers: score, seconds, ...
        words: What came of it, in words: why it stopped or failed.
        epochs: One row for each epoch: `epoch`, `at` (seconds since 1970, as if the trial ended now) and one column for
            each curve, NaN where there is no value.
    """

    number: int
    state: str
    knobs: dict[str, Any]
    facts: dict[str, float]
    words: dict[str, str]
    epochs: pd.DataFrame

    def points(self) -> Iterator[tuple[str, int, float, float]]:
        """Every finite value of every curve: its name, the epoch, the time, and the value."""
        for row in self.epochs.to_dict("records"):
            for name, value in row.items():
                if name not in ("epoch", "at") and value is not None and math.isfinite(value):
                    yield str(name), int(row["epoch"]), float(row["at"]), float(value)


def tracked_runs(store: Store, study_id: int) -> Iterator[TrackedRun]:
    """The trials of a study that have ended, in the order of their numbers.

    Args:
        store: Where the study is kept.
        study_id: The study.
    """
    trials, epochs = store.trials(study_id), store.epochs(study_id)
    of_trial = dict(list(epochs.groupby("trial")))
    now = utc_now().replace(tzinfo=UTC).timestamp()
    for row in trials[trials["state"].isin(ENDED)].to_dict("records"):
        known = {str(name): value for name, value in row.items() if value is not None and value == value}
        number = int(known["number"])
        yield TrackedRun(
            number=number,
            state=str(known["state"]),
            knobs={name: value for name, value in known.items() if "." in name},
            facts={name: float(known[name]) for name in FACTS if name in known},
            words={name: str(known[name]) for name in ("stopped", "failure", "message") if name in known},
            epochs=_curves(of_trial.get(number, epochs.head(0)), now),
        )


def _curves(epochs: pd.DataFrame, now: float) -> pd.DataFrame:
    names = [name for name in epochs if name in SERIES or "." in str(name)]
    spent = epochs["seconds"].fillna(0.0).cumsum()
    at = now - float(spent.iloc[-1] if len(spent) else 0.0) + spent
    return epochs[["epoch", *names]].assign(at=at)
