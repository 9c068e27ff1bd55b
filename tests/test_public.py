import ast
import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import automl_nn

STUB = Path(automl_nn.__file__).with_suffix(".pyi")
NAMES = [name for name in automl_nn.__all__ if name != "__version__"]
SHOWN = [name for name in NAMES if not name.endswith("Error")]
TRAINING = {"optuna", "torch"}
HEAVY = TRAINING | {"alembic", "matplotlib", "numpy", "pandas", "sklearn", "sqlalchemy"}


def imported_by(program):
    """The top-level modules that a fresh interpreter holds after a program."""
    program += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


def test_the_public_names_are_sorted():
    assert automl_nn.__all__ == sorted(automl_nn.__all__) == dir(automl_nn)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_imports(name):
    assert getattr(automl_nn, name).__name__ == name


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is(name):
    assert inspect.getdoc(getattr(automl_nn, name))


@pytest.mark.parametrize("name", SHOWN)
def test_a_public_name_has_a_running_example(name):
    public = getattr(automl_nn, name)
    module = sys.modules[public.__module__]
    assert any(found.examples for found in doctest.DocTestFinder().find(public, name, module=module))


def test_every_error_is_public():
    errors = vars(automl_nn.errors).values()
    assert {error.__name__ for error in errors if inspect.isclass(error) and issubclass(error, Exception)} == {
        name for name in NAMES if name.endswith("Error")
    }


def test_type_checkers_see_the_same_names_from_the_same_places():
    lines = ast.parse(STUB.read_text(encoding="utf-8")).body
    imports = [line for line in lines if isinstance(line, ast.ImportFrom)]
    assert {alias.asname: line.module for line in imports for alias in line.names} == automl_nn._EXPORTS


def test_an_unknown_name_proposes_the_nearest_one():
    with pytest.raises(AttributeError, match="Did you mean 'Study'"):
        automl_nn.Studi  # noqa: B018


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert automl_nn.__version__ == version("automl_nn")


def test_importing_the_package_waits_for_nothing():
    assert not imported_by("import automl_nn") & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["tune", "--help"], ["--version"]], ids=" ".join)
def test_asking_the_command_line_waits_for_neither_torch_nor_optuna(words):
    assert not imported_by(f"from automl_nn.cli import main; assert main({words}) == 0") & TRAINING
