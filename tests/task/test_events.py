import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_nn.errors import DataError
from automl_nn.task.events import Events, match, offsets_of

marks = st.lists(st.integers(0, 1), min_size=1, max_size=60)


@given(marks, st.integers(0, 60))
def test_runs_and_marks_are_inverse_and_series_part_runs(marked, cut):
    marked, cut = np.array(marked), min(cut, len(marked))
    events = Events.of(marked, offsets=[0, cut, len(marked)])
    assert (events.marks() == marked).all()
    assert not ((events.start < cut) & (events.stop > cut)).any()
    assert (events.start[1:] >= events.stop[:-1]).all()
    assert (events.before(np.arange(len(marked) + 1)) == np.r_[0, np.cumsum(marked)]).all()


def test_series_and_missing_labels_end_an_event():
    events = Events.of([1, 1, 1, np.nan, 1, 0], offsets=[0, 2, 2, 6])
    assert events.start.tolist() == [0, 2, 4]
    assert events.stop.tolist() == [2, 3, 5]
    assert events.series.tolist() == [0, 2, 2]


def test_widened_events_stay_in_their_series_and_part_what_lies_between():
    events = Events.of([0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0], offsets=[0, 7, 11])
    wide = events.widened(3)
    assert wide.start.tolist() == [0, 3, 7]
    assert wide.stop.tolist() == [3, 7, 11]
    none = Events.of(np.zeros(4))
    assert len(none.widened(3)) == 0


def test_an_alarm_belongs_to_the_event_that_holds_half_of_it():
    true = Events.of([0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    for marked, tolerance, event in (
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0),  # one of two steps
        ([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], 0, -1),  # two of five
        ([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], 1, 0),  # four of five
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1, -1),  # an alarm that never ends
        ([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0], 1, 1),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0], 1, -1),
        ([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0], 9, 0),  # half of it before the middle, half behind it
    ):
        assert match(Events.of(marked), true, tolerance=tolerance).tolist() == [event]
    assert match(true, Events.of(np.zeros(12)), tolerance=1).tolist() == [-1, -1]


@given(marks, marks, st.integers(0, 5))
def test_matching_equals_counting_steps_one_by_one(alarmed, happened, tolerance):
    n = min(len(alarmed), len(happened))
    alarms, true = Events.of(alarmed[:n]), Events.of(happened[:n])
    wide = true.widened(tolerance)
    shares = [
        [
            sum(start <= step < stop for step in range(*ends)) / (ends[1] - ends[0])
            for start, stop in zip(wide.start, wide.stop, strict=True)
        ]
        for ends in zip(alarms.start, alarms.stop, strict=True)
    ]
    wanted = [next((i for i, share in enumerate(row) if share >= 0.5), -1) for row in shares]
    assert match(alarms, true, tolerance=tolerance).tolist() == wanted


@pytest.mark.parametrize("offsets", [[0, 3], [1, 5], [0, 4, 2, 5], [0.0, 5.0], [[0, 5]], [5]])
def test_offsets_that_do_not_part_the_steps_are_refused(offsets):
    with pytest.raises(DataError, match="do not part 5 steps"):
        offsets_of(offsets, n_steps=5)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(DataError, match="tolerance = -1"):
        Events.of([0, 1]).widened(-1)
