"""The pages in a real browser: what a hand, a keyboard, a screen reader and a small screen meet."""

import os
import re
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from automl_nn.results.stored import StoredResults
from automl_nn.store.store import Store
from automl_nn.web.app import make_app
from automl_nn.web.server import Server

CHROMIUM = shutil.which("chromium")
SHOTS = "AUTOML_NN_SCREENSHOTS"
"""The environment variable that names a folder for pictures of every page."""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser named chromium in the path"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Some regimes for parameter"),  # what Optuna dashboard says of few trials
]

TIMEOUT = 60_000
"""Milliseconds after which a page has failed, on a machine that does other things, too."""

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
        with playwright.chromium.launch(executable_path=CHROMIUM, args=root) as started:
            yield started


@pytest.fixture(scope="module")
def site(original, tmp_path_factory):
    """A server that allows decisions: its URL, and that of its database."""
    file = tmp_path_factory.mktemp("site") / "studies.db"
    shutil.copy(original, file)
    server = Server(make_app(f"sqlite:///{file}", allow_decisions=True), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server._server.run, daemon=True)
    thread.start()
    yield server.url.removesuffix("/automl/"), f"sqlite:///{file}"
    server.close()
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def context(chromium, site):
    """One visitor for all tests, whose browser keeps plotly's script."""
    with chromium.new_context(viewport=WIDE, base_url=site[0]) as opened:
        opened.set_default_timeout(TIMEOUT)
        yield opened


@pytest.fixture
def page(context, site):
    """A page that fails the test if it complains, or asks another host for anything."""
    complaints = []
    with context.new_page() as opened:
        opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda asked: None if _is_own(asked.url, site[0]) else complaints.append(asked.url))
        yield opened
    assert complaints == []


def _is_own(url, base):
    return url.startswith((f"{base}/", "data:", "blob:"))


@pytest.fixture(scope="module")
def numbers(site):
    """Labels and calibrated probabilities of the rows that choose, of the study that was tuned."""
    results = StoredResults("tumours", storage=site[1])
    decider = results.decider()
    probability = decider.weigh().probability(decider.output)[:, 1]
    results.store.close()
    return decider.y[:, 0], probability


@pytest.fixture(scope="module")
def ids(site):
    with Store.existing(site[1]) as store:
        return {name: store.study_id(name) for name in store.study_names()}


def paths(ids):
    one = f"/automl/studies/{ids['tumours']}"
    kinds = {name: f"/automl/studies/{ids[name]}/decision" for name in ("multilabel", "multiclass", "regression")}
    more = {
        "events": f"/automl/studies/{ids['events']}/decision?unit=events",
        "errors of events": f"/automl/studies/{ids['events']}/errors",
        "empty": f"/automl/studies/{ids['empty']}",
        "failed": f"/automl/studies/{ids['failed']}",
        "failed trial": f"/automl/studies/{ids['failed']}/trials/0",
    }
    first = {"studies": "/automl/", "study": one, "trial": f"{one}/trials/0", "decision": f"{one}/decision"}
    return first | {"data": f"{one}/data", "errors": f"{one}/errors"} | kinds | more


def shown(page):
    """The numbers that the page shows at its threshold."""
    names = {"tp": "#tp", "fp": "#fp-count", "fn": "#fn-count", "tn": "#tn", "precision": "#precision"}
    names |= {"recall": "#recall", "f1": "#f1", "cost": "#cost"}
    return {name: float(page.text_content(place)) for name, place in names.items()}


