"""What to show of a study, and which line comes next."""

import shlex
from typing import TYPE_CHECKING, Any

import typer

from automl_nn.cli.arguments.options import STORAGE
from automl_nn.cli.output import Format, show

if TYPE_CHECKING:
    from automl_nn.results.results import Results

GOALS = {"binary": "f1", "multilabel": "f1", "multiclass": "balanced_accuracy", "soft": "accuracy"}
"""What the proposed decision maximizes, by the task's kind."""


def show_study(study: "Results", form: Format, *, with_references: bool = False) -> None:
    """Write how a study stands and the line that comes next.

    Args:
        study: The study.
        form: Tables or JSON.
        with_references: Whether the references may join the ensemble.
    """
    from automl_nn.review.tables import reference_rows, study_report

    trials = study.leaderboard()
    is_complete = bool((trials["state"] == "complete").any())
    line = next_line(study, with_references=with_references) if is_complete else None
    told = _told(study, form, with_references=with_references) if is_complete else {}
    report = {**told, **study_report(study.name, trials, task=study.task), "storage": study.storage}
    report["references"] = reference_rows(study.references())
    if form is Format.json:
        show({**report, "next": line}, form)
        return
    show(report, form)
    # outside of the table, which would break a line that is to be copied
    typer.echo(f"\nnext: {line or 'nothing to decide on yet, since no trial is complete: tune on.'}")


def _told(study: "Results", form: Format, *, with_references: bool) -> dict[str, Any]:
    """The verdict and the honest scores."""
    from automl_nn.review.verdict import honest_report, honest_words, verdict

    honest = study.honest_score(with_references=with_references)
    words = {"verdict": verdict(honest, metric=study.task.metric, with_references=with_references)}
    if form is Format.json:
        return {**words, "honest": honest_report(honest)}
    return {**words, **honest_words(honest)}


def next_line(study: "Results", *, with_references: bool = False) -> str:
    """The command that decides on a study with a complete trial and writes the model.

    Its storage has no password: PostgreSQL takes one from PGPASSWORD or its password file.

    Args:
        study: The study.
        with_references: Whether the references may join the ensemble.
    """
    goal = GOALS.get(study.task.kind)
    words = ["automl-nn", "decide", study.name, *(["--maximize", goal] if goal else []), "-o", f"{study.name}.nn"]
    words += ["--with-references"] if with_references else []
    storage = study.storage.replace(":***@", "@")
    return shlex.join(words if storage == STORAGE else [*words, "--storage", storage])
