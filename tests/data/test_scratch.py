"""Folders of processes that were killed are removed by the next one, and those of others are left alone."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from automl_nn.data.scratch import GRACE_SECONDS, LOCK, scratch_folder

HOLDER = """
import sys
from automl_nn.data.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "data").write_bytes(b"0" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, monkeypatch):
    """A process that holds a folder, and the folder, which looks as if it were old."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    line = [sys.executable, "-c", HOLDER]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        folder = Path(process.stdout.readline().strip())
        _age(folder)
        yield process, folder
        process.kill()


def _age(folder):
    then = time.time() - GRACE_SECONDS - 1
    os.utime(folder / LOCK, (then, then))


def test_what_a_killed_process_left_is_removed_by_the_next(holder):
    process, folder = holder
    process.kill()
    process.wait()
    assert (folder / "data").exists()
    with scratch_folder() as own:
        assert own.exists()
        assert not folder.exists()


def test_what_somebody_holds_is_left_alone(holder):
    _, folder = holder
    with scratch_folder():
        assert (folder / "data").exists()


def test_a_folder_that_is_about_to_be_locked_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "automl_nn_new"
    folder.mkdir()
    (folder / LOCK).touch()
    with scratch_folder():
        assert folder.exists()
    _age(folder)
    with scratch_folder():
        assert not folder.exists()


def test_other_folders_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("automl_nn_without_lock", "another_program"):
        (tmp_path / name).mkdir()
    (tmp_path / "another_program" / LOCK).touch()
    _age(tmp_path / "another_program")
    with scratch_folder():
        pass
    assert len(list(tmp_path.iterdir())) == 2
