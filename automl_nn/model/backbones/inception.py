"""The convolutional network with several lengths of filters, for a class or a value of a whole window."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.sequence import LENGTH, Convolution, pooled
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option
from automl_nn.space.ranges import Integer

SHARES_OF_TAPS = (1, 2, 4)
"""Divisors of the longest filter: each block has filters of these lengths."""


@final
class Inception(Backbone):
    """Blocks of parallel convolutions of different lengths over the steps of a window; then mean and maximum over them.

    A block is a dense layer to a quarter of its width, three convolutions of it beside a dense layer of the maxima of
    neighbours, normalization, activation, dropout; every third block adds what came in three blocks before. What leaves
    the network is the same at each step of a window.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks.
        d_block: Width of a block, a multiple of 4.
        n_taps: Steps of the longest filter.
        length: Steps of a window.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Ismail Fawaz et al. (2020), arXiv:1909.04939; the maximum beside the mean is ours.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> net = Inception(d_in=3, n_blocks=3, d_block=8, n_taps=9, length=16, parts=plain_parts(k=2, d_in=3))
        >>> net(torch.zeros(1, 32, 3)).shape
        torch.Size([2, 32, 16])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, n_taps: int, length: int, parts: Parts) -> None:
        d_part = max(1, d_block // 4)
        super().__init__(d_out=8 * d_part, length=length)
        widths = [d_in] + [4 * d_part] * (n_blocks - 1)
        self.blocks = nn.ModuleList(
            _Block(width, d_part, length=length, n_taps=n_taps, parts=parts) for width in widths
        )
        self.shortcuts = nn.ModuleList(Linear(parts.k, width, 4 * d_part) for width in widths[:: len(SHARES_OF_TAPS)])
        self.activation = parts.activation

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        before = x
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number % 3 == 2:
                x = self.activation(x + self.shortcuts[number // 3](before))
                before = x
        return pooled(x, length=self.length)


@final
class _Block(nn.Module):
    """Convolutions of several lengths side by side."""

    def __init__(self, d_in: int, d_part: int, *, length: int, n_taps: int, parts: Parts) -> None:
        super().__init__()
        self.narrow = Linear(parts.k, d_in, d_part)
        self.convolutions = nn.ModuleList(
            Convolution(parts.k, d_part, d_part, length=length, n_taps=max(3, n_taps // share) | 1)
            for share in SHARES_OF_TAPS
        )
        self.beside = Linear(parts.k, d_in, d_part)
        self.norm = parts.normalization(4 * d_part)
        self.activation, self.dropout = parts.activation, parts.dropout
        self._length = length

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        narrow = self.narrow(x)
        seen = [convolution(narrow) for convolution in self.convolutions]
        hidden = torch.cat([*seen, self.beside(self._maxima(x))], dim=-1)
        output: Tensor = self.dropout(self.activation(self.norm(hidden)))
        return output

    def _maxima(self, x: Float[Tensor, "k rows d"]) -> Float[Tensor, "k rows d"]:
        """The largest of each step and its neighbours."""
        windows = x.reshape(-1, self._length, x.shape[2]).transpose(1, 2)
        return functional.max_pool1d(windows, 3, stride=1, padding=1).transpose(1, 2).reshape(x.shape)


OPTION: Option[Backbone] = Option(
    Inception,
    {
        **LENGTH,
        "n_blocks": Integer(3, 6, default=6, valid=(1, 24)),
        "d_block": Integer(32, 128, default=64, log=True, valid=(4, 4096)),
        "n_taps": Integer(9, 41, default=39, log=True, valid=(1, 255)),
    },
    source="arXiv:1909.04939",
)
