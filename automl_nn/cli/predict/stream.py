"""`automl-nn predict MODEL.nn -`: steps of series from lines of CSV, each told as soon as it is final."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from automl_nn.data.read import parse_csv
from automl_nn.errors import DataError
from automl_nn.predict.predictor import Predictor
from automl_nn.predict.stream import Stream


def predict_lines(predictor: Predictor, lines: Iterable[str]) -> Iterator[str]:
    """Predictions as lines of CSV, while steps still come.

    Args:
        predictor: A model of labels or values of steps.
        lines: A header, then a line for each step; those of several series may be mixed.

    Yields:
        The header, then what `Predictor.predict_frame` says of steps, those of a series in their order; at the end the
        steps that were waiting.

    Raises:
        DataError: There is no header, a line does not fit to it, or `Stream.feed` refuses its step; the line is named.
    """
    streams: dict[Any, Stream] = {}
    header = list(Stream(predictor).end().columns)
    yield pd.DataFrame(columns=header).to_csv(index=False)
    for number, frame in _rows(lines):
        series = _series(frame, predictor)
        if series not in streams:
            streams[series] = Stream(predictor)
        try:
            yield _told(streams[series].feed(frame))
        except DataError as error:
            raise DataError(f"Line {number} of the stream is refused: {error}") from error
    for stream in streams.values():
        yield _told(stream.end())


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, pd.DataFrame]]:
    """Number of each line, from 1, and the line as a frame of one row."""
    header = ""
    for number, line in enumerate(lines, start=1):
        if not header and line.strip():
            header = line
        elif line.strip():
            yield number, parse_csv(f"{header.rstrip()}\n{line}".encode(), f"line {number} of the stream")
    if not header:
        raise DataError("The stream is empty: begin with a line that names the columns.")


def _series(frame: pd.DataFrame, predictor: Predictor) -> Any:
    """The series of a step; None where all steps are of one."""
    name = predictor.series.series if predictor.series is not None else None
    return frame[name].tolist()[0] if name is not None and name in frame else None


def _told(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, header=False)
