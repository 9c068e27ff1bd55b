import datetime
import json
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from automl_nn.data.table import Table
from automl_nn.errors import DataError

N = 60


def roles_of(**columns):
    return {column.name: column.role for column in Table.from_frame(columns).columns}


GUESSES = [
    ("numeric", [1.5, 2.0, None]),
    ("numeric", [1, 2, 3]),
    ("numeric", ["1.5", " 2 ", None]),
    ("numeric", [Decimal("1.5"), Decimal(2), None]),
    ("numeric", pd.to_timedelta(["1s", "2s", None])),
    ("numeric", pd.array([1, 2, None], dtype="Int64")),
    ("boolean", [True, False, None]),
    ("boolean", [0, 1, 1]),
    ("boolean", [0.0, 1.0, np.nan]),
    ("boolean", ["true", "False", None]),
    ("boolean", pd.array([True, False, None], dtype="boolean")),
    ("category", ["a", "b", None]),
    ("category", ["?", "1", "2"]),
    ("category", ["a", 1, 2.5]),
    ("category", pd.Categorical([1, 2, 1])),
    ("datetime", ["2024-01-31", "2024-02-01T12:00:00", None]),
    ("datetime", pd.to_datetime(["2024-01-31", "2024-02-01", None])),
    ("datetime", pd.to_datetime(["2024-01-31", "2024-02-01", None]).tz_localize("Europe/Rome")),
    ("datetime", [datetime.date(2024, 1, 31), datetime.date(2024, 2, 1), None]),
    ("datetime", pd.PeriodIndex(["2024-01", "2024-02", None], freq="M")),
    ("dropped", [None, None, None]),
    ("dropped", [7, 7, 7]),
    ("dropped", ["a", "a", "a"]),
]


@pytest.mark.parametrize(("role", "values"), GUESSES)
def test_the_role_of_a_column_is_found(role, values):
    assert roles_of(other=[1.0, 5.0, 2.0], column=values)["column"] == role


def test_identifiers_are_dropped_and_unique_measurements_are_kept():
    rng = np.random.default_rng(0)
    found = roles_of(
        name=[f"person {i}" for i in range(N)],
        row_number=np.arange(100, 100 + N),
        every_fifth=np.arange(0, 5 * N, 5),
        shuffled=rng.permutation(1000)[:N],
        ordered=np.sort(rng.permutation(1000)[:N]),
        ramp=np.linspace(0, 1, N),
        town=[f"town {i % 20}" for i in range(N)],
    )
    assert [name for name, role in found.items() if role == "dropped"] == ["name", "row_number", "every_fifth"]


def test_few_rows_are_never_identifiers():
    assert roles_of(name=["Ada", "Bob", "Cid"], number=[1, 2, 3]) == {"name": "category", "number": "numeric"}


def test_a_dropped_column_says_why_and_can_be_kept_by_hand():
    frame = {"id": np.arange(N), "x": np.arange(N) % 7}
    assert "running number from 0 to 59" in Table.from_frame(frame).columns[0].reason
    assert Table.from_frame(frame, roles={"id": "numeric"}).numbers().columns.tolist() == ["id", "x"]
    assert Table.from_frame(frame, roles={"x": "dropped", "id": "numeric"}).columns[1].reason


def test_one_value_and_gaps_are_not_constant():
    assert roles_of(x=[1.5, np.nan, 1.5], s=["a", None, "a"]) == {"x": "numeric", "s": "category"}


def test_the_three_forms_hold_what_was_given():
    table = Table.from_frame({"x": [1, None, 3], "b": [True, False, None], "s": ["u", None, "v"]})
    assert table.numbers().dtypes.tolist() == ["float64"]
    assert table.flags().dtypes.tolist() == ["float32"]
    np.testing.assert_array_equal(table.numbers()["x"], [1, np.nan, 3])
    np.testing.assert_array_equal(table.flags()["b"], [1, 0, np.nan])
    assert table.levels()["s"].tolist() == ["u", None, "v"]


