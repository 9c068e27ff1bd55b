"""`automl-nn export`: a study for other programs."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, final

import typer

from automl_nn.cli.arguments import options
from automl_nn.errors import InputError

if TYPE_CHECKING:
    from automl_nn.store.store import Store


@final
class Program(StrEnum):
    """What a study is written for."""

    csv = "csv"
    json = "json"
    tensorboard = "tensorboard"
    mlflow = "mlflow"


def export(
    study: options.Study,
    *,
    to: Annotated[
        Program, typer.Option("--to", help="Tables as CSV or JSON, TensorBoard's event files, or MLflow's runs.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A new folder, or a .zip for tables; for mlflow its URI, such as sqlite:///mlflow.db.",
        ),
    ] = None,
    force: options.Force = False,
    storage: options.Storage = options.STORAGE,
) -> None:
    """Write a study for other programs: its trials, curves, knobs, failures, decisions."""
    from automl_nn.store.store import Store

    store = Store.reading(storage)
    study_id = store.study_id(study)
    if to is Program.mlflow:
        _to_mlflow(store, study_id, study=study, uri=output)
        return
    if output is None:
        raise InputError(f"--to {to} needs a place to write to: give -o FOLDER.")
    WRITERS[to](store, study_id, Path(output), force)


def _to_mlflow(store: "Store", study_id: int, *, study: str, uri: str | None) -> None:
    from automl_nn.review.exports.mlflow import to_mlflow

    n_trials = to_mlflow(store, study_id, name=study, uri=uri)
    typer.echo(f"{n_trials} trials are new in the experiment {study!r}", err=True)


def _to_tensorboard(store: "Store", study_id: int, folder: Path, force: bool) -> None:
    from automl_nn.review.exports.tensorboard import to_tensorboard
    from automl_nn.review.writing import check_new

    check_new(folder, force=force)
    n_trials = to_tensorboard(store, study_id, folder)
    typer.echo(f"{n_trials} trials are in {folder}: tensorboard --logdir {folder}", err=True)


def _to_files(form: str) -> Callable[["Store", int, Path, bool], None]:
    def write(store: "Store", study_id: int, path: Path, force: bool) -> None:
        from automl_nn.review.exports.files import study_tables, table_files
        from automl_nn.review.writing import check_new, write_files

        check_new(path, force=force)
        files = table_files(study_tables(store, study_id), form)
        write_files(path, files)
        typer.echo(f"{len(files)} tables are in {path}", err=True)

    return write


WRITERS: dict[Program, Callable[["Store", int, Path, bool], None]] = {
    Program.csv: _to_files("csv"),
    Program.json: _to_files("json"),
    Program.tensorboard: _to_tensorboard,
}
