"""Database URLs: what they may be, and how they are shown without their password."""

import re
from pathlib import Path
from urllib.parse import quote, unquote

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

HARMLESS = (
    *("host", "hostaddr", "port", "user", "dbname", "service", "options", "connect_timeout", "application_name"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs", "gssencmode", "channel_binding"),
    *("uri", "mode", "cache", "vfs", "immutable", "nolock", "timeout"),
)
"""Keys of a URL's query that hold no secret: all others are not shown."""

N_WORD = 3
"""Pieces of a password of at most so many characters are looked for as whole words."""

_PASSWORD = re.compile(r"(\w*(?:pass|pwd)\w*\s*(?:=|%3D)).*", flags=re.DOTALL | re.IGNORECASE)


def parse_url(url: str) -> URL:
    """The database that a URL names, with its driver and, for SQLite, an absolute path.

    Args:
        url: `sqlite:///file.db` or `postgresql://user:password@host/name`.

    Raises:
        StorageError: It is no URL, has a bare `@` in its password, or is of a database that automl_nn does not know.

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
    if _is_torn(url, parsed):
        raise StorageError(f"Storage {masked(url)!r} has an '@' in its password or after its host: write it as %40.")
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    if in_file(parsed):
        return parsed.set(database=str(Path(str(parsed.database)).absolute()))
    return parsed


def in_file(url: URL) -> bool:
    """Whether this is an SQLite database in a file that is named by its plain path."""
    name = url.database or ""
    return url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")


def in_memory(url: str) -> bool:
    """Whether this is a database in the memory of the process that opens it, which no other one finds.

    Raises:
        StorageError: As for `parse_url`.

    Example:
        >>> in_memory("sqlite://"), in_memory("sqlite:///file.db")
        (True, False)
    """
    parsed = parse_url(url)
    return parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:")


def masked(url: URL | str) -> str:
    """The URL for people: no password, and of the query only what is known to be harmless.

    Example:
        >>> masked("postgresql://ann:secret@host/studies?sslmode=require&sslpassword=secret")
        'postgresql://ann:***@host/studies?sslmode=require'
        >>> masked("host=db user=ann password=secret")
        'host=db user=ann password=***'
    """
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    try:
        shown = make_url(url)
    except (ArgumentError, ValueError):
        return _blotted(text)
    if _is_torn(text, shown):
        return _blotted(text)
    query = {key: value for key, value in shown.query.items() if key in HARMLESS}
    shown = shown.set(drivername=shown.get_backend_name(), query=query)
    return _PASSWORD.sub(r"\1***", shown.render_as_string(hide_password=True))


def scrubbed(text: str, url: URL) -> str:
    """What a driver said, without the password of the URL and without its pieces.

    Example:
        >>> scrubbed("no host 'ss@host'", parse_url("postgresql://ann:p%40ss@host/studies"))
        "no host '***@host'"
    """
    secrets = {str(url.password or ""), *(str(value) for key, value in url.query.items() if key not in HARMLESS)}
    pieces = {
        piece for secret in secrets for piece in (secret, quote(secret, safe=""), *re.split(r"[\s@/:?#]", secret))
    }
    for piece in sorted(filter(None, pieces), key=len, reverse=True):
        found = re.escape(piece) if len(piece) > N_WORD else rf"(?<!\w){re.escape(piece)}(?!\w)"
        text = re.sub(found, "***", text)
    return _PASSWORD.sub(r"\1***", text)


def _is_torn(text: str, parsed: URL) -> bool:
    """Whether a bare `@` parted the URL elsewhere than at its last one, which may show a piece of the password."""
    if parsed.get_backend_name() == "sqlite":
        return False
    user = text.partition("://")[2].rpartition("@")[0]
    secret = unquote(user.partition(":")[2])
    return secret not in ("", parsed.password)


def _blotted(text: str) -> str:
    """A text that is no URL, without all that may be a password."""
    text = re.sub(r"^([\w+]*://)?.*@", r"\1***@", text, flags=re.DOTALL).partition("?")[0]
    text = re.sub(r"^((?!sqlite)[\w+]+://[^:/*]*):.*", r"\1:***", text, flags=re.DOTALL)
    return _PASSWORD.sub(r"\1***", text)


def complete(url: URL) -> str:
    """The URL with its password, as Optuna takes it: it formats the text, so braces are doubled."""
    return url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")


def _way_out(url: str) -> str:
    if url and "://" not in url and masked(url) == url:
        return f"For a file write 'sqlite:///{url}'."
    return "Write sqlite:///FILE or postgresql://USER@HOST/NAME."
