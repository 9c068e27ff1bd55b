import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from automl_nn.data.findings import find, separation
from automl_nn.data.table import Table

N = 400
Y = (np.random.default_rng(0).random(N) < 0.2).astype(float)


def kinds(columns, labels=Y):
    return {(finding.kind, finding.column) for finding in find(Table.from_frame(columns), labels)}


def noise():
    return np.random.default_rng(1).normal(size=N)


@pytest.mark.parametrize("name", ["mean radius", "worst texture", "mean smoothness"])
def test_separation_is_the_area_under_the_roc_curve(name):
    data = load_breast_cancer(as_frame=True)
    auc = roc_auc_score(data.target, data.data[name])
    assert separation(data.data[name], data.target.to_numpy() == 1) == pytest.approx(max(auc, 1 - auc))


def test_leaks_are_found_whatever_their_role():
    leaks = {
        "number": Y + 0.01 * noise(),
        "reversed": -Y + 0.01 * noise(),
        "flag": Y == 1,
        "text": np.where(Y == 1, "yes it is", "no"),
        "gaps": np.where(Y == 1, np.nan, noise()),
    }
    found = {column for kind, column in kinds(leaks | {"noise": noise()}) if kind == "leak"}
    assert found == set(leaks)


def test_a_category_of_many_levels_is_no_leak():
    towns = [f"town {i % 370}" for i in range(N)]
    assert ("leak", "town") not in kinds({"town": towns, "x": noise()})


def test_a_leak_of_one_class_among_three_is_found():
    y = np.arange(N) % 3
    assert ("leak", "x") in kinds({"x": (y == 1) + 0.01 * noise()}, y)


def test_repeated_rows_are_counted_and_torn_ones_told_apart():
    columns = {"x": [1.0, 1.0, 2.0, 2.0, 3.0], "s": list("aabbc")}
    found = {finding.kind: finding.message for finding in find(Table.from_frame(columns), [0, 1, 0, 0, 1])}
    assert found["duplicates"].startswith("2 of 5 rows (40 %)")
    assert found["conflicts"].startswith("2 of 5 rows (40 %)")
    assert "conflicts" not in dict(kinds(columns, [0, 0, 1, 1, np.nan]))


def test_labels_of_many_values_have_no_classes():
    assert kinds({"x": noise()}, noise()) == set()


def test_missing_values_have_shares_and_levels():
    frame = pd.DataFrame({"little": noise(), "much": noise()})
    frame.loc[:9, "little"] = np.nan
    frame.loc[:299, "much"] = np.nan
    levels = {finding.column: finding.level for finding in find(Table.from_frame(frame)) if finding.kind == "missing"}
    assert levels == {"little": "note", "much": "warning"}


def test_rare_and_lacking_classes_are_said():
    few = np.arange(N) < 12
    levels = [finding.level for finding in find(Table.from_frame({"x": noise()}), np.column_stack([Y, few]))]
    assert levels == ["note", "warning"]
    assert [f.level for f in find(Table.from_frame({"x": noise()}), np.full(N, np.nan))] == ["error"]


def test_tiny_spreads_are_said():
    found = kinds({"tiny": 1e-7 * noise(), "far": 1e9 + noise(), "plain": noise()})
    assert {column for kind, column in found if kind == "scale"} == {"tiny", "far"}


def test_one_hot_columns_are_one_group(rng):
    one_hot = {f"colour {j}": (np.arange(N) % 4 == j).astype(int) for j in range(4)}
    flags = {"before": rng.random(N) < 0.5, **one_hot, "after": rng.random(N) < 0.5}
    found = [finding for finding in find(Table.from_frame(flags)) if finding.kind == "one_hot"]
    assert [finding.column for finding in found] == ["colour 0"]
    assert found[0].message.startswith("4 columns")


def test_dropped_columns_are_said():
    assert ("dropped", "id") in kinds({"x": noise(), "id": np.arange(N)})
