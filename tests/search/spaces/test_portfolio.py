import numpy as np
import pandas as pd
import pytest

from automl_nn.data.table import Table
from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import space_for
from automl_nn.search.spaces.portfolio import PORTFOLIO, WIDE_PORTFOLIO, first_trials, is_wide, portfolio_for

N = 600
USERS = [f"user {i % 150}" for i in range(N)]
TOWNS = [f"town {i % 7}" for i in range(N)]
LABELS = np.random.default_rng(0).integers(0, 2, N)
AGES = np.random.default_rng(1).normal(size=N)


def table_of(**columns):
    return Table.from_frame(pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"user": USERS}, True),
        ({"user": USERS, "town": TOWNS}, True),
        ({"user": USERS, "town": TOWNS, "age": AGES}, False),
        ({"town": TOWNS}, False),
        ({"age": AGES}, False),
    ],
)
def test_a_table_is_wide_if_half_of_its_columns_have_many_levels(columns, expected):
    assert is_wide(table_of(**columns)) is expected


def test_tables_start_from_networks_whose_epochs_are_short():
    wide = pose(pd.DataFrame({"user": USERS, "y": LABELS}), ["y"])
    other = pose(pd.DataFrame({"age": AGES, "y": LABELS}), ["y"])
    assert portfolio_for(wide, space_for(wide)) == WIDE_PORTFOLIO
    assert portfolio_for(other, space_for(other)) == PORTFOLIO
    for problem, portfolio, quick in ((wide, WIDE_PORTFOLIO, 4), (other, PORTFOLIO, 2)):
        first = first_trials(space_for(problem), portfolio)
        assert {config["model.backbone.name"] for config in first[:quick]} == {"mlp", "realmlp"}
        assert len(first) == len(portfolio)
