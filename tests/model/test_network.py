import pytest
import torch
from torch.nn import functional

from automl_nn.model.activations import ACTIVATIONS
from automl_nn.model.backbones import BACKBONES
from automl_nn.model.build import model_space
from automl_nn.model.dropout import DROPOUTS
from automl_nn.model.encoders import Inputs
from automl_nn.model.initializers import INITIALIZERS
from automl_nn.model.normalizations import NORMALIZATIONS
from automl_nn.model.numeric import NUMERIC_EMBEDDINGS
from automl_nn.model.recipes import RECIPES

DRAWN_INITIALIZERS = [name for name in INITIALIZERS if name != "zeros"]
TABLES = {
    "activation__name": list(ACTIVATIONS),
    "backbone__name": list(BACKBONES),
    "dropout__name": list(DROPOUTS),
    "embedding__name": list(NUMERIC_EMBEDDINGS),
    "initializer__name": DRAWN_INITIALIZERS,
    "normalization__name": list(NORMALIZATIONS),
}
ENTRIES = [{key: name} for key, names in TABLES.items() for name in names]
RECIPE_ENTRIES = [{"recipe": name} for name in RECIPES.bundles]
every_entry = pytest.mark.parametrize(
    "entry",
    ENTRIES + RECIPE_ENTRIES,
    ids=lambda entry: "-".join(f"{key.split('__')[0]}-{name}" for key, name in entry.items()),
)

SEEDS = (3, 4, 5)


def step(network, inputs):
    """Gradients of one training step, whose loss differs between the outputs."""
    network.train()
    output = network(inputs.dense[None], inputs.codes[None])
    target = torch.linspace(-1, 1, output[0].numel()).view_as(output[0])
    loss = functional.mse_loss(output, target.expand_as(output), reduction="none").mean(dim=(1, 2))
    loss.sum().backward()
    return loss.detach()


@every_entry
def test_networks_of_a_stack_train_as_they_do_alone(entry, config, make, inputs):
    configs = [config(**{"dropout__rate": 0.3, **entry}) if entry != {"dropout__name": "none"} else config(**entry)] * 3
    stack = make(configs, SEEDS)
    loss = step(stack, inputs)
    for i, seed in enumerate(SEEDS):
        alone = make(configs[:1], [seed])
        torch.testing.assert_close(step(alone, inputs)[0], loss[i], atol=1e-5, rtol=1e-4)
        for one, many in zip(alone.parameters(), stack.parameters(), strict=True):
            gradient = many.grad.to_dense().view(3, -1)[i]
            torch.testing.assert_close(one.grad.to_dense().view(-1), gradient, atol=1e-5, rtol=1e-3)
        for one, many in zip(alone.buffers(), stack.buffers(), strict=True):
            torch.testing.assert_close(one[0], many[i], atol=1e-5, rtol=1e-4)


@every_entry
def test_gradient_reaches_every_parameter_of_every_network(entry, config, make, inputs):
    network = make([config(**entry)] * 3, SEEDS)
    step(network, inputs)
    for name, parameter in network.named_parameters():
        gradient = parameter.grad.to_dense().view(3, -1)
        assert gradient.isfinite().all(), name
        assert (gradient != 0).any(dim=1).all(), name


@every_entry
def test_a_batch_of_one_is_predicted_as_in_a_batch_of_many(entry, config, make, inputs):
    network = make([config(**entry)] * 3, SEEDS)
    step(network, inputs)
    many = network.predict(inputs)
    assert many.shape == (3, len(inputs), 2 * network.n_members)
    torch.testing.assert_close(network.predict(inputs, batch_size=1), many, atol=1e-5, rtol=1e-4)
    order = torch.randperm(len(inputs))
    torch.testing.assert_close(network.predict(inputs[order]), many[:, order], atol=1e-5, rtol=1e-4)


@every_entry
def test_the_state_of_a_network_loads_into_a_stack_of_one(entry, config, make, inputs):
    network = make([config(**entry)] * 3, SEEDS)
    step(network, inputs)
    alone = make([config(**entry)], [99])
    alone.load_state_dict(network.network_state(1))
    torch.testing.assert_close(alone.predict(inputs)[0], network.predict(inputs)[1], atol=1e-5, rtol=1e-4)


