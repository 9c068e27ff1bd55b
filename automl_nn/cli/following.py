"""What to show of a study, and which line comes next."""

import shlex
from typing import TYPE_CHECKING

import typer

from automl_nn.cli.options import STORAGE
from automl_nn.cli.output import Format, show

if TYPE_CHECKING:
    from automl_nn.study import Study

GOALS = {"binary": "f1", "multilabel": "f1", "multiclass": "balanced_accuracy", "soft": "accuracy"}
"""What the proposed decision maximizes, by the task's kind."""


def show_study(study: "Study", form: Format) -> None:
    """Write how a study stands and the line that comes next."""
    from automl_nn.review.tables import study_report

    trials = study.leaderboard()
    report = study_report(study.name, trials, task=study.task)
    report |= {"storage": study.storage}
    line = next_line(study) if (trials["state"] == "complete").any() else None
    if form is Format.json:
        show({**report, "next": line}, form)
        return
    show(report, form)
    # outside of the table, which would break a line that is to be copied
    typer.echo(f"\nnext: {line or 'nothing to decide on yet, since no trial is complete: tune on.'}")


def next_line(study: "Study") -> str:
    """The command that decides on a study with a complete trial and writes the model.

    Its storage has no password: PostgreSQL takes one from PGPASSWORD or its password file.
    """
    goal = GOALS.get(study.task.kind)
    words = ["automl-nn", "decide", study.name, *(["--maximize", goal] if goal else []), "-o", f"{study.name}.nn"]
    storage = study.storage.replace(":***@", "@")
    return shlex.join(words if storage == STORAGE else [*words, "--storage", storage])
