"""Repeating what a database refused only for the moment."""

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])

RETRY_SECONDS = 60.0
"""How long a server that went away is asked again, and how long SQLite waits for another writer."""


def retried(engine: Engine, call: Callable[[], T]) -> T:
    """The result of `call`, repeated while the database server is away, restarting, or broke a deadlock.

    SQLite is never asked twice: it waits for other writers by itself, and its other errors (a full disk, a lost file)
    do not pass.

    Args:
        engine: What `call` talks to.
        call: Something that may be done twice: the reply to a commit can be lost.

    Raises:
        OperationalError: The database is still away after 60 s; Optuna's calls raise `StorageInternalError`.
    """
    for pause in _pauses():
        try:
            return call()
        except (StorageInternalError, OperationalError, InterfaceError) as error:
            if not _passes(engine, error):
                raise
        time.sleep(pause)
    return call()


def retrying(method: Method) -> Method:
    """The method of an object with an `engine`, repeated as `retried` does."""

    @wraps(method)
    def repeated(self: Any, *args: Any, **kwargs: Any) -> Any:
        return retried(self.engine, lambda: method(self, *args, **kwargs))

    return repeated  # type: ignore[return-value]


def _pauses() -> Iterator[float]:
    deadline, pause = time.monotonic() + RETRY_SECONDS, 0.1
    while time.monotonic() < deadline:
        yield pause
        pause = min(2 * pause, 5.0)


def _passes(engine: Engine, error: Exception) -> bool:
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    return engine.dialect.name != "sqlite" and isinstance(cause, OperationalError | InterfaceError)
