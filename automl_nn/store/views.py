"""Views that answer common questions in plain SQL; what they select is written in `dashboards/views`.

They hold no data, so they are dropped before the steps of a migration and made anew after them: no step has to care
for a view that reads what it changes, and every database has the views of the newest step.
"""

import re
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, inspect

from automl_nn.errors import StorageError

PREFIX = "automl_view_"
"""What the names of our views begin with: they lie beside the tables of Optuna, and perhaps of others."""

_COMMENTS = re.compile(r"^-- (.*)$", flags=re.MULTILINE)
_JSON_PATH = re.compile(r"json_extract\(([\w.]+), '\$\.([\w.\[\]]+)'\)")


@lru_cache
def views(dialect: str) -> dict[str, str]:
    """What each view selects, by its name in the database; comments that explain it come first.

    The files are written for SQLite. PostgreSQL reads paths of JSON with another operator, which is put in here; a view
    that differs in more has a file for each database.

    Args:
        dialect: `sqlite` or `postgresql`.

    Raises:
        StorageError: The installation lacks the files.

    Example:
        >>> views("sqlite").keys() == views("postgresql").keys()
        True
        >>> "automl_view_trials" in views("sqlite")
        True
    """
    files = [file for file in sorted(_folder().glob("*.sql")) if file.name.split(".")[1] in (dialect, "sql")]
    texts = {PREFIX + file.name.split(".")[0]: file.read_text(encoding="utf-8") for file in files}
    return texts if dialect == "sqlite" else {name: _JSON_PATH.sub(_read_path, text) for name, text in texts.items()}


def make_views(connection: Connection) -> None:
    """Make every view."""
    dialect = connection.dialect.name
    for name, text in views(dialect).items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{text}")
        if dialect == "postgresql":  # SQLite keeps the comments within the view
            told = " ".join(_COMMENTS.findall(text)).replace("'", "''")
            connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS '{told}'")


def drop_views(connection: Connection) -> None:
    """Drop every view of ours, those of earlier versions too."""
    for name in inspect(connection).get_view_names():
        if name.startswith(PREFIX):
            connection.exec_driver_sql(f"DROP VIEW {name}")


def _folder() -> Path:
    """Where the files are: in the package of a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "dashboards" / "views", package.parent / "dashboards" / "views"):
        if folder.is_dir():
            return folder
    raise StorageError(f"The folder 'dashboards' is missing beside {str(package)!r}: install automl_nn again.")


def _read_path(found: re.Match[str]) -> str:
    """The path of JSON in PostgreSQL's words: `'$.cost[0]'` is `'{cost,0}'`."""
    keys = ",".join(re.findall(r"\w+", found[2]))
    return f"(CAST({found[1]} AS JSON) #>> '{{{keys}}}')"
