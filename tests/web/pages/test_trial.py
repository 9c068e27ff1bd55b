import html

import numpy as np
import pytest

from automl_nn.errors import StorageError
from automl_nn.results.stored import StoredResults
from automl_nn.space.draw import flatten
from automl_nn.store.records import EpochRow, Outcome, SpikeRow
from automl_nn.web.pages.trial import MOST_ROWS, MOST_SPIKES, trial_page

from ..conftest import HOSTILE, begin_trial


@pytest.fixture
def tumours(url):
    """The study that was really tuned."""
    return StoredResults("tumours", storage=url)


def test_the_curves_are_those_of_the_store(tumours):
    page, epochs = trial_page(tumours, 1), tumours.epochs(1)
    charts = {chart.title: chart for chart in page.charts}
    score = charts[f"Score: {tumours.task.metric}"]
    assert {series.name: series.y for series in score.series} == {
        "validation": tuple(epochs["score"]),
        "train": tuple(epochs["train_score"]),
    }
    norms = charts["Gradient norms before clipping"]
    assert norms.series[0].y == tuple(epochs["grad_norm_max"])
    assert norms.log_y
    (gap,) = charts["Gap between train and validation"].series
    np.testing.assert_allclose(gap.y, epochs["train_score"] - epochs["score"])
    metrics = {name.partition(".")[2] for name in epochs if name.startswith("val.")}
    assert metrics - {tumours.task.metric} <= set(charts)


def test_the_configuration_stands_beside_that_of_trial_0(tumours):
    page = trial_page(tumours, 1)
    runs = {row["number"]: row["run_id"] for row in tumours.leaderboard().to_dict("records")}
    config, start = (flatten(tumours.store.config(runs[number])) for number in (1, 0))
    assert {line.knob for line in page.knobs} == set(config) | set(start)
    differing = {line.knob for line in page.knobs if line.differs}
    assert differing == {path for path in {*config, *start} if config.get(path) != start.get(path)}
    assert not any(line.differs for line in trial_page(tumours, 0).knobs)


def test_neighbours_are_linked(tumours, ask, ids):
    page = trial_page(tumours, 1)
    assert (page.previous, page.next) == (0, 2)
    assert (trial_page(tumours, 0).previous, trial_page(tumours, 2).next) == (None, None)
    text = ask(f"/automl/studies/{ids['tumours']}/trials/1").text
    assert f'href="/automl/studies/{ids["tumours"]}/trials/2"' in text
    assert f"/dashboard/studies/{ids['tumours']}/trials?numbers=1" in text


@pytest.mark.parametrize("number", [99, 10**6])
def test_a_trial_that_does_not_exist_is_not_found(tumours, ask, ids, number):
    with pytest.raises(StorageError, match=f"no trial {number}"):
        trial_page(tumours, number)
    assert ask(f"/automl/studies/{ids['tumours']}/trials/{number}").status == 404


@pytest.mark.parametrize(
    "name", ["binary", "multilabel", "multiclass", "regression", "events", "failed", "running", HOSTILE]
)
def test_trials_of_every_kind_of_study_have_a_page(ask, ids, name):
    answer = ask(f"/automl/studies/{ids[name]}/trials/0")
    assert answer.status == 200
    assert "<img src=x" not in answer.text


def test_a_failure_is_told_with_where_it_came_from(ask, ids):
    text = ask(f"/automl/studies/{ids['failed']}/trials/0").text
    assert "ValueError" in text
    assert html.escape("<b>too wild</b>") in text
    assert "<b>too wild" not in text


def spiky(store, study_id):
    """A trial with many spikes, the same rows in all, and epochs without numbers."""
    claim = begin_trial(store, study_id, n_epochs=0)
    rows = [*range(MOST_ROWS), 7000]
    spikes = [SpikeRow(step, "loss", float("nan"), [*rows, 9000 + step]) for step in range(MOST_SPIKES + 5)]
    nothing = dict.fromkeys(("train_loss", "val_loss", "score", "train_score"), float("nan"))
    norms = dict.fromkeys(("grad_norm_median", "grad_norm_p90", "grad_norm_max"), 0.0)
    rest = {"clipped": 0.25, "skipped": 3, "learning_rate": 0.1, "seconds": 1.0, "rows_per_second": 9.0}
    store.report(claim, EpochRow(1, **nothing, metrics={}, **norms, **rest, spikes=spikes))
    store.finish(claim, Outcome(state="pruned", score=float("nan"), seconds=1.0))


def test_spikes_are_listed_with_the_rows_that_come_back_first(url, ask, ids):
    results = StoredResults("empty", storage=url)
    spiky(results.store, ids["empty"])
    page = trial_page(results, 0)
    assert (page.n_spikes, len(page.spikes)) == (MOST_SPIKES + 5, MOST_SPIKES)
    assert page.spikes[0].rows == tuple(range(MOST_ROWS))
    assert page.spikes[0].n_rows == MOST_ROWS + 2
    assert page.often[0] == (0, MOST_SPIKES + 5)
    assert (page.n_clipped, page.n_skipped, page.gap) == (0.25, 3, None)
    titles = [chart.title for chart in page.charts]
    assert "Clipped and skipped steps" in titles
    assert "Loss" not in titles
    assert ask(f"/automl/studies/{ids['empty']}/trials/0").status == 200


def test_the_rows_of_spikes_in_series_are_called_steps(url):
    assert "windows" in trial_page(StoredResults("events", storage=url), 0).unit
