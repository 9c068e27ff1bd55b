import inspect
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from automl_nn.space.draw import defaults
from automl_nn.train.gradients import Gradients, RowGradient, Slices
from automl_nn.train.optimizers import OPTIMIZERS, SGD, AdamW, Optimizer, RowRule
from automl_nn.train.tables import RowUpdater

ONE, ZERO = torch.tensor(1.0), torch.tensor(0.0)


def slices_of(weight: Tensor, bias: Tensor) -> list[Slices]:
    return [Slices([weight], [torch.empty_like(weight)]), Slices([bias], [torch.empty_like(bias)], decays=False)]


def gradients_of(slices: list[Slices]) -> list[Tensor]:
    return [gradient for part in slices for gradient in part.gradients]


def follow(optimizer: Optimizer, slices: list[Slices], *, n_steps: int, rate: float = 0.01) -> None:
    """Steps along a fixed sequence of random gradients."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(n_steps):
        for gradient in gradients_of(slices):
            gradient.copy_(torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype))
        optimizer.step(torch.tensor(rate), divisor=ONE, skip=ZERO)


def follow_torch(optimizer: torch.optim.Optimizer, *parameters: Tensor, n_steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(n_steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        optimizer.step()


def tensors(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, generator=generator, dtype=dtype), torch.randn(3, generator=generator, dtype=dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_knob_is_a_parameter_of_its_maker(name):
    option = OPTIMIZERS[name]
    assert set(option.space) <= set(inspect.signature(option.make).parameters)
    assert option.source


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adamw_is_that_of_torch_without_decay_of_biases(dtype):
    (weight, bias), (their_weight, their_bias) = tensors(dtype), tensors(dtype)
    slices = slices_of(weight, bias)
    follow(AdamW(slices, lr=0.01, weight_decay=0.3, beta1=0.8, beta2=0.95), slices, n_steps=20)
    groups = [{"params": [their_weight], "weight_decay": 0.3}, {"params": [their_bias], "weight_decay": 0.0}]
    follow_torch(torch.optim.AdamW(groups, lr=0.01, betas=(0.8, 0.95)), their_weight, their_bias, n_steps=20)
    torch.testing.assert_close((weight, bias), (their_weight, their_bias), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_that_of_torch_without_decay_of_biases(momentum):
    (weight, bias), (their_weight, their_bias) = tensors(), tensors()
    slices = slices_of(weight, bias)
    follow(SGD(slices, lr=0.01, momentum=momentum, weight_decay=0.3), slices, n_steps=20)
    groups = [{"params": [their_weight], "weight_decay": 0.3}, {"params": [their_bias], "weight_decay": 0.0}]
    theirs = torch.optim.SGD(groups, lr=0.01, momentum=momentum, nesterov=momentum > 0)
    follow_torch(theirs, their_weight, their_bias, n_steps=20)
    torch.testing.assert_close((weight, bias), (their_weight, their_bias), atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_left_out_leaves_no_trace(name):
    config = {"name": name} | {knob: range_.start for knob, range_ in OPTIMIZERS[name].space.items()}
    (weight, bias), (plain_weight, plain_bias) = tensors(), tensors()
    slices, plain = slices_of(weight, bias), slices_of(plain_weight, plain_bias)
    optimizer, undisturbed = OPTIMIZERS.make(config, slices=slices), OPTIMIZERS.make(config, slices=plain)
    for gradient in gradients_of(slices):
        gradient.fill_(torch.nan)
    optimizer.step(ONE, divisor=torch.tensor(torch.nan), skip=ONE)
    follow(optimizer, slices, n_steps=3)
    follow(undisturbed, plain, n_steps=3)
    torch.testing.assert_close((weight, bias), (plain_weight, plain_bias), atol=0, rtol=0)


def test_the_divisor_divides_the_gradient():
    (weight, bias), (other_weight, other_bias) = tensors(), tensors()
    for own_weight, own_bias, factor in ((weight, bias, 4.0), (other_weight, other_bias, 1.0)):
        slices = slices_of(own_weight, own_bias)
        for gradient in gradients_of(slices):
            gradient.fill_(factor)
        sgd = SGD(slices, lr=1.0, momentum=0.0, weight_decay=0.0)
        sgd.step(ONE, divisor=torch.tensor(factor), skip=ZERO)
    torch.testing.assert_close((weight, bias), (other_weight, other_bias))


class Stack(nn.Module):
    """Two networks with a table of four rows each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3, 1))
        self.bias = nn.Parameter(torch.zeros(2, 1))
        self.table = nn.Parameter(torch.ones(8, 3))


def test_the_norm_of_a_network_is_that_of_torch_over_its_own_parameters():
    stack = Stack()
    rows = torch.tensor([[1, 1, 3], [4, 5, 4]])
    x = nn.functional.embedding(rows, stack.table, sparse=True)
    (torch.baddbmm(stack.bias.unsqueeze(1), x, stack.weight) ** 2).sum().backward()
    dense = [stack.weight.grad, stack.bias.grad, stack.table.grad.to_dense().view(2, 4, 3)]
    expected = [nn.utils.get_total_norm([gradient[i] for gradient in dense]) for i in range(2)]
    gradients = Gradients(stack, k=2)
    torch.testing.assert_close(gradients.collect(), torch.stack(expected))
    assert gradients.touched[0].rows.tolist() == [1, 3, 4, 5]
    assert gradients.touched[0].network.tolist() == [0, 0, 1, 1]


