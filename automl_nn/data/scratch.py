"""Folders for what a process needs while it lives, which are removed even where it was killed: by the next one."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "automl_nn_"

LOCK = ".lock"
"""A file in each folder that is locked by whoever made it; the system takes the lock back from a process that dies."""

GRACE_SECONDS = 60.0
"""A folder that is younger is left alone: its maker may be about to lock it."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder among the temporary files that only this user may read, gone after the block.

    Folders of this user that processes left behind which were killed are removed first.

    Example:
        >>> with scratch_folder() as folder:
        ...     (folder / "file").write_text("text")
        4
        >>> folder.exists()
        False
    """
    _sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name, _lock(Path(name, LOCK)):
        yield Path(name)


def _lock(path: Path) -> FileLock:
    """The lock of a folder, which any thread may give back."""
    return FileLock(path, timeout=0, thread_local=False)


def _sweep() -> None:
    """Remove this user's folders that nobody holds."""
    user = getattr(os, "getuid", int)()
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError, Timeout):  # one that is held, or one that is gone
            found = path.lstat()
            if found.st_uid == user and time.time() - found.st_mtime > GRACE_SECONDS:
                with _lock(path):
                    shutil.rmtree(path.parent, ignore_errors=True)
