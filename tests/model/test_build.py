import pytest
import torch

from automl_nn.model.backbones import BACKBONES
from automl_nn.model.backbones.realmlp import NTKLinear
from automl_nn.model.build import bucket, build, model_space
from automl_nn.model.encoders import Inputs
from automl_nn.model.stack import Linear
from automl_nn.space.draw import defaults, flatten


def pre_activations(network, inputs):
    """Deviation of each hidden unit before its activation, by layer."""
    deviations = []
    for layer in network.backbone.modules():
        if isinstance(layer, Linear | NTKLinear) and not layer.zero:
            layer.register_forward_hook(lambda _, __, y: deviations.append(y.detach().std(dim=1)))
    network.predict(inputs)
    return deviations


@pytest.mark.parametrize(
    "backbone", sorted({*BACKBONES} - {"ft_transformer"})
)  # whose reading token varies with no row
def test_data_driven_weights_give_every_pre_activation_the_gain_as_its_deviation(backbone, config, make, inputs):
    configs = [
        config(backbone__name=backbone, activation__name="silu", initializer__name="data_driven", gain=gain)
        for gain in (1.0, 0.5)
    ]
    network = make(configs, [0, 1], moved=False)
    for deviation in pre_activations(network, inputs):
        torch.testing.assert_close(deviation, torch.tensor([[1.0], [0.5]]).expand_as(deviation), atol=1e-3, rtol=1e-3)


def test_spread_biases_give_every_unit_a_zero_among_the_training_rows(config, make, inputs):
    parts = {"activation__name": "mish", "initializer__name": "data_driven_spread"}
    network = make([config(**parts), config(recipe="mish-lsuv"), config(**parts)], [0, 1, 0], moved=False)
    x = network.features(inputs.dense[None], inputs.codes[None])
    z = network.backbone.dense[0](x)[0]
    assert ((z.amin(0) < 0) & (z.amax(0) > 0)).all()
    biases = network.backbone.dense[1].bias
    assert len(biases[0].unique()) == biases.shape[1]
    assert (biases[1] == 0).all()
    assert torch.equal(biases[0], biases[2])


def test_data_driven_weights_leave_the_other_networks_alone(config, make, inputs):
    he, driven = config(recipe="relu-he"), config(recipe="mish-lsuv")
    mixed, alone = make([driven, he], [0, 1], moved=False), make([he], [1], moved=False)
    for one, many in zip(alone.parameters(), mixed.parameters(), strict=True):
        torch.testing.assert_close(one.view(-1), many.view(2, -1)[1])


def test_gain_scales_the_hidden_weights(config, make):
    one, two = (make([config(recipe="relu-he", gain=gain)], [0], moved=False) for gain in (1.0, 2.0))
    torch.testing.assert_close(two.backbone.dense[1].weight, 2 * one.backbone.dense[1].weight)


def test_hidden_biases_start_at_zero(config, make):
    network = make([config()], [0], moved=False)
    assert all((layer.bias == 0).all() for layer in network.backbone.dense)


def test_what_can_differ_within_a_stack_is_not_in_its_bucket(config):
    same = [
        config(gain=2.0, dropout__rate=0.5),
        config(recipe="selu-lecun-alphadrop"),
        config(recipe="tanh-glorot"),
    ]
    assert len({bucket(one) for one in [config(), *same]}) == 1
    sigmas = [config(embedding__name="periodic", embedding__sigma=sigma) for sigma in (0.1, 1.0)]
    assert len({bucket(one) for one in sigmas}) == 1
    other = [
        config(backbone__n_blocks=4),
        config(backbone__d_block=32),
        config(backbone__name="resnet"),
        config(encoder__name="quantile"),
        config(embedding__name="periodic"),
        config(recipe="relu-he-batchnorm"),
        config(d_category=4),
        config(backbone__name="realmlp"),
        config(backbone__name="tabm_mini"),
        config(backbone__name="tabm_mini", backbone__n_members=4),
        config(backbone__name="tabm"),
        config(embedding__name="piecewise"),
        config(embedding__name="piecewise", embedding__n_bins=8),
    ]
    assert len({bucket(one) for one in [config(), *other]}) == 14


def test_configs_of_two_buckets_are_not_stacked(config, make):
    with pytest.raises(ValueError, match="one bucket"):
        make([config(), config(backbone__d_block=16)], [0, 1])


def test_a_bias_for_each_output_of_each_network_is_asked_for(config, inputs):
    with pytest.raises(ValueError, match=r"shape \(1, 2\), not 1 seeds and shape \(2, 2\)"):
        build([config()], inputs, n_numeric=3, vocabularies=(7, 4), d_out=2, output_bias=torch.zeros(2, 2), seeds=[0])


def test_backbones_share_the_ranges_of_the_knobs_they_share():
    one, other = (BACKBONES[name].space for name in ("mlp", "resnet"))
    assert one == other


@pytest.mark.parametrize("n_numeric", [0, 3])
@pytest.mark.parametrize("vocabularies", [(), (5,)])
@pytest.mark.parametrize("embedding", ["none", "periodic", "piecewise"])
def test_networks_take_any_kind_of_columns(n_numeric, vocabularies, embedding, config):
    dense, codes = torch.randn(20, n_numeric + 1), torch.randint(0, 5, (20, len(vocabularies)))
    inputs = Inputs(dense[:, : 0 if n_numeric == 0 else None], codes)
    network = build(
        [config(embedding__name=embedding)],
        inputs,
        n_numeric=n_numeric,
        vocabularies=vocabularies,
        d_out=1,
        output_bias=torch.zeros(1, 1),
        seeds=[0],
    )
    assert network.predict(inputs).shape == (1, 20, 1)


@pytest.mark.parametrize("path", ["gain", "embedding.name", "backbone.d_block", "recipe", "encoder.max_one_hot"])
def test_knobs_lie_where_the_command_line_looks_for_them(path):
    assert path in flatten(defaults(model_space()))
