import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk

from automl_nn.decide import Goal, decide
from automl_nn.decide.classes.expected import NO_ANSWER, choose_by_cost, expected_costs
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Multiclass, SoftLabels

TASK = Multiclass(("kind",), "neg_log_loss", ("x", "y", "z"))
COSTS = ((0.0, 1.0, 4.0), (2.0, 0.0, 1.0), (30.0, 10.0, 0.0))


def _rows(n_rows=4000, seed=0):
    """True probabilities and classes drawn from them."""
    rng = np.random.default_rng(seed)
    p = softmax(1.5 * rng.normal(size=(n_rows, 3)) + [1.5, 0, -1], axis=1)
    return p, (p.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1)


def test_the_action_is_the_cheapest_of_all():
    p, y = _rows()
    choice = choose_by_cost(p, y, costs=COSTS)
    by_hand = [[sum(row[i] * COSTS[i][action] for i in range(3)) for action in range(3)] for row in p[:50]]
    np.testing.assert_allclose(expected_costs(p[:50], COSTS), by_hand)
    assert np.array_equal(choice.act(p[:50]), np.argmin(by_hand, axis=1))
    paid = np.array(COSTS)[y, choice.act(p)].mean()
    assert choice.metrics["mean_cost"] == pytest.approx(paid)
    assert -choice.utility == pytest.approx(paid)
    assert paid < choice.metrics_at_argmax["mean_cost"] == pytest.approx(np.array(COSTS)[y, p.argmax(axis=1)].mean())


def test_equal_costs_are_the_argmax_and_two_classes_the_threshold_of_theory():
    p, y = _rows()
    assert np.array_equal(choose_by_cost(p, y).act(p), p.argmax(axis=1))
    two = np.c_[1 - p[:, 0], p[:, 0]]
    action = choose_by_cost(two, (y == 0).astype(int), costs=[[0, 1], [4, 0]]).act(two)
    assert np.array_equal(action, two[:, 1] >= 1 / 5)


def test_a_row_is_left_where_an_answer_costs_more_than_none():
    p, y = _rows()
    choice = choose_by_cost(p, y, reject=0.3)
    action = choice.act(p)
    assert np.array_equal(action == NO_ANSWER, p.max(axis=1) < 0.7)
    answered = action != NO_ANSWER
    assert choice.metrics["answered"] == pytest.approx(answered.mean())
    assert choice.metrics["accuracy"] == pytest.approx(sk.accuracy_score(y[answered], action[answered]))
    paid = np.where(answered, action != y, 0.3).mean()
    assert -choice.utility == pytest.approx(paid)
    assert choice.utility > choose_by_cost(p, y).utility
    assert choose_by_cost(p, y, reject=1.0).metrics["answered"] == 1.0


def test_a_least_share_of_the_rows_is_answered_and_the_surest_first():
    p, y = _rows()
    worth = {share: choose_by_cost(p, y, min_answered=share) for share in (0.3, 0.6, 1.0)}
    for share, choice in worth.items():
        assert share <= choice.metrics["answered"] < share + 0.001
        assert -choice.utility == pytest.approx(1 - choice.metrics["accuracy"])
    assert worth[0.3].utility > worth[0.6].utility > worth[1.0].utility
    both = choose_by_cost(p, y, reject=0.3, min_answered=0.9)
    assert 0.9 <= both.metrics["answered"] < 0.901


def test_the_interval_covers_the_truth_and_is_wider_where_rows_come_in_groups():
    truth = -choose_by_cost(*_rows(200_000, seed=99), costs=COSTS).utility
    choices = [choose_by_cost(*_rows(400, seed=seed), costs=COSTS) for seed in range(200)]
    held = np.mean([-c.utility_interval[1] <= truth <= -c.utility_interval[0] for c in choices])
    assert 0.82 <= held <= 0.97
    p, y = (np.repeat(part, 10, axis=0) for part in _rows(400))
    alone, grouped = (choose_by_cost(p, y, groups=g).utility_interval for g in (None, np.arange(4000) // 10))
    assert np.ptp(grouped) == pytest.approx(np.ptp(alone) * 10**0.5, rel=0.15)


def test_doubled_rows_change_no_action_and_the_order_changes_nothing():
    p, y = _rows(500)
    order = np.random.default_rng(1).permutation(500)
    plain = choose_by_cost(p, y, costs=COSTS, min_answered=0.5)
    assert choose_by_cost(p[order], y[order], costs=COSTS, min_answered=0.5).metrics == plain.metrics
    twice = choose_by_cost(np.vstack([p, p]), np.r_[y, y], costs=COSTS, min_answered=0.5)
    assert (twice.limit, twice.metrics) == (plain.limit, plain.metrics)


def test_rows_without_an_error_or_an_answer_warn():
    p = np.tile([[0.9, 0.1], [0.2, 0.8]], (50, 1))
    assert "says nothing" in choose_by_cost(p, np.tile([0, 1], 50)).warnings[0]
    assert "No row is answered" in choose_by_cost(p, np.tile([0, 1], 50), reject=0.01).warnings[0]


def test_a_decision_by_cost_applies_to_outputs():
    p, y = _rows()
    decision = decide(TASK, np.log(p), y[:, None], goal=Goal(costs=COSTS, reject=2.0))
    action = decision.apply(np.log(p))
    assert set(action) == {-1, 0, 1, 2}
    assert decision.choice.metrics["answered"] == pytest.approx((action >= 0).mean())
    curve = decision.curve(np.log(p), y[:, None])
    assert curve["answered"].is_monotonic_increasing
    assert curve["mean_cost"].iloc[0] < curve["mean_cost"].iloc[-1]
    assert curve["utility"].max() == pytest.approx(decision.utility, abs=0.02)


def test_groups_follow_the_rows_that_have_a_label():
    p, y = _rows(300)
    targets, groups = np.where(np.arange(300) < 30, np.nan, y)[:, None], np.arange(300) // 5
    plain = decide(TASK, np.log(p[30:]), targets[30:], goal=Goal(reject=0.3), groups=groups[30:])
    assert decide(TASK, np.log(p), targets, goal=Goal(reject=0.3), groups=groups) == plain


def test_goals_that_do_not_fit_the_task_are_refused():
    p, y = _rows(100)
    with pytest.raises(DecisionError, match="does not fit 3 classes"):
        decide(TASK, np.log(p), y[:, None], goal=Goal(costs=((0, 1), (1, 0))))
    with pytest.raises(DecisionError, match="Soft labels have no"):
        decide(SoftLabels(("x", "y", "z"), "neg_log_loss"), np.log(p), p, goal=Goal(reject=0.1))
    with pytest.raises(DecisionError, match="must have as many rows"):
        choose_by_cost(p, y[:-1])
