"""What a study is doing now: the part of its page that follows a search while it runs."""

import time
from dataclasses import dataclass
from typing import final

from automl_nn.results.results import Results
from automl_nn.review.live import Look
from automl_nn.search.limits import limits_of
from automl_nn.store.overview import Running, overviews


@final
@dataclass(frozen=True)
class StudyNow:
    """A study at one moment.

    Args:
        study_id: The study's number in addresses.
        words: How far it is, in one line.
        n_ended: Trials that are complete, pruned or failed.
        n_new: Those of them that the page does not show yet.
        running: The trials that are trained now.
    """

    study_id: int
    words: str
    n_ended: int
    n_new: int
    running: tuple[Running, ...]


def study_now(results: Results, *, n_shown: int | None = None) -> StudyNow:
    """How far a study is.

    Args:
        results: The study.
        n_shown: Ended trials that the page shows that asks; all of them unless given.
    """
    store, study_id = results.store, results.study_id
    (study,) = (one for one in store.read(overviews) if one.study_id == study_id)
    look = Look(study, limits_of(store.optuna, study_id), time.time())
    n_new = 0 if n_shown is None else max(0, look.n_ended - n_shown)
    return StudyNow(study_id, look.describe(), look.n_ended, n_new, study.running)
