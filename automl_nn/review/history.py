"""How a search went: scores in their order, the best so far, failures by their reason, and what it cost."""

import re
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import pandas as pd

ENDED = ("complete", "pruned", "failed")
"""States of trials that have ended."""

N_EXAMPLES = 5
"""Trials that are named for each reason of failure."""


@final
@dataclass(frozen=True, eq=False)
class History:
    """The scores of trials in the order of their numbers.

    Args:
        number: Numbers of the trials with a score, (n_scored,).
        score: Their scores, (n_scored,).
        is_complete: Whether each was trained to its end; others were pruned, (n_scored,).
        best: The best score of a complete trial so far, NaN before the first one, (n_scored,).
    """

    number: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    is_complete: npt.NDArray[np.bool_]
    best: npt.NDArray[np.float64]


def history(runs: pd.DataFrame) -> History:
    """The scores of trials and the best one so far.

    Args:
        runs: One row for each trial, in the order of their numbers: `number`, `state`, `score`.

    Example:
        >>> states = ["pruned", "complete", "failed", "complete"]
        >>> runs = pd.DataFrame({"number": range(4), "state": states, "score": [0.9, 0.5, None, 0.7]})
        >>> history(runs).best.tolist()
        [nan, 0.5, 0.7]
    """
    score = runs["score"].to_numpy(dtype=np.float64)
    ended = np.isfinite(score) & runs["state"].isin(["complete", "pruned"]).to_numpy(dtype=bool)
    own = runs[ended]
    is_complete = (own["state"] == "complete").to_numpy(dtype=bool)
    best = np.maximum.accumulate(np.where(is_complete, score[ended], -np.inf))
    best = np.where(np.isfinite(best), best, np.nan)
    return History(own["number"].to_numpy(dtype=np.int64), score[ended], is_complete, best)


@final
@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed for one reason.

    Args:
        failure: Class of the error.
        message: What the first of them said.
        n_trials: Number of trials.
        numbers: The first few of them.
        seconds: Time that they took together.
    """

    failure: str
    message: str
    n_trials: int
    numbers: tuple[int, ...]
    seconds: float


def failures(runs: pd.DataFrame) -> tuple[FailureGroup, ...]:
    """The failed trials by reason, the most frequent one first; messages that differ in numbers alone are one reason.

    Args:
        runs: One row for each trial: `number`, `state`, `failure`, `message`, `seconds`.

    Example:
        >>> runs = pd.DataFrame({"number": [0, 1], "state": "failed", "failure": "DivergedError", "seconds": 1.0})
        >>> [group.n_trials for group in failures(runs.assign(message=["nan at step 3", "nan at step 70"]))]
        [2]
    """
    failed = runs[runs["state"] == "failed"]
    reasons = [_reason(row.failure, row.message) for row in failed.itertuples()]
    groups = [
        _group(own) for _, own in failed.groupby(pd.Series(reasons, index=failed.index, dtype=object), sort=False)
    ]
    return tuple(sorted(groups, key=lambda group: -group.n_trials))


def _group(own: pd.DataFrame) -> FailureGroup:
    first = own.iloc[0]
    numbers = tuple(int(number) for number in own["number"].head(N_EXAMPLES))
    seconds = float(own["seconds"].fillna(0.0).sum())
    return FailureGroup(_text(first["failure"]), _text(first["message"]), len(own), numbers, seconds)


def _reason(failure: object, message: object) -> str:
    return f"{_text(failure)}: {re.sub(r'[-+]?[0-9][0-9.,e+-]*', '#', _text(message))}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@final
@dataclass(frozen=True)
class Cost:
    """What the trials of one state took.

    Args:
        state: `complete`, `pruned` or `failed`.
        n_trials: Number of trials.
        seconds: Training time of all of them.
        median: Median training time of one, in seconds.
        longest: Longest training time of one, in seconds.
    """

    state: str
    n_trials: int
    seconds: float
    median: float
    longest: float


def costs(runs: pd.DataFrame) -> tuple[Cost, ...]:
    """The training time of trials by how they ended.

    Args:
        runs: One row for each trial: `state`, `seconds`.

    Example:
        >>> (cost,) = costs(pd.DataFrame({"state": "complete", "seconds": [1.0, 2.0, 6.0]}))
        >>> cost.seconds, cost.median
        (9.0, 2.0)
    """
    seconds = runs["seconds"].fillna(0.0)
    found = {state: seconds[runs["state"] == state] for state in ENDED}
    return tuple(
        Cost(state, len(own), float(own.sum()), float(own.median()), float(own.max()))
        for state, own in found.items()
        if len(own)
    )


@final
@dataclass(frozen=True)
class Improvement:
    """A trial that was better than all before it.

    Args:
        number: The trial.
        score: Its score.
        gain: By how much it was better; None for the first one.
    """

    number: int
    score: float
    gain: float | None


def improvements(past: History) -> tuple[Improvement, ...]:
    """The complete trials that were better than all before them, in their order.

    Args:
        past: What `history` returned.
    """
    before = np.concatenate([[np.nan], past.best[:-1]])
    new = np.flatnonzero(past.is_complete & ~(past.best <= before))
    gains = past.best[new] - before[new]
    return tuple(
        Improvement(int(past.number[at]), float(past.score[at]), None if np.isnan(gain) else float(gain))
        for at, gain in zip(new, gains, strict=True)
    )
