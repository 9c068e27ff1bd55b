"""Files of series in the format of the UCR and UEA archives."""

from pathlib import Path

import numpy as np
import pytest

from automl_nn.cli import main
from automl_nn.data.read import read_frame
from automl_nn.errors import DataError

HEADER = "# a comment\n@problemName two\n@univariate false\n@classLabel true calm wild\n@data\n"


def test_series_of_unequal_lengths_become_one_row_a_step(tmp_path):
    path = tmp_path / "two.ts"
    path.write_text(HEADER + "1,2,3:4,5,6:calm\n\n7,NaN:?,10:wild\n")
    frame = read_frame(path)
    assert frame.columns.tolist() == ["series", "t", "x0", "x1", "target"]
    assert frame["series"].tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(frame["x0"], [1, 2, 3, 7, np.nan])
    assert frame["target"].tolist() == ["calm"] * 3 + ["wild"] * 2


def test_values_of_series_are_numbers_and_there_may_be_none(tmp_path):
    path = tmp_path / "values.ts"
    path.write_text("@targetLabel true\n@data\n1,2:0.5\n3,4:2\n")
    assert read_frame(path)["target"].tolist() == [0.5, 0.5, 2.0, 2.0]
    path.write_text("@classLabel false\n@data\n1,2:3,4\n")
    assert read_frame(path).columns.tolist() == ["series", "t", "x0", "x1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2:a\n", "no line @data"),
        (HEADER, "no series behind @data"),
        (HEADER + "1,2:3:calm\n", "Line 6 of .* is broken"),
        (HEADER + "1,b:3,4:calm\n", "Line 6 of .* is broken"),
        (HEADER + "1,2:3,4:calm\n1,2:calm\n", "Line 7 of .* has other channels"),
        ("@timestamps true\n@data\n(0,1):a\n", "has time stamps"),
    ],
)
def test_files_that_cannot_be_read_are_refused(text, message, tmp_path):
    path = tmp_path / "odd.ts"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_frame(path)


def test_the_shell_tunes_such_a_file(capsys):
    rng = np.random.default_rng(0)
    lines = [",".join(f"{v:.3f}" for v in rng.normal(scale=1 + i % 2, size=20)) + f":{i % 2}" for i in range(24)]
    Path("two.ts").write_text("@classLabel true 0 1\n@data\n" + "\n".join(lines), encoding="utf-8")
    asked = ["--target", "target", "--series-id", "series", "--time", "t", "--n-trials", "1"]
    quick = ["--set", "train.n_epochs=2", "--set", "model.backbone.n_features=840"]
    assert main(["tune", "two.ts", *asked, *quick]) == 0
    capsys.readouterr()
