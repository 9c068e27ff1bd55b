"""The better multilayer perceptron: what makes one strong without tuning."""

import math
from collections.abc import Callable
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.active import active, mixed
from automl_nn.model.backbones.base import DEPTH_AND_WIDTH, Backbone, Parts
from automl_nn.model.stack import dense
from automl_nn.space.options import Option

BASE_WIDTH = 256
"""Width of a layer whose weights are of the usual size, so that learning rates mean the same as elsewhere."""

_UNIT = math.sqrt(BASE_WIDTH)


@final
class RealMLP(Backbone):
    """Blocks of dense layer, activation, dropout, behind a factor on each input, each kind of parameter at its pace.

    A dense layer is `x W * sqrt(256 / d_in) + b`: the learning rate suits any width. An activation `f` becomes
    `x + a (f(x) - x)` with a factor `a` for each unit, 1 at first.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks; 0 leaves a linear model.
        d_block: Width of each block.
        parts: What stands between the dense layers.

    Shape:
        Input `(k or 1, batch, d_in)`, output `(k, batch, d_out)`.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, sections 3.2 and A.2. The neural tangent parametrization there is
        `x W / sqrt(d_in) + b`; ours has weights 16 times smaller and learning rates 16 times smaller, which is the same
        under Adam, and makes a learning rate comparable with those of other backbones: 0.04 there is 0.0025 here. The
        factors on the learning rates of scale (6), biases (0.1) and activations (0.1) are 16 times larger in turn.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> RealMLP(d_in=3, n_blocks=2, d_block=8, parts=plain_parts(k=5, d_in=3))(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 8])
    """

    LR_FACTORS: ClassVar = {"scale": 6 * _UNIT}

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, parts: Parts) -> None:
        widths = [d_in] + [d_block] * n_blocks
        super().__init__(d_out=widths[-1])
        self.scale = nn.Parameter(torch.ones(parts.k, d_in))
        self.dense = nn.ModuleList(NTKLinear(parts.k, before, d_block) for before in widths[:-1])
        self.norms = nn.ModuleList(parts.normalization(d_block) for _ in range(n_blocks))
        self.activations = nn.ModuleList(Parametric(parts.k, d_block, parts.activation) for _ in range(n_blocks))
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "#k batch d_out"]:
        x = x * self.scale.unsqueeze(1)
        for layer, norm, own in zip(self.dense, self.norms, self.activations, strict=True):
            assert isinstance(own, Parametric)
            x = active(norm(layer(x)), self.activation, self.dropout, mix=own.mix)
        return x


@final
class NTKLinear(nn.Module):
    """k dense layers whose weights are divided by the root of the input's width when they are used.

    Args:
        k: Number of networks.
        d_in: Width of the input.
        d_out: Width of the output.

    Source:
        Jacot et al. (2018), arXiv:1806.07572, in units of a layer of width 256.

    Example:
        >>> layer = NTKLinear(1, 64, 2)
        >>> layer.weight.data.fill_(1.0)[0, 0].tolist(), layer.matrix[0, 0].tolist()
        ([1.0, 1.0], [2.0, 2.0])
    """

    LR_FACTORS: ClassVar = {"bias": 0.1 * _UNIT}

    def __init__(self, k: int, d_in: int, d_out: int) -> None:
        super().__init__()
        self.zero = self.rounds = False
        self.factor = math.sqrt(BASE_WIDTH / max(d_in, 1))
        self.weight = nn.Parameter(torch.zeros(k, d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(k, d_out))

    @property
    def matrix(self) -> Float[Tensor, "k d_in d_out"]:
        """The weights as they are used."""
        return self.weight * self.factor

    def forward(self, x: Float[Tensor, "k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        return dense(x, self.matrix, self.bias, rounds=self.rounds and self.training)

    def product(self, x: Float[Tensor, "batch d_in"], i: int) -> Float[Tensor, "batch d_out"]:
        """What the weights of network `i` make of its input, without a bias."""
        return self.factor * (x @ self.weight[i])


@final
class Parametric(nn.Module):
    """The activation of each network, mixed with the identity by a factor for each unit.

    Args:
        k: Number of networks.
        d: Width.
        activation: The networks' activations.

    Example:
        >>> relu = Parametric(1, 2, torch.relu)
        >>> _ = relu.mix.data.copy_(torch.tensor([[1.0, 0.5]]))
        >>> relu(torch.tensor([[[-2.0, -2.0]]])).tolist()
        [[[0.0, -1.0]]]
    """

    LR_FACTORS: ClassVar = {"mix": 0.1 * _UNIT}

    def __init__(self, k: int, d: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.activation = activation
        self.mix = nn.Parameter(torch.ones(k, d))

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        return mixed(x, self.activation(x), self.mix)


OPTION: Option[Backbone] = Option(RealMLP, DEPTH_AND_WIDTH, source="arXiv:2407.04491")
