import numpy as np
import pytest

from automl_nn.data.parting.time_split import time_split
from automl_nn.errors import SplitError


def test_the_latest_rows_are_chosen_by_and_the_gap_belongs_to_nobody():
    times = np.random.default_rng(0).permutation(100)
    split = time_split(times, val_share=0.2, gap=10)
    assert sorted(times[split.val]) == list(range(80, 100))
    assert sorted(times[split.train]) == list(range(71))


def test_rows_of_one_moment_stay_together():
    split = time_split(np.repeat([1, 2, 3], 4), val_share=0.1)
    assert (len(split.train), len(split.val)) == (8, 4)


def test_dates_take_a_gap_in_days():
    dates = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
    for times, gap in ((dates, np.timedelta64(2, "D")), ([str(date) for date in dates], "2D")):
        split = time_split(times, val_share=0.3, gap=gap)
        assert (split.train.tolist(), split.val.tolist()) == ([0, 1, 2, 3, 4, 5], [7, 8, 9])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"times": [1.0, np.nan]}, "Row 1 has no time"),
        ({"times": [1, 1, 1]}, "No row lies 0 or more before 1"),
        ({"times": [1, 2, 3], "gap": -1}, "gap = -1"),
        ({"times": [1, 2, 3], "gap": "1D"}, "does not fit"),
        ({"times": ["2024-01-01", "2024-01-02"], "gap": 1}, "does not fit"),
        ({"times": [1, 2, 3, 4, 5], "labels": [1, 0, 1, 0, 0]}, "0 rows of class 1"),
    ],
)
def test_times_that_cannot_be_cut_are_refused(arguments, message):
    with pytest.raises(SplitError, match=message):
        time_split(**arguments)
