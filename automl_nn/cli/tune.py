"""`automl-nn tune`: search, in a study that the same line continues."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer
from rich.console import Console

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.again import words_of
from automl_nn.cli.arguments.flat import flat
from automl_nn.cli.arguments.parse import parse_seconds, parse_settings
from automl_nn.cli.arguments.question import Question, Reading
from automl_nn.cli.following import show_study
from automl_nn.cli.output import Format
from automl_nn.errors import StorageError
from automl_nn.review.words import number
from automl_nn.search.defaults import TIMEOUT

if TYPE_CHECKING:
    from automl_nn.cli.arguments.given import Given
    from automl_nn.study import Study


@final
@dataclass(frozen=True)
class Limits:
    """How long to search, and by how many processes.

    Raises:
        BudgetError: The time is not of the form that is asked for.
    """

    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout", "--time-limit", metavar="SECONDS|10m", help="How long to search; 10m if no limit is given."
        ),
    ] = None
    n_trials: Annotated[
        int | None,
        typer.Option("--n-trials", metavar="TOTAL", help="Trials of the study in total, earlier ones included."),
    ] = None
    n_workers: Annotated[
        int | None,
        typer.Option(
            "--n-workers",
            metavar="N",
            min=1,
            help="Processes that search together; as many as fit if only time limits the search, else 1.",
        ),
    ] = None

    def __post_init__(self) -> None:
        self.over({})  # what cannot be read is refused before anything is opened

    def over(self, budget: Mapping[str, Any]) -> dict[str, Any]:
        """The limits as `Study.events` takes them.

        Args:
            budget: Limits of a study file, which hold where none are given; a time may be written as in `10m`.
        """
        given = {name: limit for name, limit in vars(self).items() if limit is not None}
        known = {name: limit for name, limit in {**budget, **given}.items() if limit is not None}
        if "timeout" in known:
            return {**known, "timeout": parse_seconds(str(known["timeout"]))}
        return known if "n_trials" in known else {**known, "timeout": TIMEOUT}


@flat
def tune(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|STUDY.py|FOLDER",
            help="A CSV or Parquet file, a study file in Python, or a folder with a folder of images for each class.",
        ),
    ],
    *,
    question: Question,
    limits: Limits,
    storage: options.Storage = options.STORAGE,
    study_name: Annotated[
        str | None, typer.Option("--study-name", metavar="NAME", help="The name of the file unless given.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Fix a knob, as train.batch_size=256; may be repeated."),
    ] = None,
    reading: Reading,
    with_references: options.WithReferences = False,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit",
            help="Train the chosen networks again on all rows, however long it takes, or do not; unless given, as many "
            "as two fifths of --timeout are enough for. The model file holds both.",
        ),
    ] = None,
    seed: options.Seed = 0,
    form: options.Format = Format.table,
) -> None:
    """Search for the best network. Ctrl-C keeps what was found; the same line again goes on from there."""
    knobs = parse_settings(settings or ())

    from automl_nn.cli.arguments.given import gather
    from automl_nn.data.read import release_unused
    from automl_nn.store.urls import in_memory, masked

    if in_memory(storage):
        raise StorageError(f"A study in memory ends with the command: give --storage sqlite:///FILE, not {storage!r}.")
    given = gather(file, asked=question.asked() | reading.asked(), settings=knobs)
    name = study_name or Path(file.resolve().name.removesuffix(".gz")).stem
    kept = {"set": settings, "seed": seed, "storage": masked(storage), "study_name": study_name}
    command = words_of("tune", file, {**vars(question), **vars(reading), **kept})
    study = _study_of(given, name=name, storage=storage, seed=seed, command=command)
    ends = limits.over(given.budget)
    del given  # columns that no network reads are not held while it trains
    release_unused()
    _warn(study)
    search(study, ends, refit=refit is None)
    typer.echo(f"best trial {study.best_number}: {study.task.metric} {number(study.best_score)}", err=True)
    if refit:
        typer.echo("training the chosen networks again on all rows", err=True)
        study.refit(n_workers=_n_workers(study, ends))
    show_study(study, form, with_references=with_references)


def _study_of(given: "Given", *, name: str, storage: str, seed: int, command: Sequence[str]) -> "Study":
    from automl_nn.study import Study

    question = {"task" if key == "kind" else key: value for key, value in given.task.items()}
    return Study(
        given.frame,
        given.target,
        **question,
        settings=given.settings,
        parting=given.parting,
        series=given.series,
        images=given.images,
        name=name,
        storage=storage,
        seed=seed,
        command=command,
    )


def _warn(study: "Study") -> None:
    """Say what is odd about the data and the settings before time is spent on them."""
    odd = [finding.message for finding in study.findings if finding.level != "note"]
    for text in (*odd, *study.warnings):
        typer.echo(f"warning: {text}", err=True)


def search(study: "Study", limits: Mapping[str, Any], *, refit: bool = True) -> None:
    """Run a search and show on standard error how it goes.

    Args:
        study: The study.
        limits: Limits as `Study.events` takes them.
        refit: As `Study.events` takes it.
    """
    from automl_nn.review.progress import watch

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being ended is like Ctrl-C: the study stays resumable
    with closing(study.events(**_with_workers(study, limits), refit=refit)) as events:
        console = Console(stderr=True)
        watch(events, console=console, n_trials=limits.get("n_trials"), timeout=limits.get("timeout"))


def _with_workers(study: "Study", limits: Mapping[str, Any]) -> dict[str, Any]:
    """All cores where only time limits the search; a number of trials is a wish for the same study each time."""
    if "n_workers" in limits or "n_trials" in limits or study.problem is None:
        return dict(limits)
    return {**limits, "n_workers": _n_workers(study, limits)}


def _n_workers(study: "Study", limits: Mapping[str, Any]) -> int:
    """As many as are asked for, or as this machine can carry."""
    from automl_nn.search.workers import spare_workers

    if "n_workers" in limits or study.problem is None:
        return int(limits.get("n_workers", 1))
    return spare_workers(study.problem)