def test_rows_taken_twice_are_those_of_the_frame(known):
    taken = known.take([2, 0, 1]).take([1, 1, 2])
    assert taken.n_rows == 3
    pd.testing.assert_frame_equal(taken.frame, known.frame.take([0, 0, 1]).reset_index(drop=True))


def test_flags_take_a_byte_and_are_not_copied():
    given = pd.DataFrame({"whole": [True, False, True], "gaps": [1.0, 0.0, None]})
    table = Table.from_frame(given)
    assert [str(kind) for kind in table.frame.dtypes] == ["bool", "float16"]
    assert np.shares_memory(table.frame["whole"].to_numpy(), given["whole"].to_numpy())
    given.loc[0, "whole"] = False
    assert table.flags()["whole"].tolist() == [1, 0, 1]


def test_a_pickled_table_can_be_shared_in_place():
    x = np.arange(100).reshape(50, 2) % 3 == 0
    buffers: list[pickle.PickleBuffer] = []
    table = Table.from_frame(x).take(np.arange(40))
    again = pickle.loads(pickle.dumps(table, protocol=5, buffer_callback=buffers.append), buffers=buffers)
    pd.testing.assert_frame_equal(again.frame, table.frame)
    assert sum(buffer.raw().nbytes for buffer in buffers) >= 2 * 40


def test_a_table_of_one_role_has_empty_other_forms_of_full_length():
    table = Table.from_frame({"s": ["a", "b", "a"]})
    assert table.numbers().shape == (3, 0)
    assert table.flags().shape == (3, 0)


def test_moments_are_expanded_to_circles_that_close():
    moments = ["2024-03-01T06:00", "2024-03-08T06:00", None]
    numbers = Table.from_frame({"at": moments}).numbers()
    assert numbers.shape == (3, 7)
    np.testing.assert_allclose(numbers["at.week_sin"][0], numbers["at.week_sin"][1], atol=1e-9)
    np.testing.assert_allclose(numbers["at.days"].diff()[1], 7)
    assert numbers.iloc[2].isna().all()


def test_moments_in_two_zones_are_one_moment():
    rome = pd.to_datetime(pd.Series(["2024-07-01T12:00", "2024-07-02T12:00"])).dt.tz_localize("Europe/Rome")
    zulu = pd.Series(["2024-07-01T10:00:00Z", "2024-07-02T10:00:00Z"])
    pd.testing.assert_frame_equal(
        Table.from_frame({"at": rome}).numbers(), Table.from_frame({"at": zulu}).numbers(), check_exact=True
    )


@pytest.fixture
def known() -> Table:
    return Table.from_frame(
        {
            "age": [31, 47, 19],
            "smoker": [True, False, True],
            "town": ["Rome", "Oslo", "Rome"],
            "since": ["2024-01-01", "2024-01-02", "2024-01-05"],
            "planet": ["Earth"] * 3,
        }
    )


def test_new_rows_of_a_schema_that_travelled_as_json_equal_the_rows_taken(known):
    frame = pd.DataFrame(
        {"since": ["2024-01-05"], "town": ["Rome"], "extra": [0], "smoker": [True], "age": [19]}, index=[7]
    )
    new = Table.from_schema(frame, json.loads(json.dumps(known.schema())))
    for form in ("numbers", "flags", "levels"):
        pd.testing.assert_frame_equal(getattr(new, form)(), getattr(known.take([2]), form)())


def test_new_rows_may_miss_anything_and_have_new_levels(known):
    frame = {"age": [None], "smoker": [None], "town": ["Bonn"], "since": [None]}
    new = Table.from_schema(frame, known.schema())
    assert new.numbers().isna().all(axis=None)
    assert new.flags().isna().all(axis=None)
    assert new.levels()["town"].tolist() == ["Bonn"]


