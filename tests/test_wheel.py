import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def carried(wheel):
    """The files inside it."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_pages_are_found_outside_of_a_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "from automl_nn.web.files import asset, dashboards; print(dashboards()); asset('style.css')"
    run = [sys.executable, "-c", code]
    found = subprocess.check_output(run, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, text=True)
    assert Path(found.strip()) == tmp_path / "automl_nn" / "dashboards"


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
