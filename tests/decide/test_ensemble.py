import numpy as np
import pytest
from scipy.special import log_softmax

from automl_nn.decide.ensemble import blend, comparable, ensemble_weights, greedy_weights, proper_score
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression

RNG = np.random.default_rng(0)
Y = (RNG.random((400, 1)) < 0.3).astype(float)
GOOD = [RNG.normal(3 * Y - 1.5, 1.5) for _ in range(3)]
NOISE = RNG.normal(0, 3, Y.shape)
TASK = Binary(("y",), "average_precision")


def log_loss_of(weights, outputs):
    return task_score(TASK, blend(outputs, weights, family="labels"), Y)


def task_score(task, output, y):
    return float(proper_score(task, y)(np.asarray(output)[None])[0])


@pytest.mark.parametrize("family", ["labels", "classes", "values"])
def test_the_proper_score_is_that_of_the_metric(family, rng):
    y = rng.integers(0, 2, (50, 1)).astype(float)
    y[::7] = np.nan
    tasks = {
        "labels": (Binary(("y",), "neg_log_loss"), 1),
        "classes": (Multiclass(("y",), "neg_log_loss", (0, 1, 2)), 3),
        "values": (Regression(("y",), "neg_root_mean_squared_error", (2.0,), (5.0,)), 1),
    }
    task, d_out = tasks[family]
    output = comparable(rng.normal(size=(50, d_out)), family=family)
    assert task_score(task, output, y) == pytest.approx(task.score(y, output))
    counts = rng.integers(0, 3, 50)
    rows = np.repeat(np.arange(50), counts)
    weighted = proper_score(task, y, counts.astype(float))(output[None])[0]
    assert weighted == pytest.approx(task.score(y[rows], output[rows]))


def test_the_mean_over_targets_is_in_their_units(rng):
    task = Regression(("u", "v"), "neg_root_mean_squared_error", (0.0, 1.0), (2.0, 30.0))
    y, output = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    assert task_score(task, output, y) == pytest.approx(task.score(y, output))


def test_a_trial_is_not_chosen_in_more_steps_than_the_cap():
    y = np.zeros((10, 1))
    task = Regression(("y",), "r2")
    outputs = [y + 0.1, y - 1.0]
    assert greedy_weights(task, outputs, y, n_steps=10, cap=1.0)[0] == pytest.approx(9 / 10)
    capped = greedy_weights(task, outputs, y, n_steps=10, cap=0.5)
    assert capped[0] == pytest.approx(5 / 6)


def test_only_the_best_alone_may_join():
    assert np.count_nonzero(greedy_weights(TASK, [*GOOD, NOISE], Y, n_best=1)) == 1


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


def test_values_are_averaged_as_they_are(rng):
    y = rng.normal(size=(50, 1))
    weights = greedy_weights(Regression(("y",), "r2"), [y + 1, y - 1], y, n_steps=10)
    np.testing.assert_allclose(weights, [0.5, 0.5])


def test_a_constant_added_to_all_classes_changes_nothing(rng):
    y = rng.integers(0, 3, (60, 1)).astype(float)
    outputs = [rng.normal(size=(60, 3)) + 2 * np.eye(3)[y[:, 0].astype(int)] for _ in range(2)]
    task = Multiclass(("y",), "neg_log_loss", (0, 1, 2))
    shifted = [outputs[0] + 100.0, outputs[1]]
    np.testing.assert_allclose(greedy_weights(task, shifted, y), greedy_weights(task, outputs, y))
    np.testing.assert_allclose(comparable(outputs[0] + 5, family="classes"), log_softmax(outputs[0], axis=1))


def test_few_recordings_choose_little(rng):
    y = np.tile(np.repeat([0.0, 1.0], 50), 3)[:, None]
    recording = np.repeat([0, 1, 2], 100)
    networks = [rng.normal(3 * y - 1.5, 1.0) for _ in range(8)]
    alone, together = ensemble_weights(TASK, networks, y), ensemble_weights(TASK, networks, y, units=recording)
    greedy = greedy_weights(TASK, networks, y)
    assert together.sum() == pytest.approx(1.0)
    assert np.abs(alone - greedy).max() < 0.05
    best = np.sort(together)[-4:]
    assert best.min() > 20 / 23 / 4 * 0.99  # three recordings beside equal weights that count as twenty
    assert np.count_nonzero(together) <= 4 + np.count_nonzero(greedy)


@pytest.mark.parametrize(
    ("task", "y", "n"),
    [
        (TASK, [[0.0], [0.0], [1.0], [np.nan]], 1),
        (TASK, [[1.0], [1.0], [1.0], [0.0]], 1),
        (TASK, [[0.0]] * 4, 0),
        (Multiclass(("y",), "accuracy", (0, 1, 2)), [[0.0], [0.0], [1.0], [2.0]], 2),
        (Regression(("y",), "r2"), [[0.5], [0.1], [np.nan], [2.0]], 3),
        (Multilabel(("u", "v"), "f1"), [[0, 1], [0, 1], [1, 0], [1, np.nan]], 1),
    ],
)
def test_equal_weights_count_as_twenty_rows_do(task, y, n):
    y = np.array(y, dtype=float)
    outputs = [np.full((4, task.d_out), 0.1 * i) for i in range(4)]
    share = 20 / (20 + n)
    expected = (1 - share) * greedy_weights(task, outputs, y)
    best = np.argsort(-proper_score(task, y)(np.stack([comparable(o, family=task.family) for o in outputs])))[:2]
    expected[best] += share / 2
    np.testing.assert_allclose(ensemble_weights(task, outputs, y), expected)


def test_the_worse_half_of_the_trials_joins_only_where_it_helps():
    few = slice(0, 12)
    weights = ensemble_weights(TASK, [*(good[few] for good in GOOD), 50 * NOISE[few]], Y[few])
    assert weights[-1] == 0.0


def test_many_rows_choose_alone():
    y, outputs = np.tile(Y, (4, 1)), [np.tile(output, (4, 1)) for output in [*GOOD, NOISE, NOISE, NOISE]]
    close = ensemble_weights(TASK, outputs, y)
    np.testing.assert_allclose(close, greedy_weights(TASK, outputs, y), atol=0.02)
    assert np.count_nonzero(close[3:]) == 0


def test_a_weight_of_nearly_nothing_is_left_out():
    y, best = np.tile(Y, (60, 1)), np.tile(GOOD[0], (60, 1))
    outputs = [best, *(best * (2 + i / 10) for i in range(9))]  # ranked alike, and the surer the worse
    greedy, weights = greedy_weights(TASK, outputs, y), ensemble_weights(TASK, outputs, y)
    assert np.count_nonzero(greedy) < 5
    np.testing.assert_array_equal(weights > 0, greedy > 0)
