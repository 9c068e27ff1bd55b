"""Arrays in files: the idx format of MNIST and its like, a few bytes of type and shape before the numbers, and npy."""

import gzip
import io
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""What the third byte of a file says about its numbers."""


def read_idx(path: Path) -> npt.NDArray[Any]:
    """The array in an idx file, perhaps one that gzip has packed.

    Raises:
        DataError: It is no such file, or it is truncated.

    Source:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section on file formats.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "labels-idx1-ubyte")
        ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
        ...     read_idx(file).tolist()
        [7, 9]
    """
    try:
        with (gzip.open if _is_packed(path) else open)(path, "rb") as file:
            return _read(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{str(path)!r} is not a whole gzip file ({error}): get it anew.") from error
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be opened ({error.strerror}): check its name.") from error


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _read(file: gzip.GzipFile | io.BufferedReader, path: Path) -> npt.NDArray[Any]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or head[3] == 0:
        raise DataError(f"{str(path)!r} is no idx file: give one as MNIST comes in, or image files.")
    sizes, dtype = file.read(4 * head[3]), np.dtype(TYPES[head[2]])
    shape = [int.from_bytes(sizes[at : at + 4], "big") for at in range(0, 4 * head[3], 4)]
    n_bytes = math.prod(shape) * dtype.itemsize
    raw = file.read(n_bytes + 1)
    if len(sizes) != 4 * head[3] or len(raw) != n_bytes:
        raise DataError(f"{str(path)!r} is truncated, or has more in it than it says: get it anew.")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_npy(path: Path) -> npt.NDArray[Any]:
    """The array in a `.npy` file, mapped; nothing in it is ever executed.

    Raises:
        DataError: It is no such file, or it holds Python objects.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.arange(3))
        ...     read_npy(Path(folder, "x.npy")).tolist()
        [0, 1, 2]
    """
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{str(path)!r} is no array of numbers ({error}): write it by `numpy.save`.") from error
