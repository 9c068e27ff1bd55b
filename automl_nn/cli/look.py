"""`automl-nn status` and `automl-nn trials`: read what a search has stored."""

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.parse import parse_condition
from automl_nn.cli.following import show_study
from automl_nn.cli.output import Format, finite, show
from automl_nn.errors import InputError

if TYPE_CHECKING:
    from automl_nn.results.stored import StoredResults

EVERY_SECONDS = 2.0
"""How often a study that is followed is looked at."""


def status(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Name of the study; all of them if left out.")
    ] = None,
    *,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "--watch", help="Go on showing how far the search is, until it is over; Ctrl-C ends only this."
        ),
    ] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0.1, help="How often to look, with --follow.")
    ] = EVERY_SECONDS,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Show how a study stands, or list all studies."""
    if follow:
        _follow(study, every=every, storage=storage, form=form)
        return
    if study is None:
        from automl_nn.review.tables import records
        from automl_nn.store.store import Store

        show(records(Store.reading(storage).studies()), form)
        return
    show_study(_stored(study, storage), form)


def _stored(name: str, storage: str) -> "StoredResults":
    """What is stored of a study, which is not changed by looking at it."""
    from automl_nn.results.stored import StoredResults
    from automl_nn.store.store import Store

    return StoredResults.within(Store.reading(storage), name, url=storage)


def _follow(study: str | None, *, every: float, storage: str, form: Format) -> None:
    if study is None:
        raise InputError("--follow needs the name of a study: automl-nn status lists them.")
    from rich.console import Console

    from automl_nn.review.live import follow, looks
    from automl_nn.store.store import Store

    seen = looks(Store.reading(storage), study, every=every)
    with suppress(KeyboardInterrupt):  # who has seen enough has not failed
        if form is Format.table:
            follow(seen, console=Console())
            return
        for look in seen:
            print(json.dumps(finite(look.report()), allow_nan=False), flush=True)


def trials(
    study: options.Study,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only trials that are complete, pruned, failed or running."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="CONDITION", help="Only trials with score>0.9 or train.loss.name=focal; may be repeated."
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COL", help="Sort by a column or knob, -COL for the largest first."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", metavar="N", min=1, help="At most so many.")] = None,
    spikes: Annotated[
        bool,
        typer.Option(
            "--spikes",
            help="List the steps whose loss or gradient spiked, and the rows of each, or where its windows begin.",
        ),
    ] = False,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """List the trials of a study, best first, with the knobs in which they differ from trial 0; then the references.

    The column `curve` is the score by epoch. References are left out where --state or --where picks trials.
    """
    conditions = [parse_condition(text) for text in where or ()]

    from automl_nn.review.events.spike_windows import window_length
    from automl_nn.review.picked import pick
    from automl_nn.review.tables import reference_rows, spike_rows, trial_rows
    from automl_nn.store.looks import curves

    loaded = _stored(study, storage)
    leaderboard = loaded.leaderboard()
    if spikes:
        length = window_length(leaderboard)
        show(spike_rows(loaded.spikes(), names=loaded.step_names, length=length), form)
        return
    picked = pick(leaderboard, states=state or (), conditions=conditions, sort=sort, limit=limit)
    known = {row["number"]: row for row in trial_rows(leaderboard)}
    runs = dict(zip(picked["number"], map(int, picked["run_id"]), strict=True))
    curve = loaded.store.read(lambda connection: curves(connection, list(runs.values())))
    rows = [_with_curve(known[number], curve[run_id], form) for number, run_id in runs.items()]
    references = [] if state or where else reference_rows(loaded.references())
    show([*rows, *({"number": row.pop("name"), **row} for row in references)], form)


def _with_curve(row: dict[str, object], scores: list[float | None], form: Format) -> dict[str, object]:
    """A trial with its scores by epoch behind its last one: numbers for programs, a picture for people."""
    from automl_nn.review.sparkline import drawable, sparkline

    curve = scores if form is Format.json else sparkline(scores, levels=drawable(sys.stdout.encoding))
    first = {name: row[name] for name in ("number", "state", "score")}
    return {**first, "curve": curve, **row}
