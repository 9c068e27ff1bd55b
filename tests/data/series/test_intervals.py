import numpy as np
import pandas as pd
import pytest

from automl_nn.cli import main
from automl_nn.data.series.intervals import label_intervals
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import DataError

BY = SeriesColumns("pump", "minute")


def frame(n_series=3, n_steps=40):
    series, minute = np.divmod(np.arange(n_series * n_steps), n_steps)
    return pd.DataFrame({"pump": np.array(list("abcdefghijklmnop"))[series], "minute": minute, "x": minute % 7.0})


def test_labels_of_intervals_are_those_of_a_loop_over_all_steps():
    rng = np.random.default_rng(0)
    steps = frame().sample(frac=1, random_state=0).sort_values("minute", kind="stable")  # series are mixed
    start = rng.integers(0, 30, 12)
    intervals = pd.DataFrame(
        {"pump": rng.choice(list("abc"), 12), "start": start, "end": start + rng.integers(0, 9, 12)}
    )
    found = label_intervals(steps, intervals, "leak", series=BY)["leak"].tolist()
    assert found == [
        int(any(row.pump == pump and start <= row.minute <= end for pump, start, end in intervals.to_numpy()))
        for row in steps.itertuples()
    ]


def test_an_interval_without_a_label_hides_its_steps():
    intervals = {"series": ["a", "a", "b"], "start": [0, 5, 3], "end": [1, 6, 3], "label": ["leak", None, "stall"]}
    found = label_intervals(frame(), intervals, "state", series=BY)["state"]
    assert found.isna().sum() == 2
    assert found.value_counts().to_dict() == {"none": 115, "leak": 2, "stall": 1}


def test_moments_and_numbers_of_steps_are_taken():
    moments = pd.to_datetime("2026-01-01") + pd.to_timedelta(frame()["minute"], unit="min")
    dated = frame().assign(minute=moments.astype(str))
    one = {"pump": ["b"], "start": ["2026-01-01 00:03"], "end": ["2026-01-01 00:04:30"]}
    assert np.flatnonzero(label_intervals(dated, one, "y", series=BY)["y"]).tolist() == [43, 44]
    counted = label_intervals(frame(), {"pump": ["b"], "start": [3], "end": [4]}, "y", series=SeriesColumns("pump"))
    assert np.flatnonzero(counted["y"]).tolist() == [43, 44]
    assert label_intervals(frame(1), {"start": [3], "end": [4]}, "y", series=SeriesColumns(None))["y"].sum() == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pump": ["a", "z"]}, "Interval 1 is of series 'z', but there is no such series"),
        ({"end": [5, 2]}, "Interval 1 starts at 3.0 and ends at 2.0"),
        ({"end": [5, 40]}, "series 'b' from 0.0 to 39.0: cut it"),
        ({"start": [-1, 3]}, "there are no steps to label outside"),
        ({"start": [1.2, 3], "end": [1.8, 4]}, "lies between two steps of series 'a'"),
        ({"pump": ["a", "a"], "label": [1, 2]}, "Interval 1 overlaps interval 0 and has another label"),
        ({"start": [None, 3]}, "Interval 0 has no start"),
        ({"start": ["2026-01-01", "2026-01-02"]}, "are numbers, but 'start' of intervals holds moments"),
    ],
)
def test_intervals_that_cannot_be_are_refused(change, why):
    intervals = pd.DataFrame({"pump": ["a", "b"], "start": [1, 3], "end": [5, 4]} | change)
    with pytest.raises(DataError, match=why):
        label_intervals(frame(), intervals, "leak", series=BY)


def test_the_shell_takes_intervals_and_refuses_wrong_ones(capsys):
    frame(12).to_csv("steps.csv", index=False)
    intervals = pd.DataFrame({"pump": list("abcdefghijkl"), "start": range(1, 13), "end": range(3, 15)})
    intervals.to_csv("leaks.csv", index=False)
    asked = ["steps.csv", "--target", "leak", "--series-id", "pump", "--time", "minute", "--per-step"]
    assert main(["check", *asked, "--intervals", "leaks.csv", "--quick"]) == 0
    assert "12 events" in capsys.readouterr().out
    intervals.assign(end=99).to_csv("leaks.csv", index=False)
    assert main(["tune", *asked, "--intervals", "leaks.csv", "--n-trials", "1"]) == 2
    assert "cut it" in capsys.readouterr().err
    assert main(["tune", *asked[:-1], "--intervals", "leaks.csv", "--n-trials", "1"]) == 2
    assert "--per-step" in capsys.readouterr().err
