"""Initializers: how the weights of one network's hidden layer start."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.errors import SpaceError
from automl_nn.space.options import Option, Options

N_MEAN = 5
"""Training rows at whose weighted mean a unit starts to bend, where biases are spread."""

Weight = Float[Tensor, "d_in d_out"]


@final
@dataclass(frozen=True)
class Initializer:
    """A rule for the weights of one layer of one network; biases start at zero unless it spreads them.

    Args:
        fill: Fills a weight `(d_in, d_out)` in place, given the `gain` of the activation and a `generator`.
        from_data: Rescale afterwards so that every pre-activation has standard deviation 1 on training rows.
        spreads_biases: Set biases afterwards so that every unit has its zero among the training rows.
    """

    fill: Callable[..., None]
    from_data: bool = False
    spreads_biases: bool = False


def _normal(weight: Weight, std: float, generator: torch.Generator) -> None:
    nn.init.normal_(weight, std=std, generator=generator)


def _uniform(weight: Weight, std: float, generator: torch.Generator) -> None:
    bound = math.sqrt(3) * std
    nn.init.uniform_(weight, -bound, bound, generator=generator)


def _truncated(weight: Weight, std: float, generator: torch.Generator) -> None:
    wide = std / 0.8796256610342398  # the deviation of a normal cut off at 2 deviations
    nn.init.trunc_normal_(weight, std=wide, a=-2 * wide, b=2 * wide, generator=generator)


def _glorot(weight: Weight, gain: float) -> float:
    return gain * math.sqrt(2 / max(sum(weight.shape), 1))


def _he(weight: Weight, gain: float) -> float:
    return gain / math.sqrt(max(weight.shape[0], 1))


def _lecun(weight: Weight, gain: float) -> float:
    del gain  # assumes an activation that keeps variance 1 by itself, such as SELU
    return _he(weight, 1.0)


def _drawn(
    draw: Callable[[Weight, float, torch.Generator], None],
    std: Callable[[Weight, float], float],
    source: str,
    *,
    from_data: bool = False,
    spreads_biases: bool = False,
) -> Option[Initializer]:
    def fill(weight: Weight, *, gain: float, generator: torch.Generator) -> None:
        draw(weight, std(weight, gain), generator)

    return Option(lambda: Initializer(fill, from_data, spreads_biases), source=source)


def _orthogonal(weight: Weight, *, gain: float, generator: torch.Generator) -> None:
    nn.init.orthogonal_(weight, gain=gain, generator=generator)


def _zeros(weight: Weight, *, gain: float, generator: torch.Generator) -> None:
    del gain, generator
    nn.init.zeros_(weight)


INITIALIZERS: Options[Initializer] = Options(
    "initializer",
    {
        "he_normal": _drawn(_normal, _he, "arXiv:1502.01852"),
        "he_uniform": _drawn(_uniform, _he, "arXiv:1502.01852"),
        "glorot_normal": _drawn(_normal, _glorot, "Glorot and Bengio (2010)"),
        "glorot_uniform": _drawn(_uniform, _glorot, "Glorot and Bengio (2010)"),
        "lecun_normal": _drawn(_normal, _lecun, "LeCun et al. (1998), Efficient BackProp"),
        "lecun_uniform": _drawn(_uniform, _lecun, "LeCun et al. (1998), Efficient BackProp"),
        "truncated_normal": _drawn(_truncated, _he, "arXiv:1502.01852, cut off at two deviations"),
        "orthogonal": Option(lambda: Initializer(_orthogonal), source="arXiv:1312.6120"),
        "data_driven": _drawn(_normal, _lecun, "arXiv:1511.06422, arXiv:2407.04491", from_data=True),
        "data_driven_spread": _drawn(_normal, _lecun, "arXiv:2407.04491, he+5", from_data=True, spreads_biases=True),
        "zeros": Option(lambda: Initializer(_zeros), source="refused for hidden layers; kept to show why"),
    },
).search(
    "he_normal",
    "he_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "lecun_uniform",
    "truncated_normal",
    "orthogonal",
    "data_driven",
    "data_driven_spread",
)
"""Where the weights of hidden layers start."""


def check_symmetry(weight: Weight, *, initializer: str) -> None:
    """Refuse weights that make all units of a hidden layer equal.

    Raises:
        SpaceError: There are several units and their weights are the same, so that they would stay the same for ever.

    Example:
        >>> check_symmetry(torch.eye(2), initializer="orthogonal")
    """
    d_in, d_out = weight.shape
    if d_in > 0 and d_out > 1 and bool((weight == weight[:, :1]).all()):
        raise SpaceError(
            f"model.initializer = {initializer!r} starts all {d_out} units of a hidden layer with the same weights, so "
            "that they stay equal for ever; choose one that draws weights at random, such as 'he_normal'."
        )


def spread_biases(z: Float[Tensor, "n_rows d"], *, generator: torch.Generator) -> Float[Tensor, " d"]:
    """Biases with which each unit is zero at a random mean of a few training rows.

    Args:
        z: Pre-activations of training rows, without a bias.
        generator: Draws rows and the weights of their means, for each unit.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, section A.2, the `he+5` biases; means of 5 rows whose weights are
        uniform on the simplex, after Steinwart (2019), arXiv:1903.11482.

    Example:
        >>> z = torch.full((10, 3), 2.0)
        >>> spread_biases(z, generator=torch.Generator()).tolist() == [-2.0, -2.0, -2.0]
        True
    """
    rows = torch.randint(len(z), (N_MEAN, z.shape[1]), generator=generator)
    weights = -torch.rand(N_MEAN, z.shape[1], generator=generator, dtype=torch.float64).log()
    weights /= weights.sum(0)
    return -(weights.to(z) * z.gather(0, rows.to(z.device))).sum(0)
