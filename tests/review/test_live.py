import io

import pytest
from rich.console import Console

from automl_nn.errors import StorageError
from automl_nn.review.live import IDLE_SECONDS, changes, follow, looks
from automl_nn.search.limits import Limits, note_limits
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store

FACTS = ("train_loss", "val_loss", "score", "train_score", "grad_norm_median", "grad_norm_p90", "grad_norm_max")
FACTS += ("clipped", "skipped", "learning_rate", "rows_per_second")


class Search:
    """A search in a store, one step each time that somebody waits; time goes by with it."""

    def __init__(self, store, *steps, seconds=10.0):
        self.store, self.steps, self.now, self.seconds = store, list(steps), 1000.0, seconds
        self.study_id = store.open_study("demo", spec={"task": {"metric": "roc_auc"}})

    def clock(self):
        return self.now

    def sleep(self, _seconds):
        self.now += self.seconds
        if self.steps:
            self.steps.pop(0)(self)

    def looks(self):
        return looks(self.store, "demo", every=2.0, clock=self.clock, sleep=self.sleep)


def begin(search):
    search.claim = search.store.claim(search.study_id, n_trials=None, worker=Worker.this())
    search.store.begin(search.claim, config={"train": {"n_epochs": 10}}, seed=0)
    search.store.report(search.claim, EpochRow(number=1, metrics={}, seconds=3.0, **dict.fromkeys(FACTS, 0)))


def end(search):
    search.store.finish(search.claim, Outcome("complete", 0.5 + search.claim.number / 10, seconds=3.0))


@pytest.fixture
def store():
    with Store("sqlite://") as opened:
        yield opened


def test_a_search_is_followed_until_it_has_all_its_trials(store):
    search = Search(store, begin, end, begin, end)
    note_limits(store.optuna, search.study_id, Limits(n_trials=2))
    seen = list(search.looks())
    assert [look.n_ended for look in seen] == [0, 0, 1, 1, 2]
    assert [len(look.study.running) for look in seen] == [0, 1, 0, 1, 0]
    assert [look.is_over for look in seen] == [False, False, False, False, True]
    assert seen[-1].report()["best_score"] == 0.6


def test_the_time_left_is_that_of_the_trials_to_come_at_their_pace_so_far(store):
    search = Search(store, begin, end, begin, end)
    note_limits(store.optuna, search.study_id, Limits(n_trials=2))
    first, running, one, *_ = search.looks()
    assert first.seconds_left is None
    assert running.seconds_left == pytest.approx(9 * 3.0)
    assert one.seconds_left == pytest.approx(20.0)


def test_a_time_limit_ends_sooner_than_the_trials(store):
    search = Search(store, begin, end)
    note_limits(store.optuna, search.study_id, Limits(n_trials=100, ends=1025.0))
    seen = list(search.looks())
    assert seen[2].seconds_left == 5.0
    assert seen[-1].now == 1030.0


def test_a_study_that_nobody_works_on_is_left_after_a_while(store):
    search = Search(store)
    note_limits(store.optuna, search.study_id, Limits(n_trials=5))
    assert 1000.0 + IDLE_SECONDS < list(search.looks())[-1].now <= 1000.0 + IDLE_SECONDS + 2 * search.seconds


def test_a_finished_study_is_shown_once(store):
    search = Search(store)
    begin(search)
    end(search)
    assert len(list(search.looks())) == 1


def test_a_line_is_told_for_each_change(store):
    search = Search(store, begin, end, begin, end)
    note_limits(store.optuna, search.study_id, Limits(n_trials=2))
    assert list(changes(search.looks())) == [
        "demo: 0 of 2 done",
        "demo: 1 of 2 done (1 complete), best 0.5000 (trial 0), about 20 s left",
        "demo: 2 of 2 done (2 complete), best 0.6000 (trial 1)",
    ]


def test_a_terminal_shows_bars_and_a_file_shows_lines(store):
    search = Search(store, begin, end)
    note_limits(store.optuna, search.study_id, Limits(n_trials=1))
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    follow(search.looks(), console=terminal)
    shown = terminal.file.getvalue()
    assert "1 of 10" in shown
    assert "━" in shown
    lines = Console(file=io.StringIO())
    follow(search.looks(), console=lines)
    assert lines.file.getvalue() == "demo: 1 of 1 done (1 complete), best 0.5000 (trial 0)\n"


def test_a_study_that_is_not_there_is_named(store):
    with pytest.raises(StorageError, match="Unknown study 'gone'"):
        next(looks(store, "gone", every=1.0))
