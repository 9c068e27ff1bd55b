import numpy as np
import pandas as pd
import pytest

from automl_nn.data.series.labels import refuse_empty_channels
from automl_nn.data.series.panel import Panel
from automl_nn.data.series.split import split_series, split_times
from automl_nn.data.series.steps import SeriesColumns, Steps
from automl_nn.errors import DataError, SplitError

BY = SeriesColumns("s", "t")


def frame(**columns):
    return pd.DataFrame(columns)


def test_rows_of_mixed_series_are_put_in_order():
    mixed = frame(s=["b", "a", "b", "a"], t=[0, 0, 1, 1])
    steps = Steps.of(mixed, BY)
    assert mixed["s"].iloc[steps.order].tolist() == ["b", "b", "a", "a"]
    assert steps.starts.tolist() == [0, 2]
    assert steps.names.tolist() == ["b", "a"]


@pytest.mark.parametrize("kind", ["int32", "str", "category", "float64"])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_series_are_found_as_pandas_groups_them(kind, is_mixed):
    numbers = pd.Series(np.random.default_rng(0).integers(5, size=60))
    names = (numbers if is_mixed else numbers.sort_values(ascending=False, ignore_index=True)).astype(kind)
    steps = Steps.of(frame(s=names), SeriesColumns("s"))
    groups = list(frame(s=names).groupby("s", sort=False, observed=True))
    assert steps.names.tolist() == [name for name, _ in groups]
    assert steps.order.tolist() == [row for _, rows in groups for row in rows.index]
    assert steps.sizes.tolist() == [len(rows) for _, rows in groups]
    assert (steps.moved is not None) == is_mixed


@pytest.mark.parametrize("is_mixed", [False, True])
def test_pieces_hold_whole_series_and_each_row_once(is_mixed, monkeypatch):
    monkeypatch.setattr("automl_nn.data.series.steps.STEPS_AT_ONCE", 20)
    numbers = np.random.default_rng(0).integers(8, size=60)
    steps = Steps.of(frame(s=numbers if is_mixed else np.sort(numbers)), SeriesColumns("s"))
    rows, starts = zip(*steps.pieces(), strict=True)
    taken = [np.arange(60)[some] for some in rows]
    assert len(taken) > 2
    assert np.concatenate(taken).tolist() == steps.order.tolist()
    assert [len(part) for some, own in zip(taken, starts, strict=True) for part in np.split(some, own[1:])] == (
        steps.sizes.tolist()
    )


@pytest.mark.parametrize("at_once", [1, 7, 19, 1000])
def test_stretches_begin_behind_gaps_and_with_each_series(at_once, monkeypatch):
    monkeypatch.setattr("automl_nn.data.series.steps.STEPS_AT_ONCE", at_once)
    steps = Steps.of(frame(s=np.repeat([0, 1, 2], [7, 5, 8])), SeriesColumns("s"))
    rows = np.flatnonzero(np.random.default_rng(0).uniform(size=20) < 0.7)
    apart = (np.diff(rows) != 1) | (np.diff(steps.numbers[rows]) != 0)
    assert steps.stretches(rows).tolist() == [0, *(1 + np.flatnonzero(apart))]
    assert steps.stretches(rows.astype(np.int32)).tolist() == steps.stretches(rows).tolist()
    assert steps.stretches([]).tolist() == []
    assert steps.numbers_at(rows).tolist() == steps.numbers[rows].tolist()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"s": [1, 1], "t": [2, 1]}, "The times of series 1 are not sorted: 1.0 follows 2.0"),
        ({"s": [1, 1], "t": [2, 2]}, "Series 1 has two steps at t = 2.0"),
        ({"s": [2, 1, 1, 1, 1], "t": [3, 2, 3, 4, 2]}, "Series 1 has two steps at t = 2.0"),
        ({"s": [1, None], "t": [1, 2]}, "Column 's' is missing in row 1"),
        ({"s": [1, 1], "t": [1, None]}, "Column 't' is missing in row 1"),
        ({"s": [1, 1, 2, 2], "t": [0, 1, 0, 60]}, "The steps of series 2 are 60 times as far apart as those of 1"),
        ({"s": [1, 1], "time": [0, 1]}, "There is no column 't'. Known: s, time."),
    ],
)
def test_series_that_cannot_be_used_are_refused_in_one_sentence(columns, message):
    with pytest.raises(DataError, match=message):
        Steps.of(frame(**columns), BY)


def test_dates_order_steps_too():
    dates = pd.date_range("2024-01-01", periods=3, freq="h")
    assert len(Steps.of(frame(s=[1, 1, 1], t=dates), BY).order) == 3
    with pytest.raises(DataError, match="not sorted"):
        Steps.of(frame(s=[1, 1, 1], t=dates[::-1]), BY)


def test_a_missing_step_is_no_other_rate():
    assert Steps.of(frame(s=[1] * 4 + [2] * 3, t=[0, 1, 2, 9, 0, 1, 2]), BY).sizes.tolist() == [4, 3]


def test_series_are_parted_whole_and_each_part_has_positives():
    numbers = np.repeat(np.arange(10), 5)
    y = np.where(numbers < 2, 1.0, 0.0)
    split = split_series(Steps.of(frame(s=numbers), SeriesColumns("s")), y, val_share=0.2, seed=0, min_positives=1)
    assert not set(numbers[split.train]) & set(numbers[split.val])
    assert y[split.train].any()
    assert y[split.val].any()


