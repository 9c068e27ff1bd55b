import math

import pytest
import torch
from torch.nn import functional

from automl_nn.model.backbones.realmlp import NTKLinear, Parametric
from automl_nn.train.gradients import Gradients


def test_one_network_follows_the_formula_of_the_paper(config, make, inputs):
    network = make([config(backbone__name="realmlp", recipe="silu-lsuv")], [3])
    state = {name.removeprefix("backbone."): tensor[0] for name, tensor in network.state_dict().items()}
    x = network.features(inputs.dense[None], inputs.codes[None])[0] * state["scale"]
    for block in range(2):
        weight = 16 * state[f"dense.{block}.weight"]  # ours are 16 times smaller
        z = x @ weight / math.sqrt(x.shape[1]) + state[f"dense.{block}.bias"]
        x = z + (functional.silu(z) - z) * state[f"activations.{block}.mix"]
    expected = x @ state["head.linear.weight"] + state["head.linear.bias"]
    torch.testing.assert_close(network.predict(inputs)[0], expected, atol=1e-5, rtol=1e-4)


def test_parameters_learn_at_the_pace_of_the_paper(config, make):
    gradients = Gradients(make([config(backbone__name="realmlp", recipe="relu-he")], [0]), k=1)
    factors = sorted({part.lr_factor / 16 for part in gradients.slices(0) if part.lr_factor != 1})
    assert factors == pytest.approx([0.1, 6.0])


@pytest.mark.parametrize("d_in", [1, 64, 256, 1000])
def test_random_weights_give_units_of_the_size_that_those_of_an_ordinary_layer_give(d_in, config, make):
    layer = NTKLinear(1, d_in, 500)
    layer.weight.data.normal_(0.0, 1 / 16, generator=torch.Generator().manual_seed(0))
    x = torch.randn(1, 50, d_in, generator=torch.Generator().manual_seed(1))
    x /= x.square().mean(-1, keepdim=True).sqrt()
    assert abs(layer(x).std().item() - 1) < 0.05


def test_the_mix_is_learned_by_the_gradient_of_its_formula():
    layer = Parametric(2, 3, torch.tanh).double()
    torch.nn.init.uniform_(layer.mix)
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, _: layer(x), (x, layer.mix))
