import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_linnerud, load_wine

from automl_nn.data.codes import are_codes
from automl_nn.data.findings import find
from automl_nn.data.roles import guess_role
from automl_nn.data.table import Table

N_ROWS = 3000
RNG = np.random.default_rng(0)


def codes(n_levels=200, *, seed=0):
    """Each row one of a few numbers that were drawn from many."""
    rng = np.random.default_rng(seed)
    return rng.choice(rng.choice(np.arange(1_000, 90_000), n_levels, replace=False), N_ROWS)


QUANTITIES = {
    "ages": RNG.integers(18, 90, N_ROWS),
    "incomes": np.rint(RNG.lognormal(10, 0.7, N_ROWS)),
    "counts": RNG.poisson(60, N_ROWS),
    "rounded": RNG.integers(1, 900, N_ROWS) * 100 + RNG.choice([0, 50], N_ROWS),
    "prices": RNG.integers(1, 900, N_ROWS) * 10 + 9,
    "stretched": np.rint(RNG.integers(0, 256, N_ROWS) * 37.7),
    "days": RNG.integers(0, 300, N_ROWS) * 86_400,
    "mostly zero": np.where(RNG.random(N_ROWS) < 0.9, 0, codes()),
    "fractions": codes() + 0.5,
    "below zero": codes() - 50_000,
    "few": RNG.choice([3, 17, 1000, 5000], N_ROWS),
    "all distinct": RNG.choice(10**9, N_ROWS, replace=False),
}


@pytest.mark.parametrize("values", QUANTITIES.values(), ids=list(QUANTITIES))
def test_quantities_stay_numbers(values):
    assert not are_codes(pd.Series(values))


@pytest.mark.parametrize("n_levels", [40, 200, 500])
@pytest.mark.parametrize("kind", ["int64", "float64", "Int64"])
def test_numbers_that_come_back_are_codes(n_levels, kind):
    values = pd.Series(codes(n_levels)).astype(kind)
    values[:5] = values[5] if kind == "int64" else None
    assert guess_role(values) == "category"


def test_codes_may_begin_with_their_most_frequent_one():
    values = codes(40)
    values[:100] = values.min()
    assert are_codes(pd.Series(values))


@pytest.mark.parametrize("load", [load_digits, load_wine, load_diabetes, load_linnerud])
def test_bundled_tables_of_numbers_have_no_codes(load):
    frame = load(as_frame=True).frame
    assert not [name for name in frame if guess_role(frame[name]) == "category"]


def test_few_rows_tell_nothing():
    assert not are_codes(pd.Series([10_115, 80_331, 20_095] * 10))


def test_a_column_of_codes_says_so_and_can_be_a_number_by_hand():
    frame = pd.DataFrame({"zip": codes(), "age": QUANTITIES["ages"]})
    (finding,) = [finding for finding in find(Table.from_frame(frame)) if finding.kind == "codes"]
    assert finding.column == "zip"
    assert "set its role to numeric" in finding.message
    by_hand = Table.from_frame(frame, roles={"zip": "numeric"})
    assert by_hand.columns[0].role == "numeric"
    assert not by_hand.columns[0].reason


def test_new_rows_of_a_column_of_codes_are_read_as_levels():
    table = Table.from_frame(pd.DataFrame({"zip": codes(), "age": QUANTITIES["ages"]}))
    rows = Table.from_schema({"zip": [10_115.0, None], "age": [3, 4]}, table.schema())
    assert rows.levels()["zip"].tolist() == ["10115", None]
