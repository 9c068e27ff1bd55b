import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_nn.data.fingerprint import fingerprint

COLUMNS = {
    "n": [1, 2, 3],
    "x": [0.5, np.nan, 2.0],
    "s": ["a", None, "c"],
    "b": [True, False, True],
    "t": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
    "z": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).tz_localize("UTC"),
    "d": pd.to_timedelta(["1s", None, "2s"]),
    "m": pd.array([1, None, 3], dtype="Int64"),
}
CHANGES = {"n": 9, "x": 0.6, "s": "z", "b": False, "t": pd.Timestamp(0), "z": pd.Timestamp(0, tz="UTC"), "m": 7}


@pytest.fixture
def frame():
    return pd.DataFrame(COLUMNS)


def test_copies_have_the_fingerprint_of_the_original(frame):
    assert fingerprint(frame) == fingerprint(frame.copy(deep=True)) == fingerprint(frame.set_index([[5, 6, 7]]))


@pytest.mark.parametrize("name", CHANGES)
def test_one_changed_value_changes_it(frame, name):
    changed = frame.copy()
    changed.loc[0, name] = CHANGES[name]
    assert fingerprint(changed) != fingerprint(frame)
    changed.loc[0, name] = None if name not in "nb" else changed.loc[0, name]
    assert fingerprint(changed) != fingerprint(frame)


def test_names_order_and_rows_count(frame):
    others = [frame.rename(columns={"n": "m2"}), frame[frame.columns[::-1]], frame.iloc[::-1], frame.iloc[:2]]
    assert len({fingerprint(other) for other in [frame, *others, frame.drop(columns="n")]}) == 6


@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_a_text_counts_however_pandas_keeps_it(texts):
    kept = [pd.Series(texts, dtype=kind) for kind in ("object", "str", "category")]
    assert len({fingerprint(pd.DataFrame({"s": values})) for values in kept}) == 1


TEXTS = st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=4)


@given(one=TEXTS, other=TEXTS)
@settings(max_examples=100, deadline=None)
def test_texts_are_told_apart_exactly_where_they_differ(one, other):
    same = fingerprint(pd.DataFrame({"s": one})) == fingerprint(pd.DataFrame({"s": other}))
    assert same == (one == other)


def test_many_rows_have_the_fingerprint_that_they_have_in_one_piece(frame, monkeypatch):
    whole = fingerprint(frame)
    monkeypatch.setattr("automl_nn.data.fingerprint.ROWS_AT_ONCE", 1)
    assert fingerprint(frame) == whole
