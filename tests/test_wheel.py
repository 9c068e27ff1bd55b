import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """The files inside a wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_the_whole_package(carried):
    source = (ROOT / "automl_nn").rglob("*")
    files = {str(file.relative_to(ROOT)) for file in source if file.is_file() and "__pycache__" not in file.parts}
    assert files <= carried


def test_the_wheel_carries_the_dashboards_inside_the_package(carried):
    files = {file.relative_to(ROOT) for file in (ROOT / "dashboards").rglob("*") if file.is_file()}
    assert files
    assert {f"automl_nn/{file.as_posix()}" for file in files} <= carried


def test_the_wheel_carries_nothing_else(carried):
    assert {name.partition("/")[0].partition("-")[0] for name in carried} == {"automl_nn"}
