"""The feature tokenizer with a transformer behind it."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import DEPTH_AND_WIDTH, Backbone, Drawn, Parts
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option
from automl_nn.space.ranges import Held, Integer

_FFN = 4 / 3


@final
class FTTransformer(Backbone):
    """Each feature becomes a token, transformer blocks let tokens look at each other, one more token reads the result.

    A block adds attention over the normalized tokens, then a gated pair of dense layers, to the tokens; each branch
    starts as nothing. Normalization and activation close.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks; the last one computes the reading token alone.
        d_token: Width of a token.
        n_heads: Heads of attention; `d_token` is rounded down to a multiple for them.
        parts: Widths of the features, and what stands between the dense layers.

    Shape:
        Input `(k or 1, batch, d_in)`, output `(k, batch, d_out)`.

    Source:
        Gorishniy et al. (2021), arXiv:2106.11959, section 3.3, with a layer norm and ReLU as `parts`. Differences: the
        first block normalizes, too, attention has no dropout, each column of a one-hot category is a token, and
        branches start at zero as in Goyal et al. (2017), arXiv:1706.02677, section 5.1.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> parts = plain_parts(k=5, d_in=3)
        >>> FTTransformer(d_in=3, n_blocks=2, d_token=8, n_heads=2, parts=parts)(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_token: int, n_heads: int, parts: Parts) -> None:
        super().__init__(d_out=d_token)
        self.tokens = Tokens(parts.k, d_token, features=parts.features)
        assert sum(parts.features) == d_in
        self.blocks = nn.ModuleList(_Block(d_token, n_heads, parts) for _ in range(n_blocks))
        self.norm, self.activation = parts.normalization(d_token), parts.activation

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        tokens = self.tokens(x)
        n_blocks = len(self.blocks)
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens, n_read=1 if number == n_blocks else tokens.shape[2])
        hidden: Tensor = self.activation(self.norm(tokens[:, :, 0]))
        return hidden


@final
class Tokens(Drawn):
    """A linear map of each feature to a token, behind a token that is the same for every row.

    Args:
        k: Number of networks.
        d_token: Width of a token.
        features: Widths of the features.

    Example:
        >>> Tokens(2, 8, features=(1, 1, 4))(torch.zeros(1, 5, 6)).shape
        torch.Size([2, 5, 4, 8])
    """

    def __init__(self, k: int, d_token: int, *, features: Sequence[int]) -> None:
        super().__init__()
        self.features = tuple(features)
        self._runs = [(len(list(run)), width) for width, run in groupby(features)]
        self.weight = nn.Parameter(torch.zeros(k, sum(features), d_token))
        self.bias = nn.Parameter(torch.zeros(k, (1 + len(features)) * d_token))

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch n_tokens d_token"]:
        k, _, d_token = self.weight.shape
        sizes = [n * width for n, width in self._runs]
        weights, columns = torch.split(self.weight, sizes, dim=1), torch.split(x.expand(k, -1, -1), sizes, dim=2)
        runs = zip(columns, weights, self._runs, strict=True)
        found = [_tokens(own.reshape(k, -1, n, width), w.view(k, n, width, d_token)) for own, w, (n, width) in runs]
        reading = x.new_zeros(k, x.shape[1], 1, d_token)
        return torch.cat([reading, *found], dim=2) + self.bias.view(k, 1, -1, d_token)

    @torch.no_grad()
    def draw(self, i: int, *, gain: float, generator: torch.Generator) -> None:
        """Uniform weights and biases, as in `torch.nn.Linear` of width 1 to `d_token`."""
        del gain
        bound = self.weight.shape[-1] ** -0.5
        for parameter in (self.weight, self.bias):
            parameter[i].uniform_(-bound, bound, generator=generator)


def _tokens(
    x: Float[Tensor, "k batch n width"], weight: Float[Tensor, "k n width d_token"]
) -> Float[Tensor, "k batch n d_token"]:
    if x.shape[-1] == 1:
        return x * weight.squeeze(2).unsqueeze(1)
    return torch.einsum("kbnw,knwd->kbnd", x, weight)


@final
class _Block(nn.Module):
    """Attention, then a gated pair of dense layers, each added to the tokens."""

    def __init__(self, d: int, n_heads: int, parts: Parts) -> None:
        super().__init__()
        self.n_heads, inner = n_heads, n_heads * max(d // n_heads, 1)
        hidden = max(int(_FFN * d), 1)
        self.norm_attention, self.norm_ffn = parts.normalization(d), parts.normalization(d)
        self.query, self.key_value = Linear(parts.k, d, inner), Linear(parts.k, d, 2 * inner)
        self.gathered = Linear(parts.k, inner, d, zero=True)
        self.gate, self.value = Linear(parts.k, d, hidden), Linear(parts.k, d, hidden)
        self.second = Linear(parts.k, hidden, d, zero=True)
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "k batch n_tokens d"], *, n_read: int) -> Float[Tensor, "k batch n_read d"]:
        """The first `n_read` tokens after the block."""
        x = x[:, :, :n_read] + self._attention(_rows(self.norm_attention, x), n_read)
        return x + _rows(self._ffn, x)

    def _attention(self, x: Float[Tensor, "k batch n_tokens d"], n_read: int) -> Float[Tensor, "k batch n_read d"]:
        query = self._heads(_rows(self.query, x[:, :, :n_read]))
        key, value = (self._heads(part) for part in _rows(self.key_value, x).chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        return _rows(self.gathered, mixed.reshape(*x.shape[:2], n_read, -1))

    def _heads(self, x: Float[Tensor, "k batch n_tokens inner"]) -> Float[Tensor, "rows n_heads n_tokens d_head"]:
        return x.reshape(-1, x.shape[2], self.n_heads, x.shape[3] // self.n_heads).transpose(1, 2)

    def _ffn(self, x: Float[Tensor, "k rows d"]) -> Float[Tensor, "k rows d"]:
        x = self.norm_ffn(x)
        added: Tensor = self.second(self.dropout(self.value(x) * self.activation(self.gate(x))))
        return added


def _rows(
    layer: Callable[[Tensor], Tensor], x: Float[Tensor, "k batch n_tokens d"]
) -> Float[Tensor, "k batch n_tokens d_out"]:
    """A layer on every token of every row."""
    y: Tensor = layer(x.flatten(1, 2))
    return y.view(len(y), *x.shape[1:3], -1)


OPTION: Option[Backbone] = Option(
    FTTransformer,
    {
        "n_blocks": DEPTH_AND_WIDTH["n_blocks"],
        "d_token": Integer(8, 192, default=32, log=True, valid=(1, 4096)),
        "n_heads": Held(Integer(1, 8, default=4, log=True, valid=(1, 64))),
    },
    source="arXiv:2106.11959",
)
