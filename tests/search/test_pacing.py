import math

import numpy as np
import pytest

from automl_nn.search.pacing import LEAST_EPOCHS, Pacing
from automl_nn.search.plan import RESERVE, Budget, Plan


def planned(pacing, paces):
    """The planned epochs after each epoch of a training that goes on until the plan says to end."""
    now, plans = 0.0, []
    for pace in paces:
        now += pace
        plans.append(pacing.after(now))
        if len(plans) >= plans[-1]:
            break
    return plans, now


def test_epochs_that_take_what_was_planned_are_left_alone():
    plans, now = planned(Pacing(20, wanted=90, seconds=20.0), [1.0] * 99)
    assert (set(plans), now) == ({20}, 20.0)


def test_without_a_time_limit_nothing_is_corrected():
    assert set(planned(Pacing(20, wanted=20, seconds=math.inf), [1e9] * 99)[0]) == {20}


@pytest.mark.parametrize("pace", [0.05, 0.3, 3.0])
def test_a_pace_that_was_measured_in_another_moment_is_corrected(pace):
    plans, now = planned(Pacing(20, wanted=900, seconds=20.0), [pace] * 900)
    assert 0.7 * 20 < now < 1.1 * 20
    assert len(plans) == plans[-1]


def test_a_training_that_grows_slow_ends_its_schedules_earlier():
    plans, now = planned(Pacing(20, wanted=20, seconds=20.0), [1.0] * 10 + [3.0] * 90)
    assert 10 < plans[-1] < 15
    assert now < 25.0
    assert plans == sorted(plans, reverse=True)


def test_a_training_is_not_made_longer_once_its_schedules_have_come_far():
    assert set(planned(Pacing(20, wanted=99, seconds=20.0), [1.0] * 10 + [0.1] * 90)[0]) == {20}


def test_no_more_epochs_are_trained_than_are_wanted():
    assert planned(Pacing(2, wanted=7, seconds=20.0), [0.5] * 99)[0][-1] == 7


def test_a_plan_never_ends_before_the_epochs_that_are_done():
    for n_epochs in (1, 2, 9):
        plans, _ = planned(Pacing(n_epochs, wanted=9, seconds=1.0), [1e6] * 9)
        assert (np.array(plans) >= np.arange(1, len(plans) + 1)).all()


@pytest.mark.parametrize(("pace", "n_epochs"), [(1.0, 19), (5.0, 4), (8.0, 7), (20.0, 2)])
def test_a_stack_takes_all_the_time_where_the_rest_would_not_be_worth_a_trial(pace, n_epochs):
    plan = Plan(Budget(n_trials=None, timeout=60.0), largest=8)
    assert plan.pacing(99, seconds_per_epoch=lambda _: pace).n_epochs == n_epochs
    assert n_epochs * pace <= RESERVE * 60.0


@pytest.mark.parametrize("wanted", [1, 9])
def test_a_trial_that_is_not_cut_is_worth_its_time(wanted):
    assert Pacing(wanted, wanted=wanted, seconds=1.0).is_worthwhile
    assert Pacing(LEAST_EPOCHS, wanted=9, seconds=1.0).is_worthwhile
    assert not Pacing(LEAST_EPOCHS - 1, wanted=9, seconds=1.0).is_worthwhile
