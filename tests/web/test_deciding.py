"""Saving from the page: only where it is allowed, and only from a page of this server."""

import re

import pytest

from automl_nn.decide.decision import Decision
from automl_nn.store.store import Store
from automl_nn.web.app import make_app
from automl_nn.web.deciding import SEAL
from automl_nn.web.routes import make_pages
from automl_nn.web.source import Source


@pytest.fixture
def allowed(url, browser_of):
    return browser_of(make_app(url, allow_decisions=True))


def form_of(answer):
    """The fields of the form that saves, and the cookie that belongs to it."""
    (form,) = re.findall(r'<form method="post".*?</form>', answer.text, flags=re.DOTALL)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    return fields, answer.headers["Set-Cookie"].partition(";")[0]


def n_saved(url, study_id):
    with Store.existing(url) as store:
        return len(store.decisions(study_id))


def test_what_is_saved_is_what_was_shown(allowed, ids, url):
    path = f"/automl/studies/{ids['binary']}/decision"
    fields, cookie = form_of(allowed(f"{path}?aim=cost&fp=1&fn=9"))
    answer = allowed(path, "POST", data=fields, headers={"Cookie": cookie, "Origin": "http://localhost:8080"})
    assert answer.status == 303
    with Store.existing(url) as store:
        (row,) = store.decisions(ids["binary"]).to_dict("records")
    decision = Decision.from_json(row["result"])
    assert decision.goal.describe() == "cost(fp=1, fn=9)"
    assert f"{decision.thresholds[0]:.4f}" in allowed(answer.headers["Location"]).text
    assert row["spec"]["members"] == {"0": 1.0}
    assert allowed(answer.headers["Location"]).text.count("Saved as decision 3") == 1


def test_the_pages_themselves_save_nothing_where_it_is_not_allowed(browser_of, ids, url):
    pages, path = browser_of(make_pages(Source(url))), f"/automl/studies/{ids['binary']}/decision"
    answer = pages(path, "POST", data={SEAL: "x" * 32}, headers={"Cookie": f"{SEAL}={'x' * 32}"})
    assert answer.status == 403
    assert n_saved(url, ids["binary"]) == 0


def test_the_page_of_a_server_that_reads_only_has_no_form_to_save(ask, ids):
    assert 'method="post"' not in ask(f"/automl/studies/{ids['binary']}/decision").text


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {}},
        {"headers": {}, "fields": {"automl_nn_form": ""}},
        {"headers": {"Cookie": "automl_nn_form=" + "x" * 32}},
        {"fields": {"automl_nn_form": ""}},
        {"fields": {"automl_nn_form": "y" * 32}},
        {"headers": {"Origin": "http://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}},
        {"host": "evil.example"},
    ],
)
def test_a_form_from_elsewhere_saves_nothing(allowed, ids, url, change):
    path = f"/automl/studies/{ids['binary']}/decision"
    fields, cookie = form_of(allowed(path))
    headers = {"Cookie": cookie} | change.get("headers", {}) if change.get("headers") != {} else {}
    sent = fields | change.get("fields", {})
    answer = allowed(path, "POST", data=sent, headers=headers, host=change.get("host", "localhost:8080"))
    assert answer.status in (403, 421)
    assert n_saved(url, ids["binary"]) == 0


@pytest.mark.parametrize("wrong", [{"aim": "nonsense"}, {"logit": "x"}, {"logit": "nan"}, {"trial": "99"}])
def test_a_form_that_asks_for_the_impossible_saves_nothing(allowed, ids, url, wrong):
    path = f"/automl/studies/{ids['binary']}/decision"
    fields, cookie = form_of(allowed(path))
    answer = allowed(path, "POST", data=fields | wrong, headers={"Cookie": cookie})
    assert answer.status in (400, 404)
    assert n_saved(url, ids["binary"]) == 0


def test_nothing_but_decisions_can_be_written_where_they_are_allowed(allowed, ids, url):
    for method, path in (
        ("DELETE", "/api/studies/1"),
        ("POST", "/api/studies/1/rename"),
        ("POST", "/automl/studies/1"),
    ):
        assert allowed(path, method, json={}).status == 403
    assert allowed(f"/automl/studies/{ids['binary']}/decision", "DELETE").status == 403
