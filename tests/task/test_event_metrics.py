import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from automl_nn.errors import DataError
from automl_nn.task.event_metrics import average_precision, count_events
from automl_nn.task.events import Events
from automl_nn.task.random_scores import against_random, rotate


def _steps(n_steps=3000, share=0.05, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_steps) < share).astype(float)
    return y, rng.normal(1.5 * y)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_average_precision_is_scikit_learns_with_and_without_ties(decimals):
    y, scores = _steps()
    scores = scores.round(decimals)
    assert average_precision(y, scores) == pytest.approx(average_precision_score(y, scores))
    unknown = np.append(y, np.nan), np.append(scores, 99.0)
    assert average_precision(*unknown) == pytest.approx(average_precision_score(y, scores))
    assert np.isnan(average_precision(np.zeros(3), np.zeros(3)))


def test_events_are_counted_one_to_one_as_by_hand():
    #        0  1  2  3  4  5  6  7  8  9 10 11 12 13 14
    y = [0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0]
    alarm = [0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0]
    counts = count_events(Events.of(alarm), y, tolerance=1)
    assert (counts.n_events, counts.n_alarms, counts.n_found, counts.n_false) == (3, 4, 2, 2)
    assert counts.delay.tolist() == [0, -1]
    assert (counts.precision, counts.recall, counts.f1) == (0.5, 2 / 3, pytest.approx(4 / 7))
    assert counts.false_alarms_per(1000) == pytest.approx(2 * 1000 / 15)
    assert count_events(Events.of(alarm), y, tolerance=0).n_found == 1
    assert np.isnan(count_events(Events.of(np.zeros(15)), y, tolerance=0).mean_delay)


def test_an_alarm_on_unknown_steps_is_neither_right_nor_wrong():
    y = [0, 1, 0, np.nan, np.nan, 0, 0, 0]
    for alarm, n_alarms in (
        ([0, 0, 0, 1, 1, 0, 0, 0], 0),
        ([0, 0, 0, 0, 1, 1, 1, 0], 1),
        ([0, 1, 1, 1, 1, 0, 0, 0], 1),
    ):
        assert count_events(Events.of(alarm), y, tolerance=1).n_alarms == n_alarms
    assert count_events(Events.of(alarm), y, tolerance=1).n_steps == 6


def test_marking_every_step_finds_nothing():
    y = np.tile(np.repeat([0, 1], [95, 5]), 10)
    offsets = np.arange(0, 1001, 100)
    assert count_events(Events.of(np.ones(1000), offsets=offsets), y, tolerance=5).f1 == 0
    assert count_events(Events.of(y, offsets=offsets), y, tolerance=0).f1 == 1


def test_random_scores_stand_beside_each_metric():
    rng = np.random.default_rng(0)
    y = np.tile(np.repeat([0, 1, 0], [70, 8, 22]), 30).astype(float)
    y[-50:] = np.nan
    scores, offsets = rng.normal(4 * np.nan_to_num(y)), np.arange(0, 3001, 100)

    def find(values):
        return Events.of(values >= 2.5, offsets=offsets)

    table = against_random(y, scores, find=find, tolerance=2, rng=rng).set_index("metric")
    assert table.loc["average_precision", "value"] == pytest.approx(average_precision(y, scores))
    assert table.loc["event_f1", "value"] == count_events(find(scores), y, tolerance=2).f1
    for metric in ("average_precision", "vus_pr", "event_f1", "range_recall"):
        assert table.loc[metric, ["shuffled", "rotated"]].max() < 0.5 * table.loc[metric, "value"]
    assert table.loc["average_precision", "shuffled"] == pytest.approx(0.08, abs=0.02)


def test_turning_keeps_every_series_its_own_values():
    turned = rotate(np.arange(10.0), [0, 4, 4, 10], rng=np.random.default_rng(1))
    assert sorted(turned[:4]) == [0, 1, 2, 3]
    assert set(np.diff(turned[4:])) <= {1.0, -5.0}


@pytest.mark.parametrize(
    ("y", "scores", "part"),
    [
        ([0, 1], [0.1], "columns with one entry a step"),
        ([0, 2], [0.1, 0.2], "label 2"),
        ([0, 1], [0.1, np.inf], "1 of 2 steps"),
    ],
)
def test_labels_and_scores_that_do_not_fit_are_refused(y, scores, part):
    with pytest.raises(DataError, match=part):
        average_precision(y, scores)


def test_a_table_without_an_event_is_refused():
    with pytest.raises(DataError, match="No step is positive"):
        against_random([0, 0], [0.1, 0.2], find=Events.of, tolerance=0, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="one for each of the 2 steps"):
        count_events(Events.of([0, 1]), [0, 1, 1], tolerance=0)
