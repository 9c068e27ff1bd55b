import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from automl_nn.decide.cells import Sample, tally
from automl_nn.decide.rules import RULES, THEORY, Scale, Sweep, best_cut, bootstrap_median, smoothed_sweep
from automl_nn.decide.threshold import Pull, choose_threshold
from automl_nn.decide.utilities import UTILITIES, Constraints, cost, net_benefit


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


def _calibrated(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(-2, 2, size=n_rows)
    return scores, (rng.random(n_rows) < expit(scores)).astype(float)


@pytest.mark.parametrize(
    ("utility", "expected"),
    [
        (cost(fp=1, fn=9), lambda f, share: 0.1),
        (cost(fp=3, fn=9, tp=2, tn=1), lambda f, share: 2 / 9),
        (net_benefit(0.3), lambda f, share: 0.3),
        (UTILITIES["accuracy"], lambda f, share: 0.5),
        (UTILITIES["balanced_accuracy"], lambda f, share: share),
        (UTILITIES["f1"], lambda f, share: f / 2),
        (UTILITIES["f2"], lambda f, share: f / 5),
    ],
    ids=lambda case: getattr(case, "name", ""),
)
def test_on_calibrated_scores_theory_is_where_the_best_cut_off_is(utility, expected):
    scores, y = _calibrated(400_000)
    choice = choose_threshold(scores, y, utility=utility, are_logits=True, n_bootstrap=10)
    assert expit(choice.theory) == pytest.approx(expected(choice.utility, y.mean()), abs=0.01)
    assert expit(choice.threshold) == pytest.approx(expit(choice.theory), abs=0.04)
    assert THEORY in choice.out_of_bag
    assert not choice.warnings


def test_theory_is_taken_where_it_proves_better_and_scores_that_contradict_it_are_told():
    rules = [choose_threshold(*_calibrated(600, s), utility=cost(fp=1, fn=9), are_logits=True).rule for s in range(8)]
    assert THEORY in rules
    scores, y = _calibrated(4000)
    wrong = choose_threshold(scores + 4, y, utility=cost(fp=1, fn=9), are_logits=True)
    assert wrong.rule != THEORY
    assert "do not read them as probabilities" in wrong.warnings[0]


def test_scores_of_another_unit_have_no_theory():
    scores, y = _calibrated(400)
    assert choose_threshold(scores, y, utility="f1").theory is None
    assert choose_threshold(scores, y, utility="mcc", are_logits=True).theory is None


def test_few_rows_are_drawn_to_the_threshold_of_others():
    scores, y = _rows(120, 0.08)
    own, drawn, far = (
        choose_threshold(scores, y, utility="f1", pull=pull) for pull in (None, Pull(-1.0), Pull(-1.0, n_rows=1e9))
    )
    assert -1 < drawn.threshold < own.threshold
    share = y.sum() / (y.sum() + 5)
    assert drawn.threshold == pytest.approx(share * own.threshold - (1 - share), abs=0.1)
    assert far.threshold == pytest.approx(-1, abs=0.1)
    assert drawn.rule.endswith("drawn to that of all labels")
