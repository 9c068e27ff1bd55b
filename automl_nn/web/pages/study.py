"""The page of one study: how far it is, what its choices were worth, its trials, its failures and its cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import NoTrialError, StorageError
from automl_nn.results.results import Results
from automl_nn.review.history import (
    ENDED,
    Cost,
    FailureGroup,
    History,
    Improvement,
    costs,
    failures,
    history,
    improvements,
)
from automl_nn.review.words import number
from automl_nn.review.worth.choices import FAR, Worth, worth
from automl_nn.store import looks
from automl_nn.store.companions import REFERENCES
from automl_nn.web.charts import Chart, Level, Series
from automl_nn.web.pages.board import Board, View, board
from automl_nn.web.pages.commands import Command, command_words, continuing
from automl_nn.web.pages.now import StudyNow, study_now
from automl_nn.web.pages.studies import asked_words

Indices = npt.NDArray[np.int64]

MOST_COMPARED = 1000
"""Of more trials than this, every second, third, ... is asked what its choices were worth."""

MOST_POINTS = 600
"""Of more trials than this of a kind, every second, third, ... is drawn."""


@final
@dataclass(frozen=True)
class Reference:
    """A simple model on the same rows.

    Args:
        words: What it is called.
        state: `complete`, `skipped` or `failed`.
        score: Its score.
        seconds: Time that it took.
        message: Why it has no score, or what to know about it.
    """

    words: str
    state: str
    score: float | None
    seconds: float | None
    message: str


@final
@dataclass(frozen=True)
class StudyPage:
    """One study.

    Args:
        study_id: Its number in addresses.
        name: Its name.
        asked: The task in words.
        metric: What compares trials; greater is better.
        n_rows: Rows that were given; None if that is not stored.
        created: When its first trial began, UTC; None before that.
        counts: Trials by state, those that occur.
        best: Number and score of the best complete trial; None before there is one.
        references: Simple models on the same rows.
        verdict: The networks beside these by rows that did not choose them, in a sentence; empty if nothing tells it.
        summary: The best trial beside these by the rows that chose it, in a sentence.
        progress: The scores in their order.
        improvements: The trials that were better than all before them.
        worth: What each choice was worth.
        board: The trials, one page of them.
        failures: The failed trials by reason.
        costs: The training time by state.
        n_epochs: Epochs of all trials.
        peak_memory_mb: Largest memory use of a trial, in MiB; None if unknown.
        now: What it is doing.
        command: How to continue.
        storage: The database, without its password.
    """

    study_id: int
    name: str
    asked: str
    metric: str
    n_rows: int | None
    created: datetime | None
    counts: Mapping[str, int]
    best: tuple[int, float] | None
    references: tuple[Reference, ...]
    verdict: str
    summary: str
    progress: Chart
    improvements: tuple[Improvement, ...]
    worth: Worth
    board: Board
    failures: tuple[FailureGroup, ...]
    costs: tuple[Cost, ...]
    n_epochs: int
    peak_memory_mb: float | None
    now: StudyNow
    command: Command
    storage: str

    @property
    def n_trials(self) -> int:
        """Trials of all states."""
        return sum(self.counts.values())

    @property
    def seconds(self) -> float:
        """Training time of all trials that have ended."""
        return sum(cost.seconds for cost in self.costs)


def study_page(results: Results, view: View | None = None) -> StudyPage:
    """The page of a study.

    Args:
        results: The study.
        view: Which trials to list, and in which order; the best ones unless given.
    """
    store, study_id = results.store, results.store.study_id(results.name)
    spec, runs = store.spec(study_id), store.read(lambda connection: looks.runs(connection, study_id))
    past, references = history(runs), _references(results)
    best, choices = _best(past), worth_of(results, runs)
    ranks = {knob.knob: rank for rank, knob in reversed(list(enumerate(choices.knobs)))}
    memory = runs["peak_memory_mb"].max()
    return StudyPage(
        study_id=study_id,
        name=results.name,
        asked=asked_words(spec["task"]),
        metric=results.task.metric,
        n_rows=spec["data"].get("n_rows"),
        created=None if runs.empty else runs["started"].iloc[0].to_pydatetime(),
        counts={str(state): int(n) for state, n in runs["state"].value_counts().items()},
        best=best,
        references=references,
        verdict=verdict_of(results, runs),
        summary=_summary(best, references, results.task.metric),
        progress=progress_chart(past, references, results.task.metric),
        improvements=improvements(past),
        worth=choices,
        board=board(store, study_id, runs, view or View(), ranks=ranks),
        failures=failures(runs),
        costs=costs(runs),
        n_epochs=store.read(lambda connection: looks.n_epochs(connection, study_id)),
        peak_memory_mb=None if pd.isna(memory) else float(memory),
        now=study_now(results),
        command=continuing(command_words(spec), n_trials=len(runs)),
        storage=results.storage,
    )


def worth_of(results: Results, runs: pd.DataFrame) -> Worth:
    """What the choices of a study were worth, by some of its trials if there are very many.

    Args:
        results: The study.
        runs: One row for each of its trials, as `looks.runs` gives them.
    """
    ended = runs[runs["state"].isin(ENDED)]
    n_before, known = _WORTH.get(results, (-1, None))
    if known is None or n_before != len(ended):
        known = _worth(results, ended)
        _WORTH[results] = (len(ended), known)
    return known


_WORTH: WeakKeyDictionary[Results, tuple[int, Worth]] = WeakKeyDictionary()
"""What was said last of a study's choices, for so many ended trials: sorting its list need not wait for it again."""


