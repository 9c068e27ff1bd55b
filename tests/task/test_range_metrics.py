import numpy as np
import pytest

from automl_nn.errors import DataError
from automl_nn.task.events import Events
from automl_nn.task.range_metrics import BIASES, range_precision, range_recall, vus_pr


def _weights(bias, n):
    """Positional weights as the paper's listing gives them, step by step."""
    steps = np.arange(1, n + 1)
    listed = {
        "flat": np.ones(n),
        "front": n - steps + 1.0,
        "middle": np.where(steps <= n / 2, steps, n - steps + 1.0),
        "back": steps * 1.0,
    }[bias]
    return listed / listed.sum()


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_the_share_of_the_first_steps_is_the_sum_of_their_weights(bias, n):
    shares = BIASES[bias](np.arange(n + 1.0), np.full(n + 1, float(n)))
    assert shares == pytest.approx(np.r_[0, np.cumsum(_weights(bias, n))])


def test_recall_and_precision_are_as_by_hand():
    true = Events.of([0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0])
    alarms = Events.of([1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0])
    assert range_recall(alarms, true) == (2 / 4 + 0) / 2
    assert range_recall(alarms, true, cardinality="reciprocal") == (2 / 4 / 2 + 0) / 2
    assert range_recall(alarms, true, alpha=0.5) == (0.5 + 0.5 * 0.5) / 2
    assert range_recall(alarms, true, bias="front") == pytest.approx((4 + 2) / 10 / 2)
    assert range_recall(alarms, true, bias="back") == pytest.approx((1 + 3) / 10 / 2)
    assert range_precision(alarms, true) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert range_precision(alarms, true, bias="back") == pytest.approx((2 / 3 + 1 + 0) / 3)
    both = Events.of([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    assert range_precision(both, true, cardinality="reciprocal") == pytest.approx(6 / 9 / 2)
    none = Events.of(np.zeros(12))
    assert (range_recall(none, true), range_precision(none, true), range_recall(alarms, none)) == (0, 0, 0)


def _vus_step_by_step(y, scores, max_buffer, n_thresholds=250):
    """The volume of one series as the paper's code computes it, one threshold and one step at a time."""
    areas = []
    true = Events.of(y)
    for buffer in range(max_buffer + 1):
        label = y.astype(float)
        for start, stop in zip(true.start, true.stop, strict=True) if buffer > 1 else ():
            for j in range(buffer // 2):
                if stop - 1 + j < len(y):
                    label[stop - 1 + j] += np.sqrt(1 - j / buffer)
                if start - 1 - j >= 0:
                    label[start - 1 - j] += np.sqrt(1 - (j + 1) / buffer)
        label = np.minimum(label, 1)
        spread, total = Events.of(label > 0), (y.sum() + label.sum()) / 2
        recall, precision = [0.0], [1.0]
        rank = np.sort(scores)[::-1]
        for threshold in rank[np.linspace(0, len(rank) - 1, n_thresholds, dtype=int)]:
            marked = scores >= threshold
            met = np.mean([marked[a:b].any() for a, b in zip(spread.start, spread.stop, strict=True)])
            recall.append(min(label[marked].sum() / total, 1) * met)
            precision.append(label[marked].sum() / marked.sum())
        areas.append(np.trapezoid(precision, recall))
    return np.mean(areas)


def _series(n_steps, seed):
    rng = np.random.default_rng(seed)
    y = np.zeros(n_steps)
    for start in rng.integers(0, n_steps, size=4):
        y[start : start + rng.integers(1, 12)] = 1
    return y, (rng.normal(y) + np.r_[0, y[:-1]]).round(1)


@pytest.mark.parametrize("seed", range(4))
def test_the_volume_equals_the_one_step_by_step(seed):
    y, scores = _series(120, seed)
    for max_buffer in (0, 1, 9):
        assert vus_pr(y, scores, max_buffer=max_buffer) == pytest.approx(_vus_step_by_step(y, scores, max_buffer))


def test_the_volume_equals_aeons():
    aeon = pytest.importorskip("aeon.benchmarking.metrics.anomaly_detection")
    for seed in range(4):
        y, scores = _series(200, seed)
        wanted = aeon.range_pr_vus_score(y.astype(int), scores, max_buffer_size=12)
        assert vus_pr(y, scores, max_buffer=12) == pytest.approx(wanted)
        alarms, true = Events.of(scores >= 1), Events.of(y)
        given = {"y_true": y.astype(int), "y_pred": (scores >= 1).astype(int)}
        for bias in BIASES:
            for cardinality in ("one", "reciprocal"):
                way = {"bias": bias, "cardinality": cardinality}
                assert range_recall(alarms, true, alpha=0.3, **way) == pytest.approx(
                    aeon.range_recall(**given, alpha=0.3, **way)
                )
                assert range_precision(alarms, true, **way) == pytest.approx(aeon.range_precision(**given, **way))


def test_buffers_do_not_reach_into_other_series_and_unknown_steps_say_nothing():
    y, scores = _series(120, 0)
    z, others = _series(80, 1)
    apart = np.r_[y, np.zeros(20), z], np.r_[scores, np.full(20, -9.0), others]
    joined = vus_pr(*apart, max_buffer=0)
    known = np.r_[y, np.full(20, np.nan), z], apart[1]
    parts = vus_pr(np.r_[y, z], np.r_[scores, others], max_buffer=8, offsets=[0, 120, 200])
    assert vus_pr(*known, max_buffer=8) == pytest.approx(parts)
    assert vus_pr(*apart, max_buffer=8) != pytest.approx(joined)
    assert np.isnan(vus_pr(np.zeros(9), np.arange(9), max_buffer=2))


def test_impossible_numbers_are_refused():
    true = Events.of([0, 1])
    with pytest.raises(DataError, match="alpha = 2"):
        range_recall(true, true, alpha=2)
    with pytest.raises(DataError, match="Did you mean 'front'"):
        range_precision(true, true, bias="frond")
    with pytest.raises(DataError, match="max_buffer = -1"):
        vus_pr([0, 1], [0.0, 1.0], max_buffer=-1)
