import pandas as pd
import pytest

from automl_nn.data.target import split_target
from automl_nn.errors import DataError, TargetError

FRAME = pd.DataFrame({"age": [31, 47], "sick": [0, 1], "cost": [5.0, 6.0]})


def test_features_and_targets_keep_the_order_asked_for():
    features, target = split_target(FRAME, ["cost", "sick"])
    assert features.columns.tolist() == ["age"]
    assert target.columns.tolist() == ["cost", "sick"]


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("sik", TargetError, "no target column 'sik'. Did you mean 'sick'"),
        (["sick", "sick"], TargetError, "named 2 times"),
        ([], TargetError, "No target column"),
        (["age", "sick", "cost"], DataError, "no feature column"),
    ],
)
def test_targets_that_cannot_be_cut_off_are_refused(names, error, message):
    with pytest.raises(error, match=message):
        split_target(FRAME, names)
