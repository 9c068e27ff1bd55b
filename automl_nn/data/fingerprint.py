"""A hash of what a frame holds, by which a stored study knows its data again."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

ROWS_AT_ONCE = 1 << 18
"""Rows that are written out together: all of them would take several times the room of the frame."""

Part = tuple[int, Iterable[bytes]]
"""Number of bytes, and the bytes in pieces."""


def fingerprint(frame: pd.DataFrame) -> str:
    """Hash the names, kinds and values of all columns, in their order; the index does not count.

    Equal frames have equal fingerprints in every process and on every machine. A column of text has the same one
    whether pandas keeps it as objects, strings or a category.

    Args:
        frame: Any frame of numbers, texts, flags and moments.

    Returns:
        32 hexadecimal digits.

    Example:
        >>> frame = pd.DataFrame({"age": [31, 47]})
        >>> fingerprint(frame) == fingerprint(frame.copy()), fingerprint(frame) == fingerprint(frame.iloc[::-1])
        (True, False)
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, values in frame.items():
        for n_bytes, pieces in (_word(str(name).encode()), *_content(values)):
            digest.update(n_bytes.to_bytes(8, "little"))
            for piece in pieces:
                digest.update(piece)
    return digest.hexdigest()


def _word(text: bytes) -> Part:
    return len(text), (text,)


def _content(values: "pd.Series[Any]") -> Iterator[Part]:
    """The kind and the values of one column."""
    if pd.api.types.is_numeric_dtype(values):
        return _numbers(values)
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        return _moments(values)
    return _texts(values)


def _pieces(values: "pd.Series[Any]") -> Iterator["pd.Series[Any]"]:
    """Neighbouring rows, some at a time."""
    return (values.iloc[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))


def _numbers(values: "pd.Series[Any]") -> Iterator[Part]:
    if pd.api.types.is_integer_dtype(values) and not values.hasnans:
        yield _word(b"integer")
        yield 8 * len(values), (piece.to_numpy(dtype="int64").tobytes() for piece in _pieces(values))
        return
    yield _word(b"boolean" if pd.api.types.is_bool_dtype(values) else b"real")
    dtype, size = ("complex128", 16) if values.dtype.kind == "c" else ("float64", 8)
    numbers = (piece.to_numpy(dtype=dtype, na_value=np.nan) for piece in _pieces(values))
    yield size * len(values), (np.where(np.isnan(some), np.nan, some).tobytes() for some in numbers)


def _moments(values: "pd.Series[Any]") -> Iterator[Part]:
    yield _word(str(values.dtype.kind).encode())
    moments = (piece.dt.as_unit("us").astype("int64").to_numpy() for piece in _pieces(values))
    yield 8 * len(values), (some.tobytes() for some in moments)


def _texts(values: "pd.Series[Any]") -> Iterator[Part]:
    """The distinct values in the order in which they first occur, and the place of each row's value among them."""
    codes, distinct = pd.factorize(values)
    yield _word(b"text")
    yield 8 * len(codes), (codes.astype("int64").tobytes(),)
    for value in distinct:
        text = value if isinstance(value, str) else f"{type(value).__name__}:{value!r}"
        yield _word(text.encode(errors="surrogatepass"))