@every_entry
def test_selected_networks_go_on_as_in_the_whole_stack(entry, config, make, inputs):
    network = make([config(**entry)] * 3, SEEDS)
    step(network, inputs)
    chosen = network.select([2, 0])
    assert chosen.k == 2
    torch.testing.assert_close(chosen.predict(inputs), network.predict(inputs)[[2, 0]], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(step(chosen, inputs), step(network, inputs)[[2, 0]], atol=1e-5, rtol=1e-4)


@every_entry
def test_every_output_starts_at_its_bias(entry, config, make, inputs):
    network = make([config(**entry)] * 3, SEEDS, moved=False)
    expected = torch.tensor([[1.5, -1.5], [2.0, -2.0], [2.5, -2.5]]).repeat(1, network.n_members)
    assert torch.equal(network.predict(inputs), expected.unsqueeze(1).expand(3, len(inputs), -1))


def test_networks_with_different_parts_share_a_stack(config, make, inputs):
    entries = [
        {"recipe": "relu-he", "dropout__rate": 0.0},
        {"recipe": "selu-lecun-alphadrop", "dropout__rate": 0.4},
        {"recipe": "mish-lsuv", "dropout__rate": 0.2, "gain": 0.7},
    ]
    configs = [config(**entry) for entry in entries]
    loss = step(make(configs, SEEDS), inputs)
    alone = [step(make([one], [seed]), inputs) for one, seed in zip(configs, SEEDS, strict=True)]
    torch.testing.assert_close(loss, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_inputs_of_their_own_give_what_shared_inputs_give(config, make, inputs):
    network = make([config(embedding__name="periodic")] * 3, SEEDS).eval()
    own = network(inputs.dense.expand(3, -1, -1), inputs.codes.expand(3, -1, -1))
    torch.testing.assert_close(own, network(inputs.dense[None], inputs.codes[None]))


def test_one_network_equals_the_same_layers_of_torch(config, make, inputs):
    network = make([config(recipe="gelu-he-layernorm")], [3])
    state = {name: tensor[0] for name, tensor in network.state_dict().items()}
    table = network.state_dict()["categories.weight"]
    x = torch.cat([inputs.dense, table[inputs.codes[:, 0]], table[7 + inputs.codes[:, 1]]], dim=1)
    for block in range(2):
        x = x @ state[f"backbone.dense.{block}.weight"] + state[f"backbone.dense.{block}.bias"]
        scale, shift = (state[f"backbone.norms.{block}.{name}"] for name in ("scale", "shift"))
        x = functional.gelu(functional.layer_norm(x, (8,), scale, shift))
    expected = x @ state["head.linear.weight"] + state["head.linear.bias"]
    torch.testing.assert_close(network.predict(inputs)[0], expected, atol=1e-5, rtol=1e-4)


def test_recalibration_gives_the_statistics_of_all_rows(config, make, inputs):
    configs = [config(recipe="relu-he-batchnorm", backbone__n_blocks=1)] * 2
    network = make(configs, [3, 4])
    network.recalibrate(inputs, batch_size=15)
    dense = network.backbone.dense[0](network.features(inputs.dense[None], inputs.codes[None]))
    torch.testing.assert_close(network.backbone.norms[0].running_mean, dense.mean(dim=1), atol=1e-5, rtol=1e-4)
    assert network.training
    assert network.backbone.norms[0].momentum == 0.1


def test_no_rows_are_predicted_as_no_rows(config, make, inputs):
    assert make([config()], [0]).predict(inputs[:0]).shape == (1, 0, 2)


def test_a_network_can_work_in_float64(config, make, inputs):
    network = make([config(recipe="selu-lecun-alphadrop")], [0]).double()
    assert step(network, inputs.to(torch.float64)).dtype == torch.float64


def test_the_whole_space_has_a_network_in_every_corner(make, inputs):
    optuna = pytest.importorskip("optuna")
    from automl_nn.space.draw import suggest
    from automl_nn.space.edit import narrow

    space = narrow(model_space(), "backbone.d_block", 8)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        network = make([suggest(study.ask(), space)], [0])
        assert network.predict(inputs).isfinite().all()


def test_inputs_keep_their_rows_together():
    inputs = Inputs(torch.arange(6.0).view(3, 2), torch.arange(3).view(3, 1))
    assert inputs[torch.tensor([2, 0])].codes.ravel().tolist() == [2, 0]
    assert inputs[torch.tensor([2, 0])].dense[:, 0].tolist() == [4.0, 0.0]
