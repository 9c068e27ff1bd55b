"""`automl-nn decide`: choose where to cut the scores, and write the model."""

from pathlib import Path
from typing import Annotated

import typer

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.flat import flat, given_options
from automl_nn.cli.decide.asked import Asked, Columns, Extras, Report
from automl_nn.cli.decide.event_options import Spans
from automl_nn.cli.decide.event_scores import decide_event_file
from automl_nn.cli.decide.event_study import decide_event_study
from automl_nn.cli.decide.label_scores import decide_label_file
from automl_nn.cli.decide.saved import decide_saved
from automl_nn.cli.decide.scores import decide_file
from automl_nn.cli.decide.study import decide_study
from automl_nn.cli.output import Format, show


@flat
def decide(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|SCORES.csv", help="Name of a study, or a file of any model's scores.")
    ],
    *,
    asked: Asked,
    spans: Spans,
    extras: Extras,
    saved: Annotated[
        int | None,
        typer.Option(
            "--saved",
            metavar="N",
            min=1,
            help="Decide nothing: take the study's saved decision of this number, as it is.",
        ),
    ] = None,
    columns: Columns,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Choose the threshold from stored predictions. It takes seconds and no training; change your mind at will."""
    spans.check(asked.events or saved is not None)
    if saved is not None:
        more = given_options(columns, spans)
        report = decide_saved(study, saved, asked, extras=extras, more=more, storage=storage)
    elif columns.are_of_a_file or Path(study).is_file():
        report = _of_file(Path(study), asked, columns=columns, extras=extras, spans=spans)
    elif asked.events:
        report = decide_event_study(study, asked, columns=columns, extras=extras, spans=spans, storage=storage)
    else:
        report = decide_study(study, asked, columns=columns, extras=extras, storage=storage)
    show(report if form is Format.json else _brief(report), form)


def _of_file(file: Path, asked: Asked, *, columns: Columns, extras: Extras, spans: Spans) -> Report:
    """The report on a file of scores."""
    if asked.events:
        return decide_event_file(file, asked, columns=columns, extras=extras, spans=spans)
    decide_scores = decide_label_file if columns.are_several else decide_file
    return decide_scores(file, asked, columns=columns, extras=extras)


def _brief(report: Report) -> Report:
    from automl_nn.review.decision.numbers import brief

    return brief(report)
