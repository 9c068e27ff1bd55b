"""What a running search tells whoever watches it."""

from dataclasses import dataclass
from typing import Literal, final

from automl_nn.space.options import Config

State = Literal["complete", "pruned", "failed"]


@final
@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial is about to train for at most `n_epochs` epochs."""

    number: int
    n_epochs: int
    config: Config


@final
@dataclass(frozen=True, slots=True)
class EpochEnded:
    """A trial has trained for `epoch` of `n_epochs` epochs; `best_score` is the study's."""

    number: int
    epoch: int
    n_epochs: int
    score: float
    best_score: float | None


@final
@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial has ended.

    Args:
        number: The trial.
        state: How it ended.
        score: Its best score; None if it failed.
        reason: Why it failed or stopped early.
        best_number: The study's best trial so far.
        best_score: Its score.
        n_done: Trials of the study that have ended.
        n_trials: Trials that the study shall have; None if only time limits it.
    """

    number: int
    state: State
    score: float | None
    reason: str | None
    best_number: int | None
    best_score: float | None
    n_done: int
    n_trials: int | None


@final
@dataclass(frozen=True, slots=True)
class ReferenceEnded:
    """A model to compare with was fitted, or not.

    Args:
        name: Which one, in words.
        state: How it ended.
        score: Its score on the rows that choose; None if there is none.
        reason: Why it was skipped or failed, or that it left rows out.
    """

    name: str
    state: Literal["complete", "skipped", "failed"]
    score: float | None
    reason: str | None


@final
@dataclass(frozen=True, slots=True)
class RefitStarted:
    """Trials that predict are about to be trained again on all rows.

    Args:
        n_trials: How many.
        n_chosen: How many would be, if there were time.
        seconds: About how long it takes.
    """

    n_trials: int
    n_chosen: int
    seconds: float


@final
@dataclass(frozen=True, slots=True)
class RefitEnded:
    """So many trials have been trained again on all rows."""

    n_trials: int


Event = ReferenceEnded | RefitStarted | RefitEnded | TrialStarted | EpochEnded | TrialEnded
