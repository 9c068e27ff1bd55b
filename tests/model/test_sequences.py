import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.errors import SpaceError
from automl_nn.model.backbones import SEQUENCES
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.sequence import Convolution
from automl_nn.model.backbones.surroundings import Surroundings
from automl_nn.model.build import build, model_space
from automl_nn.model.inputs import Inputs
from automl_nn.model.stack import Linear
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix
from automl_nn.train.gradients import Gradients
from automl_nn.train.precision import may_round, set_precision

LENGTH = 16
SMALL = {
    "lstm": {"n_layers": 2, "d_block": 6, "recurrent_dropout": 0.5},
    "surroundings": {"n_blocks": 2, "d_block": 6},
    "tcn": {"n_blocks": 3, "d_block": 6},
    "unet": {"n_levels": 2, "d_block": 6},
}
every_sequence = pytest.mark.parametrize("name", list(SEQUENCES))


def config(name, **knobs):
    space = fix({**model_space(), "backbone": SEQUENCES.only(name)}, "embedding.name", "none")
    for knob, value in {**SMALL[name], "length": LENGTH, **knobs}.items():
        space = fix(space, f"backbone.{knob}", value)
    return defaults(fix(fix(space, "recipe", "gelu-he-layernorm"), "dropout.rate", 0.3))


def steps(n, *, starts=(0,), seed=0):
    dense = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return Inputs(dense, torch.zeros(n, 0, dtype=torch.int64), torch.tensor(starts))


def network(name, inputs, *, seeds=(0,), **knobs):
    made = build(
        [config(name, **knobs)] * len(seeds),
        inputs,
        n_numeric=3,
        vocabularies=(),
        d_out=1,
        output_bias=torch.zeros(len(seeds), 1),
        seeds=list(seeds),
    )
    with torch.no_grad():
        for i, generator in enumerate(made.generators):  # a head of zeros would hide the backbone
            made.head.linear.weight[i].normal_(generator=generator)
    return made


def used(net):
    """Named parameters, but for tables of no category."""
    return [(path, parameter) for path, parameter in net.named_parameters() if parameter.numel()]


@every_sequence
def test_a_series_gets_the_same_output_alone_as_among_others(name):
    together = steps(150, starts=(0, 70, 75))
    net = network(name, together)
    whole = net.predict(together)[0]
    for first, last in ((0, 70), (70, 75), (75, 150)):
        alone = net.predict(Inputs(together.dense[first:last], together.codes[first:last], torch.tensor([0])))[0]
        torch.testing.assert_close(whole[first:last], alone)


@every_sequence
def test_networks_of_a_stack_train_as_they_do_alone(name):
    inputs = steps(4 * LENGTH)
    stack, alone = network(name, inputs, seeds=(3, 4)), network(name, inputs, seeds=(4,))
    for net in (stack, alone):
        net.train()
        net(inputs.dense[None], inputs.codes[None]).square().mean((1, 2)).sum().backward()
    for (path, one), (_, both) in zip(used(alone), used(stack), strict=True):
        torch.testing.assert_close(both.grad[1:], one.grad, msg=path)


@every_sequence
def test_the_gradient_reaches_every_parameter(name):
    inputs = steps(2 * LENGTH)
    net = network(name, inputs)
    net(inputs.dense[None], inputs.codes[None]).square().sum().backward()
    for path, parameter in used(net):
        zero_branch = name == "tcn" and ".blocks." in path and ".second." not in path
        assert zero_branch or parameter.grad.abs().sum() > 0, path


def open_branches(net):
    """Draw the layers that start as nothing."""
    for module in net.modules():
        if isinstance(module, Linear) and module.zero:
            module.weight.data.normal_()


