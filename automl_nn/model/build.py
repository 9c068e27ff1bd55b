"""From configs to a stack of networks that is ready to train."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.data.images.arrays import Images
from automl_nn.model.activations import ACTIVATIONS, gain
from automl_nn.model.backbones import ALL_BACKBONES, ALL_IMAGES, BACKBONES, Answering, Backbone, Drawn, Fitted, Parts
from automl_nn.model.backbones.fusion import Fusion
from automl_nn.model.backbones.image import Convolution2d, MapBackbone
from automl_nn.model.backbones.realmlp import NTKLinear
from automl_nn.model.backbones.sequence import Convolution
from automl_nn.model.dropout import DROPOUTS, Dropout
from automl_nn.model.embeddings import CategoryEmbedding
from automl_nn.model.encoders import ENCODERS, Inputs
from automl_nn.model.heads import Head, MapHead, MemberHead
from automl_nn.model.image_normalizations import IMAGE_NORMALIZATIONS
from automl_nn.model.images import PIXELS, ImageRows
from automl_nn.model.initializers import INITIALIZERS, check_symmetry, spread_biases
from automl_nn.model.network import Network, evaluating
from automl_nn.model.normalizations import NORMALIZATIONS
from automl_nn.model.numeric import NUMERIC_EMBEDDINGS, numeric_embeddings
from automl_nn.model.readings import READINGS, Reading
from automl_nn.model.recipes import RECIPES
from automl_nn.model.ridge import Answers
from automl_nn.model.stack import Activations, Linear, Noise
from automl_nn.space.draw import flatten
from automl_nn.space.options import Space
from automl_nn.space.ranges import Held, Integer, Real, Value

Config = Mapping[str, Any]

SHARED = ("encoder", "d_category", "pixels", "readings", "backbone", "normalization", "beside", "fusion")
"""What of a model config is equal for networks that are stacked, besides the numeric embedding."""

N_SAMPLE, N_FITTED = 2048, 16_384
"""Training rows that a data-driven initialization looks at."""

N_WINDOWS, N_ANSWERED = 512, 2048
"""Training windows that a backbone looks at before it is trained, and those that it is fitted to with their answers."""


def model_space(*, n_rows: int = 0, n_numeric: int = 0) -> Space:
    """Everything about a network that is searched, with ranges that suit the data.

    Args:
        n_rows: Rows that train.
        n_numeric: Numeric columns.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> defaults(model_space())["backbone"]
        {'name': 'tabm_mini', 'n_blocks': 2, 'd_block': 128, 'n_members': 8}
    """
    return {
        "encoder": ENCODERS,
        "embedding": numeric_embeddings(n_rows=n_rows, n_numeric=n_numeric),
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
    shared = {key: config[key] for key in SHARED if key in config}
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
    draws_head: bool = False,
    answers: Answers | None = None,
    architecture: str | None = None,
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
        draws_head: Whether outputs start as hidden units turned at random rather than at the prior alone; embeddings,
            which would have no direction there, do.
        answers: What should be said of the rows, for backbones that are fitted to it.
        architecture: Of a stored network with pretrained layers, which ones they are; their weights come with its
            state.

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
    network = _assemble(
        configs,
        seeds,
        output_bias,
        inputs=inputs,
        n_numeric=n_numeric,
        vocabularies=vocabularies,
        architecture=architecture,
    )
    for i, config in enumerate(configs):
        _draw(network, i, config)
        if draws_head and isinstance(network.head, Head):
            weight = network.head.linear.weight.data[i]
            nn.init.orthogonal_(weight, generator=network.generators[i])  # so that distances are those of hidden units
    _fit(network, inputs)
    if answers is not None:
        _answer(network, inputs, answers)
    _rescale(network, configs, inputs)
    return network


def check_buildable(config: Config, *, images: Images | None = None) -> None:
    """Refuse a model config whose network could not be built for any data.

    Args:
        config: A model config.
        images: The images, if it is to read them.

    Raises:
        SpaceError: An initializer gives all units of a hidden layer the same weights.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> check_buildable(defaults(model_space()))
    """
    shown = None if images is None else ImageRows.of(images, torch.arange(2))
    rows = Inputs(torch.zeros(2, 2), torch.zeros(2, 0, dtype=torch.int64), images=shown)
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
    architecture: str | None,
) -> Network:
    """The modules, with all hidden weights zero."""
    k, shared = len(configs), configs[0]
    noise = Noise([torch.Generator().manual_seed(seed) for seed in seeds])
    embedding = NUMERIC_EMBEDDINGS.make(shared["embedding"], k=k, x=inputs.numbers[:, :n_numeric])
    categories = CategoryEmbedding(k=k, vocabularies=vocabularies, d_embedding=shared["d_category"])
    widths = [embedding.d_embedding] * n_numeric + [1] * (inputs.d_dense - n_numeric)
    images = inputs.images
    normalizations = NORMALIZATIONS if images is None else IMAGE_NORMALIZATIONS
    parts = Parts(
        k=k,
        features=(*widths, *[int(shared["d_category"])] * len(vocabularies)),
        normalization=lambda d: normalizations.make(shared["normalization"], k=k, d=d),
        activation=Activations([ACTIVATIONS.make(config["activation"]) for config in configs]),
        dropout=Dropout([DROPOUTS.make(config["dropout"]) for config in configs], noise),
        n_outputs=output_bias.shape[1],
        architecture=architecture,
    )
    backbone = _backbone(shared["backbone"], images, parts)
    fusion = _fusion(shared, backbone, parts) if "beside" in shared else None
    return Network(
        embedding=embedding,
        n_numeric=n_numeric,
        categories=categories,
        backbone=backbone,
        head=_head(backbone if fusion is None else fusion, output_bias),
        noise=noise,
        scale=None if images is None else PIXELS.make(shared["pixels"], k=k, images=images),
        fusion=fusion,
        readings=_readings(shared, images),
    )


def _readings(config: Config, images: ImageRows | None) -> tuple[Reading, ...]:
    """How images are shown to a trained network; rows without any are read once."""
    if images is None or "readings" not in config:
        return (Reading(),)
    return READINGS.make(config["readings"], shape=images.shape)


def _backbone(config: Config, images: ImageRows | None, parts: Parts) -> Backbone:
    if images is None:
        return ALL_BACKBONES.make(config, d_in=sum(parts.features), parts=parts)
    return ALL_IMAGES.make(config, shape=images.shape, parts=parts)


def _fusion(config: Config, image: Backbone, parts: Parts) -> Fusion:
    """What joins the image's hidden units with those of the columns beside it, whose rows are normalized as such."""
    by_rows = config["normalization"]
    if by_rows["name"] not in NORMALIZATIONS:
        by_rows = {"name": "layer", "eps": by_rows["eps"]}
    parts = replace(parts, normalization=lambda d: NORMALIZATIONS.make(by_rows, k=parts.k, d=d))
    table = BACKBONES.make(config["beside"], d_in=sum(parts.features), parts=parts)
    return Fusion(d_image=image.d_out, table=table, parts=parts, **config["fusion"])


