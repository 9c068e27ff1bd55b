import numpy as np
import pytest
from scipy.stats import norm

from automl_nn.decide.cells import Sample, tally
from automl_nn.decide.rules import RULES, Scale, Sweep, best_cut, bootstrap_median, smoothed_sweep
from automl_nn.decide.threshold import choose_threshold
from automl_nn.decide.utilities import UTILITIES, Constraints


def _rows(n_rows=400, share=0.2, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < share).astype(float)
    return rng.normal(1.5 * y), y


def _sweep(scores, y, utility="f1", *, constraints=None):
    cells = tally(scores, y, np.ones(len(y)))
    sample = Sample(cells.positives[None], cells.negatives[None])
    return cells, Sweep(sample, UTILITIES[utility], constraints or Constraints(), Scale.of(cells))


def test_the_scale_makes_the_frequent_class_normal_and_spreads_the_rare_one():
    scores, y = _rows(2000)
    cells, sweep = _sweep(scores, y)
    drawn = np.repeat(sweep.scale.cells, cells.negatives.astype(int))
    assert (drawn.mean(), drawn.std()) == pytest.approx((0, 1), abs=0.01)
    assert (np.diff(sweep.scale.reached, axis=1) <= 0).all()
    width = norm.ppf(sweep.scale.reached[300, 700]) / (sweep.scale.cells[300] - sweep.scale.cuts[700])
    assert 1 / width == pytest.approx(y.sum() ** -0.2 * 1.05, rel=0.1)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("utility", ["mcc", "balanced_accuracy"])
def test_mirrored_classes_and_scores_give_mirrored_actions(rule, utility):
    for share in (0.1, 0.9):
        scores, y = _rows(share=share)
        plain = choose_threshold(scores, y, utility=utility, rule=rule)
        mirrored = choose_threshold(-scores, 1 - y, utility=utility, rule=rule)
        assert np.mean((scores >= plain.threshold) == (-scores >= mirrored.threshold)) < 0.05


@pytest.mark.parametrize("rule", RULES)
def test_with_many_rows_every_rule_finds_the_best_cut_off_of_normal_classes(rule):
    scores, y = _rows(40_000, share=0.5)
    choice = choose_threshold(scores, y, utility="balanced_accuracy", rule=rule)
    assert choice.threshold == pytest.approx(0.75, abs=0.1)


def test_smoothing_costs_less_than_the_sweep_where_positives_are_few():
    def lost(rule):
        cuts = [choose_threshold(*_rows(150, 0.1, seed), utility="youden", rule=rule).threshold for seed in range(30)]
        return np.mean([0.75 - (norm.sf(cut - 1.5) - norm.sf(cut)) for cut in cuts])

    assert lost("smoothed sweep") < 0.5 * lost("exact sweep") + 0.5 * 0.2


def test_the_median_is_given_up_where_it_falls_between_two_groups_of_cut_offs():
    scores = np.r_[np.linspace(9, 10, 30), np.linspace(1, 2, 30), np.linspace(3, 8, 60), np.linspace(-2, 0, 400)]
    y = np.r_[np.ones(60), np.zeros(460)]
    cells, sweep = _sweep(scores, y)
    cut = cells.cuts[bootstrap_median(sweep)[0]]
    assert not 3 < cut < 8


def test_each_sample_is_settled_as_if_it_were_alone():
    scores, y = _rows()
    cells, sweep = _sweep(scores, y, "mcc", constraints=Constraints(min_recall=0.3))
    samples = cells.resample(7, rng=np.random.default_rng(0))
    both = Sweep(samples, sweep.utility, sweep.constraints, sweep.scale)
    for rule in (RULES[name] for name in RULES if name != "bootstrap median"):
        alone = [
            rule(Sweep(Sample(p[None], n[None]), sweep.utility, sweep.constraints, sweep.scale))[0]
            for p, n in zip(*samples, strict=True)
        ]
        assert rule(both).tolist() == alone
    assert smoothed_sweep(both).shape == (7,)


def test_the_middle_of_equal_neighbours_is_taken_on_every_row():
    utility = np.array([[0.1, 0.5, 0.5, 0.5, 0.2], [0.9, 0.9, 0.1, 0.9, 0.9]])
    assert best_cut(utility, np.zeros((2, 5))).tolist() == [2, 0]
    assert best_cut(utility, np.array([[1.0, 1, 1, 1, 0], [0.0, 0, 0, 0, 0]])).tolist() == [4, 0]
