import numpy as np
import pandas as pd

from automl_nn.data.table import Table
from automl_nn.data.value_findings import find_with_values

N = 400
Y = np.random.default_rng(0).normal(size=N)


def kinds(columns, values=Y):
    table = Table.from_frame(columns)
    return {(finding.kind, finding.column) for finding in find_with_values(table, pd.DataFrame({"y": values}))}


def test_a_rising_or_falling_map_of_the_target_is_a_leak_and_a_noisy_one_is_none(rng):
    gaps = np.where(np.arange(N) % 7, Y, np.nan)
    leaks = {"cube": -(Y**3), "gaps": gaps, "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(Y, unit="D")}
    found = kinds(leaks | {"noisy": Y + 0.2 * rng.normal(size=N), "flag": Y > 0})
    assert {column for kind, column in found if kind == "leak"} == set(leaks)


def test_a_target_without_spread_or_rows_leaks_nowhere():
    assert kinds({"x": Y}, np.ones(N)) == kinds({"x": Y}, np.full(N, np.nan)) == set()


def test_a_target_ruled_by_a_few_rows_is_said(rng):
    assert ("tails", "y") in kinds({"x": rng.normal(size=N)}, np.exp(10 * Y))
    assert ("tails", "y") not in kinds({"x": rng.normal(size=N)}, Y)


def test_a_quantity_of_few_values_has_no_classes(rng):
    assert not {kind for kind, _ in kinds({"x": rng.normal(size=N)}, np.round(Y))} & {"classes", "conflicts"}
