import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from io import BytesIO

import pandas as pd
import pytest
from markupsafe import escape

from automl_nn.cli import main
from automl_nn.errors import InputError
from automl_nn.results.stored import StoredResults
from automl_nn.review.words import duration, number
from automl_nn.store.store import Store
from automl_nn.web import pdf
from automl_nn.web.pages.asked import Asked
from automl_nn.web.report import report, report_html

from .conftest import HOSTILE, STUDIES

LIMIT = 3_000_000
LOADING = {"script", "link", "iframe", "object", "embed", "video", "audio", "source", "form", "base"}
VOID = {"meta", "br", "input", "hr", "img", "link"}
"""Elements without an end."""


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open, self.hidden = [], [], [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def results(url):
    """The results of a study, read as a report does."""
    store = Store.reading(url)
    return lambda name: StoredResults.within(store, name, url=url)


@pytest.fixture
def run(capsys):
    """Run a command line: its exit code, standard output and standard error."""

    def run(*words):
        code = main([*map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize("name", STUDIES, ids=range(len(STUDIES)))
def test_every_study_has_a_report_that_loads_nothing_and_runs_no_script(results, name):
    text = report_html(report(results(name)))
    assert len(text.encode()) < LIMIT
    page = Page(text)
    assert page.open == []
    assert not LOADING & set(page.tags)
    assert not any(key in ("srcset", "action") or key.startswith("on") for key, _ in page.attributes)
    assert all(value.startswith("data:image/") for key, value in page.attributes if key == "src")
    assert all(value.startswith("#") for key, value in page.attributes if key in ("href", "xlink:href"))
    assert not re.search(r"url\((?!#)|@import", text)
    names = [value for key, value in page.attributes if key == "id"]
    assert len(names) == len(set(names))
    used = {value for key, value in page.attributes if key in ("for", "aria-labelledby", "aria-describedby")}
    used |= {value[1:] for key, value in page.attributes if key == "href"}
    assert used <= set(names)
    assert name in page.text


def test_names_of_users_are_text_and_nothing_else(results):
    text = report_html(report(results(HOSTILE)))
    assert HOSTILE not in text
    assert str(escape(HOSTILE)) in text
    failed = report_html(report(results("failed")))
    assert "<b>too wild</b>" not in failed
    assert "too wild" in failed


def test_the_numbers_are_those_of_the_store(results):
    study = results("tumours")
    shown, board = report(study), study.leaderboard()
    text = Page(report_html(shown)).text
    best = board[board["state"] == "complete"].iloc[0]
    assert [trial.number for trial in shown.trials] == [best["number"]]
    for value in (best["score"], *board["score"], *study.references()["score"].dropna()):
        assert number(float(value)) in text
    assert duration(float(board["seconds"].sum())) in text
    assert f"{int(best['n_parameters']):,}" in text
    assert study.verdict() in text
    epochs = study.epochs(int(best["number"]))
    assert all(number(value) in text for value in (*epochs["score"], *epochs["train_loss"], *epochs["grad_norm_max"]))
    last = study.store.decisions(study.study_id).iloc[-1]
    assert json.loads(json.dumps(shown.decision.weighed.decision.to_json())) == last["result"]
    assert all(number(float(last[name])) in text for name in ("threshold", "utility"))
    assert len(shown.decision.saved) == 2


def test_several_trials_are_shown_in_full_if_asked(results):
    study = results("tumours")
    shown = report(study, n_best=2)
    complete = study.leaderboard().query("state == 'complete'")
    assert [trial.number for trial in shown.trials] == complete["number"].head(2).tolist()
    assert all(f"trial-{trial.number}-curves" in report_html(shown) for trial in shown.trials)


def test_what_is_not_there_yet_is_said(results):
    words = {name: Page(report_html(report(results(name)))).text for name in ("empty", "failed", "running")}
    assert "No trial has begun yet." in words["empty"]
    assert "No trial is complete" in words["failed"]
    assert "ValueError" in words["failed"]
    assert "1 running" in words["running"]


def test_without_a_saved_decision_the_usual_goal_is_shown(results):
    assert report(results("binary")).decision.form.asked == Asked(aim="f1")


def test_a_report_and_its_tables_are_written_together(run, url, own_folder):
    words = ["report", "tumours", "-o", "out.html", "--tables", "tables.zip", "--storage", url]
    code, out, err = run(*words)
    assert (code, out, err) == (0, "", "written: out.html, tables.zip\n")
    page = (own_folder / "out.html").read_text(encoding="utf-8")
    with zipfile.ZipFile(own_folder / "tables.zip") as archive, Store.existing(url) as store:
        trials = pd.read_csv(BytesIO(archive.read("trials.csv")))
        stored = store.trials(store.study_id("tumours"))
        pd.testing.assert_series_equal(trials["score"], stored["score"])
        assert len(json.loads(archive.read("decisions.json"))) == 2
    assert all(number(score) in page for score in trials["score"])
    assert sorted(path.name for path in own_folder.iterdir() if path.suffix in (".html", ".zip")) == [
        "out.html",
        "tables.zip",
    ]


def test_nothing_is_written_over_unless_forced(run, url, own_folder):
    (own_folder / "out.html").write_text("mine")
    words = ["report", "binary", "-o", "out.html", "--storage", url]
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--force" in err
    assert (own_folder / "out.html").read_text() == "mine"
    assert run(*words, "--force")[0] == 0
    assert (own_folder / "out.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["gone"], "Unknown study 'gone'"),
        (["binary", "-o", "out.pdf"], "ends in .html"),
        (["binary", "-o", "gone/out.html"], "no folder 'gone'"),
        (["binary", "--tables", "gone/tables"], "no folder 'gone'"),
        (["binary", "--best", "0"], "--best"),
        (["binary", "--storage", "sqlite:///gone.db"], "There is no database"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(run, url, own_folder, words, part):
    code, out, err = run("report", *([] if "--storage" in words else ["--storage", url]), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert part in err
    assert [path.name for path in own_folder.iterdir() if not path.name.startswith("studies.db")] == []


def test_a_database_that_may_only_be_read_is_read(run, url, own_folder):
    Store(url).close()  # a file that was never written to by us is not in WAL mode, which only a writer can set
    read_only = f"sqlite:///file:{own_folder}/studies.db?mode=ro&uri=true"
    assert run("report", "binary", "--storage", read_only)[0] == 0


def test_without_a_browser_one_sentence_says_so(run, url, own_folder, monkeypatch):
    monkeypatch.setattr(pdf, "BROWSERS", ())
    monkeypatch.setattr(pdf, "PLACES", ())
    code, out, err = run("report", "binary", "--pdf", "--storage", url)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "neither Chromium, Chrome nor Edge is installed" in err
    assert not (own_folder / "report.html").exists()


def test_a_browser_that_fails_is_named():
    with pytest.raises(InputError, match=r"cannot print the report .*leave --pdf out"):
        pdf.pdf_of("<p>", browser=sys.executable)


@pytest.mark.slow
def test_reading_a_report_waits_for_no_torch(url):
    program = (
        "import sys; from automl_nn.cli import main; "
        f"assert main(['report', 'binary', '--storage', {url!r}]) == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
