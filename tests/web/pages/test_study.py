import html
import re

import numpy as np
import pytest

from automl_nn.store import looks
from automl_nn.web.files import render
from automl_nn.web.pages import study as study_pages
from automl_nn.web.pages.board import N_ROWS, View, board
from automl_nn.web.pages.study import study_page

from ..conftest import HOSTILE, STUDIES, begin_study, begin_trial


@pytest.fixture
def many(results):
    """A study of 75 trials of a few kinds."""
    store = results("empty").store
    study_id = store.study_id("empty")
    rng = np.random.default_rng(0)
    for number in range(75):
        claim = begin_trial(store, study_id, n_epochs=1)
        if number % 5 == 4:
            store.fail(claim, ValueError(f"too wild at step {number}"), seconds=1.0)
        else:
            from automl_nn.store.records import Outcome

            state = "pruned" if number % 5 == 3 else "complete"
            outcome = Outcome(state=state, score=float(rng.normal()), seconds=float(number), n_parameters=number)
            store.finish(claim, outcome)
    return results("empty")


@pytest.mark.parametrize("name", STUDIES)
def test_every_kind_of_study_has_a_page(ask, ids, name):
    answer = ask(f"/automl/studies/{ids[name]}")
    assert answer.status == 200
    assert (
        f"<h1>{html.escape(name, quote=True).replace('&#x27;', '&#39;').replace('&quot;', '&#34;')}</h1>" in answer.text
    )
    assert "<img src=x" not in answer.text
    assert "<b>too wild" not in answer.text


def test_the_verdict_is_that_of_the_command_line_and_comes_first(results, ask, ids, monkeypatch):
    found = results("tumours")
    text = html.unescape(ask(f"/automl/studies/{ids['tumours']}").text)
    assert text.index(f'<p class="lead">{found.verdict()}</p>') < text.index("On the rows that choose, trial")
    assert study_page(results("empty")).verdict == ""
    page = study_page(found)
    monkeypatch.setattr(type(found), "verdict", None)  # what was said of as many trials is not counted again
    assert page.verdict == study_page(found).verdict


def test_the_numbers_are_those_of_the_store(results):
    page = study_page(results("tumours"))
    trials, found = results("tumours").store.trials(page.study_id), results("tumours")
    assert page.best == (found.best_number, found.best_score)
    assert page.counts == trials["state"].value_counts().to_dict()
    assert page.seconds == pytest.approx(trials["seconds"].sum())
    assert page.n_epochs == len(found.epochs())
    listed = {row.number: row.score for row in page.board.rows}
    assert listed == dict(zip(trials["number"], trials["score"], strict=True))
    curve = found.epochs(page.best[0])["score"].tolist()
    assert [row.curve for row in page.board.rows if row.number == page.best[0]] == [tuple(curve)]
    assert {ref.words: ref.score for ref in page.references} == {
        {"linear": "a linear model", "boosting": "untuned boosting"}[row["name"]]: row["score"]
        for row in found.references().to_dict("records")
    }


def test_the_chart_holds_every_trial_and_the_references(results):
    page = study_page(results("tumours"))
    n_points = sum(len(series.y) for series in page.progress.series if series.kind == "points")
    hidden = int(re.match(r"\d+", page.progress.note or "0")[0])
    assert n_points + hidden == page.n_trials
    assert [level.name for level in page.progress.levels] == [reference.words for reference in page.references]
    (best,) = [series for series in page.progress.series if series.name == "best so far"]
    assert best.y[-1] == page.best[1]


