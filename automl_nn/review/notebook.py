"""What a study looks like in a notebook."""

from collections import Counter

import pandas as pd

from automl_nn.decide.notebook import card
from automl_nn.task.base import Task

COLUMNS = ("number", "state", "score", "seconds", "best_epoch", "n_parameters", "failure")


def study_card(title: str, task: Task, *, storage: str, leaderboard: pd.DataFrame) -> str:
    """A study as HTML: what is asked, how far it is, its best trials.

    Args:
        title: What it is, with its name.
        task: What is asked.
        storage: Where it is kept, without a password.
        leaderboard: One row for each trial, best first; none if it was not tuned yet.

    Example:
        >>> from automl_nn.task.tasks import Binary
        >>> trials = pd.DataFrame({"number": [0], "state": ["complete"], "score": [0.5]})
        >>> "1 complete" in study_card("Study 'a'", Binary(("y",), "roc_auc"), storage="", leaderboard=trials)
        True
    """
    counts = Counter(leaderboard.get("state", ()))
    facts = {
        "task": f"{task.kind}: {', '.join(map(str, task.targets))}",
        "metric": f"{task.metric}, greater is better",
        "trials": ", ".join(f"{n} {state}" for state, n in counts.items()) or "none yet: call tune()",
        "storage": storage,
    }
    shown = leaderboard[[name for name in COLUMNS if name in leaderboard]].dropna(axis="columns", how="all")
    return card(title, facts, shown)
