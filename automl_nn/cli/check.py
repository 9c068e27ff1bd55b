"""`automl-nn check`: look at the data, and at what short trainings tell, before any search."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.flat import flat
from automl_nn.cli.arguments.question import Question, Reading
from automl_nn.cli.output import Format, show

if TYPE_CHECKING:
    from automl_nn.search.problems.problem import Problem

REFERENCE_SECONDS, KNOB_SECONDS = 5.0, 8.0
"""How long simple models may be fitted, and knobs be compared."""


@flat
def check(
    file: options.File,
    *,
    question: Question,
    reading: Reading,
    quick: Annotated[bool, typer.Option("--quick", help="Look only: fit and train nothing.")] = False,
    seed: options.Seed = 0,
    form: options.Format = Format.table,
) -> None:
    """Look at the data: task, columns, parts, classes, and what is odd. Exits with 2 if it cannot be used.

    Then fit simple models, which tell whether there is anything to learn, and train a few small networks, which tell
    the knobs that change nothing on these data. That takes seconds.
    """
    from automl_nn.cli.arguments.given import gather
    from automl_nn.review.tables import check_report
    from automl_nn.search.problems.series import pose_any

    given = gather(file, asked=question.asked() | reading.asked())
    parts: dict[str, Any] = {"parting": given.parting, "seed": seed, "images": given.images}
    problem = pose_any(given.frame, given.target, given.series, weight=None, **given.task, **parts)
    is_bad = any(finding.level == "error" for finding in problem.findings)
    report = check_report(problem)
    show(report if quick or is_bad else {**tried(problem), **report}, form)
    if is_bad:
        raise typer.Exit(2)


def tried(problem: "Problem") -> dict[str, Any]:
    """What simple models score, and which knobs change nothing.

    Args:
        problem: The data as a search would see it.
    """
    if problem.images is not None:
        return tried_images(problem)

    from automl_nn.review.verdict import guess, signal
    from automl_nn.search.knobs import compare_knobs
    from automl_nn.search.references.fit import SHARE, fit_references
    from automl_nn.search.spaces.default import space_for

    fitted = list(fit_references(problem, timeout=REFERENCE_SECONDS / SHARE, seed=0))
    knobs = compare_knobs(problem, space_for(problem), seconds=KNOB_SECONDS)
    scores = {row.name: row.score for row in fitted if row.score is not None}
    left = f"{knobs.n_left} were not compared for lack of time" if knobs.n_left else ""
    return {
        "verdict": signal(scores, guess=guess(problem), metric=problem.task.metric),
        "scores": {"guess": guess(problem), **scores},
        "not fitted": [f"{row.name}: {row.message}" for row in fitted if row.score is None],
        "knobs without effect": [*knobs.dead, *([left] if left else [])],
    }


def tried_images(problem: "Problem") -> dict[str, Any]:
    """What simple models score, a small network after a short training, and what that would without scaled pixels.

    Args:
        problem: The data as a search would see it.
    """
    from automl_nn.review.verdict import guess, signal
    from automl_nn.search.knobs import short_scores
    from automl_nn.search.references.fit import SHARE, fit_references

    fitted = list(fit_references(problem, timeout=REFERENCE_SECONDS / SHARE, seed=0))
    simple = {row.name: row.score for row in fitted if row.score is not None}
    names = {"scaled": "a small network", "raw": "the same without scaling"}
    found = short_scores(problem, path="model.pixels.name", values=tuple(names), seconds=KNOB_SECONDS)
    told = simple if found["scaled"] is None else {**simple, names["scaled"]: found["scaled"]}
    return {
        "verdict": signal(told, guess=guess(problem), metric=problem.task.metric),
        "scores": {"guess": guess(problem), **simple, **{names[str(value)]: score for value, score in found.items()}},
        "not fitted": [f"{row.name}: {row.message}" for row in fitted if row.score is None],
    }
