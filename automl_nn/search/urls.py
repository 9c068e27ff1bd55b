"""Database URLs: what they may be, and how they are shown without their password."""

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from automl_nn.errors import StorageError

DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""The accepted schemes, and the driver that each one means."""


def parse_url(url: str) -> URL:
    """The database that a URL names, with its driver and, for SQLite, an absolute path.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: It is no URL, or of a database that automl_nn does not know.

    Example:
        >>> parse_url("postgresql://ann:secret@host/studies")
        postgresql+psycopg://ann:***@host/studies
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StorageError(f"{masked(url)!r} is not a database URL. {_way_out(url)}") from None
    if parsed.drivername not in DRIVERS:
        raise StorageError(
            f"Storage {masked(url)!r} names the database {parsed.drivername!r}, "
            "but studies are kept in sqlite:///FILE or postgresql://USER@HOST/NAME."
        )
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    if in_file(parsed):
        return parsed.set(database=str(Path(str(parsed.database)).absolute()))
    return parsed


def in_file(url: URL) -> bool:
    """Whether this is an SQLite database in a file that is named by its plain path."""
    name = url.database or ""
    return url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")


def masked(url: URL | str) -> str:
    """The URL for people: no password, and no query, which may hold one too.

    Example:
        >>> masked("postgresql://ann:secret@host/studies?sslmode=require")
        'postgresql://ann:***@host/studies'
    """
    try:
        shown = make_url(url)
        return shown.set(drivername=shown.get_backend_name(), query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return re.sub(r"^([\w+]*://)?.*@", r"\1***@", str(url), flags=re.DOTALL).partition("?")[0]


def complete(url: URL) -> str:
    """The URL with its password, as Optuna takes it: it formats the text, so braces are doubled."""
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _way_out(url: str) -> str:
    if url and "://" not in url and "@" not in url:
        return f"For a file write 'sqlite:///{url}'."
    return "Write sqlite:///FILE or postgresql://USER@HOST/NAME."