def _head(backbone: Backbone | Fusion, bias: Float[Tensor, "k d_out"]) -> Head | MapHead | MemberHead:
    if isinstance(backbone, MapBackbone):
        return MapHead(len(bias), backbone.d_out, bias=bias)
    if isinstance(backbone, Fusion) or backbone.n_members == 1:
        return Head(len(bias), backbone.d_out, bias=bias)
    return MemberHead(len(bias), backbone.d_out, backbone.n_members, bias=bias)


def _hidden(network: Network) -> list[Linear | NTKLinear | Convolution | Convolution2d]:
    kinds = Linear | NTKLinear | Convolution | Convolution2d
    layers = [module for module in network.inner_modules() if isinstance(module, kinds)]
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
    for part in network.inner_modules():
        if isinstance(part, Drawn):
            part.draw(i, gain=config["gain"], generator=generator)


@torch.no_grad()
def _fit(network: Network, inputs: Inputs) -> None:
    """Show some training rows to a backbone that wants to see them."""
    backbone = network.backbone
    if isinstance(backbone, Fitted):
        n_rows = N_WINDOWS * backbone.length if backbone.length > 1 else N_FITTED
        sample = inputs.sample(n_rows, length=backbone.length)
        backbone.fit(network.features(sample.dense[None], sample.codes[None]), generators=network.generators)


@torch.no_grad()
def _answer(network: Network, inputs: Inputs, answers: Answers) -> None:
    """Fit a backbone to the answers that stand at the ends of training windows."""
    backbone, head = network.backbone, network.head
    if not (isinstance(backbone, Answering) and isinstance(head, Head)):
        return
    length = backbone.length
    rows = inputs.sampled(N_ANSWERED * length, length=length, ends=answers.known)
    sample = inputs.at(rows)
    features = network.features(sample.dense[None], sample.codes[None])
    backbone.answer(features, answers.at(rows[length - 1 :: length]), generators=network.generators)
    head.hand_on(answers.shift)


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
        network.read(sample)
    for handle in handles:
        handle.remove()


def _rescaler(
    driven: Mapping[int, float], spread: Mapping[int, torch.Generator]
) -> Callable[[nn.Module, tuple[Tensor]], None]:
    def rescale(layer: nn.Module, args: tuple[Tensor]) -> None:
        (x,) = args
        assert isinstance(layer, Linear | NTKLinear | Convolution | Convolution2d)
        for i, target in driven.items():
            z = layer.product(x[i if len(x) > 1 else 0], i)
            deviation = z.std(dim=0)
            scale = torch.where(deviation > 1e-6, target / deviation, 1.0)
            layer.weight[i].mul_(scale)
            if i in spread:
                layer.bias[i] = spread_biases(scale * z, generator=spread[i])

    return rescale
