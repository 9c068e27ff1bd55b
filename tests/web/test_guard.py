"""Every way that must not lead in is tried, and the database is the same file content afterwards."""

import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DBAPIError

from automl_nn.store.schema import StudyTable
from automl_nn.store.store import Store
from automl_nn.web.app import make_app
from automl_nn.web.guard import HEADERS, LOOPBACK, Guard
from automl_nn.web.token import Token

TOKEN = "correct-horse-battery-staple"

WRITES = [
    ("DELETE", "/api/studies/1"),
    ("POST", "/api/studies"),
    ("POST", "/api/studies/1/rename"),
    ("PUT", "/api/studies/1/note"),
    ("PUT", "/api/studies/1/1/note"),
    ("POST", "/api/trials/1/tell"),
    ("POST", "/api/trials/1/user-attrs"),
    ("POST", "/api/studies/1/preference"),
    ("POST", "/api/artifacts/1"),
    ("DELETE", "/api/artifacts/1/00000000-0000-0000-0000-000000000000"),
    ("POST", "/incompatible-rdb-schema"),
    ("POST", "/api/llm/trial_filter_query"),
    ("POST", "/automl/studies/1/decision"),
    ("PATCH", "/automl/"),
]
PLOTS = [*(f"/api/studies/1/plot/{kind}" for kind in ("contour", "rank", "parallel_coordinate", "slice", "edf")),
         "/api/compare-studies/plot/edf"]  # fmt: skip


