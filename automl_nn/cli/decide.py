"""`automl-nn decide`: choose where to cut the scores, and write the model."""

from pathlib import Path
from typing import Annotated

import typer

from automl_nn.cli import options
from automl_nn.cli.output import Format, show
from automl_nn.cli.parse import parse_cost


def decide(
    study: options.Study,
    *,
    maximize: Annotated[
        str | None, typer.Option("--maximize", metavar="NAME", help="f1, f2, mcc, balanced_accuracy, ...")
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option("--cost", metavar="fp=1,fn=50", help="What a false alarm and a miss cost, in one unit."),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option("--min-precision", metavar="P", help="Least share of the marked rows that are right."),
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option("--min-recall", metavar="R", help="Least share of the positives that are marked.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", metavar="K", help="Mark at most so many of the validation rows.")
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Decide on this trial alone; on the ensemble unless given."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="MODEL.nn", help="Write the model with this decision.")
    ] = None,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Choose the threshold from stored predictions. It takes seconds and no training; change your mind at will."""
    prices = None if cost is None else parse_cost(cost)

    from automl_nn.review.tables import decision_report
    from automl_nn.study import Study

    loaded = Study.load(study, storage=storage)
    decision = loaded.decide(
        maximize=maximize, cost=prices, min_precision=min_precision, min_recall=min_recall, top_k=top_k, trial=trial
    )
    weights = loaded.ensemble() if trial is None else {trial: 1.0}
    report = {"study": study, "trials": {str(k): w for k, w in weights.items()}, **decision_report(decision)}
    if output is not None:
        loaded.predictor(decision, trial=trial).save(output)
        report["model"] = str(output)
    show(report, form)
