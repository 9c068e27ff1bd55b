"""A hash of what a frame holds, by which a stored study knows its data again."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd


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
        for part in (str(name).encode(), *_content(values)):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def _content(values: "pd.Series[Any]") -> Iterator[bytes]:
    """The kind and the values of one column."""
    if pd.api.types.is_numeric_dtype(values):
        return _numbers(values)
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        return _moments(values)
    return _texts(values)


def _numbers(values: "pd.Series[Any]") -> Iterator[bytes]:
    if pd.api.types.is_integer_dtype(values) and not values.hasnans:
        yield b"integer"
        yield values.to_numpy(dtype="int64").tobytes()
    else:
        yield b"boolean" if pd.api.types.is_bool_dtype(values) else b"real"
        numbers = values.to_numpy(dtype="complex128" if values.dtype.kind == "c" else "float64", na_value=np.nan)
        yield np.where(np.isnan(numbers), np.nan, numbers).tobytes()


def _moments(values: "pd.Series[Any]") -> Iterator[bytes]:
    yield str(values.dtype.kind).encode()
    yield values.dt.as_unit("us").astype("int64").to_numpy().tobytes()


def _texts(values: "pd.Series[Any]") -> Iterator[bytes]:
    """The distinct values in the order in which they first occur, and the place of each row's value among them."""
    codes, distinct = pd.factorize(values)
    yield b"text"
    yield codes.astype("int64").tobytes()
    for value in distinct:
        text = value if isinstance(value, str) else f"{type(value).__name__}:{value!r}"
        yield text.encode(errors="surrogatepass")
