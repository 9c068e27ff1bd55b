"""From configs to a stack of networks that is ready to train."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.activations import ACTIVATIONS, gain
from automl_nn.model.backbones import ALL_BACKBONES, BACKBONES, Backbone, Drawn, Fitted, Parts
from automl_nn.model.backbones.realmlp import NTKLinear
from automl_nn.model.dropout import DROPOUTS, Dropout
from automl_nn.model.embeddings import CategoryEmbedding
from automl_nn.model.encoders import ENCODERS, Inputs
from automl_nn.model.heads import Head, MemberHead
from automl_nn.model.initializers import INITIALIZERS, check_symmetry, spread_biases
from automl_nn.model.network import Network, evaluating
from automl_nn.model.normalizations import NORMALIZATIONS
from automl_nn.model.numeric import NUMERIC_EMBEDDINGS
from automl_nn.model.recipes import RECIPES
from automl_nn.model.stack import Activations, Linear, Noise
from automl_nn.space.draw import flatten
from automl_nn.space.options import Space
from automl_nn.space.ranges import Held, Integer, Real, Value

Config = Mapping[str, Any]

N_SAMPLE = 2048
"""Training rows that a data-driven initialization looks at."""

N_WINDOWS = 512
"""Training windows that a backbone looks at before it is trained."""


def model_space() -> Space:
    """Everything about a network that is searched.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> defaults(model_space())["backbone"]
        {'name': 'tabm_mini', 'n_blocks': 2, 'd_block': 128, 'n_members': 8}
    """
    return {
        "encoder": ENCODERS,
        "embedding": NUMERIC_EMBEDDINGS,
        "d_category": Held(Integer(2, 32, default=8, log=True, valid=(1, 1024))),
        "backbone": BACKBONES,
        "recipe": RECIPES,
        "gain": Real(0.5, 2.0, default=1.0, log=True, valid=(0.01, 100.0)),
    }


def bucket(config: Config) -> tuple[tuple[str, Value], ...]:
    """What is equal for configs that can be stacked, by path: same inputs, same shapes, same normalization.

    Args:
        config: A model config.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> config = defaults(model_space())
        >>> bucket(config) == bucket({**config, "gain": 2.0})
        True
    """
    embedding = {knob: value for knob, value in config["embedding"].items() if knob != "sigma"}
    shared = {key: config[key] for key in ("encoder", "d_category", "backbone", "normalization")}
    return tuple(sorted(flatten({**shared, "embedding": embedding}).items()))


def build(
    configs: Sequence[Config],
    inputs: Inputs,
    *,
    n_numeric: int,
    vocabularies: Sequence[int],
    d_out: int,
    output_bias: Float[Tensor, "k d_out"],
    seeds: Sequence[int],
) -> Network:
    """A stack of networks, initialized.

    Args:
        configs: A model config for each network, all of one `bucket`.
        inputs: Training rows, for initializers that look at them.
        n_numeric: Number of numeric columns, the first of `inputs.numbers`.
        vocabularies: Levels of each codes column.
        d_out: Outputs of each network.
        output_bias: The output of each network whose prediction is the prior.
        seeds: A seed for each network; with the same one a network is the same in any stack.

    Raises:
        SpaceError: An initializer gives all units of a hidden layer the same weights.
        ValueError: The configs are of several buckets, or there are not as many seeds and biases as configs.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> inputs = Inputs(torch.randn(10, 4), torch.zeros(10, 0, dtype=torch.int64))
        >>> config = defaults(model_space())
        >>> network = build(
        ...     [config] * 3,
        ...     inputs,
        ...     n_numeric=4,
        ...     vocabularies=(),
        ...     d_out=1,
        ...     output_bias=torch.zeros(3, 1),
        ...     seeds=[0, 1, 2],
        ... )
        >>> network.predict(inputs).shape
        torch.Size([3, 10, 8])
    """
    _check(configs, output_bias, seeds, d_out)
    network = _assemble(configs, seeds, output_bias, inputs=inputs, n_numeric=n_numeric, vocabularies=vocabularies)
    for i, config in enumerate(configs):
        _draw(network, i, config)
    _fit(network, inputs)
    _rescale(network, configs, inputs)
    return network


def check_buildable(config: Config) -> None:
    """Refuse a model config whose network could not be built for any table.

    Args:
        config: A model config.

    Raises:
        SpaceError: An initializer gives all units of a hidden layer the same weights.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> check_buildable(defaults(model_space()))
    """
    rows = Inputs(torch.zeros(2, 2), torch.zeros(2, 0, dtype=torch.int64))
    build([config], rows, n_numeric=2, vocabularies=(), d_out=1, output_bias=torch.zeros(1, 1), seeds=[0])


def _check(configs: Sequence[Config], output_bias: Tensor, seeds: Sequence[int], d_out: int) -> None:
    if len({bucket(config) for config in configs}) != 1:
        raise ValueError("A stack takes configs of one bucket; group them by bucket(config) first.")
    if len(seeds) != len(configs) or output_bias.shape != (len(configs), d_out):
        raise ValueError(
            f"A stack of {len(configs)} networks with {d_out} outputs takes {len(configs)} seeds and output biases of "
            f"shape {(len(configs), d_out)}, not {len(seeds)} seeds and shape {tuple(output_bias.shape)}."
        )


def _assemble(
    configs: Sequence[Config],
    seeds: Sequence[int],
    output_bias: Tensor,
    *,
    inputs: Inputs,
    n_numeric: int,
    vocabularies: Sequence[int],
) -> Network:
    """The modules, with all hidden weights zero."""
    k, shared = len(configs), configs[0]
    noise = Noise([torch.Generator().manual_seed(seed) for seed in seeds])
    embedding = NUMERIC_EMBEDDINGS.make(shared["embedding"], k=k, x=inputs.numbers[:, :n_numeric])
    categories = CategoryEmbedding(k=k, vocabularies=vocabularies, d_embedding=shared["d_category"])
    widths = [embedding.d_embedding] * n_numeric + [1] * (inputs.d_dense - n_numeric)
    parts = Parts(
        k=k,
        features=(*widths, *[int(shared["d_category"])] * len(vocabularies)),
        normalization=lambda d: NORMALIZATIONS.make(shared["normalization"], k=k, d=d),
        activation=Activations([ACTIVATIONS.make(config["activation"]) for config in configs]),
        dropout=Dropout([DROPOUTS.make(config["dropout"]) for config in configs], noise),
    )
    backbone = ALL_BACKBONES.make(shared["backbone"], d_in=sum(parts.features), parts=parts)
    head = _head(backbone, output_bias)
    return Network(
        embedding=embedding, n_numeric=n_numeric, categories=categories, backbone=backbone, head=head, noise=noise
    )


def _head(backbone: Backbone, bias: Float[Tensor, "k d_out"]) -> Head | MemberHead:
    if backbone.n_members == 1:
        return Head(len(bias), backbone.d_out, bias=bias)
    return MemberHead(len(bias), backbone.d_out, backbone.n_members, bias=bias)


def _hidden(network: Network) -> list[Linear | NTKLinear]:
    layers = [module for module in network.backbone.modules() if isinstance(module, Linear | NTKLinear)]
    return [layer for layer in layers if not layer.zero]


@torch.no_grad()
def _draw(network: Network, i: int, config: Config) -> None:
    """Draw the weights of network `i` with its own generator."""
    generator = network.generators[i]
    network.embedding.reset(i, sigma=config["embedding"].get("sigma", 1.0), generator=generator)
    network.categories.reset(i, generator=generator)
    initializer = INITIALIZERS.make(config["initializer"])
    activation_gain = gain(ACTIVATIONS.make(config["activation"]))
    for layer in _hidden(network):
        initializer.fill(layer.weight[i], gain=activation_gain, generator=generator)
        layer.weight[i].mul_(config["gain"] / layer.factor)
        check_symmetry(layer.weight[i], initializer=config["initializer"]["name"])
    for part in network.backbone.modules():
        if isinstance(part, Drawn):
            part.draw(i, gain=config["gain"], generator=generator)


@torch.no_grad()
def _fit(network: Network, inputs: Inputs) -> None:
    """Show some training rows to a backbone that wants to see them."""
    backbone = network.backbone
    if isinstance(backbone, Fitted):
        sample = inputs.sample(N_WINDOWS * backbone.length, length=backbone.length)
        backbone.fit(network.features(sample.dense[None], sample.codes[None]), generators=network.generators)


@torch.no_grad()
def _rescale(network: Network, configs: Sequence[Config], inputs: Inputs) -> None:
    """Let the pre-activations of data-driven networks have the gain as their deviation, layer by layer.

    One forward pass does it: each layer is rescaled by what is about to enter it, so that the next one sees the same.
    """
    initializers = [INITIALIZERS.make(config["initializer"]) for config in configs]
    driven = {i: float(configs[i]["gain"]) for i, initializer in enumerate(initializers) if initializer.from_data}
    spread = {i: network.generators[i] for i, initializer in enumerate(initializers) if initializer.spreads_biases}
    if not driven or len(inputs) < 2:
        return
    sample = inputs.sample(N_SAMPLE, length=network.backbone.length)
    handles = [layer.register_forward_pre_hook(_rescaler(driven, spread)) for layer in _hidden(network)]
    with evaluating(network):
        network(sample.dense[None], sample.codes[None])
    for handle in handles:
        handle.remove()


def _rescaler(
    driven: Mapping[int, float], spread: Mapping[int, torch.Generator]
) -> Callable[[nn.Module, tuple[Tensor]], None]:
    def rescale(layer: nn.Module, args: tuple[Tensor]) -> None:
        (x,) = args
        assert isinstance(layer, Linear | NTKLinear)
        for i, target in driven.items():
            z = layer.factor * (x[i if len(x) > 1 else 0] @ layer.weight[i])
            deviation = z.std(dim=0)
            scale = torch.where(deviation > 1e-6, target / deviation, 1.0)
            layer.weight[i].mul_(scale)
            if i in spread:
                layer.bias[i] = spread_biases(scale * z, generator=spread[i])

    return rescale
