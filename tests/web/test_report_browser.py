"""The report as a reader sees it: a real browser without network, on a screen and on paper."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from automl_nn.cli import main
from automl_nn.errors import InputError
from automl_nn.results.stored import StoredResults
from automl_nn.store.store import Store
from automl_nn.web.pdf import find_browser, pdf_of
from automl_nn.web.report import report, report_html


def has_browser():
    try:
        return bool(find_browser())
    except InputError:
        return False


pytestmark = [pytest.mark.skipif(not has_browser(), reason="needs Chromium, Chrome or Edge"), pytest.mark.slow]


@pytest.fixture
def page_file(url, own_folder):
    """A report of the study that was really tuned."""
    results = StoredResults.within(Store.reading(url), "tumours", url=url)
    file = own_folder / "report.html"
    file.write_text(report_html(report(results)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1200, 390])
def test_it_is_read_without_network_and_without_script(browser, page_file, width):
    context = browser.new_context(java_script_enabled=False, offline=True, viewport={"width": width, "height": 900})
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(page_file.as_uri())
    assert asked == [page_file.as_uri()]
    assert said == []
    assert page.locator("svg.still").count() > 5
    assert page.locator("svg.still").first.is_visible()
    assert page.locator("body").bounding_box()["width"] <= width
    page.locator("nav a", has_text="Decision").click()
    assert page.locator("#decision-title").is_visible()
    folder = os.environ.get("AUTOML_NN_SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/report-{width}.png", full_page=True)
    context.close()


def test_nothing_serious_keeps_anyone_from_reading_it(browser, page_file):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    context.close()


def test_it_prints_as_a_pdf(page_file):
    printed = pdf_of(page_file.read_text(encoding="utf-8"), browser=find_browser())
    assert printed.startswith(b"%PDF")
    assert len(printed) < 3_000_000


def test_the_command_writes_the_pdf_beside_the_page(url, own_folder):
    assert main(["report", "binary", "-o", "out.html", "--pdf", "--storage", url]) == 0
    assert (own_folder / "out.pdf").read_bytes().startswith(b"%PDF")
