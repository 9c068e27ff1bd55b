"""The temporal convolutional network."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.sequence import LENGTH, Convolution
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Integer


@final
class TCN(Backbone):
    """Residual blocks of convolutions over three steps, whose distance doubles from block to block.

    A block is normalization, dilated convolution, activation, dropout, dense layer; each starts as nothing. With n
    blocks a step sees `2 ** n - 1` steps on each side, or twice as many before it.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks.
        d_block: Width.
        length: Steps of a window.
        parts: What stands between the layers.
        direction: `both`, as in networks that were stored before there was a choice, or `forward`: a step sees only
            what came before it.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Bai et al. (2018), arXiv:1803.01271; theirs looks back only; branches start at zero as in `ResNet`.

    Example:
        >>> import torch
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> TCN(d_in=3, n_blocks=2, d_block=8, length=16, parts=plain_parts(k=5, d_in=3))(torch.zeros(1, 32, 3)).shape
        torch.Size([5, 32, 8])
    """

    def __init__(
        self, *, d_in: int, n_blocks: int, d_block: int, length: int, parts: Parts, direction: str = "both"
    ) -> None:
        super().__init__(d_out=d_block, length=length, looks_back=direction == "forward")
        self.first = Linear(parts.k, d_in, d_block)
        self.blocks = nn.ModuleList(
            _Block(d_block, length=length, dilation=2**number, looks_back=self.looks_back, parts=parts)
            for number in range(n_blocks)
        )
        self.norm, self.activation = parts.normalization(d_block), parts.activation

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        hidden: Tensor = self.activation(self.norm(x))
        return hidden


@final
class _Block(nn.Module):
    """What one residual block adds."""

    def __init__(self, d_block: int, *, length: int, dilation: int, looks_back: bool, parts: Parts) -> None:
        super().__init__()
        self.norm = parts.normalization(d_block)
        self.first = Convolution(
            parts.k, d_block, d_block, length=length, n_taps=3, dilation=dilation, looks_back=looks_back
        )
        self.second = Linear(parts.k, d_block, d_block, zero=True)
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "k rows d"]) -> Float[Tensor, "k rows d"]:
        added: Tensor = self.second(self.dropout(self.activation(self.first(self.norm(x)))))
        return added


OPTION: Option[Backbone] = Option(
    TCN,
    {
        **LENGTH,
        "n_blocks": Integer(3, 8, default=6, valid=(1, 12)),
        "d_block": Integer(16, 128, default=64, log=True, valid=(1, 4096)),
        "direction": Choice(("both", "forward")),
    },
    source="arXiv:1803.01271",
)
