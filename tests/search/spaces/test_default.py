import numpy as np
import pandas as pd

from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import space_for
from automl_nn.space.draw import defaults


def test_a_table_of_many_rows_starts_with_finer_bins():
    n_bins = []
    for n_rows in (1_000, 20_000):
        x = np.random.default_rng(0).random((n_rows, 3))
        problem = pose(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x[:, 2] > 0.5}), ["y"])
        n_bins.append(defaults(space_for(problem))["model"]["embedding"]["n_bins"])
    assert n_bins == [32, len(problem.split.train) // 200]
