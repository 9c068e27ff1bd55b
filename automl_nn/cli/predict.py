"""`automl-nn predict`: apply a saved model to new rows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl_nn.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from automl_nn.predict import Predictor

ARRAY = ".npy"
"""Ending of a file that holds one array."""


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.nn", help="What `automl-nn decide -o` wrote.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="CSV or Parquet with the columns of the training data; or a folder of images or a CSV of paths.",
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
            help="CSV or Parquet by its ending, .npy for maps; standard output if left out.",
        ),
    ] = None,
) -> None:
    """Predict one row for each row of FILE, in its order: prediction, and proba_<class> columns for classes.

    Of images, one row for each, behind its path. Maps are written as one array, with -o MAPS.npy.
    """
    if output is not None:
        _check_output(output, file)

    from automl_nn.predict import Predictor

    predictor = Predictor.load(model)
    _check_ending(predictor, output)
    rows, pixels = predictor.read(file, folder=images)
    if predictor.maps is not None and output is not None:
        write_maps(predictor.predict(rows, images=pixels), output)
        return
    outputs = predictor.output_of(rows, pixels)
    predictions = predictor.frame_of(rows, outputs)
    for drift in predictor.decision.drift(outputs) if len(outputs) else ():
        if drift.is_notable:
            typer.echo(f"warning: {drift.describe()}", err=True)
    if output is None:
        predictions.to_csv(sys.stdout, index=False)
    else:
        write_frame(predictions, output)


def _check_output(output: Path, file: Path) -> None:
    if output.suffix not in (".csv", ".parquet", ARRAY):
        raise DataError(
            f"{str(output)!r} cannot be written: its name must end in .csv or .parquet, for maps in {ARRAY}."
        )
    if not output.parent.is_dir():
        raise DataError(
            f"{str(output)!r} cannot be written: there is no folder {str(output.parent)!r}, so make it first."
        )
    if output.resolve() == file.resolve():
        raise DataError(f"{str(output)!r} is the file that is read: name another one for the predictions.")


def _check_ending(predictor: "Predictor", output: Path | None) -> None:
    """Refuse to write maps as a table, and a table as an array."""
    is_array = output is not None and output.suffix == ARRAY
    if predictor.maps is not None and not is_array:
        raise DataError(f"This model predicts maps, which are no table: name an array for them, as in -o maps{ARRAY}.")
    if predictor.maps is None and is_array:
        raise DataError(
            f"{str(output)!r} would be an array, but this model predicts a table: end it in .csv or .parquet."
        )


def write_maps(maps: "npt.NDArray[Any]", output: Path) -> None:
    """Write maps as one array.

    Raises:
        DataError: The file cannot be written.
    """
    import numpy as np

    try:
        np.save(output, maps)
    except OSError as error:
        raise DataError(f"{str(output)!r} cannot be written: {error.strerror or error}.") from error


def write_frame(frame: "pd.DataFrame", output: Path) -> None:
    """Write a frame as CSV or Parquet, by the ending of the file.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        if output.suffix == ".parquet":
            frame.to_parquet(output, index=False)
        else:
            frame.to_csv(output, index=False)
    except OSError as error:
        raise DataError(f"{str(output)!r} cannot be written: {error.strerror or error}.") from error
