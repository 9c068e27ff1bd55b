import math

import pytest
import torch

from automl_nn.errors import SpaceError
from automl_nn.model.initializers import INITIALIZERS, check_symmetry, spread_biases

DRAWN = [name for name in INITIALIZERS if name != "zeros"]
D_IN, D_OUT, GAIN = 300, 500, 1.7
STD = {
    "he": GAIN / math.sqrt(D_IN),
    "truncated": GAIN / math.sqrt(D_IN),
    "glorot": GAIN * math.sqrt(2 / (D_IN + D_OUT)),
    "lecun": 1 / math.sqrt(D_IN),
    "data": 1 / math.sqrt(D_IN),
    "orthogonal": GAIN / math.sqrt(D_OUT),
}


def draw(name, *, seed=0, shape=(D_IN, D_OUT)):
    weight = torch.empty(shape)
    INITIALIZERS.make({"name": name}).fill(weight, gain=GAIN, generator=torch.Generator().manual_seed(seed))
    return weight


@pytest.mark.parametrize("name", DRAWN)
def test_weights_have_mean_zero_and_the_deviation_of_their_rule(name):
    weight = draw(name)
    assert abs(weight.mean().item()) < 1e-3
    assert math.isclose(weight.std().item(), STD[name.split("_")[0]], rel_tol=0.02)


@pytest.mark.parametrize("name", DRAWN)
def test_weights_come_from_the_generator_alone(name):
    assert torch.equal(draw(name), draw(name))
    assert not torch.equal(draw(name), draw(name, seed=1))


@pytest.mark.parametrize("name", DRAWN)
def test_no_two_units_start_equal(name):
    check_symmetry(draw(name), initializer=name)
    assert len(draw(name, shape=(3, 50)).T.unique(dim=0)) == 50


def test_zeros_are_refused_for_a_hidden_layer_with_a_way_out(config, make):
    assert "zeros" not in INITIALIZERS.searched
    with pytest.raises(SpaceError, match=r"'zeros' starts all 8 units .* such as 'he_normal'"):
        make([config(initializer__name="zeros")], [0])


def test_uniform_and_truncated_weights_are_bounded():
    assert draw("he_uniform").abs().max() <= math.sqrt(3) * STD["he"]
    assert draw("truncated_normal").abs().max() <= 2.3 * STD["he"]


def test_spread_biases_are_zeros_at_means_of_training_rows():
    z = torch.stack([torch.arange(100.0), 5 + torch.zeros(100)], dim=1).repeat(1, 500)
    biases = spread_biases(z, generator=torch.Generator().manual_seed(0)).view(500, 2)
    assert torch.allclose(biases[:, 1], torch.tensor(-5.0))
    zeros = -biases[:, 0]
    assert zeros.min() > 0
    assert zeros.max() < 99
    assert abs(zeros.mean().item() - 49.5) < 5
    assert abs(zeros.std().item() - 100 / 6) < 2  # of a uniform number, times the root of 1 / 3
