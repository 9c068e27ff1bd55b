"""What every backbone is given and what it promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.dropout import Dropout, none
from automl_nn.model.normalizations import NoNorm
from automl_nn.model.stack import Activations, Noise
from automl_nn.space.options import Space
from automl_nn.space.ranges import Integer

DEPTH_AND_WIDTH: Space = {
    "n_blocks": Integer(1, 4, default=3, valid=(0, 64)),
    "d_block": Integer(32, 512, default=256, log=True, valid=(1, 16384)),
}
"""The knobs that backbones share, with equal ranges, so that a search learns them once."""


class Backbone(nn.Module, ABC):
    """Abstract: hidden layers of a stack of k networks.

    Args:
        d_out: Width of what it hands to the head.
    """

    def __init__(self, *, d_out: int) -> None:
        super().__init__()
        self.d_out = d_out

    @abstractmethod
    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "#k batch d_out"]:
        """Hidden units of each row; an input of leading dimension 1 is shared by all networks."""


@final
@dataclass(frozen=True)
class Parts:
    """What stands between the dense layers of a backbone.

    Args:
        k: Number of networks.
        normalization: Makes a normalization of a given width.
        activation: The networks' activations.
        dropout: The networks' dropout.
    """

    k: int
    normalization: Callable[[int], nn.Module]
    activation: Activations
    dropout: Dropout


def plain_parts(*, k: int) -> Parts:
    """ReLU without normalization and dropout.

    Example:
        >>> plain_parts(k=2).k
        2
    """
    noise = Noise([torch.Generator() for _ in range(k)])
    return Parts(
        k=k,
        normalization=lambda d: NoNorm(k=k, d=d),
        activation=Activations([torch.relu] * k),
        dropout=Dropout([none()] * k, noise),
    )