def test_millions_of_steps_are_parted_alike_in_pieces_and_in_half_the_room(monkeypatch):
    steps = Steps.of(frame(s=np.repeat(np.arange(10), 5)), SeriesColumns("s"))
    whole = split_series(steps, None, val_share=0.2, seed=0, min_positives=0)
    monkeypatch.setattr("automl_nn.data.series.split.STEPS_AT_ONCE", 7)
    monkeypatch.setattr("automl_nn.data.series.split._thinned", lambda steps, _: np.arange(steps.n_steps))
    monkeypatch.setattr("automl_nn.data.series.split.ENOUGH_STEPS", 10)
    parted = split_series(steps, None, val_share=0.2, seed=0, min_positives=0)
    assert parted.train.tolist() == whole.train.tolist()
    assert parted.val.tolist() == whole.val.tolist()
    assert {rows.dtype.itemsize for rows in (parted.train, parted.val)} == {1}  # places below 50 fit into a byte


def test_a_single_series_cannot_be_parted_by_series():
    with pytest.raises(SplitError, match="A single series cannot be parted by series: part it by time"):
        split_series(Steps.of(frame(x=[1, 2]), SeriesColumns()), None, val_share=0.5, seed=0, min_positives=1)


def test_parts_by_time_keep_the_gap_in_every_series():
    steps = Steps.of(frame(s=np.repeat([0, 1], [50, 100])), SeriesColumns("s"))
    split = split_times(steps, None, val_share=0.2, gap=7, min_positives=1)
    for number, (first, last) in enumerate(((0, 50), (50, 150))):
        train, val = (part[(part >= first) & (part < last)] for part in (split.train, split.val))
        assert val.tolist() == list(range(last - (10, 20)[number], last))
        assert train.tolist() == list(range(first, val[0] - 7))


def test_a_part_by_time_without_a_positive_is_refused():
    y = np.zeros(100)
    y[5] = 1
    with pytest.raises(SplitError, match="class 1"):
        split_times(Steps.of(frame(x=y), SeriesColumns()), y, val_share=0.2, gap=5, min_positives=1)


def test_a_channel_without_a_value_is_refused():
    with pytest.raises(DataError, match="Channel 'b' is missing at all 2 steps: leave it out"):
        refuse_empty_channels(frame(a=[1.0, None], b=[None, None]))


def test_arrays_and_lists_give_the_same_panel():
    X = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
    array, listed = Panel.of(X), Panel.of(list(X))
    assert np.array_equal(array.values, listed.values)
    assert np.array_equal(array.back(array.values).transpose(0, 2, 1), X)
    assert [part.shape for part in listed.back(listed.values)] == [(5, 2)] * 3
    assert np.array_equal(Panel.of(X[:, 0]).values[:, 0], X[:, 0].ravel())


def test_series_with_time_first_are_told_where_only_that_is_possible():
    turned = [np.arange(2.0 * length).reshape(length, 2) for length in (4, 9, 2)]
    plain = [series.T for series in turned]
    panel = Panel.of(turned)
    assert panel.steps_first
    assert np.array_equal(panel.values, Panel.of(plain).values)
    assert np.array_equal(Panel.of(turned[2:], layout=panel.layout).values, turned[2])
    assert np.array_equal(Panel.of(plain[:1], layout=panel.layout).values, turned[0])
    labelled = np.stack([series[:2] for series in turned[:2]] * 2).repeat(3, axis=1)
    assert Panel.of(labelled, sizes=[6] * 4).sizes.tolist() == [6] * 4
    assert Panel.of(labelled).sizes.tolist() == [2] * 4


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([np.zeros((1, 3))], [np.zeros(4)], "Series 0 has 3 steps but 4 labels"),
        ([np.zeros((1, 3))], [], "There are labels of 0 series, but 1 series"),
        ([np.zeros((1, 3)), np.zeros((2, 4))], None, r"Series 1 has shape \(2, 4\), but series 0 has \(1, 3\)"),
        ([np.zeros((1, 3)), np.zeros((1, 0))], None, r"at least one step"),
        ([np.array([["a", "b"]])], None, "series in arrays are numbers: give texts as categories"),
        (np.zeros((0, 1, 3)), None, "Series come as an array"),
        ({"a": 1}, None, "Series come as an array"),
        (np.zeros((4, 3)), np.zeros(4), "put a single recording and its labels into lists"),
    ],
)
def test_panels_that_do_not_fit_are_refused(X, y, message):
    with pytest.raises(DataError, match=message):
        Panel.of(X).steps(y)


def test_the_frames_of_sktime_hold_the_same_series_as_an_array():
    X = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float32)
    rows = pd.MultiIndex.from_product([list("abc"), range(5)])
    frames = {
        "two indices": pd.DataFrame(X.transpose(0, 2, 1).reshape(15, 2), index=rows),
        "nested": pd.DataFrame({f"dim_{i}": [pd.Series(one[i]) for one in X] for i in range(2)}),
        "list": [pd.DataFrame(one.T) for one in X],
    }
    for frame in frames.values():
        found = Panel.of(frame)
        np.testing.assert_array_equal(found.values, Panel.of(X).values)
        assert found.sizes.tolist() == [5, 5, 5]
    y = pd.Series(range(15), index=rows)
    assert Panel.of(X).steps(y).tolist() == list(range(15))
    frames["nested"].iat[1, 0] = pd.Series([0.0])
    with pytest.raises(DataError, match="channels of series 1"):
        Panel.of(frames["nested"])
