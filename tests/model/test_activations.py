import math

import pytest
import torch
from torch.nn import functional

from automl_nn.model.activations import ACTIVATIONS, gain, mish
from automl_nn.space.draw import defaults

every_activation = pytest.mark.parametrize("name", list(ACTIVATIONS))


def make(name):
    return ACTIVATIONS.make(defaults({"activation": ACTIVATIONS.only(name)})["activation"])


@every_activation
def test_an_activation_acts_on_each_number_alone(name):
    x = torch.linspace(-3, 3, 24)
    y = make(name)(x)
    torch.testing.assert_close(make(name)(x.view(2, 3, 4)), y.view(2, 3, 4))
    torch.testing.assert_close(torch.stack([make(name)(one) for one in x]), y)


@every_activation
def test_the_same_knobs_give_the_same_object(name):
    assert make(name) is make(name)


@every_activation
def test_the_gain_keeps_the_second_moment(name):
    z = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert abs((gain(make(name)) * make(name)(z)).square().mean().item() - 1) < 0.01


def test_gains_known_from_the_papers():
    assert math.isclose(gain(make("relu")), math.sqrt(2), rel_tol=1e-6)
    assert math.isclose(gain(make("selu")), 1, rel_tol=1e-4)
    slope = ACTIVATIONS.make({"name": "leaky_relu", "negative_slope": 0.2})
    assert math.isclose(gain(slope), math.sqrt(2 / (1 + 0.2**2)), rel_tol=1e-6)


def test_mish_equals_the_one_of_torch_in_value_and_slope():
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64, requires_grad=True)
    (ours,), (theirs,) = (torch.autograd.grad(f(x).sum(), x) for f in (mish, functional.mish))
    torch.testing.assert_close(mish(x), functional.mish(x))
    torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(mish, torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True))
