"""Data that several processes read: written once to a file that each of them maps, so that they share the memory."""

import io
import mmap
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final
from weakref import WeakValueDictionary

import torch

T = TypeVar("T")

ALIGNMENT = 64
"""Where arrays may begin in a file, in bytes; arithmetic on other places is slower."""

LOCK_SECONDS = 300.0
"""How long a process waits for what another one makes, before it makes that itself: the other one may be dead."""

JOB = "job"
"""Under which name the processes of a folder find what they work on."""

_MAPPED: WeakValueDictionary[Path, mmap.mmap] = WeakValueDictionary()


def put(value: Any, path: Path) -> None:
    """Write a value so that `get` finds its arrays in place; other processes see all of it or nothing.

    Args:
        value: Anything that can be pickled; the arrays and tensors in it are shared.
        path: Where to, in a `scratch_folder`: what is read back from there is trusted.

    Example:
        >>> import numpy as np
        >>> from automl_nn.data.scratch import scratch_folder
        >>> with scratch_folder() as folder:
        ...     put({"x": np.arange(3)}, folder / "data")
        ...     get(folder / "data")["x"].tolist()
        [0, 1, 2]
    """
    buffers: list[pickle.PickleBuffer] = []
    head = io.BytesIO()
    _Pickler(head, protocol=5, buffer_callback=buffers.append).dump(value)
    arrays = [buffer.raw() for buffer in buffers]
    index = pickle.dumps((head.getvalue(), [array.nbytes for array in arrays]))
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        file.write(len(index).to_bytes(8, "little") + index)
        for array in arrays:
            file.write(bytes(-file.tell() % ALIGNMENT))
            file.write(array)
    partial.replace(path)


def get(path: Path) -> Any:
    """The value that `put` wrote; its arrays are the pages of the file, copied only where somebody writes to them."""
    with path.open("rb") as file:
        pages = _MAPPED[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    whole = memoryview(pages)
    end = 8 + int.from_bytes(whole[:8], "little")
    head, sizes = pickle.loads(whole[8:end])
    buffers = []
    for size in sizes:
        start = end + -end % ALIGNMENT
        end = start + size
        buffers.append(whole[start:end])
    return pickle.loads(head, buffers=buffers)


def rest(path: Path) -> None:
    """Give the pages of a file that `get` has read back to the system; they are read again where they are needed.

    Only for values that nobody changes: what this process has written to their arrays would be lost.

    Args:
        path: The file; nothing happens if this process has not read it, or the system knows no such way.

    Example:
        >>> import numpy as np
        >>> from automl_nn.data.scratch import scratch_folder
        >>> with scratch_folder() as folder:
        ...     put(np.arange(3), folder / "data")
        ...     data = get(folder / "data")
        ...     rest(folder / "data")
        >>> data.tolist()
        [0, 1, 2]
    """
    pages = _MAPPED.get(path)
    if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


@final
class _Pickler(pickle.Pickler):
    """A pickler that hands the values of a tensor over as those of an array."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return torch.from_numpy, (value.numpy(),)
        return NotImplemented


@final
@dataclass(frozen=True)
class Shelf:
    """What several processes need, made by the first that asks for it.

    Args:
        folder: A `scratch_folder`.
        lock: A lock of `multiprocessing` that they share.
    """

    folder: Path
    lock: Any

    def of(self, name: str, make: Callable[[], T]) -> T:
        """The thing of this name; the job is read to make such things, and rests when there is one.

        Args:
            name: A file name.
            make: Makes it, if nobody has.
        """
        path = self.folder / name
        if not path.exists():
            is_held = self.lock.acquire(timeout=LOCK_SECONDS)
            try:
                if not path.exists():
                    put(make(), path)
            finally:
                if is_held:
                    self.lock.release()
        thing: T = get(path)
        rest(self.folder / JOB)
        return thing