def settle(page):
    """Wait until the page has drawn what was asked of it."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def follow(page, text):
    """Click what sends a form or loads a page, and wait for the page that answers: a click alone does not wait."""
    with page.expect_navigation():
        page.click(f"text={text}")


def by_sklearn(y, probability, threshold, *, fp, fn):
    """The same numbers, computed by scikit-learn."""
    marked = probability >= threshold
    counts = dict(zip(("tn", "fp", "fn", "tp"), map(float, confusion_matrix(y, marked).ravel()), strict=True))
    scores = {"precision": precision_score(y, marked), "recall": recall_score(y, marked), "f1": f1_score(y, marked)}
    return counts | scores | {"cost": fp * counts["fp"] + fn * counts["fn"]}


@pytest.mark.parametrize(("key", "times"), [("ArrowLeft", 12), ("ArrowRight", 12), ("Home", 1)])
def test_everything_follows_the_threshold_to_what_scikit_learn_computes(page, ids, numbers, key, times):
    page.goto(paths(ids)["decision"])
    page.fill("#fp", "2")
    page.fill("#fn", "30")
    before = shown(page)
    page.focus("#threshold")
    for _ in range(times):
        page.keyboard.press(key)
    settle(page)
    at = page.evaluate("JSON.parse(document.getElementById('numbers').textContent).columns.threshold")
    threshold = at[int(page.input_value("#threshold"))]
    assert shown(page) == pytest.approx(by_sklearn(*numbers, threshold, fp=2, fn=30), abs=1e-4)
    assert shown(page) != before
    dot = page.evaluate("document.querySelector('#pr .plot').data.find((one) => one.name === 'this threshold')")
    assert dot["x"] == pytest.approx([shown(page)["recall"]], abs=1e-4)
    page.click("#back")
    settle(page)
    assert shown(page) == before


def test_a_threshold_that_is_typed_becomes_the_nearest_stop(page, ids, numbers):
    page.goto(paths(ids)["decision"])
    page.fill("#go", "0.9")
    page.keyboard.press("Enter")
    settle(page)
    stops = np.array(page.evaluate("JSON.parse(document.getElementById('numbers').textContent).columns.threshold"))
    threshold = stops[abs(stops - 0.9).argmin()]
    assert stops[int(page.input_value("#threshold"))] == threshold
    assert shown(page) == pytest.approx(by_sklearn(*numbers, threshold, fp=1, fn=1), abs=1e-4)
    assert page.url.endswith("/decision")  # the form was not sent


def test_the_form_finds_the_best_decision_for_costs_and_limits(page, ids):
    page.goto(paths(ids)["decision"])
    page.select_option("select[name=aim]", "cost")
    page.fill("#fn", "50")
    page.fill("input[name=min_precision]", "0.5")
    follow(page, "Find the best decision")
    assert "cost(fp=1, fn=50) with precision >= 0.5" in page.text_content("main")
    assert page.input_value("#fn") == "50"
    assert "--cost fp=1,fn=50 --min-precision 0.5" in page.text_content("#repeat")


def test_a_threshold_that_was_set_by_hand_is_saved_and_compared(page, ids, site):
    page.goto(paths(ids)["decision"])
    rows = page.locator("#saved tbody tr").count()
    page.focus("#threshold")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    settle(page)
    expected = shown(page)
    follow(page, "Save the decision")
    assert re.search(r"Saved as decision \d+", page.text_content("main"))
    assert page.locator("#saved tbody tr").count() == rows + 1
    assert "set by hand" in page.locator("#saved tbody tr").first.text_content()
    assert f"--saved {page.url.partition('saved=')[2].partition('#')[0]} " in page.text_content("#deploy")
    with Store.existing(site[1]) as store:
        cut = store.decisions(ids["tumours"]).iloc[-1]["result"]["cuts"][0]
    assert {name: cut["metrics"][name] for name in ("tp", "fp", "fn", "tn")} == pytest.approx(
        {name: expected[name] for name in ("tp", "fp", "fn", "tn")}
    )


def test_ways_lead_to_optuna_dashboard_and_back(page, ids):
    page.goto("/automl/")
    page.click(f'a[href="/dashboard/studies/{ids["tumours"]}"]')
    page.wait_for_selector("text=tumours")
    page.goto(f"/dashboard/studies/{ids['tumours']}/note")
    page.click('a[href$="/decision"]')
    page.wait_for_selector("#threshold")
    assert page.url.endswith(f"/automl/studies/{ids['tumours']}/decision")


def test_pages_follow_a_search_without_being_loaded_again(page, ids, site):
    page.goto("/automl/")
    study = page.context.new_page()
    study.goto(f"/automl/studies/{ids['running']}")
    for one in (page, study):
        one.evaluate("window.isTheSame = true")
    assert "epoch 3 of 10" in study.text_content("main")
    with closing(sqlite3.connect(site[1].removeprefix("sqlite:///"))) as other:
        other.execute("UPDATE automl_runs SET state = 'pruned' WHERE study_id = ?", [ids["running"]])
        other.commit()
    study.wait_for_selector("text=to see 1 more trial")
    page.wait_for_selector("text=nothing running now")
    assert page.evaluate("window.isTheSame")
    assert study.evaluate("window.isTheSame")
    study.click("text=Load the page again")
    study.wait_for_selector("text=1 pruned")
    study.close()


def test_tables_are_sorted_by_a_click_on_their_head(page, ids):
    page.goto(paths(ids)["multilabel"])
    table = page.locator("table[data-sortable]").first
    table.locator("th button", has_text="utility").click()
    column = [float(text) for text in table.locator("tbody tr td:nth-child(4)").all_text_contents()]
    assert column == sorted(column, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_the_keyboard_leads_past_the_head_and_is_always_seen(page, ids):
    page.goto(paths(ids)["decision"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)")


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((one) => window.shifts.push(
  [one.value, ...one.sources.map(({node, previousRect, currentRect}) =>
    [node?.outerHTML?.slice(0, 200) ?? node?.textContent, JSON.stringify([previousRect, currentRect])])])))
  .observe({type: "layout-shift", buffered: true});
"""
"""Notes what moves on a page after it was drawn: how much by the browser's measure, and what."""

STILL = 0.001
"""The least movement that counts, a hundredth of what the Core Web Vitals call good."""


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", PHONE)])
def test_every_page_fits_its_screen_and_nothing_serious_stands_in_the_way_of_anybody(page, ids, tmp_path, scheme, size):
    folder = Path(os.environ.get(SHOTS, tmp_path))
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    page.add_init_script(SHIFTS)
    for name, path in paths(ids).items():
        page.goto(path, wait_until="networkidle")
        settle(page)
        assert [shift for shift in page.evaluate("window.shifts") if shift[0] >= STILL] == [], name
        found = Axe().run(page).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        page.screenshot(path=folder / f"{name}-{scheme}-{size['width']}.png", full_page=True)


def test_without_script_the_numbers_and_pictures_are_there(chromium, site, ids):
    with chromium.new_context(java_script_enabled=False, base_url=site[0]) as context:
        page = context.new_page()
        page.goto(paths(ids)["decision"])
        assert page.locator("figure svg").count() >= 2
        assert np.isfinite(float(page.text_content("#precision")))
        follow(page, "Find the best decision")
        assert page.locator("#best").count() == 1
