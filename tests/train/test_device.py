import pytest
import torch

from automl_nn.errors import BudgetError
from automl_nn.train.device import threads

TINY = 1e-39


def tiny():
    return (torch.full((64,), 1.0) * TINY).sum().item()


def test_numbers_without_a_full_mantissa_are_zero_while_training_and_are_themselves_after():
    with threads(1):
        assert tiny() == 0.0
    assert tiny() > 0.0


def test_the_number_of_threads_is_what_it_was_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), threads(before + 1):
        raise ValueError("inside")
    assert torch.get_num_threads() == before


def test_no_threads_are_refused():
    with pytest.raises(BudgetError, match="at least 1"), threads(0):
        pass
