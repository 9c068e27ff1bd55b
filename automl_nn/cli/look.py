"""`automl-nn status` and `automl-nn trials`: read what a search has stored."""

from typing import Annotated

import typer

from automl_nn.cli import options
from automl_nn.cli.following import show_study
from automl_nn.cli.output import Format, show


def status(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Name of the study; all of them if left out.")
    ] = None,
    *,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Show how a study stands, or list all studies."""
    if study is None:
        from automl_nn.review.tables import records
        from automl_nn.search.store import Store

        show(records(Store.existing(storage).studies()), form)
        return
    from automl_nn.study import Study

    show_study(Study.load(study, storage=storage), form)


def trials(
    study: options.Study,
    *,
    spikes: Annotated[
        bool, typer.Option("--spikes", help="List the steps whose loss or gradient spiked, and the rows of each.")
    ] = False,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """List the trials of a study, best first, with the knobs in which they differ from trial 0; then the references."""
    from automl_nn.review.tables import reference_rows, spike_rows, trial_rows
    from automl_nn.study import Study

    loaded = Study.load(study, storage=storage)
    if spikes:
        show(spike_rows(loaded.spikes()), form)
        return
    references = [{"number": row.pop("name"), **row} for row in reference_rows(loaded.references())]
    show([*trial_rows(loaded.leaderboard()), *references], form)
