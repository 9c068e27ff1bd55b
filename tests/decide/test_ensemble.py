import numpy as np
import pytest
from scipy.special import log_softmax

from automl_nn.decide.ensemble import PROPER, blend, comparable, greedy_weights
from automl_nn.task.tasks import Binary, Multiclass, Regression

RNG = np.random.default_rng(0)
Y = (RNG.random((400, 1)) < 0.3).astype(float)
GOOD = [RNG.normal(3 * Y - 1.5, 1.5) for _ in range(3)]
NOISE = RNG.normal(0, 3, Y.shape)
TASK = Binary(("y",), "average_precision")


def log_loss_of(weights, outputs):
    return task_score(TASK, blend(outputs, weights, family="labels"), Y)


def task_score(task, output, y):
    return task.score(y, output, metric=PROPER[task.family])


def test_weights_are_shares():
    weights = greedy_weights(TASK, [*GOOD, NOISE], Y)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()


def test_an_ensemble_is_no_worse_than_its_best_member_on_the_rows_it_is_chosen_from():
    outputs = [*GOOD, NOISE]
    best = max(task_score(TASK, output, Y) for output in outputs)
    assert log_loss_of(greedy_weights(TASK, outputs, Y), outputs) >= best


def test_noise_gets_no_weight():
    assert greedy_weights(TASK, [*GOOD, NOISE], Y)[-1] == 0.0


def test_one_trial_has_all_the_weight():
    assert greedy_weights(TASK, [NOISE], Y).tolist() == [1.0]


def test_the_order_of_trials_does_not_matter():
    forward, backward = greedy_weights(TASK, GOOD, Y), greedy_weights(TASK, GOOD[::-1], Y)
    np.testing.assert_allclose(forward, backward[::-1])


def test_missing_labels_change_nothing():
    with_gap = np.vstack([Y, np.full((5, 1), np.nan)])
    padded = [np.vstack([output, np.full((5, 1), 9.0)]) for output in GOOD]
    np.testing.assert_array_equal(greedy_weights(TASK, padded, with_gap), greedy_weights(TASK, GOOD, Y))


def test_values_are_averaged_as_they_are():
    y = RNG.normal(size=(50, 1))
    weights = greedy_weights(Regression(("y",), "r2"), [y + 1, y - 1], y, n_steps=10)
    np.testing.assert_allclose(weights, [0.5, 0.5])


def test_a_constant_added_to_all_classes_changes_nothing():
    y = RNG.integers(0, 3, (60, 1)).astype(float)
    outputs = [RNG.normal(size=(60, 3)) + 2 * np.eye(3)[y[:, 0].astype(int)] for _ in range(2)]
    task = Multiclass(("y",), "neg_log_loss", (0, 1, 2))
    shifted = [outputs[0] + 100.0, outputs[1]]
    np.testing.assert_allclose(greedy_weights(task, shifted, y), greedy_weights(task, outputs, y))
    np.testing.assert_allclose(comparable(outputs[0] + 5, family="classes"), log_softmax(outputs[0], axis=1))
