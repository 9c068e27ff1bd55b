import os
import pickle
import sqlite3
import stat
from contextlib import closing

import optuna
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, text

from automl_nn.errors import FullDiskError, StorageError
from automl_nn.store import full_disk
from automl_nn.store.full_disk import refuse_full_disk
from automl_nn.store.opening import open_storage, reason
from automl_nn.store.schema import Base
from automl_nn.store.store import Store
from automl_nn.store.urls import masked, parse_url

PASSWORD = "s{e}c/r%t:@!"
QUOTED = "s%7Be%7Dc%2Fr%25t%3A%40%21"


def refusal(url):
    with pytest.raises(StorageError) as caught:
        Store(url)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("studies.db", "For a file write 'sqlite:///studies.db'"),
        ("", "is not a database URL"),
        ("oracle://ann:secret@host/name", "the database 'oracle'"),
        ("mysql://ann:secret@host/name", "kept in sqlite:///FILE or postgresql://"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite"),
        ("postgresql+psycopg2://ann:secret@host/name", "psycopg2"),
        ("postgresql://ann:secret@host:port/name", "is not a database URL"),
        ("ann:secret@host", "is not a database URL"),
        ("sqlite:///no/such/folder/a.db", "which does not exist"),
        ("sqlite:///.", "is a folder"),
        ("sqlite:///file:nowhere.db?mode=ro&uri=true", "unable to open"),
        ("postgresql://ann:secret@127.0.0.1:1/name", "cannot be used"),
        ("postgresql://ann@127.0.0.1:1/name?password=secret", "Check the server"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url, said, own_folder):
    message = refusal(url)
    assert said in message
    assert "secret" not in message
    assert list(own_folder.iterdir()) == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(own_folder):
    file = own_folder / "notes.txt"
    file.write_text("not a database, but long enough to be taken for one" * 100)
    assert "file is not a database" in refusal("sqlite:///notes.txt")
    assert file.read_text().startswith("not a database")
    assert list(own_folder.iterdir()) == [file]


def test_a_full_disk_is_told_with_the_file_and_the_way_out(own_folder):
    store = Store("sqlite:///a.db")
    event.listen(store._storage.engine, "connect", lambda one, _: one.execute("PRAGMA max_page_count=1").close())
    store.close()  # so that SQLite takes what the file has for all the room there is
    much = "x" * 10**6
    for write in (
        lambda: store.open_study("study", spec={"about": much}),
        lambda: store.optuna.create_new_study([optuna.study.StudyDirection.MAXIMIZE], much),
    ):
        with pytest.raises(
            FullDiskError, match=r"The disk is full, so that the database '.*a\.db' cannot be used: make"
        ):
            write()
    store.close()
    assert Store.existing("sqlite:///a.db").study_names() == []


def test_a_file_that_cannot_be_opened_for_want_of_room_is_told_as_that(own_folder, monkeypatch):
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    refuse_full_disk(error, parse_url("sqlite:///a.db"))  # there is room: it is something else
    monkeypatch.setattr(full_disk, "LITTLE", float("inf"))
    with pytest.raises(FullDiskError, match="The disk is full"):
        refuse_full_disk(error, parse_url("sqlite:///a.db"))


def blank(file):
    file.touch()


def foreign(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('abc')")
        connection.commit()


def of_optuna(file):
    optuna.create_study(storage=f"sqlite:///{file}")._storage._backend.engine.dispose()


@pytest.mark.parametrize("make", [blank, foreign, of_optuna])
@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:///file:a.db?uri=true"])
def test_who_only_reads_makes_no_tables(make, url, own_folder):
    make(own_folder / "a.db")
    before = (own_folder / "a.db").read_bytes()
    with pytest.raises(StorageError, match=r"holds no studies of this version|belongs to another program"):
        Store.existing(url)
    assert (own_folder / "a.db").read_bytes() == before


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:///file:a.db?uri=true", "sqlite://"])
def test_who_only_reads_makes_no_file(url, own_folder):
    with pytest.raises(StorageError):
        Store.existing(url)
    assert list(own_folder.iterdir()) == []


def test_an_existing_store_is_read(store, url):
    store.open_study("study", spec={})
    with Store.existing(url) as other:
        assert other.study_names() == ["study"]


def test_a_file_of_another_program_is_refused_and_left_alone(own_folder):
    foreign(own_folder / "a.db")
    before = (own_folder / "a.db").read_bytes()
    assert "belongs to another program: it has a table 'patients'" in refusal("sqlite:///a.db")
    assert (own_folder / "a.db").read_bytes() == before


@pytest.mark.parametrize("mode", ["rw", "ro"])
def test_a_file_that_cannot_be_written_is_refused(mode, own_folder):
    Store("sqlite:///a.db").close()
    url = f"sqlite:///file:{own_folder}/a.db?mode={mode}&uri=true"
    if mode == "rw":
        Store(url).close()
    else:
        assert "readonly" in refusal(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_without_permission_is_refused(own_folder):
    Store("sqlite:///a.db").close()
    (own_folder / "a.db").chmod(stat.S_IRUSR)
    assert "readonly" in refusal("sqlite:///a.db")


def test_tables_of_a_newer_automl_nn_are_refused(store, url):
    store._write(lambda connection: connection.execute(text("UPDATE automl_version SET version_num = '9999'")))
    store.close()
    assert "schema '9999' of a newer automl_nn" in refusal(url)


def test_tables_of_another_optuna_are_refused(store, url):
    store._write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = 'v9'")))
    store.close()
    assert "Optuna's schema 'v9'" in refusal(url)


def test_a_database_of_optuna_alone_gets_our_tables(url):
    theirs = optuna.create_study(study_name="theirs", storage=str(parse_url(url).render_as_string(False)))
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    theirs._storage._backend.engine.dispose()
    with Store(url) as store:
        assert store.study_names() == []
        assert [study.study_name for study in store.optuna.get_all_studies()] == ["theirs"]


def test_the_migrations_make_the_tables_of_the_schema(store):
    def differences(connection):
        options = {"version_table": "automl_version", "compare_type": True, "include_name": is_ours}
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)

    def is_ours(name, kind, _parents):
        return kind != "table" or name.startswith("automl_")

    assert store.read(differences) == []


def test_opening_leaves_no_lock_behind(own_folder):
    Store("sqlite:///a.db").close()
    assert [file.name for file in own_folder.iterdir()] == ["a.db"]


def test_sqlite_writes_ahead_and_waits(own_folder):
    with open_storage("sqlite:///a.db").engine.connect() as connection:
        got = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert got == ["wal", 1, 60_000, 1]


def test_a_pickled_storage_is_tuned_again(own_folder):
    storage = pickle.loads(pickle.dumps(open_storage("sqlite:///a.db")))
    with storage.engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect("a.db", timeout=0).execute("BEGIN IMMEDIATE")


def test_reading_does_not_lock_others_out(own_folder):
    store = Store("sqlite:///a.db")
    store.open_study("study", spec={})

    def read_while_another_writes(_connection):
        with sqlite3.connect("a.db", timeout=0, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            return store.study_names()

    assert store.read(read_while_another_writes) == ["study"]


def test_the_password_is_never_shown():
    url = f"postgresql://ann:{QUOTED}@host/name?password=secret"
    assert parse_url(url).password == PASSWORD
    assert masked(url) == masked(parse_url(url)) == "postgresql://ann:***@host/name"


@pytest.mark.parametrize(
    "url",
    [
        "host=h user=u password=secret",
        "host=h password = 'my secret' user=u",
        "postgresql://u:my@secret@host/name",
        "postgresql://u:my@a/secret@host/name",
        "postgresql://u:my@a?secret=1@host/name",
        "postgresql://u:my@a:secret@host/name",
        "postgresql://u/x:secret@host/name",
        "postgresql://u:secret/name",
        "postgresql://127.0.0.1:1/name password=secret",
    ],
)
def test_no_piece_of_a_password_is_shown_where_it_makes_no_url(url):
    assert "secret" not in refusal(url)
    assert "secret" not in masked(url)


def test_a_user_with_an_at_sign_is_no_piece_of_a_password():
    assert parse_url("postgresql://ann@server:secret@host/name").host == "host"


def test_only_harmless_keys_of_the_query_are_shown():
    url = "postgresql://ann:secret@/name?host=/run&port=5433&sslmode=require&password=secret&passfile=secret"
    assert masked(url) == "postgresql://ann:***@/name?host=%2Frun&port=5433&sslmode=require"


@pytest.mark.parametrize(
    "said", ["no host 'secret@host'", "bad 'my@secret'", "bad my%40secret", "password=other secret"]
)
def test_what_a_driver_says_is_shown_without_the_password(said):
    url = parse_url("postgresql://ann:my%40secret@host/name")
    shown = reason(sqlite3.OperationalError(f"{said}\nsecond line"), url)
    assert "secret" not in shown
    assert "***" in shown


@pytest.mark.slow
def test_a_password_with_odd_characters_is_used_and_hidden(postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    host = postgres.partition("?")[2]
    with Store(f"postgresql://postgres:{QUOTED}@/postgres?{host}") as store:
        assert PASSWORD not in repr(store) + repr(store._storage)
        assert store._storage.engine.url.password == PASSWORD


def test_a_store_says_when_its_database_is_gone(own_folder):
    store = Store("sqlite:///a.db")
    store._write(lambda connection: connection.execute(text("DROP TABLE automl_findings")))
    with pytest.raises(StorageError, match="does not answer: no such table"):
        store.findings(1)


def test_a_plain_engine_reads_what_we_write(own_folder):
    with Store("sqlite:///a.db") as store:
        store.open_study("study", spec={"a": float("nan")})
    with create_engine("sqlite:///a.db").connect() as connection:
        assert connection.execute(text("SELECT json_extract(spec, '$.a') FROM automl_studies")).scalar() is None
