import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import f1_score

from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_label_scores, decide_scores, logit_of, positives
from automl_nn.errors import DecisionError


def _rows(n_rows=1500, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < 0.1).astype(float)
    return expit(rng.normal(2 * y - 3)), y


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 1e-320, 1 - 1e-16])), min_size=10, max_size=60))
def test_the_threshold_marks_what_the_metrics_say(scores):
    p, y = np.array(scores), np.arange(len(scores)) % 2.0
    cut = decide_scores(p, y, goal=Goal("f1"))
    assert ((p >= cut.threshold) & (y == 1)).sum() == cut.metrics["tp"]
    assert ((p >= cut.threshold) & (y == 0)).sum() == cut.metrics["fp"]


@given(st.floats(0, 1), st.floats(0, 1))
def test_log_odds_are_finite_and_keep_the_order(a, b):
    first, second = logit_of(np.array([a, b]))
    assert np.isfinite([first, second]).all()
    assert (first <= second) == (a <= b) or first == second


def test_the_threshold_is_in_the_unit_of_the_scores():
    p, y = _rows()
    cut = decide_scores(p, y, goal=Goal("f1"))
    assert f1_score(y, p >= cut.threshold) == pytest.approx(cut.metrics["f1"])
    assert 0 < cut.interval[0] <= cut.threshold <= cut.interval[1] < 1
    assert set(cut.reliability) == {"log_loss", "brier", "ece"}


def test_dear_misses_lower_the_threshold():
    p, y = _rows()
    cheap, dear = (decide_scores(p, y, goal=Goal(cost=(1, 3)), amounts=np.full(1500, a)).threshold for a in (1.0, 9.0))
    assert dear < cheap
    with pytest.raises(DecisionError, match="Amounts multiply the cost of a miss"):
        decide_scores(p, y, goal=Goal("f1"), amounts=y)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5, 1.5] * 50, "The score 1.5 is no probability"),
        ([0.5, -0.1] * 50, "The score -0.1 is no probability"),
        ([0.5, np.nan] * 50, "50 of 100 scores are not finite"),
        ([0.5] * 99, "columns of one length"),
    ],
)
def test_what_is_no_probability_is_refused(scores, message):
    with pytest.raises(DecisionError, match=message):
        decide_scores(scores, [0.0, 1.0] * 50, goal=Goal("f1"))


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([0.0, 1.0, np.nan], None, [0, 1, np.nan]),
        ([True, False], None, [1, 0]),
        (["yes", "no", None], "yes", [1, 0, np.nan]),
        ([3, 4], "4", [0, 1]),
        ([0, 0], None, [0, 0]),
    ],
)
def test_labels_are_read(labels, positive, expected):
    np.testing.assert_array_equal(positives(labels, positive=positive), np.array(expected, dtype=float))


@pytest.mark.parametrize(("labels", "positive"), [(["a", "b"], None), (["a", "b"], "c"), ([0, 1, 2], "1")])
def test_labels_of_no_two_kinds_are_refused(labels, positive):
    with pytest.raises(DecisionError, match="--positive"):
        positives(labels, positive=positive)


def test_doubled_weights_are_repeated_rows():
    p, y = _rows(600)
    twice = decide_scores(np.tile(p, 2), np.tile(y, 2), goal=Goal("f1"))
    doubled = decide_scores(p, y, goal=Goal("f1"), weight=np.full(len(y), 2.0))
    assert (doubled.threshold, doubled.interval, doubled.utility) == (twice.threshold, twice.interval, twice.utility)
    assert doubled.metrics == twice.metrics
    assert doubled.reliability == pytest.approx(twice.reliability, rel=0.05)


def test_the_order_of_the_rows_changes_nothing():
    p, y = _rows(600)
    order = np.random.default_rng(1).permutation(600)
    assert decide_scores(p[order], y[order], goal=Goal("mcc")) == decide_scores(p, y, goal=Goal("mcc"))


@pytest.mark.parametrize(("fp", "fn"), [(1, 9), (2, 1)])
def test_the_threshold_of_calibrated_scores_is_that_of_the_costs(fp, fn):
    rng = np.random.default_rng(0)
    p = expit(rng.normal(-1, 2, size=100_000))
    cut = decide_scores(p, (rng.random(100_000) < p).astype(float), goal=Goal(cost=(fp, fn)))
    assert cut.theory == pytest.approx(fp / (fp + fn))
    assert cut.threshold == pytest.approx(fp / (fp + fn), abs=0.04)


def test_several_labels_are_cut_as_each_alone_and_missing_ones_need_no_score():
    p, y = (np.stack(columns, axis=1) for columns in zip(_rows(seed=0), _rows(seed=1), strict=True))
    p[:100, 1], y[:100, 1] = np.nan, np.nan
    decision = decide_label_scores(p, y, goal=Goal("f1"), labels=["a", "b"])
    alone = decide_scores(p[:, 0], y[:, 0], goal=Goal("f1"))
    assert decision.cuts[0].threshold == alone.threshold
    for j, cut in enumerate(decision.cuts):
        assert ((p[:, j] >= cut.threshold) & (y[:, j] == 1)).sum() == cut.metrics["tp"]
    known = decide_scores(p[100:, 1], y[100:, 1], goal=Goal("f1"), seed=1)
    assert decision.cuts[1].threshold == known.threshold
    assert decide_scores(p[:, 1], y[:, 1], goal=Goal("f1"), seed=1) == known
    with pytest.raises(DecisionError, match="1 of 1500 scores are not finite"):
        decide_label_scores(np.where(p == p[7, 0], np.inf, p), y, goal=Goal("f1"), labels=["a", "b"])
