import ctypes
import resource
import sys
import threading

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.errors import BudgetError
from automl_nn.search.events import EpochEnded
from automl_nn.study import Study
from automl_nn.train.device import all_memory_kept, each_alone, keep_memory, threads

TINY = 1e-39


def tiny():
    return (torch.full((64,), 1.0) * TINY).sum().item()


def test_numbers_without_a_full_mantissa_are_zero_while_training_and_are_themselves_after():
    with threads(1):
        with threads(1):
            assert tiny() == 0.0
        assert tiny() == 0.0
    assert tiny() > 0.0


def test_the_number_of_threads_is_what_it_was_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), threads(before + 1):
        raise ValueError("inside")
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("n_threads", [1, 2])
def test_each_item_is_worked_on_by_one_thread_and_as_many_at_a_time_as_there_are(n_threads):
    together, known = threading.Barrier(n_threads, timeout=60), set()

    def work(number):
        together.wait()  # which nobody passes alone where there are two
        known.add(threading.get_ident())
        return number, torch.get_num_threads(), tiny()

    with threads(n_threads):
        assert each_alone(work, range(4)) == [(number, 1, 0.0) for number in range(4)]
        assert torch.get_num_threads() == n_threads
    assert len(known) == n_threads


def test_no_threads_are_refused():
    with pytest.raises(BudgetError, match="at least 1"), threads(0):
        pass


def share_cleared(*, n_pieces, n_bytes):
    """The share of its memory that the system has to clear for a step which takes so many pieces."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    pieces = [ctypes.c_void_p(library.malloc(ctypes.c_size_t(n_bytes))) for _ in range(n_pieces)]
    for piece in pieces:
        ctypes.memset(piece, 1, n_bytes)
    for piece in pieces:
        library.free(piece)
    n_cleared = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return n_cleared / (n_pieces * n_bytes / resource.getpagesize())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not given back between steps")
def test_memory_that_a_step_frees_is_kept_for_the_next_one():
    keep_memory()
    assert min(share_cleared(n_pieces=8, n_bytes=2**23) for _ in range(5)) < 0.5  # a part may be given to others


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not given back between steps")
def test_large_pieces_are_kept_while_training_and_go_back_afterwards():
    with all_memory_kept():
        inside = [share_cleared(n_pieces=1, n_bytes=2**29) for _ in range(3)]
    after = [share_cleared(n_pieces=1, n_bytes=2**30) for _ in range(3)]  # more than any gap
    assert min(inside) < 0.1
    assert after[-1] > 0.9  # the first may find what an earlier test has left


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not given back between steps")
def test_a_search_keeps_large_pieces_while_it_trains():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=80), "y": [0, 1] * 40})
    study = Study(frame, "y", settings={"train.n_epochs": 3}, storage="sqlite://")
    events = study.events(n_trials=1, references=False)
    shares = [share_cleared(n_pieces=1, n_bytes=2**29) for event in events if isinstance(event, EpochEnded)]
    assert min(shares) < 0.1
