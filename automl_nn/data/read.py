"""From a file or anything table-like to one pandas frame."""

import csv
import ctypes
import gzip
import io
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
from charset_normalizer import from_bytes

from automl_nn.data.series.ts_file import read_ts
from automl_nn.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
SERIES_SUFFIX = ".ts"

_SAMPLE = 1 << 16
_SNIFFED_ROWS = 200
_NO_AGREEMENT = (0.0, 0)
_BLOCK = 1 << 24
_MISSING = [*pa_csv.ConvertOptions().null_values, "None", "<NA>"]
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_OTHER_ENCODINGS = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "cp949", "koi8_r"]
_ODD_LINE = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_DECIMAL_COMMA = re.compile(r"(?:^|;)[+-]?\d+,\d+(?=;|$)", re.MULTILINE)
_DECIMAL_POINT = re.compile(r"(?:^|;)[+-]?\d+\.\d+(?=;|$)", re.MULTILINE)


def read_frame(path: str | Path) -> pd.DataFrame:
    r"""Read a CSV or Parquet file; the first row of a CSV file names its columns.

    Encoding, delimiter (comma, semicolon, tab or pipe) and decimal comma of a CSV file are found from its content.
    Empty fields and the usual words for nothing (`NA`, `null`, `NaN`, ...) are missing values; a `?` is a text.
    A `.gz` behind the suffix of a CSV file is unpacked. A `.ts` file becomes one row a step: see `read_ts`.

    Args:
        path: A file that ends in .csv, .tsv, .txt (each also with .gz), .parquet, .pq or .ts.

    Returns:
        One row per row of the file, in its order, under a RangeIndex.

    Raises:
        DataError: The file is missing, empty, binary, ragged, has no rows or repeats a column name.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "people.csv")
        ...     _ = file.write_text("name;height\nAda;1,65\n", encoding="utf-8")
        ...     read_frame(file).to_dict("list")
        {'name': ['Ada'], 'height': [1.65]}
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no file {str(path)!r} (looked for {path.absolute()}): give the path of a data file.")
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder: give the path of one CSV or Parquet file.")
    if _suffix(path) == SERIES_SUFFIX:
        return read_ts(path)
    frame = _read_parquet(path) if _suffix(path) in PARQUET_SUFFIXES else parse_csv(_unpack(path), str(path))
    release_unused()
    if frame.empty:
        raise DataError(f"{str(path)!r} has {frame.shape[1]} columns but no rows: give a file with at least one row.")
    return as_frame(frame)


def release_unused() -> None:
    """Give memory back to the system that nobody needs any more; else Arrow and the C library keep it for a next time.

    Example:
        >>> release_unused()
    """
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
        if trim is not None:
            trim(0)


def as_frame(X: Any) -> pd.DataFrame:
    """A pandas frame with text column names and a RangeIndex, from anything table-like.

    Args:
        X: A pandas or polars frame, an Arrow table, a 2-D array (its columns become `x0`, `x1`, ...), or a dict of
            columns.

    Raises:
        DataError: It is not a table, or two columns have the same name.

    Example:
        >>> as_frame(np.eye(2)).columns.tolist()
        ['x0', 'x1']
    """
    frame = _to_pandas(X)
    names = ["/".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    _refuse_repeated(names, "The table")
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _to_pandas(X: Any) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "tocsr"):
        raise DataError("A sparse matrix is not supported: give a dense array, for example X.toarray().")
    if hasattr(X, "to_pandas") and len(getattr(X, "shape", ())) == 2:
        return pd.DataFrame(X.to_pandas())
    if isinstance(X, dict):
        return _from_dict(X)
    array = _array(X)
    if array.ndim != 2:
        raise DataError(
            f"Expected 2D array, got {array.ndim}D array instead (a {type(X).__name__}): a table has rows and columns. "
            "Reshape your data with array.reshape(-1, 1) if it has a single column."
        )
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def _from_dict(columns: dict[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(columns)
    except ValueError as error:
        raise DataError(f"The dict is not a table ({error}): give every column the same number of rows.") from error


def _array(X: Any) -> Any:
    try:
        return np.asarray(X)
    except ValueError as error:
        raise DataError(
            f"A {type(X).__name__} of unequal rows is not a table: give every row the same fields."
        ) from error


def _refuse_repeated(names: Iterable[str], owner: str) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"{owner} has more than one column named {repeated[0]!r}: rename or remove all but one.")


def _suffix(path: Path) -> str:
    *_, last = path.suffixes or [""]
    suffix = Path(path.stem).suffix if last.lower() == ".gz" else last
    known = CSV_SUFFIXES if last.lower() == ".gz" else (*CSV_SUFFIXES, *PARQUET_SUFFIXES, SERIES_SUFFIX)
    if suffix.lower() not in known:
        raise DataError(
            f"{str(path)!r} ends in {last!r}, which is no known kind of table: "
            f"give a file that ends in {', '.join((*CSV_SUFFIXES, *PARQUET_SUFFIXES, SERIES_SUFFIX))} or .csv.gz."
        )
    return suffix.lower()


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet  # which takes long to import

    try:
        table = parquet.read_table(path, pre_buffer=False)  # else the whole file lies beside its columns
        return pd.DataFrame(table.to_pandas(split_blocks=True, self_destruct=True))  # else all is held twice
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read as Parquet: write it again, or give it as CSV.") from error


def _unpack(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix.lower() == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{str(path)!r} is not a whole gzip file ({error}): pack it again.") from error
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be opened ({error.strerror}): check its permissions.") from error
    return raw


def parse_csv(raw: bytes, name: str) -> pd.DataFrame:
    r"""The table in the content of a CSV file, read as `read_frame` does.

    Args:
        raw: The content.
        name: What errors call it.

    Raises:
        DataError: It is empty, binary or ragged, or repeats a column name.

    Example:
        >>> parse_csv(b"name;height\nAda;1,65\n", "people").to_dict("list")
        {'name': ['Ada'], 'height': [1.65]}
    """
    text = _decode(raw, name)
    if not text.strip():
        raise DataError(f"{name!r} is empty: give a file with a header and at least one row.")
    sample = _head(text)
    if sample.lstrip()[:1] in {"<", "{", "["}:
        raise DataError(f"{name!r} looks like HTML, XML or JSON, not like a table: give a CSV or Parquet file.")
    table = _parse_rows(text.encode(), sample, name)
    header = [field.strip() or f"Unnamed: {i}" for i, field in enumerate(table.column_names)]
    _refuse_repeated(header, repr(name))
    return pd.DataFrame(table.to_pandas(date_as_object=False)).set_axis(header, axis=1)


def _parse_rows(raw: bytes, sample: str, name: str) -> Any:
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "error"

    delimiter = sniff_delimiter(sample)
    try:
        return pa_csv.read_csv(
            io.BytesIO(raw),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=_agreement(_rows(sample, delimiter)) > _NO_AGREEMENT,
                invalid_row_handler=note,
            ),
            convert_options=pa_csv.ConvertOptions(
                null_values=_MISSING, strings_can_be_null=True, decimal_point=_decimal_mark(sample, delimiter)
            ),
        )
    except pa.ArrowException as error:
        raise DataError(_why_no_table(name, ragged, error)) from error


def _why_no_table(name: str, ragged: Sequence[Any], error: Exception) -> str:
    if not ragged:
        return f"{name!r} is not a table ({str(error).splitlines()[0]}): give a CSV file with one header row."
    row = ragged[0]
    return (
        f"Row {row.number} of {name!r} (the header is row 1) has {row.actual_columns} fields instead of "
        f"{row.expected_columns}: complete it, or quote fields that hold the delimiter or a line break."
    )


def _decode(raw: bytes, name: str) -> str:
    encoding = next((known for mark, known in _BYTE_ORDER_MARKS.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        text = _decode_other(raw, error.start, name)
    if _CONTROL.search(_head(text)):
        raise DataError(f"{name!r} is binary, not text: give a CSV or Parquet file.")
    text = text.lstrip("\r\n")
    return text if text.endswith(("\n", "\r")) else text + "\n"


def _decode_other(raw: bytes, first_odd_byte: int, name: str) -> str:
    """Decode what is not UTF-8 by the encoding that fits the lines with bytes outside ASCII, Western European first."""
    odd_lines = b"\n".join(_ODD_LINE.findall(raw[max(first_odd_byte - _SAMPLE, 0) : first_odd_byte + _SAMPLE]))
    found = from_bytes(odd_lines, cp_isolation=_OTHER_ENCODINGS)
    best = found.best()
    if best is None:
        raise DataError(f"{name!r} is binary or in an unknown encoding: give a CSV file in UTF-8, or a Parquet file.")
    western = [match for match in found if "cp1252" in match.could_be_from_charset]
    as_good = western and western[0].chaos <= best.chaos and western[0].coherence >= best.coherence
    return raw.decode("cp1252" if as_good else best.encoding, errors="replace")


def _head(text: str) -> str:
    """The first rows, at least the header."""
    end = text.find("\n", _SAMPLE) + 1
    return text[: end or len(text)]


def sniff_delimiter(sample: str) -> str:
    r"""The delimiter that cuts most rows into as many fields as the header; a comma where none does.

    Args:
        sample: The first rows of a CSV file.

    Example:
        >>> sniff_delimiter("a;b\n1,5;2\n")
        ';'
    """
    return max(DELIMITERS, key=lambda delimiter: _agreement(_rows(sample, delimiter)))


def _agreement(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Share of the rows with as many fields as the first one, and that number."""
    n_fields = len(rows[0]) if rows else 0
    return (sum(len(row) == n_fields for row in rows) / len(rows), n_fields) if n_fields > 1 else _NO_AGREEMENT


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        return list(islice((row for row in rows if row), _SNIFFED_ROWS))
    except csv.Error:
        return []


def _decimal_mark(sample: str, delimiter: str) -> str:
    commas_only = delimiter == ";" and _DECIMAL_COMMA.search(sample) and not _DECIMAL_POINT.search(sample)
    return "," if commas_only else "."