def dump(url):
    """All that is in the database."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return list(connection.iterdump())


@pytest.fixture
def locked(url, browser_of):
    """Asks an app that wants a token."""
    return browser_of(make_app(url, token=TOKEN, hosts=["studies.example"]))


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_nothing_can_be_written_from_this_machine(ask, url, method, path):
    before = dump(url)
    answer = ask(path, method, json={"study_name": "mine", "body": "x", "version": 1})
    assert answer.status == 403
    assert dump(url) == before


@pytest.mark.parametrize(("method", "path"), [*WRITES, *(("GET", path) for path in PLOTS), ("GET", "/automl/")])
def test_a_foreign_host_is_refused_before_anything_else(ask, url, method, path):
    before = dump(url)
    for host in ("evil.example", "evil.example:8080", "", "localhost.evil.example", "10.0.0.7"):
        assert ask(path, method, host=host).status == 421
    assert dump(url) == before


@pytest.mark.parametrize(("method", "path"), [*WRITES, *(("GET", path) for path in PLOTS), ("GET", "/dashboard")])
def test_whoever_does_not_know_the_token_changes_and_sees_nothing(locked, url, method, path):
    before = dump(url)
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "automl_nn=wrong"}, {"Authorization": TOKEN}):
        answer = locked(path, method, host="studies.example", headers=wrong)
        assert answer.status == 401
        assert "tumours" not in answer.text
    assert dump(url) == before


@pytest.mark.parametrize("allow_decisions", [False, True])
def test_the_guard_alone_lets_a_decision_through_only_where_they_are_allowed(browser_of, allow_decisions):
    asked = []

    def app(environ, start):
        asked.append(environ["REQUEST_METHOD"])
        start("200 OK", [])
        return []

    guarded = browser_of(Guard(app, token=None, hosts=LOOPBACK, allow_decisions=allow_decisions))
    guarded("/automl/studies/1/decision", "POST")
    guarded("/automl/studies/1/decision", "DELETE")
    guarded("/automl/studies/1", "POST")
    assert asked == ["POST"] * allow_decisions


def test_the_leave_for_others_that_an_app_gives_is_taken_back(browser_of):
    def app(_environ, start):
        start("200 OK", [("Access-Control-Allow-Origin", "*"), ("X-Kept", "yes")])
        return []

    answer = browser_of(Guard(app, token=None, hosts=LOOPBACK, allow_decisions=False))("/artifacts/1/2")
    assert answer.headers["X-Kept"] == "yes"
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", PLOTS)
def test_plots_that_eat_the_server_point_to_our_pages(ask, path):
    answer = ask(path)
    assert answer.status == 403
    assert "/automl/" in answer.json["reason"]


def test_optuna_dashboard_and_our_pages_are_read_from_this_machine(ask):
    assert ask("/api/studies").json["study_summaries"]
    assert ask("/").headers["Location"].endswith("/dashboard")
    assert {ask(path).status for path in ("/automl/", "/dashboard", "/dashboard/studies/1", "/api/studies/1")} == {200}


def test_without_a_token_only_this_machine_is_answered(ask):
    assert ask("/automl/", here={"REMOTE_ADDR": "192.168.1.7"}).status == 403
    assert ask("/automl/", here={"REMOTE_ADDR": ""}).status == 403
    assert ask("/automl/", headers={"X-Forwarded-For": "192.168.1.7"}).status == 403
    assert ask("/automl/", host="[::1]:8080", here={"REMOTE_ADDR": "::1"}).status == 200


def test_pages_of_other_sites_get_nothing_in_the_background(ask):
    for site in ("cross-site", "same-site"):
        assert ask("/csv/1", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status == 403
    assert ask("/automl/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 200


def test_every_answer_carries_the_headers_and_no_leave_for_others(ask, locked):
    for answer in (ask("/api/studies"), ask("/automl/"), ask("/automl/", host="evil"), locked("/", host="10.0.0.1")):
        assert dict(HEADERS).items() <= dict(answer.headers).items()
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_our_pages_run_no_script_of_others_and_none_inside_a_page(ask):
    policy = ask("/automl/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy


def test_the_right_token_opens_for_programs(locked):
    answer = locked("/api/studies", host="studies.example", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200


def test_a_browser_trades_the_token_for_a_cookie_that_is_not_the_token(locked):
    asked = locked("/automl/studies/1", host="studies.example")
    assert 'value="/automl/studies/1"' in asked.text
    form = {"token": TOKEN, "next": "/automl/studies/1"}
    answer = locked("/automl/sign-in", "POST", host="studies.example", data=form)
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status, answer.headers["Location"]) == (303, "/automl/studies/1")
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert locked("/automl/", host="studies.example", headers={"Cookie": cookie.partition(";")[0]}).status == 200


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", ""])
def test_signing_in_leads_nowhere_else(locked, target):
    form = {"token": TOKEN, "next": target}
    assert locked("/automl/sign-in", "POST", host="studies.example", data=form).headers["Location"] == "/automl/"


def test_a_wrong_token_is_refused_and_not_repeated(locked):
    answer = locked("/automl/sign-in", "POST", host="studies.example", data={"token": "my-other-password"})
    assert answer.status == 401
    assert "my-other-password" not in answer.text
    assert TOKEN not in answer.text


def test_the_sign_in_page_can_be_drawn_but_no_other_file(locked):
    assert locked("/automl/static/style.css", host="studies.example").status == 200
    assert locked("/static/bundle.js", host="studies.example").status == 401


def test_a_foreign_page_cannot_sign_in_for_somebody(locked):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (
        locked("/automl/sign-in", "POST", host="studies.example", data={"token": TOKEN}, headers=headers).status == 403
    )


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr("automl_nn.web.token.hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    assert not Token(TOKEN).is_known({"HTTP_AUTHORIZATION": "Bearer wrong"})
    assert (b"wrong", TOKEN.encode()) in compared


@pytest.mark.parametrize("target", ["optuna", "pages"])
def test_the_database_itself_refuses_to_be_written_by_what_the_pages_read_with(url, target, monkeypatch):
    taken = SimpleNamespace(storage=None)
    monkeypatch.setattr("optuna_dashboard.wsgi", lambda storage: setattr(taken, "storage", storage))
    make_app(url)
    before = dump(url)
    engine = taken.storage._storage.engine if target == "optuna" else Store.reading(url)._storage.engine
    with pytest.raises(DBAPIError, match="readonly"), engine.begin() as connection:
        connection.execute(StudyTable.__table__.delete())
    assert dump(url) == before
    engine.dispose()


def test_looking_takes_no_lock_from_a_search(url):
    with Store(url) as writer, writer._storage.engine.begin() as writing:  # which holds SQLite's one write lock
        writing.exec_driver_sql("UPDATE studies SET study_name = study_name")
        with Store.reading(url) as reader:
            assert reader.study_names()
            assert reader.optuna.get_all_studies()
