"""The one-dimensional U-Net."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.errors import SpaceError
from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.sequence import LENGTH, Convolution
from automl_nn.space.options import Option
from automl_nn.space.ranges import Held, Integer


@final
class UNet(Backbone):
    """Convolutions on the window, on its pairs of steps, on pairs of those, and back up, with what each level saw.

    Args:
        d_in: Width of the input.
        n_levels: How often the window is halved.
        d_block: Width on every level.
        n_taps: Steps that a convolution sees, odd.
        length: Steps of a window.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Raises:
        SpaceError: The window cannot be halved so often.

    Source:
        Ronneberger et al. (2015), arXiv:1505.04597, in one dimension, with windows continued by zeros and one
        convolution on each level and side.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> net = UNet(d_in=3, n_levels=2, d_block=8, n_taps=5, length=16, parts=plain_parts(k=5, d_in=3))
        >>> net(torch.zeros(1, 32, 3)).shape
        torch.Size([5, 32, 8])
    """

    def __init__(self, *, d_in: int, n_levels: int, d_block: int, n_taps: int, length: int, parts: Parts) -> None:
        super().__init__(d_out=d_block, length=length)
        if length % 2**n_levels:
            raise SpaceError(
                f"A window of {length} steps cannot be halved {n_levels} times: take a multiple of {2**n_levels}, or "
                "fewer levels."
            )
        widths = [d_in] + [d_block] * n_levels
        lengths = [length // 2**level for level in range(n_levels + 1)]
        self.down = nn.ModuleList(
            _Layer(width, d_block, length=at, n_taps=n_taps, parts=parts)
            for width, at in zip(widths, lengths, strict=True)
        )
        self.up = nn.ModuleList(
            _Layer(2 * d_block, d_block, length=at, n_taps=n_taps, parts=parts) for at in lengths[-2::-1]
        )

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        seen = []
        for layer in self.down[:-1]:
            x = layer(x)
            seen.append(x)
            x = x.reshape(len(x), -1, 2, x.shape[2]).amax(2)
        x = self.down[-1](x)
        for layer in self.up:
            x = layer(_beside(x, seen.pop()))
        return x


def _beside(x: Float[Tensor, "k pairs d"], seen: Float[Tensor, "k rows d"]) -> Float[Tensor, "k rows twice_d"]:
    """What is told of pairs of steps, at each of their steps, and what was seen there on the way down."""
    pairs = seen.view(*x.shape[:2], 2, -1)
    return torch.cat([x.unsqueeze(2).expand_as(pairs), pairs], dim=-1).flatten(1, 2)


@final
class _Layer(nn.Module):
    """Convolution, normalization, activation, dropout."""

    def __init__(self, d_in: int, d_out: int, *, length: int, n_taps: int, parts: Parts) -> None:
        super().__init__()
        self.convolution = Convolution(parts.k, d_in, d_out, length=length, n_taps=n_taps)
        self.norm = parts.normalization(d_out)
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        hidden: Tensor = self.dropout(self.activation(self.norm(self.convolution(x))))
        return hidden


OPTION: Option[Backbone] = Option(
    UNet,
    {
        **LENGTH,
        "n_levels": Integer(2, 4, default=3, valid=(0, 8)),
        "d_block": Integer(16, 128, default=32, log=True, valid=(1, 4096)),
        "n_taps": Held(Integer(3, 9, default=5, valid=(1, 63))),
    },
    source="arXiv:1505.04597",
)
