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

    report = study_report(study.name, study.leaderboard(), task=study.task)
    report |= {"storage": study.storage}
    if form is Format.json:
        show({**report, "next": next_line(study)}, form)
        return
    show(report, form)
    typer.echo(f"\nnext: {next_line(study)}")  # outside of the table, which would break a line that is to be copied


def next_line(study: "Study") -> str:
    """The command that decides on a study and writes the model.

    Its storage has no password; who needs one knows where to put it.
    """
    goal = GOALS.get(study.task.kind)
    words = ["automl-nn", "decide", study.name, *(["--maximize", goal] if goal else []), "-o", f"{study.name}.nn"]
    return shlex.join(words if study.storage == STORAGE else [*words, "--storage", study.storage])
