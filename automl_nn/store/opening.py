"""Opening a database: its tables are made once, under a lock, and other versions are refused or brought up to date."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.storages._rdb import storage as optuna_storage
from optuna.storages._rdb.models import BaseModel
from sqlalchemy import Connection, NullPool, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from automl_nn.errors import StorageError
from automl_nn.store.full_disk import refuse_full_disk
from automl_nn.store.optuna_storage import READING, SafeRDBStorage
from automl_nn.store.retries import RETRY_SECONDS
from automl_nn.store.schema import Base
from automl_nn.store.urls import in_file, masked, parse_url, scrubbed

VERSION_TABLE, OPTUNA_TABLE = "automl_version", "alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
OPTUNA_MIGRATIONS = Path(optuna_storage.__file__).parent / "alembic"
LOCK_KEY = 0x6175746F6D6C  # "automl"

OLDEST_READABLE = "0002"
"""Whoever only reads can do so from this step on: later ones have added nothing but views."""


def open_storage(url: str) -> SafeRDBStorage:
    """The storage behind a URL, with Optuna's tables and ours in their newest form.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: The URL is none, its driver is missing, the database cannot be opened or written, is no database,
            or was written by a newer version.

    Example:
        >>> open_storage("sqlite://")
        SafeRDBStorage('sqlite://')
    """
    parsed = parse_url(url)
    _check_folder(parsed)
    with _refusals(parsed):
        if _is_current(parsed):
            return _writable(SafeRDBStorage(parsed))
        with _lock(parsed):
            return _prepared(parsed)


def open_existing(url: str) -> SafeRDBStorage:
    """The storage behind a URL, as it is: whoever reads makes no file and no table.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: As `open_storage`, or there is no such file, or no study was ever kept in the database, or its
            tables are of an older version.
    """
    parsed = parse_url(url)
    if in_file(parsed):
        _check_file(Path(str(parsed.database)))
    if "uri" in parsed.query and parsed.query.get("mode") not in ("ro", "memory"):
        parsed = parsed.update_query_dict({"mode": "rw"})  # SQLite's own mode would make the file
    with _refusals(parsed):
        _check_readable(parsed)
        return SafeRDBStorage(parsed)


def open_reading(url: str) -> SafeRDBStorage:
    """The storage behind a URL for whoever only reads while others write: the database itself refuses to be changed.

    SQLite hands out no write lock, so that a reader never makes a search wait. A file in a folder that may not be
    written, where SQLite cannot lay its own files beside it, is read as one that nobody changes.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: As `open_existing`.
    """
    parsed = parse_url(url)
    if in_file(parsed):
        _check_file(Path(str(parsed.database)))
    storage = open_existing(_immutable(parsed) if _is_sealed(parsed) else url)
    storage.engine.update_execution_options(**READING)
    event.listen(storage.engine, "connect", _forbid_writing)
    storage.engine.dispose()  # the connections that were made before may write
    return storage


def _check_file(file: Path) -> None:
    try:
        is_there = file.is_file()
    except PermissionError as error:
        raise StorageError(
            f"The database {str(file)!r} may not be read by you: open its folder to your user."
        ) from error
    if not is_there:
        raise StorageError(f"There is no database {str(file)!r}: {_TUNE_FIRST}.")


def _is_sealed(url: URL) -> bool:
    """Whether it is a file that nobody writes to, in a folder that may not be written."""
    file = Path(str(url.database))
    return in_file(url) and not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()


def _immutable(url: URL) -> str:
    query = {"uri": "true", "mode": "ro", "immutable": "1"}
    return url.set(database=f"file:{quote(str(url.database))}", query=query).render_as_string(hide_password=False)


def _forbid_writing(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA query_only=ON").close()
    else:
        connection.read_only = True


_TUNE_FIRST = "check --storage, or run `automl-nn tune` first"


@contextmanager
def _refusals(url: URL) -> Iterator[None]:
    """Say in one sentence why the database cannot be used."""
    try:
        yield
    except ImportError as error:
        raise StorageError(f"Storage {masked(url)!r} needs psycopg: pip install 'automl_nn[postgres]'.") from error
    except (DBAPIError, sqlite3.Error) as error:
        refuse_full_disk(error, url)
        raise StorageError(f"Storage {masked(url)!r} cannot be used: {reason(error, url)}. {_way_out(url)}") from error


def reason(error: Exception, url: URL) -> str:
    """The first line of what the database said, without the password of its URL.

    Example:
        >>> reason(sqlite3.DatabaseError("file is not a database"), parse_url("sqlite://"))
        'file is not a database'
    """
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return scrubbed(said, url).splitlines()[0].rstrip(".")


def _check_folder(url: URL) -> None:
    if not in_file(url):
        return
    file = Path(str(url.database))
    if not file.parent.is_dir():
        raise StorageError(f"Storage {masked(url)!r} lies in the folder {str(file.parent)!r}, which does not exist.")
    if file.is_dir():
        raise StorageError(f"Storage {masked(url)!r} is a folder. Name a file in it: 'sqlite:///{file}/automl_nn.db'.")


def _check_readable(url: URL) -> None:
    ours, steps = _version_of(url), _steps(MIGRATIONS)
    if ours is None:
        raise StorageError(f"Storage {masked(url)!r} holds no studies of this version: {_TUNE_FIRST}.")
    if steps.index(ours) > steps.index(OLDEST_READABLE):
        raise StorageError(
            f"Storage {masked(url)!r} has schema {ours!r} of an older automl_nn, and is only read here: the line that "
            "began one of its studies, once more, brings it up to date."
        )


def _is_current(url: URL) -> bool:
    """Whether the tables are all there in their newest form; as for `_version_of`."""
    return _version_of(url) == _steps(MIGRATIONS)[0]


def _version_of(url: URL) -> str | None:
    """The newest step of our tables that was applied, None if there is none or Optuna's are missing; writes nothing.

    Raises:
        StorageError: Another program, another version of Optuna or a newer automl_nn wrote them.
    """
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        _refuse_foreign(connection, url)
        theirs, ours = _version(connection, OPTUNA_TABLE), _version(connection, VERSION_TABLE)
    optuna, steps = _steps(OPTUNA_MIGRATIONS)[0], _steps(MIGRATIONS)
    if theirs not in (None, optuna):
        raise StorageError(
            f"Storage {masked(url)!r} has Optuna's schema {theirs!r}, but the installed Optuna needs {optuna!r}. "
            "Name another database, or run 'optuna storage upgrade' on a copy of this one."
        )
    if ours not in (None, *steps):
        raise StorageError(
            f"Storage {masked(url)!r} has schema {ours!r} of a newer automl_nn; this one knows up to {steps[0]!r}. "
            "Update automl_nn, or name another database."
        )
    return None if theirs is None else ours


def _refuse_foreign(connection: Connection, url: URL) -> None:
    """Refuse an SQLite file with tables, none of which says that Optuna or automl_nn made them."""
    if url.get_backend_name() != "sqlite":
        return
    tables = set(inspect(connection).get_table_names())
    strange = sorted(tables - {VERSION_TABLE, OPTUNA_TABLE, *BaseModel.metadata.tables, *Base.metadata.tables})
    if strange and not tables & {VERSION_TABLE, "version_info"}:
        raise StorageError(
            f"Storage {masked(url)!r} belongs to another program: it has a table {strange[0]!r}. Name another file."
        )


def _version(connection: Connection, table: str) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": table}).get_current_revision()


@lru_cache
def _steps(folder: Path) -> list[str]:
    """The known versions, newest first."""
    return [step.revision for step in ScriptDirectory(str(folder)).walk_revisions()]


@contextmanager
def _lock(url: URL) -> Iterator[None]:
    """Let one process at a time make the tables; the lock goes with its process."""
    if in_file(url):
        with closing(sqlite3.connect(_lock_file(), timeout=RETRY_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
    elif url.get_backend_name() == "postgresql":
        with create_engine(url, poolclass=NullPool).connect() as connection:
            connection.execute(select(func.pg_advisory_lock(LOCK_KEY)))
            yield
    else:
        yield


def _lock_file() -> Path:
    """An empty SQLite file that stands for the lock: it waits, and works on every system.

    One for all databases of a user, among the temporary files: deleting it would break the lock of whoever waits.
    """
    user = getattr(os, "getuid", int)()
    return Path(tempfile.gettempdir()) / f"automl_nn-{user}.lock"


def _prepared(url: URL) -> SafeRDBStorage:
    if _is_current(url):
        return _writable(SafeRDBStorage(url))
    storage = SafeRDBStorage(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with storage.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return storage


def _writable(storage: SafeRDBStorage) -> SafeRDBStorage:
    """The storage, after a write that changed nothing."""
    with storage.engine.connect() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = version_num"))
        connection.rollback()
    return storage


def _way_out(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return "Name a file that may be written and is an SQLite database or does not exist yet."
    return "Check the server, the name of the database and the user."
