"""The recurrent network with long short-term memory."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Drawn, Parts
from automl_nn.model.backbones.sequence import LENGTH
from automl_nn.model.dropout import Dropout, inverted
from automl_nn.model.stack import can_round
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Integer, Real


@final
class LSTM(Backbone):
    """Layers of long short-term memory over the steps of a window, in one direction or both.

    Its kernels do not stack: the networks of a stack run one after another. Activation and normalization of the recipe
    play no part; dropout drops the same units at every step of a window, between the layers and before the head. In the
    cells, single weights of what a step is told of the step before are dropped, the same ones at all steps of a batch:
    so the fused kernel can be used. While `rounds` is set, layers round what they read and tell in training, their
    weights and their cells to bfloat16, where the processor can; gradients of weights are summed in float32.

    Args:
        d_in: Width of the input.
        n_layers: Number of layers.
        d_block: Units of a layer and direction.
        direction: `both`, or `forward`: a step sees only what came before it.
        length: Steps of a window.
        parts: What stands between the layers.
        recurrent_dropout: Share of the recurrent weights that are dropped in training; 0, as in networks that were
            stored before there was a choice, drops none.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Hochreiter and Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735; both directions: Graves and Schmidhuber
        (2005); forget bias 1: Jozefowicz et al. (2015); one dropout mask a window: arXiv:1512.05287; dropped recurrent
        weights: Merity et al. (2018), arXiv:1708.02182, section 3.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> net = LSTM(d_in=3, n_layers=2, d_block=8, direction="both", length=16, parts=plain_parts(k=5, d_in=3))
        >>> net(torch.zeros(1, 32, 3)).shape
        torch.Size([5, 32, 16])
    """

    def __init__(
        self,
        *,
        d_in: int,
        n_layers: int,
        d_block: int,
        direction: str,
        length: int,
        parts: Parts,
        recurrent_dropout: float = 0.0,
    ) -> None:
        n_directions = 2 if direction == "both" else 1
        super().__init__(d_out=n_directions * d_block, length=length, looks_back=n_directions == 1)
        widths = [d_in] + [self.d_out] * (n_layers - 1)
        within = Dropout([inverted(recurrent_dropout)] * parts.k, parts.dropout.noise)
        self.layers = nn.ModuleList(_Layer(width, d_block, n_directions, within) for width in widths)
        self.dropout = parts.dropout

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        told = x.reshape(len(x), -1, self.length, x.shape[2]).transpose(1, 2)
        for layer in self.layers:
            told = _dropped(self.dropout, layer(told))
        return told.transpose(1, 2).to(x.dtype, memory_format=torch.contiguous_format).flatten(1, 2)


def _dropped(dropout: Dropout, told: Float[Tensor, "k length n d"]) -> Float[Tensor, "k length n d"]:
    """Dropout that drops a unit in all steps of a window or in none."""
    ones = torch.ones_like(told[:, 0], dtype=torch.float32, requires_grad=False)
    mask: Tensor = dropout(ones)
    return told if mask is ones else told * mask.to(told.dtype).unsqueeze(1)


@final
class _Layer(Drawn):
    """One layer of each network: input weights, recurrent weights and biases, gate by gate, for each direction.

    It reads and tells steps first, windows second, as the fused kernel does: so nothing is copied around it.
    """

    def __init__(self, d_in: int, d: int, n_directions: int, dropout: Dropout) -> None:
        super().__init__()
        self._d, self._n_directions, self.dropout, self.rounds = d, n_directions, dropout, False
        k = len(dropout.noise.generators)
        self.inward = nn.ParameterList(torch.zeros(k, 4 * d, d_in) for _ in range(n_directions))
        self.recurrent = nn.ParameterList(torch.zeros(k, 4 * d, d) for _ in range(n_directions))
        self.bias = nn.ParameterList(torch.zeros(k, 4 * d) for _ in range(n_directions))

    @property
    def weight(self) -> Float[Tensor, "k four_d d"]:
        """The recurrent weights of one direction: their size tells whether rounding may pay."""
        weights: Tensor = self.recurrent[0]
        return weights

    def draw(self, i: int, *, gain: float, generator: torch.Generator) -> None:
        for inward, recurrent, bias in zip(self.inward, self.recurrent, self.bias, strict=True):
            for gate in range(4):
                rows = slice(gate * self._d, (gate + 1) * self._d)
                nn.init.xavier_uniform_(inward.data[i, rows], gain=gain, generator=generator)
                nn.init.orthogonal_(recurrent.data[i, rows], generator=generator)
            bias.data[i].zero_()
            bias.data[i, self._d : 2 * self._d] = 1.0  # the forget gate: what is known stays known

    def forward(self, x: Float[Tensor, "#k length n d_in"]) -> Float[Tensor, "k length n d_out"]:
        dtype = torch.bfloat16 if self.rounds and self.training and can_round(x.device) else self.weight.dtype
        recurrent = [self.dropout(weights) for weights in self.recurrent]
        parts = [
            part.to(dtype).unbind()
            for inward, own, bias in zip(self.inward, recurrent, self.bias, strict=True)
            for part in (inward, own, bias, torch.zeros_like(bias))  # the kernel wants a second bias
        ]
        by_network = list(zip(*parts, strict=True))
        x = x.to(dtype).expand(len(by_network), -1, -1, -1)
        told = [self._alone(windows, weights) for windows, weights in zip(x, by_network, strict=True)]
        return torch.stack(told) if len(told) > 1 else told[0].unsqueeze(0)

    def _alone(self, x: Float[Tensor, "length n d_in"], weights: tuple[Tensor, ...]) -> Float[Tensor, "length n d_out"]:
        """One network by torch's fused kernel."""
        rest = x.new_zeros(self._n_directions, x.shape[1], self._d)
        both = self._n_directions == 2
        output: Tensor = torch.lstm(x, (rest, rest), weights, True, 1, 0.0, self.training, both, False)[0]
        return output


OPTION: Option[Backbone] = Option(
    LSTM,
    {
        **LENGTH,
        "n_layers": Integer(1, 2, default=1, valid=(1, 8)),
        "d_block": Integer(16, 128, default=64, log=True, valid=(1, 4096)),
        "direction": Choice(("both", "forward")),
        "recurrent_dropout": Choice((0.0, 0.2), also=Real(0.0, 0.5, default=0.0, valid=(0.0, 0.95))),
    },
    source="doi:10.1162/neco.1997.9.8.1735",
)
