"""The residual MLP."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import DEPTH_AND_WIDTH, Backbone, Parts
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option


@final
class ResNet(Backbone):
    """A dense layer, then blocks that add to it what they make of its normalized units; each starts as nothing.

    A block is normalization, dense layer, activation, dropout, dense layer. Normalization and activation close.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks, of two dense layers each.
        d_block: Width.
        parts: What stands between the dense layers.

    Shape:
        Input `(k or 1, batch, d_in)`, output `(k, batch, d_out)`.

    Source:
        Gorishniy et al. (2021), arXiv:2106.11959, section 3.2; branches that start at zero as in Goyal et al. (2017),
        arXiv:1706.02677, section 5.1.

    Example:
        >>> import torch
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> ResNet(d_in=3, n_blocks=2, d_block=8, parts=plain_parts(k=5, d_in=3))(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, parts: Parts) -> None:
        super().__init__(d_out=d_block)
        self.first = Linear(parts.k, d_in, d_block)
        self.blocks = nn.ModuleList(_Block(d_block, parts) for _ in range(n_blocks))
        self.norm, self.activation = parts.normalization(d_block), parts.activation

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        hidden: Tensor = self.activation(self.norm(x))
        return hidden


@final
class _Block(nn.Module):
    """What one residual block adds."""

    def __init__(self, d_block: int, parts: Parts) -> None:
        super().__init__()
        self.norm = parts.normalization(d_block)
        self.first = Linear(parts.k, d_block, d_block)
        self.second = Linear(parts.k, d_block, d_block, zero=True)
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        added: Tensor = self.second(self.dropout(self.activation(self.first(self.norm(x)))))
        return added


OPTION: Option[Backbone] = Option(ResNet, DEPTH_AND_WIDTH, source="arXiv:2106.11959")