@pytest.mark.parametrize("column", ["number", "score", "seconds", "n_parameters", "state"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_list_is_sorted_as_pandas_sorts_it(many, column, order):
    store, study_id = many.store, many.store.study_id("empty")
    runs = store.read(lambda connection: looks.runs(connection, study_id))
    expected = runs.sort_values(column, ascending=order == "asc", kind="stable", na_position="last")["number"].tolist()
    pages = [board(store, study_id, runs, View(column, order, page=page)) for page in (1, 2, 3)]
    assert [row.number for page in pages for row in page.rows] == expected
    assert pages[0].n_pages == -(-75 // N_ROWS)


def test_the_list_is_filtered_by_state_and_by_text(many):
    found = study_page(many, View(state="failed", text="STEP 49")).board
    assert [row.number for row in found.rows] == [49]
    assert study_page(many, View(text="100%_!")).board.n_found == 0
    assert study_page(many, View(text="valueerror")).board.n_found == 15
    assert study_page(many, View(text="batch_size")).board.n_found == 75
    assert study_page(many, View(state="pruned")).board.n_found == 15


def test_a_page_behind_the_last_one_is_the_last_one(many):
    assert study_page(many, View(page=99)).board.view.page == -(-75 // N_ROWS)


@pytest.mark.parametrize(
    "query", ["?sort=<b>&order=up&page=-1&state=odd", "?page=9999999999", "?text=%3Cscript%3E&page=²"]
)
def test_nonsense_in_the_address_is_left_out(ask, ids, query):
    answer = ask(f"/automl/studies/{ids['tumours']}{query}")
    assert answer.status == 200
    assert "<script>" not in answer.text.replace('<script type="application/json">', "")


def test_heads_lead_to_lists_sorted_the_other_way(ask, ids):
    text = ask(f"/automl/studies/{ids['tumours']}?sort=seconds").text
    assert 'aria-sort="descending"' in text
    assert 'href="?sort=seconds&amp;order=asc#trials"' in text
    assert View.of({"sort": "seconds", "order": "asc"}).sorted_by("seconds") == "?sort=seconds"
    assert View.of({}).sorted_by("score") == "?order=asc"


def test_failures_are_grouped_on_the_page(many):
    (group,) = study_page(many).failures
    assert (group.failure, group.n_trials, group.numbers) == ("ValueError", 15, (4, 9, 14, 19, 24))


def test_what_choices_were_worth_is_computed_once_for_so_many_trials(many, monkeypatch):
    calls = []
    monkeypatch.setattr(study_pages, "_worth", lambda *given: calls.append(given) or "worth")
    runs = many.store.read(lambda connection: looks.runs(connection, many.store.study_id("empty")))
    assert study_pages.worth_of(many, runs) == study_pages.worth_of(many, runs) == "worth"
    assert study_pages.worth_of(many, runs.iloc[:50]) == "worth"
    assert len(calls) == 2


def test_of_very_many_trials_an_even_share_is_compared(many, monkeypatch):
    monkeypatch.setattr(study_pages, "MOST_COMPARED", 20)
    page = study_page(many)
    assert page.worth.n_trials == 20
    assert "an even sample of 20 of the 75 trials" in render("_study.html", page=page, still=True)
    monkeypatch.setattr(study_pages, "MOST_COMPARED", 75)
    study_pages._WORTH.clear()
    assert "even sample" not in render("_study.html", page=study_page(many), still=True)


def test_a_study_that_runs_says_so(results, ask, ids):
    assert [trial.number for trial in study_page(results("running")).now.running] == [0]
    assert "1 running" in ask(f"/automl/studies/{ids['running']}").text


def test_the_part_of_the_page_that_follows_a_search_tells_what_is_new(ask, ids, results, many):
    path = f"/automl/studies/{ids['running']}"
    assert f'data-live="{path}/live?shown=0"' in ask(path).text
    assert "epoch 3 of 10" in ask(f"{path}/live?shown=0").text
    assert ask(f"/automl/studies/{ids['empty']}/live?shown=75").text.strip() == ""
    assert "to see 2 more trials" in ask(f"/automl/studies/{ids['empty']}/live?shown=73").text
    assert ask("/automl/studies/999/live").status == 404


def test_a_study_that_was_pruned_away_has_a_page(results, ask, ids):
    from automl_nn.store.records import Outcome

    store = results("empty").store
    store.finish(begin_trial(store, ids["empty"]), Outcome(state="pruned", score=0.4, seconds=1.0))
    page = study_page(results("empty"))
    assert (page.best, page.summary) == (None, "No trial is complete yet.")
    assert ask(f"/automl/studies/{ids['empty']}").status == 200


def test_a_trial_without_a_config_is_listed(results, url):
    from automl_nn.store.claims import Worker

    store = results("empty").store
    store.claim(store.study_id("empty"), n_trials=None, worker=Worker.this())
    (row,) = study_page(results("empty")).board.rows
    assert (row.state, row.changes, row.curve) == ("running", (), ())


def test_the_command_that_made_a_study_continues_it(url, results, ask):
    words = ["automl-nn", "tune", "a b.csv", "--target", HOSTILE]
    store = results("empty").store
    task = results("empty").task
    study_id = begin_study(store, "told", task, np.zeros((10, 1)), about={"command": words})
    text = ask(f"/automl/studies/{study_id}").text
    assert "automl-nn tune &#39;a b.csv&#39;" in text
    assert "--timeout 10m" in text
    assert "<img" not in text.replace('<img src="/automl/static', "")
