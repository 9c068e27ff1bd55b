"""`automl-nn predict`: apply a saved model to new rows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl_nn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from automl_nn.predict.predictor import Predictor

STREAM = "-"
"""What stands for standard input in place of a file."""

ARRAY = ".npy"
"""Ending of a file that holds one array."""

ENDINGS = (".csv", ".parquet", ARRAY)


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.nn", help="What `automl-nn decide -o` wrote.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            help="CSV or Parquet with the columns of the training data; or a folder of images or a CSV of paths; - "
            "reads steps of series from standard input, and tells each as soon as it is final.",
        ),
    ],
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="FOLDER", help="Where the paths in a CSV of paths begin; its own folder unless given."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.csv",
            help="CSV or Parquet by its ending; for maps .npy or a folder; standard output if left out.",
        ),
    ] = None,
) -> None:
    """Predict one row for each row of FILE, in its order: prediction, and proba_<class> columns for classes.

    Of images, one row for each, behind its path. Maps are written as one array, with -o MAPS.npy, or as one image each
    into a folder, with -o MAPS; those of masks with their probabilities beside them.
    """
    if output is not None:
        _check_output(output, file)
    if str(file) == STREAM:
        _predict_stream(model, output)
    else:
        _predict_file(model, file, images=images, output=output)


def _predict_file(model: Path, file: Path, *, images: Path | None, output: Path | None) -> None:
    from automl_nn.predict.predictor import Predictor

    predictor = Predictor.load(model)
    _check_ending(predictor, output)
    rows, pixels = predictor.read(file, folder=images)
    outputs = predictor.output_of(rows, pixels)
    if predictor.maps is not None and output is not None:
        from automl_nn.cli.predict.maps import source_of, write_maps

        write_maps(predictor, outputs, output, source=source_of(predictor, rows, file, folder=images))
        return
    predictions = predictor.frame_of(rows, outputs)
    for drift in predictor.decision.drift(outputs) if len(outputs) else ():
        if drift.is_notable:
            typer.echo(f"warning: {drift.describe()}", err=True)
    if output is None:
        predictions.to_csv(sys.stdout, index=False)
    else:
        write_frame(predictions, output)


def _predict_stream(model: Path, output: Path | None) -> None:
    if output is not None:
        raise DataError("A stream is told on standard output: leave -o out, or write it to a file by > OUT.csv.")

    from automl_nn.cli.predict.stream import predict_lines
    from automl_nn.predict.predictor import Predictor

    for told in predict_lines(Predictor.load(model), sys.stdin):
        sys.stdout.write(told)
        sys.stdout.flush()


def _check_output(output: Path, file: Path) -> None:
    if output.suffix not in (*ENDINGS, ""):
        raise DataError(
            f"{str(output)!r} cannot be written: its name must end in .csv or .parquet, for maps in {ARRAY} or nothing."
        )
    if not output.parent.is_dir():
        raise DataError(
            f"{str(output)!r} cannot be written: there is no folder {str(output.parent)!r}, so make it first."
        )
    if output.resolve() == file.resolve():
        raise DataError(f"{str(output)!r} is the file that is read: name another one for the predictions.")


def _check_ending(predictor: "Predictor", output: Path | None) -> None:
    """Refuse to write maps as a table, and a table as an array."""
    takes_maps = output is not None and output.suffix in (ARRAY, "")
    if predictor.maps is not None and not takes_maps:
        raise DataError(
            f"This model predicts maps, which are no table: name an array or a folder for them, as in -o maps{ARRAY} "
            "or -o maps."
        )
    if predictor.maps is None and takes_maps:
        raise DataError(
            f"{str(output)!r} would hold maps, but this model predicts a table: end it in .csv or .parquet."
        )


def write_frame(frame: "pd.DataFrame", output: Path) -> None:
    """Write a frame as CSV or Parquet, by the ending of the file, which is whole or not there.

    Raises:
        DataError: The file cannot be written.
    """
    from automl_nn.review.writing import written_whole

    with written_whole(output) as partial:
        if output.suffix == ".parquet":
            frame.to_parquet(partial, index=False)
        else:
            frame.to_csv(partial, index=False)
