from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_nn.decide.events.trigger import Trigger
from automl_nn.errors import DataError, DecisionError
from automl_nn.task.events import Events


def _one_by_one(scores, trigger):
    """The alarms of one series by a loop over its steps."""
    found, start = [], None
    for step, score in enumerate([*scores, -np.inf]):
        if start is None and score >= trigger.high:
            start = step
        if start is not None and score < trigger.low:
            found.append([start, step])
            start = None
    whole = []
    for start, stop in found:
        if whole and start - whole[-1][1] <= trigger.merge_gap:
            whole[-1][1] = stop
        else:
            whole.append([start, stop])
    kept = []
    for start, stop in whole:
        rested = not kept or start - kept[-1][1] >= trigger.cool_down
        if stop - start >= trigger.min_duration and rested:
            kept.append([start, stop])
    return kept


scores = st.lists(st.integers(0, 5), min_size=1, max_size=50)
ways = st.tuples(st.integers(1, 5), st.integers(0, 3), st.integers(1, 4), st.integers(0, 4), st.integers(0, 6))


@given(scores, ways, st.integers(0, 50))
def test_alarms_equal_those_of_a_loop_over_the_steps_of_each_series(scores, way, cut):
    high, drop, *rest = way
    trigger = Trigger(high, high - drop, *rest)
    cut = min(cut, len(scores))
    parts = [scores[:cut], scores[cut:]]
    wanted = _one_by_one(parts[0], trigger) + [[a + cut, b + cut] for a, b in _one_by_one(parts[1], trigger)]
    alarms = trigger.find(np.array(scores, dtype=float), offsets=[0, cut, len(scores)])
    assert [list(ends) for ends in zip(alarms.start, alarms.stop, strict=True)] == wanted


@given(scores, st.integers(1, 5))
def test_without_durations_it_is_the_plain_threshold(scores, high):
    plain = Events.of(np.array(scores) >= high)
    assert Trigger(high, high).find(scores).marks().tolist() == plain.marks().tolist()


def test_a_trigger_comes_back_from_plain_values():
    trigger = Trigger(0.9, 0.2, 3, 4, 5)
    assert Trigger.from_json(asdict(trigger)) == trigger


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ((0.2, 0.5), "low as a number up to high"),
        ((np.nan, 0.1), "low as a number up to high"),
        ((0.5, 0.5, 0), "min_duration = 0"),
        ((0.5, 0.5, 1, 1.5), "merge_gap = 1.5"),
        ((0.5, 0.5, 1, 0, -1), "cool_down = -1"),
    ],
)
def test_impossible_values_are_refused(values, part):
    with pytest.raises(DecisionError, match=part):
        Trigger(*values)


def test_scores_without_a_value_are_refused():
    with pytest.raises(DecisionError, match="1 of 2 scores"):
        Trigger(0.5, 0.5).find([np.nan, 1.0])
    with pytest.raises(DataError, match="do not part 2 steps"):
        Trigger(0.5, 0.5).find([0.0, 1.0], offsets=[0, 3])