def test_writing_to_a_slice_changes_the_stack():
    stack = Stack()
    slices = Gradients(stack, k=2).slices(1)
    slices[0].values[0].zero_()
    assert stack.weight.flatten(1).sum(1).tolist() == [3.0, 0.0]
    assert [(part.decays, *(value.dim() for value in part.values)) for part in slices] == [(True, 2), (False, 1)]


class Quick(Stack):
    """Biases and rows that learn ten and three times as fast."""

    LR_FACTORS: ClassVar = {"bias": 10.0, "table": 3.0}


def test_modules_declare_which_parameters_learn_faster():
    gradients = Gradients(Quick(), k=2)
    assert [(part.decays, part.lr_factor) for part in gradients.slices(0)] == [(True, 1.0), (False, 10.0)]
    assert gradients.table_factors == [3.0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_factor_multiplies_the_learning_rate(name):
    config = {**defaults(OPTIMIZERS[name].space), "name": name, "weight_decay": 0.1}
    moved = []
    for factor, rate in ((4.0, 0.01), (1.0, 0.04)):
        weight, _ = tensors()
        slices = [Slices([weight], [torch.empty_like(weight)], lr_factor=factor)]
        follow(OPTIMIZERS.make(config, slices=slices), slices, n_steps=9, rate=rate)
        moved.append(weight)
    torch.testing.assert_close(*moved)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_decay_of_a_step_is_multiplied(name):
    config = {**defaults(OPTIMIZERS[name].space), "name": name}
    moved = []
    for strength, decay in ((0.4, 0.25), (0.1, 1.0)):
        weight, _ = tensors()
        slices = [Slices([weight], [torch.ones_like(weight)])]
        optimizer = OPTIMIZERS.make({**config, "weight_decay": strength}, slices=slices)
        optimizer.step(torch.tensor(0.1), divisor=ONE, skip=ZERO, decay=decay)
        moved.append(weight)
    torch.testing.assert_close(*moved)


def test_rows_follow_the_factor_of_their_table():
    table, plain = torch.ones(2, 1), torch.ones(2, 1)
    touched = RowGradient(torch.tensor([1]), torch.tensor([0]), torch.ones(1, 1))
    for own, factors, rate in ((table, [3.0], 0.1), (plain, None, 0.3)):
        updater = RowUpdater([own], [RowRule(0.9, 0.99)], lr_factors=factors)
        updater.step([touched], torch.tensor([rate]), divisor=ONE[None], skip=ZERO[None])
    torch.testing.assert_close(table, plain)


def test_a_table_follows_adam_in_the_rows_that_occur():
    table = torch.ones(6, 2, dtype=torch.float64)
    theirs = nn.Parameter(table.clone())
    updater = RowUpdater([table], [RowRule(0.9, 0.99)])
    adam = torch.optim.SparseAdam([theirs], lr=0.1, betas=(0.9, 0.99))
    for step in range(4):
        rows = torch.tensor([step % 3, 4])
        values = torch.tensor([[1.0, -2.0], [step, 1.0]], dtype=torch.float64)
        touched = RowGradient(rows, torch.zeros(2, dtype=torch.int64), values)
        updater.step([touched], torch.tensor([0.1]), divisor=ONE[None], skip=ZERO[None])
        theirs.grad = torch.sparse_coo_tensor(rows[None], values, (6, 2), check_invariants=True)
        adam.step()
    torch.testing.assert_close(table, theirs.detach(), atol=1e-7, rtol=1e-7)
    assert (table[[3, 5]] == 1).all()


def test_a_table_under_sgd_follows_nesterov_momentum():
    table, theirs = torch.ones(2, 2), nn.Parameter(torch.ones(2, 2))
    updater, sgd = RowUpdater([table], [RowRule(0.9)]), torch.optim.SGD([theirs], lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(3):
        touched = RowGradient(torch.arange(2), torch.zeros(2, dtype=torch.int64), torch.ones(2, 2))
        updater.step([touched], torch.tensor([0.1]), divisor=ONE[None], skip=ZERO[None])
        theirs.grad = torch.ones(2, 2)
        sgd.step()
    torch.testing.assert_close(table, theirs.detach())


def test_the_rows_of_a_network_that_skips_stay():
    table = torch.ones(4, 1)
    updater = RowUpdater([table], [RowRule(0.9, 0.99), RowRule(0.9, 0.99)])
    touched = RowGradient(torch.tensor([0, 2]), torch.tensor([0, 1]), torch.tensor([[torch.nan], [1.0]]))
    updater.step(
        [touched], torch.full((2,), 0.1), divisor=torch.tensor([torch.nan, 1.0]), skip=torch.tensor([1.0, 0.0])
    )
    torch.testing.assert_close(table, torch.tensor([[1.0], [1.0], [0.9], [1.0]]))
