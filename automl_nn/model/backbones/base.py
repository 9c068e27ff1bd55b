"""What every backbone is given and what it promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.memory import Memory
from automl_nn.model.dropout import Dropout, none
from automl_nn.model.normalizations import NoNorm
from automl_nn.model.ridge import Answers
from automl_nn.model.stack import Activations, Noise
from automl_nn.space.options import Space
from automl_nn.space.ranges import Integer

DEPTH_AND_WIDTH: Space = {
    "n_blocks": Integer(1, 4, default=2, valid=(0, 64)),
    "d_block": Integer(32, 512, default=128, log=True, valid=(1, 16384)),
}
"""The knobs that backbones share, with equal ranges, so that a search learns them once."""


class Backbone(nn.Module, ABC):
    """Abstract: hidden layers of a stack of k networks.

    Args:
        d_out: Width of what it hands to the head.
        length: Rows that it reads together, as steps of one window that follow each other; 1 if rows stand alone.
        n_members: Predictors inside each network.
        looks_back: Whether each step of a window is read by what comes before it alone.
        window: Steps that are drawn together in training; `length` of them unless given.
    """

    def __init__(
        self, *, d_out: int, length: int = 1, n_members: int = 1, looks_back: bool = False, window: int | None = None
    ) -> None:
        super().__init__()
        self.d_out, self.length, self.n_members, self.looks_back = d_out, length, n_members, looks_back
        self.window = length if window is None else window

    @abstractmethod
    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "#k rows d_out"]:
        """Hidden units of each row; an input of leading dimension 1 is shared by all networks.

        With several members there are the rows of the first one, then those of the second, and so on.
        """


class Drawn(nn.Module, ABC):
    """Abstract: a part that draws its own weights, because those of dense layers would not do."""

    @abstractmethod
    def draw(self, i: int, *, gain: float, generator: torch.Generator) -> None:
        """Draw the weights of network `i`, in place."""


class Fitted(nn.Module, ABC):
    """Abstract: a part that looks at training rows before it is trained."""

    @abstractmethod
    def fit(self, x: Float[Tensor, "#k rows d_in"], *, generators: list[torch.Generator]) -> None:
        """Learn from what the backbone reads of some training rows, perhaps of none, in place."""


class Answering(nn.Module, ABC):
    """Abstract: a part that is fitted to answers before anything is trained, so that its hidden units are outputs."""

    @abstractmethod
    def answer(self, x: Float[Tensor, "#k rows d_in"], answers: Answers, *, generators: list[torch.Generator]) -> None:
        """Learn from what the backbone reads of some training windows and what should be said of each, in place."""


class Remembering(nn.Module, ABC):
    """Abstract: a part of fixed features, which are computed once for each window of a training.

    Args:
        memory: Where they are kept.
        is_fixed: Whether they are fixed indeed; where they are not, nothing is kept.
    """

    memory: Memory
    is_fixed: bool = True


@final
@dataclass(frozen=True)
class Parts:
    """What stands between the dense layers of a backbone.

    Args:
        k: Number of networks.
        features: Widths of the input's features, which stand one after the other.
        normalization: Makes a normalization of a given width.
        activation: The networks' activations.
        dropout: The networks' dropout.
        n_outputs: Outputs of each network.
        architecture: Describes the layers of a stored network that began with pretrained weights; None for others.
    """

    k: int
    features: tuple[int, ...]
    normalization: Callable[[int], nn.Module]
    activation: Activations
    dropout: Dropout
    n_outputs: int = 1
    architecture: str | None = None


def plain_parts(*, k: int, d_in: int) -> Parts:
    """ReLU without normalization and dropout, for features of width 1.

    Example:
        >>> plain_parts(k=2, d_in=3).features
        (1, 1, 1)
    """
    noise = Noise([torch.Generator() for _ in range(k)])
    return Parts(
        k=k,
        features=(1,) * d_in,
        normalization=lambda d: NoNorm(k=k, d=d),
        activation=Activations([torch.relu] * k),
        dropout=Dropout([none()] * k, noise),
    )
