import numpy as np
import pytest
from sklearn import metrics as sk

from automl_nn.decide.classes.offsets import CLASS_UTILITIES, STRENGTHS, choose_offsets, tally_classes
from automl_nn.errors import DecisionError

PRIOR = np.array([0.8, 0.15, 0.05])

ORACLES = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "f1": lambda y, action: sk.f1_score(y, action, average="macro"),
    "mcc": sk.matthews_corrcoef,
}


def _rows(n_rows=3000, seed=0):
    """Log-probabilities (up to a constant) that are true, and classes."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=n_rows, p=PRIOR)
    return 1.5 * rng.normal(size=(n_rows, 3)) + 2.25 * np.eye(3)[y] + np.log(PRIOR), y


@pytest.mark.parametrize("name", CLASS_UTILITIES)
def test_the_metrics_are_those_of_scikit_learn(name):
    scores, y = _rows()
    choice = choose_offsets(scores, y, utility=name)
    action = (scores + choice.offsets).argmax(axis=1)
    assert choice.metrics[name] == pytest.approx(ORACLES[name](y, action))
    assert choice.metrics_at_argmax[name] == pytest.approx(ORACLES[name](y, scores.argmax(axis=1)))
    assert choice.utility + choice.optimism == pytest.approx(choice.metrics[name])
    assert choice.utility_interval[0] <= choice.utility <= choice.utility_interval[1]


@pytest.mark.parametrize(("name", "strength"), [("accuracy", 0.0), ("balanced_accuracy", 1.0)])
def test_on_true_probabilities_the_power_is_that_of_theory(name, strength):
    choice = choose_offsets(*_rows(200_000), utility=name)
    assert choice.strength == pytest.approx(strength, abs=0.11)
    assert choice.interval[0] <= choice.strength <= choice.interval[1]


def test_the_order_of_the_rows_changes_nothing():
    scores, y = _rows(500)
    order = np.random.default_rng(1).permutation(500)
    plain, shuffled = (choose_offsets(scores[o], y[o], utility="f1").metrics for o in (np.arange(500), order))
    assert plain == shuffled


def test_a_rare_class_warns_and_an_absent_one_is_possible():
    scores, y = _rows(60)
    choice = choose_offsets(np.c_[scores, np.full(60, -20.0)], y, utility="balanced_accuracy")
    assert np.isfinite(choice.offsets).all()
    assert "3 (0 rows)" in choice.warnings[0]


def test_the_curve_goes_through_the_choice():
    scores, y = _rows()
    choice = choose_offsets(scores, y, utility="f1")
    curve = tally_classes(scores, y, strengths=STRENGTHS, utility="f1").set_index("strength")
    assert curve.utility[choice.strength] == pytest.approx(choice.metrics["f1"])
    assert curve.recall[choice.strength] == pytest.approx(choice.metrics["balanced_accuracy"])


def test_bad_input_is_refused():
    scores, y = _rows(50)
    with pytest.raises(DecisionError, match="Classes have no utility 'youden'"):
        choose_offsets(scores, y, utility="youden")
    with pytest.raises(DecisionError, match="must have as many rows"):
        choose_offsets(scores, y[:-1], utility="f1")
    with pytest.raises(DecisionError, match="not finite"):
        choose_offsets(np.full_like(scores, np.inf), y, utility="f1")


def test_rows_that_come_in_groups_make_the_interval_wider():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 20)
    y = rng.choice(3, size=60, p=[0.6, 0.3, 0.1])[groups]
    scores = rng.normal(size=(60, 3))[groups] + np.eye(3)[y]
    alone, together = (choose_offsets(scores, y, utility="f1", groups=g) for g in (None, groups))
    assert np.ptp(together.utility_interval) > 2 * np.ptp(alone.utility_interval)
