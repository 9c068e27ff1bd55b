from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl_nn.data.parting.split import Split
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import pose
from automl_nn.search.refit.networks import Again
from automl_nn.search.refit.plan import RefitPlan, is_worthwhile, lanes, seeds_of_each

FRAME = pd.DataFrame({"x": np.random.default_rng(0).normal(size=200), "y": np.arange(200) % 2})


def again(*seconds):
    return [Again(i, {}, 0, 5, seconds=own) for i, own in enumerate(seconds)]


@pytest.mark.parametrize(
    ("n_train", "n_val", "is_worth"), [(800, 200, True), (950, 50, False), (400_000, 100_000, False)]
)
def test_rows_that_choose_are_learned_where_they_are_many_and_all_of_them_few(n_train, n_val, is_worth):
    split = Split(np.arange(n_train), n_train + np.arange(n_val))
    assert is_worthwhile(replace(pose(FRAME, ["y"]), split=split)) is is_worth


def test_folds_and_embeddings_are_not_trained_again_unasked():
    assert is_worthwhile(pose(FRAME, ["y"]))
    assert not is_worthwhile(pose(FRAME, ["y"], parting=Parting(folds=3)))


def test_those_of_the_greatest_weights_come_first():
    plan = RefitPlan.within(30.0, again(20.0, 5.0, 1.0), n_workers=1)
    assert [trial.run_id for trial in plan.trials] == [0, 2]
    assert (plan.n_seeds, plan.n_chosen) == (1, 3)
    assert plan.seconds <= 30.0


def test_several_networks_of_each_are_trained_where_there_is_time():
    few, many = (RefitPlan.within(1e3, again(*[1.0] * n), n_workers=2) for n in (2, 5))
    assert (few.n_seeds, many.n_seeds) == (2, 1) == (seeds_of_each(2), seeds_of_each(5))
    assert RefitPlan.within(5.0, again(1.0, 1.0), n_workers=1).n_seeds == 1


def test_two_workers_take_half_the_time_of_one():
    one, two = (RefitPlan.within(1e6, again(*[100.0] * 8), n_workers=n) for n in (1, 2))
    assert one.seconds / two.seconds == pytest.approx(2.0, rel=0.05)
    assert RefitPlan.within(1e6, again(*[0.0] * 8, 500.0), n_workers=2).seconds >= 500.0


def test_every_trial_is_in_one_lane_and_lanes_end_together():
    trials = again(*np.random.default_rng(0).uniform(10, 100, size=20))
    dealt = lanes([trials[:5], trials[5:8], *([trial] for trial in trials[8:])], n_workers=3)
    assert sorted(trial.run_id for lane in dealt for stack in lane for trial in stack) == list(range(20))
    ends = [sum(trial.seconds for stack in lane for trial in stack) for lane in dealt]
    assert max(ends) < 1.3 * min(ends)


def test_no_process_is_started_for_nothing():
    assert lanes([again(0.1)], n_workers=4) == [[again(0.1)]]
    assert lanes([], n_workers=4) == [[]]
