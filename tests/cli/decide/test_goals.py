from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli.decide.goals import read_costs
from automl_nn.errors import DecisionError


def test_a_cost_matrix_is_read_in_the_order_of_the_classes(own_folder):
    table = pd.DataFrame({"": ["b", "a"], "b": [0, 3], "a": [2, 1]})
    table.to_csv("costs.csv", index=False)
    assert read_costs(Path("costs.csv"), ["a", "b"]) == ((1, 3), (2, 0))


def test_a_file_that_is_no_cost_matrix_is_refused_in_few_words(own_folder):
    pd.DataFrame({"p": np.linspace(0, 1, 3000)}).to_csv("scores.csv", index=False)
    with pytest.raises(DecisionError, match="one row for each of the 3 classes 'a', 'b', 'c', but it has 3000") as told:
        read_costs(Path("scores.csv"), ["a", "b", "c"])
    assert len(str(told.value)) < 300
