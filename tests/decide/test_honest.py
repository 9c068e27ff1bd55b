import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score

from automl_nn.decide.threshold import choose_threshold


def _rows(n_positives, n_negatives, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([1.0, 0.0], [n_positives, n_negatives])
    return rng.normal(1.5 * y), y


@pytest.mark.parametrize("n_positives", [12, 60])
def test_the_interval_covers_the_worth_on_new_rows_and_the_promise_is_kept(n_positives):
    covered, errors = [], []
    for seed in range(60):
        choice = choose_threshold(*_rows(n_positives, 600, seed), utility="balanced_accuracy", seed=seed)
        truth = (norm.sf(choice.threshold - 1.5) + norm.cdf(choice.threshold)) / 2
        covered.append(choice.utility_interval[0] <= truth <= choice.utility_interval[1])
        errors.append(choice.utility - truth)
    assert 0.8 <= np.mean(covered) <= 0.98
    assert abs(np.mean(errors)) < 0.02


def test_optimism_is_what_the_rule_gains_on_the_rows_that_it_saw():
    plain, smooth = (
        np.mean([choose_threshold(*_rows(20, 400, s), utility="f1", rule=rule).optimism for s in range(10)])
        for rule in ("exact sweep", "smoothed sweep")
    )
    assert plain > smooth > 0


def test_without_a_missed_row_the_interval_still_has_a_width():
    scores, y = np.r_[np.linspace(2, 3, 30), np.linspace(0, 1, 300)], np.repeat([1.0, 0.0], [30, 300])
    choice = choose_threshold(scores, y, utility="balanced_accuracy")
    assert balanced_accuracy_score(y, scores >= choice.threshold) == 1
    assert choice.utility_interval[0] < 0.99
    assert choice.utility_interval[1] == 1


@pytest.mark.parametrize("n_positives", [5, 8])
def test_nothing_is_promised_that_no_action_could_be_worth(n_positives):
    scores, y = _rows(n_positives, 600, seed=0)
    for utility, worst in (("f1", 0), ("mcc", -1), ("balanced_accuracy", 0)):
        choice = choose_threshold(np.flip(scores), y, utility=utility)
        low, high = choice.utility_interval
        assert worst <= low <= choice.utility <= high <= 1


def test_rows_that_come_in_groups_make_the_interval_wider():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    y = (rng.random(40) < 0.3).astype(float)[groups]
    scores = rng.normal(y) + rng.normal(size=40)[groups]
    alone, together = (choose_threshold(scores, y, utility="f1", groups=g) for g in (None, groups))
    assert np.ptp(together.utility_interval) > 1.5 * np.ptp(alone.utility_interval)


def test_another_rule_is_taken_only_where_rows_that_did_not_choose_prefer_it():
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], [300, 3000])
    split = np.where(rng.random(3300) < 0.5, 2.01, 0.5) * y + rng.normal(size=3300) * np.where(y == 1, 0.001, 1)
    crowd = np.where((y == 0) & (rng.random(3300) < 0.1), 2.0 + 0.001 * rng.normal(size=3300), split)
    choice = choose_threshold(crowd, y, utility="f1")
    assert choice.rule != "smoothed sweep"
    assert choice.out_of_bag[choice.rule] == max(choice.out_of_bag.values())
    few = choose_threshold(*_rows(19, 400, 0), utility="f1")
    assert (few.rule, few.out_of_bag) == ("smoothed sweep", {})
    assert few.warnings[0].startswith("Only 19 positives")