def test_whole_numbers_as_levels_stay_the_same_beside_a_missing_one():
    known = Table.from_frame({"zip": [10115, 80331]}, roles={"zip": "category"})
    assert Table.from_schema({"zip": [80331, None]}, known.schema()).levels()["zip"].tolist() == ["80331", None]


def test_a_flag_of_numbers_is_clipped_in_new_rows():
    known = Table.from_frame({"n": [0, 1, 1]})
    assert Table.from_schema({"n": [0.5, 3, -1]}, known.schema()).flags()["n"].tolist() == [0.5, 1, 0]


GOOD = {"age": [1], "smoker": [True], "town": ["Rome"], "since": ["2024-01-01"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": ["old"]}, "Column 'age' holds 'old' in row 0, which is not a number"),
        ({"age": [np.inf]}, "Column 'age' contains infinity"),
        ({"age": ["inf"]}, "Column 'age' contains infinity"),
        ({"age": pd.to_datetime(["2024-01-01"])}, "Column 'age' .* not a number"),
        ({"smoker": ["perhaps"]}, "Column 'smoker' holds 'perhaps' .* not true or false"),
        ({"since": ["yesterday"]}, "Column 'since' holds 'yesterday' .* not a date"),
        ({"since": [5]}, "Column 'since' holds '5' .* not a date"),
        ({"town": [["Rome"]]}, "Column 'town' holds list values"),
    ],
)
def test_a_value_of_another_role_is_named(known, change, message):
    with pytest.raises(DataError, match=message):
        Table.from_schema(GOOD | change, known.schema())


def test_a_missing_column_is_named_with_its_nearest_neighbour(known):
    with pytest.raises(DataError, match=r"lack the column 'age'.*Did you mean 'Age'"):
        Table.from_schema({"Age": [1]} | {name: GOOD[name] for name in GOOD if name != "age"}, known.schema())


@pytest.mark.parametrize(
    ("columns", "roles", "message"),
    [
        ({"x": [1.0, np.inf]}, {}, "Column 'x' contains infinity"),
        ({"x": [1.0]}, {}, "n_samples=1"),
        ({}, {}, r"0 feature\(s\)"),
        ({"x": [1, 1]}, {}, "No column can be used: 'x'"),
        ({"x": [1j, 2j]}, {}, "Complex data not supported"),
        ({"x": [{}, {}]}, {}, "holds dict values"),
        ({"x": [1, 2]}, {"y": "numeric"}, "Unknown column 'y'"),
        ({"x": [1, 2]}, {"x": "number"}, "Unknown role 'number'.*Did you mean 'numeric'"),
        ({"x": ["a", "2"]}, {"x": "numeric"}, "holds 'a' in row 0"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(columns, roles, message):
    with pytest.raises(DataError, match=message):
        Table.from_frame(pd.DataFrame(columns), roles=roles)


def test_a_category_of_too_many_levels_is_refused(monkeypatch):
    monkeypatch.setattr("automl_nn.data.table.MAX_LEVELS", 10)
    with pytest.raises(DataError, match="has 20 levels, more than the 10"):
        Table.from_frame({"s": [f"level {i % 20}" for i in range(N)]})


def test_polars_and_pandas_give_the_same_table():
    columns = {"x": [1, None, 3], "s": ["a", "b", None], "b": [True, None, False]}
    one, other = Table.from_frame(pl.DataFrame(columns)), Table.from_frame(pd.DataFrame(columns))
    assert one.columns == other.columns
    for form in ("numbers", "flags", "levels"):
        pd.testing.assert_frame_equal(getattr(one, form)(), getattr(other, form)())


def test_no_new_rows_are_a_table_of_no_rows(known):
    new = Table.from_schema(pd.DataFrame({name: [] for name in GOOD}), known.schema())
    assert (new.n_rows, new.numbers().shape, new.levels().shape) == (0, (0, 8), (0, 1))
