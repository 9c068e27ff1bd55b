"""`automl-nn predict`: apply a saved model to new rows."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl_nn.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.nn", help="What `automl-nn decide -o` wrote.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet with the columns of the training data.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.csv", help="CSV or Parquet by its ending; standard output if left out."
        ),
    ] = None,
) -> None:
    """Predict one row for each row of FILE, in its order: prediction, and proba_<class> columns for classes."""
    if output is not None:
        _check_output(output, file)

    from automl_nn.data.read import read_frame
    from automl_nn.predict import Predictor

    predictor, rows = Predictor.load(model), read_frame(file)
    outputs = predictor.output(rows)
    predictions = predictor.frame_of(rows, outputs)
    for drift in predictor.decision.drift(outputs) if len(outputs) else ():
        if drift.is_notable:
            typer.echo(f"warning: {drift.describe()}", err=True)
    if output is None:
        predictions.to_csv(sys.stdout, index=False)
    else:
        write_frame(predictions, output)


def _check_output(output: Path, file: Path) -> None:
    if output.suffix not in (".csv", ".parquet"):
        raise DataError(f"{str(output)!r} cannot be written: its name must end in .csv or .parquet.")
    if not output.parent.is_dir():
        raise DataError(
            f"{str(output)!r} cannot be written: there is no folder {str(output.parent)!r}, so make it first."
        )
    if output.resolve() == file.resolve():
        raise DataError(f"{str(output)!r} is the file that is read: name another one for the predictions.")


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
