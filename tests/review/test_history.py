import numpy as np
import pandas as pd
import pytest

from automl_nn.review.history import costs, failures, history, improvements


@pytest.fixture
def runs():
    rng = np.random.default_rng(0)
    state = rng.choice(["complete", "pruned", "failed", "running"], 300)
    ended = np.isin(state, ["complete", "pruned"])
    table = pd.DataFrame({"number": range(300), "state": state, "score": np.where(ended, rng.normal(size=300), np.nan)})
    table["seconds"] = rng.gamma(2, 3, 300)
    table["failure"] = np.where(state == "failed", rng.choice(["DivergedError", "MemoryError"], 300), None)
    return table.assign(message=[f"stopped at step {n}, loss 1e{n}" for n in range(300)])


def test_the_best_so_far_is_the_running_maximum_of_complete_trials(runs):
    past = history(runs)
    complete = runs["score"].where(runs["state"] == "complete").cummax().ffill()
    expected = complete[runs["state"].isin(["complete", "pruned"])]
    np.testing.assert_allclose(past.best, expected)


def test_improvements_are_the_steps_of_the_best_so_far(runs):
    past = history(runs)
    steps = improvements(past)
    assert [step.score for step in steps] == pd.Series(past.best).dropna().drop_duplicates().tolist()
    assert steps[0].gain is None
    assert sum(step.gain for step in steps[1:]) == pytest.approx(np.nanmax(past.best) - steps[0].score)


def test_failures_are_grouped_by_what_they_say_but_for_numbers(runs):
    groups = failures(runs)
    counted = runs["failure"].value_counts()
    assert {group.failure: group.n_trials for group in groups} == counted.to_dict()
    assert [group.n_trials for group in groups] == sorted(counted, reverse=True)
    first = runs[runs["failure"] == groups[0].failure]
    assert groups[0].numbers == tuple(first["number"].head(5))
    assert groups[0].seconds == pytest.approx(first["seconds"].sum())


def test_costs_are_sums_and_medians_by_state(runs):
    for cost in costs(runs):
        own = runs.loc[runs["state"] == cost.state, "seconds"]
        assert (cost.n_trials, cost.seconds) == (len(own), pytest.approx(own.sum()))
        assert (cost.median, cost.longest) == (pytest.approx(own.median()), own.max())


def test_no_trials_are_no_history(runs):
    none = runs.iloc[:0]
    assert len(history(none).number) == 0
    assert improvements(history(none)) == failures(none) == costs(none) == ()