def verdict_of(results: Results, runs: pd.DataFrame) -> str:
    """The networks beside simple models, by rows that did not choose them; empty where no outputs tell it.

    Args:
        results: The study.
        runs: One row for each of its trials, as `looks.runs` gives them.
    """
    n_ended = int(runs["state"].isin(ENDED).sum())
    n_before, told = _VERDICTS.get(results, (-1, ""))
    if n_before != n_ended:
        try:
            told = results.verdict()
        except (NoTrialError, StorageError):  # nothing to compare yet, or no outputs were kept
            told = ""
        _VERDICTS[results] = (n_ended, told)
    return told


_VERDICTS: WeakKeyDictionary[Results, tuple[int, str]] = WeakKeyDictionary()
"""What was said last of a study's networks, for so many ended trials: resampling takes a while."""


def _worth(results: Results, ended: pd.DataFrame) -> Worth:
    study_id = results.store.study_id(results.name)
    some = ended.iloc[_evenly(len(ended), MOST_COMPARED)]
    numbers = [int(trial) for trial in some["number"]]
    configs = results.store.read(lambda connection: looks.configs(connection, study_id, numbers))
    known = some[some["number"].isin(list(configs))]
    space = results.store.spec(study_id).get("space", {})
    return worth(known, [configs[int(trial)] for trial in known["number"]], space=space)


def _evenly(n: int, most: int) -> Indices:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64)) if n else np.zeros(0, dtype=np.int64)


def _references(results: Results) -> tuple[Reference, ...]:
    rows = results.references().astype(object)
    rows = rows.where(rows.notna(), None)
    return tuple(
        Reference(
            REFERENCES.get(row["name"], row["name"]), row["state"], row["score"], row["seconds"], row["message"] or ""
        )
        for row in rows.to_dict("records")
    )


def _best(past: History) -> tuple[int, float] | None:
    if not past.is_complete.any():
        return None
    at = int(np.argmax(np.where(past.is_complete, past.score, -np.inf)))
    return int(past.number[at]), float(past.score[at])


def _summary(best: tuple[int, float] | None, references: tuple[Reference, ...], metric: str) -> str:
    if best is None:
        return "No trial is complete yet."
    known = [(reference.words, reference.score) for reference in references if reference.score is not None]
    told = f"On the rows that choose, trial {best[0]} has the best {metric}, {number(best[1])}"
    if not known:
        return f"{told}; no simple model was fitted to compare it with."
    words = " and ".join(f"{name} has {number(score)}" for name, score in sorted(known, key=lambda pair: -pair[1]))
    return f"{told}; {words}."


def progress_chart(past: History, references: tuple[Reference, ...], metric: str) -> Chart:
    """The scores of trials in their order, the best one so far, and the references to compare with.

    Args:
        past: The scores.
        references: Simple models on the same rows.
        metric: Name of the score.
    """
    levels = tuple(Level(ref.words, ref.score) for ref in references if ref.score is not None)
    floor = _floor(past, levels)
    points = []
    for name, own in (("trained to the end", past.is_complete), ("pruned", ~past.is_complete)):
        at = np.flatnonzero(own & (past.score >= floor))
        at = at[_evenly(len(at), MOST_POINTS)]
        if len(at):
            points.append(Series.of(name, past.number[at], past.score[at], "points"))
    turns = _turns(past)
    best = Series.of("best so far", past.number[turns], np.maximum(past.best[turns], floor), "step")
    hidden = int((past.score < floor).sum())
    notes = [f"{hidden} of {len(past.score)} trials lie below the chart."] if hidden else []
    n_shown, n_fit = sum(len(series.y) for series in points), len(past.score) - hidden
    notes += [f"{n_shown} of {n_fit} trials are drawn."] if n_shown < n_fit else []
    note = " ".join(notes)
    return Chart("Best score so far", "trial", metric, (best, *points), levels, note=note)


def _turns(past: History) -> Indices:
    """Where the best score changes, and the last trial."""
    known = np.flatnonzero(np.isfinite(past.best))
    if not len(known):
        return known
    changes = np.flatnonzero(np.diff(past.best[known]) > 0) + 1
    turns: Indices = known[np.unique(np.concatenate([[0], changes, [len(known) - 1]]))]
    return turns


def _floor(past: History, levels: tuple[Level, ...]) -> float:
    """The lowest score to draw: what lies far below the others would flatten them."""
    if not len(past.score):
        return -np.inf
    low, high = np.quantile(past.score, [0.25, 0.75])
    far = float(low - FAR * (high - low))
    return min([far, *(level.value for level in levels if level.value >= far - (high - low))])
