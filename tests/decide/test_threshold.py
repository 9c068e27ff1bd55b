import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics as sk

from automl_nn.decide.rules import RULES
from automl_nn.decide.scorers import scorer_utility
from automl_nn.decide.threshold import LIMIT, choose_threshold
from automl_nn.decide.utilities import UTILITIES, Constraints, Utility, cost
from automl_nn.errors import DecisionError

FAST = {"n_bootstrap": 20}
FREE_UTILITIES = [name for name in UTILITIES if name not in ("precision", "recall", "marked")]


def _rows(n_rows=400, share=0.2, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < share).astype(float)
    return rng.normal(1.5 * y), y


@st.composite
def samples(draw):
    """Scores with ties, and at least five rows of either class."""
    n = draw(st.integers(10, 60))
    scores = draw(st.lists(st.integers(-8, 8), min_size=n, max_size=n))
    y = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n - 10, max_size=n - 10))
    return np.array(scores, dtype=np.float64), np.array([0.0, 1.0] * 5 + y)


@pytest.mark.parametrize("name", ["f1", "f2", "f0.5", "mcc", "balanced_accuracy", "accuracy"])
@settings(max_examples=10, deadline=None)
@given(samples())
def test_the_sweep_equals_brute_force_over_all_cut_offs(name, sample):
    metric = {
        "f1": lambda y, a: sk.f1_score(y, a, zero_division=0.0),
        "f2": lambda y, a: sk.fbeta_score(y, a, beta=2, zero_division=0.0),
        "f0.5": lambda y, a: sk.fbeta_score(y, a, beta=0.5, zero_division=0.0),
        "mcc": sk.matthews_corrcoef,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "accuracy": sk.accuracy_score,
    }[name]
    scores, y = sample
    choice = choose_threshold(scores, y, utility=name, rule="exact sweep", **FAST)
    brute = max(metric(y, (scores >= cut).astype(float)) for cut in [*np.unique(scores), np.inf])
    assert metric(y, (scores >= choice.threshold).astype(float)) == pytest.approx(brute)
    assert choice.utility + choice.optimism == pytest.approx(brute)


@settings(max_examples=8, deadline=None)
@given(samples(), st.floats(0.05, 0.95))
def test_the_sweep_under_a_constraint_equals_brute_force(sample, floor):
    scores, y = sample
    choice = choose_threshold(
        scores, y, utility="precision", constraints=Constraints(min_recall=floor), rule="exact sweep", **FAST
    )
    marked = [scores >= cut for cut in np.unique(scores)]
    allowed = [m for m in marked if y[m].sum() / y.sum() >= floor - 1e-12]
    assert choice.utility + choice.optimism == pytest.approx(max(y[m].mean() for m in allowed))
    assert choice.counts.tp / y.sum() >= floor - 1e-12


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=10, deadline=None)
@given(samples(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rule, sample, random):
    scores, y = sample
    order = list(range(len(y)))
    random.shuffle(order)
    choose = {"utility": "f1", "rule": rule, **FAST}
    assert choose_threshold(scores[order], y[order], **choose) == choose_threshold(scores, y, **choose)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("transform", [expit, np.cbrt, lambda s: 1e-6 * s - 3, np.exp])
@settings(max_examples=8, deadline=None)
@given(samples())
def test_a_monotone_transform_changes_no_action(rule, transform, sample):
    scores, y = sample
    plain = choose_threshold(scores, y, utility="mcc", rule=rule, **FAST)
    moved = choose_threshold(transform(scores), y, utility="mcc", rule=rule, **FAST)
    assert np.array_equal(scores >= plain.threshold, transform(scores) >= moved.threshold)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=10, deadline=None)
@given(samples(), st.integers(2, 3))
def test_repeated_rows_equal_multiplied_weights(rule, sample, times):
    scores, y = sample
    choose = {"utility": "f2", "rule": rule, **FAST}
    repeated = choose_threshold(np.repeat(scores, times), np.repeat(y, times), **choose)
    assert choose_threshold(scores, y, weight=np.full(len(y), float(times)), **choose) == repeated


