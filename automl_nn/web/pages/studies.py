"""The page of all studies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from automl_nn.store.overview import Overview, Running, overviews
from automl_nn.store.store import Store


@final
@dataclass(frozen=True)
class StudyLine:
    """A study in the list.

    Args:
        study_id: Its number in addresses.
        name: Its name.
        asked: The task in words.
        metric: What compares trials; greater is better.
        n_rows: Rows that were given; None if that is not stored.
        best: Best score of a complete trial.
        best_number: That trial.
        counts: Trials by state, those that occur.
        created: When it was begun, UTC.
        seconds: Seconds of training so far.
        running: The trials that are trained now.
    """

    study_id: int
    name: str
    asked: str
    metric: str
    n_rows: int | None
    best: float | None
    best_number: int | None
    counts: Mapping[str, int]
    created: datetime
    seconds: float
    running: tuple[Running, ...]

    @property
    def n_trials(self) -> int:
        """Trials of all states."""
        return sum(self.counts.values())


@final
@dataclass(frozen=True)
class StudiesPage:
    """All studies.

    Args:
        studies: One each, the newest first.
    """

    studies: tuple[StudyLine, ...]

    @property
    def n_running(self) -> int:
        """Trials that are trained now, of all studies."""
        return sum(len(study.running) for study in self.studies)


def studies_page(store: Store) -> StudiesPage:
    """The page of all studies of a store."""
    return StudiesPage(tuple(map(_line, store.read(overviews))))


def _line(study: Overview) -> StudyLine:
    return StudyLine(
        study_id=study.study_id,
        name=study.name,
        asked=asked_words(study.task),
        metric=str(study.task.get("metric", "")),
        n_rows=study.data.get("n_rows"),
        best=study.best,
        best_number=study.best_number,
        counts={state: n for state, n in study.counts.items() if n},
        created=study.created,
        seconds=study.seconds,
        running=study.running,
    )


def asked_words(task: Mapping[str, Any], n_shown: int = 3) -> str:
    """A stored task in words.

    Example:
        >>> asked_words({"kind": "multilabel", "targets": ["a", "b", "c", "d"]})
        'multilabel: a, b, c and 1 more'
    """
    targets = [str(target) for target in task.get("targets", ())]
    more = f" and {len(targets) - n_shown} more" if targets[n_shown:] else ""
    return f"{task.get('kind', 'unknown')}: {', '.join(targets[:n_shown])}{more}"
