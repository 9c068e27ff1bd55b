import numpy as np
import pytest

from automl_nn.decide.selection import Resamples, honest_selection
from automl_nn.task.tasks import Binary, Multiclass, Regression

TASK = Regression(("y",), "neg_mean_squared_error")


def noise(n_trials, *, n_rows=300, seed=0):
    """Trials that are all worth the same, -1, and seem to differ by luck."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_rows, 1))
    trials = [y + rng.normal(size=y.shape) for _ in range(n_trials)]
    return y, sorted(trials, key=lambda output: -TASK.score(y, output))


def test_the_winner_of_many_equal_trials_is_worth_no_more_than_they_are():
    apparent, honest, covered = [], [], []
    for seed in range(15):
        y, trials = noise(40, seed=seed)
        found = honest_selection(TASK, trials, y, seed=seed)
        apparent.append(TASK.score(y, trials[0]))
        honest.append(found.best.score)
        covered.append(found.best.interval[0] <= -1.0 <= found.best.interval[1])
        assert found.optimism == pytest.approx(apparent[-1] - honest[-1])
    assert np.mean(apparent) > -0.87
    assert np.mean(honest) == pytest.approx(-1.0, abs=0.05)
    assert np.mean(covered) >= 0.8


def test_a_single_trial_keeps_its_score():
    y, trials = noise(1)
    found = honest_selection(TASK, trials, y)
    assert found.best.score == pytest.approx(TASK.score(y, trials[0]))
    assert found.ensemble is None
    assert found.within_noise == (0,)


def test_a_trial_that_is_clearly_best_keeps_its_score():
    y, trials = noise(20)
    best = y + 0.1 * np.random.default_rng(1).normal(size=y.shape)
    found = honest_selection(TASK, [best, *trials], y)
    assert found.best.score == pytest.approx(TASK.score(y, best))
    assert found.within_noise == (0,)


def test_equal_trials_are_within_noise_and_worse_ones_are_not():
    y, trials = noise(2)
    far = y + 2.0
    twin = trials[0] + 1e-9
    assert honest_selection(TASK, [trials[0], twin, far], y).within_noise == (0, 1)


def test_an_ensemble_of_independent_errors_is_better_and_said_to_be():
    y, trials = noise(10)
    found = honest_selection(TASK, trials, y)
    assert found.gain.interval[0] > 0
    assert found.ensemble.score > found.best.score + 0.3


def test_an_ensemble_of_one_trial_and_noise_gains_nothing():
    y, trials = noise(1)
    bad = [y + 5 * output for output in noise(8, seed=1)[1]]
    found = honest_selection(TASK, [*trials, *bad], y)
    assert found.gain.score == pytest.approx(0.0, abs=0.02)


def test_what_few_groups_choose_is_said_to_be_worth_what_it_is():
    y, trials = noise(1)
    bad = [y + 5 * output for output in noise(3, seed=1)[1]]
    recording = np.arange(len(y)) * 10 // len(y)
    found = honest_selection(TASK, [*trials, *bad], y, groups=recording)
    assert found.gain.score < -0.2  # ten recordings cannot keep a poor network out
    assert honest_selection(TASK, [*trials, *bad], y).gain.score > -0.02


def test_references_are_compared_with_what_is_deployed():
    y, trials = noise(1)
    near, far = y + 0.1, y + 3.0
    found = honest_selection(TASK, trials, y, references={"linear": near, "boosting": far})
    assert found.references["linear"].is_worse
    assert found.references["linear"].is_clear
    assert found.references["linear"].reference == pytest.approx(-0.01)
    assert not found.references["boosting"].is_worse
    same = honest_selection(TASK, trials, y, references={"linear": trials[0]}).references["linear"]
    assert same.gain == pytest.approx(0.0)
    assert not same.is_clear


def test_trials_that_cannot_win_are_not_read():
    y, trials = noise(20)
    hopeless = (y + 9.0 for _ in range(1000))
    found = honest_selection(TASK, (*trials, *[next(hopeless)] * 20, *hopeless), y)
    assert found.n_trials == 40


def test_rows_of_a_group_are_drawn_together():
    groups = np.repeat(np.arange(20), 5)
    drawn = Resamples.draw(groups, n=10, seed=0)
    by_group = drawn.inside.reshape(20, 5, 10)
    assert (by_group == by_group[:, :1]).all()
    assert (drawn.inside.sum(axis=0) == 100).all()
    assert ((drawn.inside > 0) != (drawn.outside > 0)).all()


def test_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    y = np.zeros((300, 1))
    output = np.repeat(rng.normal(size=(30, 1)), 10, axis=0)
    alone = honest_selection(TASK, [output], y).best.interval
    together = honest_selection(TASK, [output], y, groups=groups).best.interval
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


@pytest.mark.parametrize("metric", ["average_precision", "roc_auc", "f1", "neg_log_loss"])
def test_every_metric_is_corrected(metric):
    rng = np.random.default_rng(0)
    y = (rng.random((200, 1)) < 0.3).astype(float)
    task = Binary(("y",), metric)
    trials = sorted((y + rng.normal(size=y.shape) for _ in range(15)), key=lambda output: -task.score(y, output))
    found = honest_selection(task, trials, y)
    assert found.best.score < task.score(y, trials[0])
    assert found.best.interval[0] < found.best.score < found.best.interval[1]


def test_a_resample_that_lacks_a_class_is_left_out():
    rng = np.random.default_rng(0)
    y = np.zeros((60, 1))
    y[:2] = 1.0
    task = Binary(("y",), "roc_auc")
    found = honest_selection(task, [y + rng.normal(size=y.shape) for _ in range(3)], y)
    assert np.isfinite([found.best.score, *found.best.interval]).all()


def test_classes_are_selected_too():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, (150, 1)).astype(float)
    trials = [np.eye(3)[y[:, 0].astype(int)] * 2 + rng.normal(size=(150, 3)) for _ in range(4)]
    task = Multiclass(("y",), "neg_log_loss", (0, 1, 2))
    trials.sort(key=lambda output: -task.score(y, output))
    assert honest_selection(task, trials, y).ensemble.score > task.score(y, trials[-1])
