"""Workers read one copy of the data."""

import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.scratch import LOCK, scratch_folder
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import pose
from automl_nn.search.problems.study_spec import spec_of
from automl_nn.search.sharing import JOB, Shelf, get, put, rest

CONFIG = {"name": "robust", "max_one_hot": 8}


@pytest.fixture
def shelf():
    with scratch_folder() as folder:
        yield Shelf(folder, multiprocessing.get_context("spawn").Lock())


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["kind"] = rng.choice(["x", "y", "z"], size=200)
    frame["many"] = rng.choice([f"level {i}" for i in range(30)], size=200)
    frame["when"] = pd.date_range("2024-01-01", periods=200)
    return pose(frame.assign(target=rng.integers(0, 2, size=200)), ["target"])


def test_a_problem_comes_back_as_it_was(problem, tmp_path):
    put(problem, tmp_path / "problem")
    again = get(tmp_path / "problem")
    pd.testing.assert_frame_equal(again.table.frame, problem.table.frame)
    np.testing.assert_array_equal(again.y, problem.y)
    assert spec_of(again) == spec_of(problem)


def test_writing_to_what_was_read_changes_nothing_for_others(tmp_path):
    put({"x": np.zeros(100_000), "y": torch.zeros(5, 2)}, tmp_path / "data")
    one, other = get(tmp_path / "data"), get(tmp_path / "data")
    one["x"][:] = 1.0
    one["y"] += 1.0
    assert not other["x"].any()
    assert not other["y"].any()
    assert other["y"].shape == (5, 2)


def test_shared_rows_are_those_that_a_process_makes_for_itself(problem, shelf):
    (own,) = Encodings(problem).of(CONFIG)
    for _ in range(2):  # made the first time, read the second
        (shared,) = Encodings(problem, shelf).of(CONFIG)
        for part in ("train", "val"):
            ours, theirs = getattr(own.fold, part), getattr(shared.fold, part)
            assert torch.equal(ours.inputs.dense, theirs.inputs.dense)
            assert torch.equal(ours.inputs.codes, theirs.inputs.codes)
            assert torch.equal(ours.y, theirs.y)
            assert np.shares_memory(theirs.ids.numpy(), getattr(problem.split, part))  # not encoded, so not copied
        assert shared.encoder.to_json() == own.encoder.to_json()


def test_what_is_shared_is_made_once(shelf):
    made = []
    for _ in range(3):
        assert shelf.of("thing", lambda: made.append(1) or np.arange(4)).tolist() == [0, 1, 2, 3]
    assert made == [1]
    assert {path.name for path in shelf.folder.iterdir()} == {"thing", LOCK}


def resident_bytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Rss:"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells what memory is of")
def test_a_job_holds_no_memory_once_what_is_made_of_it_is_on_the_shelf(shelf):
    put(np.ones(2**21), shelf.folder / JOB)
    job = get(shelf.folder / JOB)
    assert shelf.of("sum", job.sum) == 2**21
    before = resident_bytes()
    assert job.sum() == 2**21  # read from the file again
    assert resident_bytes() - before > 0.9 * job.nbytes
    rest(shelf.folder / JOB)
    assert resident_bytes() - before < 0.2 * job.nbytes


def test_the_folder_is_private_and_goes():
    with scratch_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


N_BYTES = 200 * 2**20


def read(path, told):
    """Read every page, then say how many bytes this process holds that are no pages of a file."""
    value = get(path)
    assert float(value.sum()) == 0.0
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    told.put(next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:")))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells what memory is of")
def test_readers_hold_no_copy_of_their_own(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = []
    for n_bytes in (8, N_BYTES):
        put(np.zeros(n_bytes // 8), tmp_path / str(n_bytes))
        told = context.Queue()
        process = context.Process(target=read, args=(tmp_path / str(n_bytes), told))
        process.start()
        held.append(told.get(timeout=60))
        process.join()
    assert held[1] - held[0] < N_BYTES / 10
