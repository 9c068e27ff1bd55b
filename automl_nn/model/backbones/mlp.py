"""The multilayer perceptron."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.active import active
from automl_nn.model.backbones.base import DEPTH_AND_WIDTH, Backbone, Parts
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option


@final
class MLP(Backbone):
    """Blocks of dense layer, normalization, activation, dropout.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks; 0 leaves a linear model.
        d_block: Width of each block.
        parts: What stands between the dense layers.

    Shape:
        Input `(k or 1, batch, d_in)`, output `(k, batch, d_out)`.

    Source:
        Gorishniy et al. (2021), arXiv:2106.11959, section 3.1.

    Example:
        >>> import torch
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> MLP(d_in=3, n_blocks=2, d_block=8, parts=plain_parts(k=5, d_in=3))(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, parts: Parts) -> None:
        widths = [d_in] + [d_block] * n_blocks
        super().__init__(d_out=widths[-1])
        self.dense = nn.ModuleList(Linear(parts.k, before, d_block) for before in widths[:-1])
        self.norms = nn.ModuleList(parts.normalization(d_block) for _ in range(n_blocks))
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "#k batch d_out"]:
        for dense, norm in zip(self.dense, self.norms, strict=True):
            x = active(norm(dense(x)), self.activation, self.dropout)
        return x


OPTION: Option[Backbone] = Option(MLP, DEPTH_AND_WIDTH, source="arXiv:2106.11959")
