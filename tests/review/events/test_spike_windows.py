"""Windows of series that came back in spikes: which are kept, and what is drawn of them."""

from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.results.stored import StoredResults
from automl_nn.review.events.spike_windows import (
    MOST_POINTS,
    PER_TRIAL,
    keep_spike_windows,
    kept_spike_windows,
    recurring,
)
from automl_nn.search.events import TrialEnded
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.problems.study_spec import spec_of
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome, SpikeRow
from automl_nn.store.store import Store
from automl_nn.study import Study
from automl_nn.train.stability import Bands
from automl_nn.web.pages.spikes import study_spikes
from automl_nn.web.pages.trial import trial_page

N_SERIES, N_STEPS, LENGTH = 6, 100, 32
CULPRIT = 2 * N_STEPS + 90
"""A window at the end of the third series, where there are only ten steps left of it."""


@pytest.fixture(scope="module")
def problem():
    """Series with an event each, one of two channels with a gap, and a channel of words."""
    rng = np.random.default_rng(0)
    y = np.zeros((N_SERIES, N_STEPS))
    y[:, [20, 95]] = 1
    frame = pd.DataFrame({"s": np.repeat([f"s{i}" for i in range(N_SERIES)], N_STEPS), "x": rng.normal(size=y.size)})
    frame = frame.assign(z=np.sin(np.arange(y.size)), word=rng.choice(["a", "b"], y.size), y=y.ravel())
    frame.loc[CULPRIT + 1, "x"] = np.nan
    return pose_steps(frame, ["y"], SeriesColumns("s"))


@pytest.fixture
def url(tmp_path, problem):
    """A study with one trial, whose spikes have one window in common that begins elsewhere each time."""
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with Store(url) as store:
        study_id = store.open_study("spiky", spec=spec_of(problem) | {"seed": 0})
        claim = store.claim(study_id, n_trials=1, worker=Worker.this())
        store.begin(claim, config={"model": {"backbone": {"length": LENGTH}}, "train": {"n_epochs": 1}}, seed=0)
        spikes = [SpikeRow(step, "norm", 9.0, [CULPRIT + step, 50 * step]) for step in range(6)]
        numbers = dict.fromkeys(("train_loss", "val_loss", "score", "train_score", "learning_rate", "seconds"), 0.5)
        norms = dict.fromkeys(("grad_norm_median", "grad_norm_p90", "grad_norm_max", "clipped"), 0.5)
        store.report(claim, EpochRow(1, **numbers, **norms, metrics={}, skipped=0, rows_per_second=1.0, spikes=spikes))
        store.finish(claim, Outcome(state="pruned", score=0.5, seconds=1.0))
        keep_spike_windows(store, study_id, problem)
    return url


def test_a_kept_window_holds_the_steps_labels_and_channels_of_the_data(url, problem):
    with Store.existing(url) as store:
        kept = kept_spike_windows(store, 1)
    assert (len(kept), kept.first[0]) == (PER_TRIAL, CULPRIT)
    at = np.arange(CULPRIT, 3 * N_STEPS)
    is_known = np.isfinite(kept.steps[0])
    assert kept.steps[0][is_known].tolist() == (at - 2 * N_STEPS).tolist()
    assert kept.labels[0][is_known].tolist() == problem.y[at, 0].tolist()
    np.testing.assert_allclose(kept.channels[0][is_known], problem.table.frame[["x", "z"]].to_numpy()[at], rtol=1e-6)
    assert np.isnan(kept.channels[0][~is_known]).all()


def test_the_page_of_a_trial_draws_the_windows_that_came_back_most(url):
    page = trial_page(StoredResults("spiky", storage=url), 0)
    assert page.often[0] == ("s2 at 90", 6)
    assert page.windows[0].title == "s2 at 90, in 6 spikes"
    assert [series.name for series in page.windows[0].series] == ["x", "z", "y"]
    label = page.windows[0].series[-1]
    assert dict(zip(label.x, label.y, strict=True)) == {90.0 + i: float(i == 5) for i in range(10)}
    drawn = [value for chart in page.windows for line in chart.series for value in line.y if value is not None]
    assert (min(drawn), max(drawn)) == (0, 1)


def test_the_report_draws_them_whichever_trial_had_the_spikes(url):
    page = study_spikes(StoredResults("spiky", storage=url))
    assert (page.n_spikes, page.n_trials) == (6, 1)
    titles = [chart.title for chart in page.charts]
    assert titles[0] == "s2 at 90, in 6 spikes"
    assert len(titles) == len(set(titles)) > 1
    starts = [int(title.split(" at ")[0][1:]) * N_STEPS + int(title.split(" at ")[1].split(",")[0]) for title in titles]
    assert min(abs(a - b) for a in starts for b in starts if a != b) >= LENGTH


def test_rows_that_are_no_windows_count_where_they_are_equal():
    found = recurring([[4, 5], [5, 6], [5]])
    assert found.to_numpy().tolist() == [[5, 3], [4, 1], [6, 1]]


def test_windows_are_kept_when_their_trial_ends_and_not_only_when_the_search_does(tmp_path, monkeypatch):
    monkeypatch.setattr(Bands, "outside", lambda self, values: np.ones(values.shape, dtype=bool))
    x = np.sin(np.arange(600.0))
    frame = pd.DataFrame({"s": np.repeat(range(6), 100), "x": x, "y": x > 0.9})
    quick = {"model.backbone.name": "tcn", "model.backbone.d_block": 8, "train.n_epochs": 1, "train.n_windows": 32}
    given = {"series": SeriesColumns("s"), "parting": Parting(folds=1), "storage": f"sqlite:///{tmp_path}/s.db"}
    study = Study(frame, "y", settings=quick, **given)
    with closing(study.events(n_trials=2, references=False)) as events:
        next(event for event in events if isinstance(event, TrialEnded))
    with Store.existing(given["storage"]) as store:
        kept = kept_spike_windows(store, 1)
    assert kept is not None
    assert len(kept) > 0


def test_nothing_is_kept_without_spikes(tmp_path, problem):
    with Store(f"sqlite:///{tmp_path / 'calm.db'}") as store:
        study_id = store.open_study("calm", spec=spec_of(problem) | {"seed": 0})
        keep_spike_windows(store, study_id, problem)
        assert kept_spike_windows(store, study_id) is None
    assert MOST_POINTS >= LENGTH
