import json

import numpy as np
import pandas as pd

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.review.about import about
from automl_nn.review.tables import label_rows
from automl_nn.search.problems.problem import pose
from automl_nn.search.problems.series import pose_steps


def test_what_is_told_of_a_table_is_what_the_table_holds():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(200) < 0.25, np.nan, rng.normal(size=200))
    problem = pose(pd.DataFrame({"x": x, "z": range(200), "y": [0, 0, 0, 1] * 50}), ["y"])
    known = about(problem, command=("automl-nn", "tune", "f.csv"))
    assert known["rows"] == {"given": 200, "train": 160, "val": 40}
    assert known["missing"] == {"x": int(np.isnan(x).sum())}
    assert known["labels"] == label_rows(problem)
    assert json.loads(json.dumps(known, allow_nan=False)) == known


def test_series_are_counted():
    pulse = np.tile([0.0, 0.1, 3.0, 0.2], 40)
    frame = pd.DataFrame({"s": np.repeat(range(8), 20), "x": pulse, "y": pulse > 1})
    assert about(pose_steps(frame, ["y"], SeriesColumns("s")))["n_series"] == 8
