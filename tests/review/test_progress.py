import io

import pytest
from rich.console import Console

from automl_nn.review.progress import QUIET_SECONDS, Standing, watch
from automl_nn.search.events import EpochEnded, RefitEnded, RefitStarted, TrialEnded, TrialStarted


def trial(number, *, score=0.5, state="complete", reason=None, n_trials=3):
    return [
        TrialStarted(number, 2, {}),
        EpochEnded(number, 1, 2, score, None),
        EpochEnded(number, 2, 2, score, None),
        TrialEnded(number, state, None if state == "failed" else score, reason, 0, 0.5, number + 1, n_trials),
    ]


class Clock:
    """Each look at it is so many seconds later."""

    def __init__(self, step):
        self.now, self.step = -step, step

    def __call__(self):
        self.now += self.step
        return self.now


def watched(events, *, terminal=False, clock=None, **limits):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=200)
    standing = watch(events, console=console, clock=clock or Clock(1.0), **limits)
    return standing, file.getvalue()


def test_without_a_terminal_each_trial_is_one_line():
    _, text = watched(trial(0) + trial(1), n_trials=3)
    lines = text.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("trial 1 complete 0.5000; 2 of 3, best 0.5000 (trial 0), about 4 s left")


def test_a_failed_trial_is_shown_with_its_reason():
    events = trial(0, state="failed", reason="DivergedError: loss [nan] at step 3")
    for terminal in (False, True):
        assert "failed (DivergedError: loss [nan] at step 3)" in watched(events, terminal=terminal)[1]


def test_a_long_trial_is_heard_of_now_and_then():
    epochs = [EpochEnded(0, number, 100, 0.5, None) for number in range(1, 100)]
    text = watched([TrialStarted(0, 100, {}), *epochs], clock=Clock(1.0))[1]
    assert len(text.splitlines()) == int(100 // QUIET_SECONDS)
    assert "trial 0, epoch 29 of 100" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_a_refit_is_announced_and_ends_the_search(terminal):
    again = [RefitStarted(1, 2, 20.0), RefitEnded(1)]
    text = watched([*trial(0, n_trials=None), *again], terminal=terminal, timeout=60.0)[1]
    assert "training 1 of 2 chosen trials again on all rows, in about 20 s" in text
    assert "trained 1 again" in text
    assert "no further trial would fit" not in text


def test_trials_that_are_trained_together_are_counted():
    started = [TrialStarted(number, 100, {}) for number in range(8)]
    epochs = [EpochEnded(number, epoch, 100, 0.5, None) for epoch in range(1, 6) for number in range(8)]
    assert "8 trials together, epoch 3 of 100" in watched([*started, *epochs], clock=Clock(1.0))[1]
    standing, _ = watched([*started, *epochs, *trial(0)[-1:]])
    assert standing.running == frozenset(range(1, 8))


def test_on_a_terminal_two_bars_show_trials_and_epochs():
    text = watched(trial(0), terminal=True, n_trials=3)[1]
    assert "trials" in text
    assert "epochs" in text
    assert "epoch 2 of 2" in text


def test_the_end_is_where_the_first_limit_is_met():
    standing = Standing(n_trials=10, timeout=100.0, n_done=5, n_here=5)
    assert standing.seconds_left(10.0) == 10.0
    assert standing.seconds_left(95.0) == 5.0
    assert Standing(timeout=100.0).seconds_left(120.0) == 0.0
    assert Standing(n_trials=10).seconds_left(5.0) is None


def test_trials_of_an_earlier_call_do_not_speed_up_the_forecast():
    standing, _ = watched(trial(7, n_trials=10), n_trials=10)
    assert standing.n_done == 8
    assert standing.seconds_left(6.0) == 12.0


@pytest.mark.parametrize(("elapsed", "share"), [(0.0, 0.5), (80.0, 0.8), (500.0, 1.0)])
def test_the_bar_follows_the_limit_that_is_nearer(elapsed, share):
    assert Standing(n_trials=10, timeout=100.0, n_done=5).share(elapsed) == share


def test_an_interruption_passes_through_and_the_terminal_is_given_back():
    def events():
        yield TrialStarted(0, 2, {})
        raise KeyboardInterrupt

    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        watch(events(), console=Console(file=file, force_terminal=True))
    assert file.getvalue().count("\x1b[?25h") == 1


def test_a_resumed_study_shows_its_best_score_before_a_trial_ends():
    standing = Standing().after(EpochEnded(7, 1, 2, 0.4, 0.9))
    assert standing.describe(0.0) == "0 done, best 0.9000"


@pytest.mark.parametrize(
    ("limits", "elapsed", "says_so"),
    [
        ({"timeout": 100.0}, 90.0, True),
        ({"timeout": 100.0, "n_trials": 9}, 90.0, True),
        ({"timeout": 100.0}, 97.0, False),
        ({"timeout": 100.0, "n_trials": 8}, 10.0, False),
        ({"n_trials": 9}, 90.0, False),
    ],
)
def test_a_search_that_ends_before_its_time_is_over_says_why(limits, elapsed, says_so):
    ticks = iter([0.0] * 5 + [elapsed])
    _, text = watched(trial(7), clock=lambda: next(ticks), **limits)
    assert ("before its time limit" in text) == says_so