def test_rows_without_a_label_or_weight_change_nothing():
    scores, y = _rows()
    more = np.r_[scores, 99.0, np.nan, -99.0], np.r_[y, np.nan, np.nan, 1.0]
    weight = np.r_[np.ones(len(y)), 1.0, 1.0, 0.0]
    assert choose_threshold(*more, utility="f1", weight=weight) == choose_threshold(scores, y, utility="f1")


@pytest.mark.parametrize(("fp", "fn"), [(1, 1), (1, 9), (4, 1)])
def test_on_calibrated_scores_the_cost_threshold_is_the_share_of_the_false_alarm(fp, fn):
    rng = np.random.default_rng(0)
    scores = rng.normal(-1, 2, size=100_000)
    y = (rng.random(len(scores)) < expit(scores)).astype(float)
    choice = choose_threshold(scores, y, utility=cost(fp=fp, fn=fn))
    assert expit(choice.threshold) == pytest.approx(fp / (fp + fn), abs=0.04)
    assert choice.interval[0] <= logit(fp / (fp + fn)) <= choice.interval[1]


@pytest.mark.parametrize("utility", FREE_UTILITIES)
def test_one_seed_gives_one_choice_and_it_lies_in_its_interval(utility):
    scores, y = _rows()
    choice = choose_threshold(scores, y, utility=utility, seed=3)
    assert choice == choose_threshold(scores, y, utility=utility, seed=3)
    assert choice.interval[0] <= choice.threshold <= choice.interval[1]
    assert choice.utility_interval[0] <= choice.utility <= choice.utility_interval[1]
    assert choice.rule in RULES
    assert not choice.warnings


@pytest.mark.parametrize("k", [1, 37, 399])
def test_a_budget_alone_marks_exactly_that_many_rows(k):
    scores, y = _rows()
    choice = choose_threshold(scores, y, utility="marked", constraints=Constraints(top_k=k), rule="exact sweep")
    assert (scores >= choice.threshold).sum() == k


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "constraints", [Constraints(min_precision=0.6), Constraints(min_recall=0.8), Constraints(top_k=50)], ids=str
)
def test_every_rule_keeps_the_constraints_on_the_rows_at_hand(rule, constraints):
    for seed in range(5):
        scores, y = _rows(seed=seed)
        utility = "precision" if constraints.min_recall else "recall"
        choice = choose_threshold(scores, y, utility=utility, constraints=constraints, rule=rule, **FAST)
        assert constraints.shortfall(choice.counts) == 0


def test_the_utility_and_its_interval_are_those_of_new_rows():
    new_scores, new_y = _rows(100_000, share=0.1, seed=99)
    covered, errors, middles = [], [], []
    for seed in range(40):
        choice = choose_threshold(*_rows(300, share=0.1, seed=seed), utility="f1", seed=seed)
        truth = sk.f1_score(new_y, new_scores >= choice.threshold)
        covered.append(choice.utility_interval[0] <= truth <= choice.utility_interval[1])
        errors.append(choice.utility - truth)
        middles.append(np.mean(choice.utility_interval) - truth)
    assert np.mean(covered) >= 0.85
    assert abs(np.mean(errors)) < 0.02
    assert abs(np.mean(middles)) < 0.03


def test_few_positives_warn_and_fewer_are_refused():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=500)
    y = np.zeros(500)
    y[:12] = 1
    assert choose_threshold(scores, y, utility="f1").warnings[0].startswith("Only 12 positives")
    y[4:] = 0
    with pytest.raises(DecisionError, match="at least 5 positives, but there are 4: label 1 more"):
        choose_threshold(scores, y, utility="f1")
    with pytest.raises(DecisionError, match="at least 5 negatives, but there are 0: label 5 more"):
        choose_threshold(scores, np.ones(500), utility="f1")


def test_an_unreachable_constraint_names_the_nearest_point():
    scores, y = np.arange(40.0), np.tile([1.0, 0.0], 20)
    with pytest.raises(DecisionError, match=r"nearest one, .* marks 38 rows with precision 0\.5 and recall 0\.95"):
        choose_threshold(
            scores, y, utility="f1", constraints=Constraints(min_precision=0.6, min_recall=0.95, top_k=39), **FAST
        )


