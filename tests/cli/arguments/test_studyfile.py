import pytest

from automl_nn.cli.arguments.given import gather
from automl_nn.cli.arguments.studyfile import read_study_file
from automl_nn.errors import DataError, InputError

TASK = "TASK = {'target': 'y', 'metric': 'roc_auc'}\n"


@pytest.fixture
def study(tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n1,0\n2,1\n3,0\n")

    def write(text, name="toy.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "data",
    [
        "DATA = 'rows.csv'",
        "DATA = lambda: 'rows.csv'",
        "import pandas as pd\nDATA = pd.DataFrame({'x': [1, 2, 3], 'y': [0, 1, 0]})",
        "DATA = lambda: {'x': [1, 2, 3], 'y': [0, 1, 0]}",
    ],
)
def test_data_is_a_path_beside_the_file_a_table_or_a_function(study, data, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_study_file(study(TASK + data)).frame.to_dict("list") == {"x": [1, 2, 3], "y": [0, 1, 0]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TASK = {'target': 'y'}", "lacks DATA"),
        ("DATA = 'rows.csv'", "names no target"),
        ("DATA = 'rows.csv'\nTASK = {'targets': 'y'}", "Did you mean 'target'"),
        ("DATA = 'rows.csv'\nTASK = 'y'", "must be a dictionary"),
        (TASK + "DATA = 'rows.csv'\nBUDGET = {'trials': 3}", "Did you mean 'n_trials'"),
        ("x = = 1", "SyntaxError"),
        (TASK + "DATA = lambda: 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_faulty_study_file_is_refused_with_the_reason(study, text, words):
    with pytest.raises(InputError, match=words):
        read_study_file(study(text))


def test_a_missing_study_file_and_missing_data_are_refused(study, tmp_path):
    with pytest.raises(InputError, match=r"no study file .*gone\.py"):
        read_study_file(tmp_path / "gone.py")
    with pytest.raises(DataError, match=r"gone\.csv"):
        read_study_file(study(TASK + "DATA = 'gone.csv'"))


def test_the_command_line_is_laid_over_the_file(study):
    file = study(TASK + "DATA = 'rows.csv'\nSPACE = {'a': 1, 'b': 2}\nBUDGET = {'timeout': '10m'}")
    given = gather(file, asked={"metric": "accuracy", "kind": None, "target": None}, settings={"b": 3})
    assert given.target == ("y",)
    assert given.task == {"metric": "accuracy"}
    assert given.settings == {"a": 1, "b": 3}
    assert given.budget == {"timeout": "10m"}


def test_targets_are_repeated_or_parted_by_commas(tmp_path):
    (tmp_path / "rows.csv").write_text('"a,b",a,b,c\n1,2,3,4\n')
    file = tmp_path / "rows.csv"
    assert gather(file, asked={"target": ["a,b"]}).target == ("a,b",)
    assert gather(file, asked={"target": ["a, c"]}).target == ("a", "c")
    assert gather(file, asked={"target": ["b", "c"]}).target == ("b", "c")
    assert gather(file, asked={"target": ["x,z"]}).target == ("x,z",)


def test_rows_are_parted_in_one_way(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    file = tmp_path / "rows.csv"
    assert gather(file, asked={"time": "a", "gap": 2}).parting.gap == 2
    with pytest.raises(InputError, match="one of them"):
        gather(file, asked={"time": "a", "group": "b"})
    with pytest.raises(InputError, match="--time"):
        gather(file, asked={"gap": 3})