@every_sequence
def test_a_step_sees_its_neighbours_on_both_sides(name):
    inputs = steps(LENGTH)
    net = network(name, inputs)
    open_branches(net)
    net.eval()
    dense = inputs.dense[None].requires_grad_()
    net(dense, inputs.codes[None])[0, LENGTH // 2].sum().backward()
    seen = dense.grad[0].abs().sum(1) > 0
    assert seen[LENGTH // 2 - 1]
    assert seen[LENGTH // 2 + 1]


@pytest.mark.parametrize("name", ["lstm", "surroundings", "tcn"])
def test_a_forward_network_does_not_look_ahead(name):
    inputs = steps(LENGTH)
    net = network(name, inputs, direction="forward")
    open_branches(net)
    net.eval()
    dense = inputs.dense[None].requires_grad_()
    net(dense, inputs.codes[None])[0, 7].sum().backward()
    seen = dense.grad[0].abs().sum(1) > 0
    assert seen[:8].all()
    assert not seen[8:].any()


@pytest.mark.parametrize("looks_back", [False, True])
@pytest.mark.parametrize(("n_taps", "dilation"), [(1, 1), (5, 2), (3, 8), (3, 2 * LENGTH)])
def test_a_convolution_is_a_dense_layer_over_shifted_steps(n_taps, dilation, looks_back):
    layer = Convolution(2, 3, 4, length=LENGTH, n_taps=n_taps, dilation=dilation, looks_back=looks_back)
    layer.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    layer.bias.data.fill_(1.0)
    windows = torch.randn(2, 5, LENGTH, 3, generator=torch.Generator().manual_seed(1))
    reach = dilation * (n_taps - 1 if looks_back else n_taps // 2)
    beyond = torch.nn.functional.pad(windows, (0, 0, reach, reach))
    seen = torch.cat([beyond[:, :, tap * dilation :][:, :, :LENGTH] for tap in range(n_taps)], dim=-1).flatten(1, 2)
    right = seen @ layer.weight + 1
    torch.testing.assert_close(layer(windows.flatten(1, 2)), right)
    torch.testing.assert_close(layer.product(windows[1].flatten(0, 1), 1), right[1] - 1)
    torch.testing.assert_close(layer(windows[:1].flatten(1, 2))[0], right[0])


def test_a_convolution_in_bfloat16_learns_nearly_what_it_learns_in_float32():
    inputs, found = steps(16 * LENGTH), {}
    for precision in ("float32", "bfloat16"):
        net = network("unet", inputs, d_block=64, n_levels=1)
        assert may_round(net, n_rows=len(inputs))
        set_precision(net, precision)
        found[precision] = gradients(net, inputs)
    for path, right in found["float32"].items():
        assert found["bfloat16"][path].dtype == torch.float32
        assert (found["bfloat16"][path] - right).norm() < 0.05 * right.norm(), path


def test_a_data_driven_convolution_starts_with_deviations_near_1_whatever_the_input():
    inputs = steps(4 * LENGTH)
    inputs = Inputs(100 * inputs.dense, inputs.codes, inputs.starts)
    chosen = {**config("unet"), "initializer": {"name": "data_driven"}}
    net = build([chosen], inputs, n_numeric=3, vocabularies=(), d_out=1, output_bias=torch.zeros(1, 1), seeds=[0])
    deviation = net.backbone.down[0].convolution(inputs.dense[None]).std(1)
    torch.testing.assert_close(deviation, torch.full_like(deviation, chosen["gain"]), rtol=0.5, atol=0)


def test_a_network_is_loaded_that_was_stored_when_convolutions_had_a_dense_layer():
    inputs = steps(2 * LENGTH)
    net = network("unet", inputs)
    stored = {path.replace("convolution.", "convolution.dense."): part for path, part in net.state_dict().items()}
    assert stored.keys() != net.state_dict().keys()
    loaded = network("unet", inputs, seeds=(1,))
    loaded.load_state_dict(stored)
    torch.testing.assert_close(loaded.predict(inputs), net.predict(inputs), atol=0, rtol=0)


def test_a_network_is_loaded_that_was_stored_when_surroundings_had_no_layer_of_scales():
    inputs = steps(2 * LENGTH)
    net = network("surroundings", inputs)
    stored = {path.replace("scale.", ""): part for path, part in net.state_dict().items()}
    assert stored.keys() != net.state_dict().keys()
    loaded = network("surroundings", inputs, seeds=(1,))
    loaded.load_state_dict(stored)
    torch.testing.assert_close(loaded.predict(inputs), net.predict(inputs), atol=0, rtol=0)


def test_surroundings_tell_the_same_of_a_series_that_is_a_thousand_times_as_large():
    parts = plain_parts(k=1, d_in=1)
    net = Surroundings(d_in=1, n_blocks=1, d_block=4, direction="both", length=128, parts=parts)
    x = torch.randn(1, 128, 1, generator=torch.Generator().manual_seed(0))
    unusual = [-2, -1]  # of the longest span
    small, large = (net._told(scale * x)[0, :, unusual] for scale in (1.0, 1000.0))
    torch.testing.assert_close(small, large, rtol=1e-3, atol=1e-3)


def test_surroundings_over_a_span_are_pandas_rolling_statistics():
    parts = plain_parts(k=1, d_in=1)
    net = Surroundings(d_in=1, n_blocks=1, d_block=4, direction="forward", length=64, parts=parts)
    x = 50 + torch.randn(1, 64, 1, generator=torch.Generator().manual_seed(0))
    away, deviation = net._told(x)[0, :, 4:6].T
    rolling = pd.Series(x[0, :, 0].double().numpy()).rolling(8)
    np.testing.assert_allclose(away[7:], (x[0, :, 0].numpy() - rolling.mean())[7:], atol=1e-4)
    np.testing.assert_allclose(deviation[7:], rolling.std(ddof=0)[7:], rtol=1e-3)


def test_the_lstm_is_torchs():
    inputs = steps(2 * LENGTH)
    layer = network("lstm", inputs, n_layers=1, recurrent_dropout=0.0).backbone.layers[0]
    windows = inputs.dense.view(1, LENGTH, 2, 3)
    torch.testing.assert_close(layer(windows)[0], torchs(layer, layer.recurrent)(windows[0])[0])


def torchs(layer, recurrent):
    """Torch's layer with the weights of ours, but for the recurrent ones."""
    made = torch.nn.LSTM(3, 6, bidirectional=True)
    with torch.no_grad():
        for i, suffix in enumerate(("", "_reverse")):
            getattr(made, f"weight_ih_l0{suffix}").copy_(layer.inward[i][0])
            getattr(made, f"weight_hh_l0{suffix}").copy_(recurrent[i][0])
            getattr(made, f"bias_ih_l0{suffix}").copy_(layer.bias[i][0])
            getattr(made, f"bias_hh_l0{suffix}").zero_()
    return made


def test_a_cell_forgets_the_same_weights_at_every_step_and_none_in_evaluation():
    inputs = steps(2 * LENGTH)
    layer = network("lstm", inputs, n_layers=1, recurrent_dropout=0.5).backbone.layers[0]
    windows, dropped = inputs.dense.view(1, LENGTH, 2, 3), []
    handle = layer.dropout.register_forward_hook(lambda *hooked: dropped.append(hooked[2]))
    told = layer(windows)[0]
    handle.remove()
    torch.testing.assert_close(told, torchs(layer, dropped)(windows[0])[0])
    for weights, own in zip(dropped, layer.recurrent, strict=True):
        assert 0 < (weights == 0).sum() < weights.numel()
        torch.testing.assert_close(weights, torch.where(weights == 0, 0.0, 2 * own))
    torch.testing.assert_close(layer.eval()(windows)[0], torchs(layer, layer.recurrent)(windows[0])[0])


def gradients(net, inputs):
    net.train()
    net(inputs.dense[None], inputs.codes[None]).square().mean((1, 2)).sum().backward()
    return {path: parameter.grad for path, parameter in used(net)}


def test_an_lstm_in_bfloat16_learns_nearly_what_it_learns_in_float32():
    inputs = steps(4 * LENGTH)
    exact, near, alone = (network("lstm", inputs, seeds=seeds) for seeds in ((3, 4), (3, 4), (4,)))
    assert set_precision(near, "bfloat16") == set_precision(alone, "bfloat16") == torch.float32
    found, own = gradients(near, inputs), gradients(alone, inputs)
    for path, right in gradients(exact, inputs).items():
        assert found[path].dtype == torch.float32
        assert (found[path] - right).norm() < 0.05 * right.norm(), path
        torch.testing.assert_close(found[path][1:], own[path], msg=path)
    torch.testing.assert_close(near.predict(inputs), exact.predict(inputs), atol=0, rtol=0)


def test_an_lstm_may_be_rounded():
    assert may_round(network("lstm", steps(LENGTH), d_block=64), n_rows=2048)


def test_weights_of_cells_and_of_the_head_decay_and_biases_do_not():
    net = network("lstm", steps(LENGTH))
    decaying = [part.decays for part in Gradients(net, k=1).slices(0) for _ in part.values]
    values = [value for part in Gradients(net, k=1).slices(0) for value in part.values]
    assert all(decays == (value.dim() == 2) for decays, value in zip(decaying, values, strict=True))
    assert sum(decaying) == 2 * 2 * 2 + 1  # inward and recurrent, of two layers in two directions, and the head


def test_the_lstm_starts_with_orthogonal_memory_and_open_forget_gates():
    layer = network("lstm", steps(LENGTH)).backbone.layers[0]
    gate = layer.recurrent[0][0, :6]
    torch.testing.assert_close(gate @ gate.T, torch.eye(6))
    assert layer.bias[0][0].tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_a_window_that_cannot_be_halved_is_refused():
    with pytest.raises(SpaceError, match="A window of 20 steps cannot be halved 3 times: take a multiple of 8"):
        network("unet", steps(20), length=20, n_levels=3)
