import numpy as np
import pytest

from automl_nn.decide.blocks import N_BLOCKS, block_starts, blocks_of_time
from automl_nn.decide.selection import honest_selection
from automl_nn.task.tasks import Binary

TASK = Binary(("fault",), "average_precision")


def recording(n_events=20, *, n_steps=4_000, strength=3.0, seed=0):
    """One recording with events of five steps, and scores that know of them."""
    y = np.zeros((n_steps, 1))
    at = np.linspace(50, n_steps - 50, n_events).astype(int)
    y[(at[:, None] + np.arange(5)).ravel()] = 1
    return y, np.random.default_rng(seed).normal(strength * y)


def test_no_block_reaches_over_the_end_of_a_recording():
    assert block_starts(np.array([0, 7, 7, 12]), longest=1).tolist() == [0, 4, 7, 11]
    blocks = blocks_of_time(np.repeat([3, 1], [7, 5]), None)
    assert blocks.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3]


def test_blocks_are_four_times_as_long_as_the_longest_event():
    y = np.zeros((4_000, 1))
    y[100:130], y[3_000:3_003] = 1, 1
    assert np.bincount(blocks_of_time(np.zeros(4_000, dtype=int), y))[0] == 120
    y[y == 1] = np.nan  # a gap of labels is no event
    assert np.bincount(blocks_of_time(np.zeros(4_000, dtype=int), y))[0] == 4_000 // N_BLOCKS


def test_of_several_classes_the_commonest_is_no_event():
    y = np.repeat([1.0, 0.0, 1.0, 2.0], [500, 30, 400, 10])[:, None]
    assert np.bincount(blocks_of_time(np.zeros(940, dtype=int), y))[0] == 120


def test_a_single_recording_tells_how_far_off_a_score_may_be():
    y, scores = recording()
    one = np.zeros(len(y), dtype=int)
    found = honest_selection(TASK, [scores], y, groups=blocks_of_time(one, y), units=one)
    low, high = found.best.interval
    assert low < TASK.score(y, scores) < high
    assert found.best.is_known


def test_the_interval_of_a_single_recording_holds_what_others_show():
    y, held = recording(n_steps=40_000, n_events=200)[0], 0
    truth = TASK.score(y, recording(n_steps=40_000, n_events=200, seed=99)[1])
    for seed in range(20):
        labels, scores = recording(seed=seed)
        one = np.zeros(len(labels), dtype=int)
        low, high = honest_selection(TASK, [scores], labels, groups=blocks_of_time(one, labels)).best.interval
        held += low <= truth <= high
    assert held >= 15


@pytest.mark.filterwarnings("error")
def test_a_single_group_tells_nothing():
    y, scores = recording()
    found = honest_selection(TASK, [scores, scores + 1], y, groups=np.zeros(len(y)), references={"linear": -scores})
    assert not found.deployed.is_known
    assert not found.references["linear"].is_clear