def test_a_constraint_that_resamples_miss_is_said():
    scores, y = _rows(200)
    choice = choose_threshold(
        scores, y, utility="precision", constraints=Constraints(min_recall=0.9), rule="exact sweep"
    )
    assert any("recall >= 0.9 is missed in" in warning for warning in choice.warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [np.nan] * 400}, "400 of 400 scores are not finite"),
        ({"scores": [1.0, 2.0]}, "must be columns of one length"),
        ({"y": [2.0] * 400}, "The label 2 is neither 0 nor 1"),
        ({"weight": [-1.0] * 400}, "A weight is negative or not finite"),
        ({"weight": [0.0] * 400}, "The weights sum to 0"),
        ({"utility": "f7"}, "Unknown utility 'f7'"),
        ({"rule": "bootstrap mean"}, "Unknown rule 'bootstrap mean'. Did you mean 'bootstrap median'"),
        ({"n_bootstrap": 2}, "n_bootstrap = 2 is too few"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, message):
    scores, y = _rows()
    given_ = {"scores": scores, "y": y, "utility": "f1"} | change
    with pytest.raises(DecisionError, match=message):
        choose_threshold(given_.pop("scores"), given_.pop("y"), **given_)


def test_an_own_utility_is_maximized():
    scores, y = _rows()
    own = Utility("specificity minus misses", lambda tp, fp, fn, tn: tn / (tn + fp) - fn, monotone=False)
    choice = choose_threshold(scores, y, utility=own, rule="exact sweep")
    assert choice.counts.fn == 0


def test_equal_costs_of_rows_are_the_costs_of_their_kind():
    scores, y = _rows(1000)
    plain = choose_threshold(scores, y, utility=cost(fp=1, fn=5), rule="exact sweep")
    rows = choose_threshold(scores, y, utility="f1", row_costs=(np.ones(1000), 5.0), rule="exact sweep")
    assert rows.threshold == plain.threshold
    assert rows.utility == pytest.approx(plain.utility, abs=0.02)
    assert np.ptp(rows.utility_interval) == pytest.approx(np.ptp(plain.utility_interval), rel=0.4)


def test_dear_rows_pull_the_threshold():
    scores, y = _rows(2000)
    dear = np.where(scores < 0.5, 50.0, 1.0)
    low, high = (choose_threshold(scores, y, utility="f1", row_costs=(1.0, fn)).threshold for fn in (dear, 1.0))
    assert low < high
    with pytest.raises(DecisionError, match="costs of rows must be finite"):
        choose_threshold(scores, y, utility="f1", row_costs=(1.0, -dear))


@pytest.mark.parametrize("name", ["jaccard", "balanced_accuracy"])
def test_a_scorer_of_scikit_learn_is_maximized(name):
    scores, y = _rows(300)
    utility = scorer_utility(name)
    choice = choose_threshold(scores, y, utility=utility, rule="exact sweep")
    brute = max(sk.get_scorer(name)._score_func(y, scores >= cut) for cut in np.unique(scores))
    assert choice.utility + choice.optimism == pytest.approx(brute, abs=0.01)


def test_a_scorer_that_reads_probabilities_is_refused():
    for scorer, message in (("roc_auc", "not actions"), ("rocauc", "is no scorer"), (len, "is no scorer")):
        with pytest.raises(DecisionError, match=message):
            scorer_utility(scorer)


def test_a_grid_states_what_it_costs():
    scores, y = _rows(3 * LIMIT, share=0.5)
    choice = choose_threshold(scores, y, utility="mcc", rule="exact sweep", n_bootstrap=10)
    few = choose_threshold(scores[:1000], y[:1000], utility="mcc", rule="exact sweep", n_bootstrap=10)
    assert few.grid_error == 0
    assert 0 <= choice.grid_error < 1e-3


@pytest.mark.slow
def test_a_million_rows_take_under_five_seconds():
    scores, y = _rows(1_000_000, share=0.1)
    start = time.process_time()
    choose_threshold(scores, y, utility="f1", n_bootstrap=200)
    assert time.process_time() - start < 5
