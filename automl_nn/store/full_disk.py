"""A disk with no room left: what SQLite says of it in many ways is said in one sentence."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.engine import URL, ExceptionContext

from automl_nn.errors import FullDiskError
from automl_nn.store.urls import in_file

LITTLE = 2**17
"""So few bytes free are none: SQLite lays a file of 32 KiB and a page at a time beside the database."""


def tell_full_disk(context: ExceptionContext) -> None:
    """What SQLAlchemy asks of every error of a connection, its engine's event `handle_error`."""
    if context.engine is not None:
        refuse_full_disk(context.original_exception, context.engine.url)


def refuse_full_disk(error: BaseException, url: URL) -> None:
    """Raise an error with a way out if a full disk is what stopped the database.

    Args:
        error: What the driver, or SQLAlchemy in its name, raised.
        url: The database.

    Raises:
        FullDiskError: The disk is full.

    Example:
        >>> from automl_nn.store.urls import parse_url
        >>> refuse_full_disk(sqlite3.DatabaseError("file is not a database"), parse_url("sqlite://"))
    """
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if not in_file(url) or code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return
    file = Path(str(url.database))
    if code == sqlite3.SQLITE_FULL or (file.parent.is_dir() and shutil.disk_usage(file.parent).free < LITTLE):
        raise FullDiskError(
            f"The disk is full, so that the database {str(file)!r} cannot be used: make room there, then the same "
            "command again goes on from what is stored."
        ) from error
