"""Sequence backbones that say one thing about a whole window."""

from typing import final

from jaxtyping import Float
from torch import Tensor

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.lstm import LSTM
from automl_nn.model.backbones.lstm import OPTION as LSTM_OPTION
from automl_nn.model.backbones.sequence import pooled
from automl_nn.model.backbones.tcn import OPTION as TCN_OPTION
from automl_nn.model.backbones.tcn import TCN
from automl_nn.space.options import Option, Space


@final
class Whole(Backbone):
    """Mean and maximum over the steps of what another backbone makes of a window.

    Args:
        steps: The other backbone.
    """

    def __init__(self, steps: Backbone) -> None:
        super().__init__(d_out=2 * steps.d_out, length=steps.length)
        self.steps = steps

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        return pooled(self.steps(x), length=self.length)


def whole_tcn(*, d_in: int, n_blocks: int, d_block: int, length: int, parts: Parts) -> Backbone:
    """A temporal convolutional network for whole windows; see `TCN`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> whole_tcn(d_in=3, n_blocks=3, d_block=8, length=16, parts=plain_parts(k=1, d_in=3)).d_out
        16
    """
    return Whole(TCN(d_in=d_in, n_blocks=n_blocks, d_block=d_block, length=length, parts=parts))


def whole_lstm(
    *, d_in: int, n_layers: int, d_block: int, length: int, parts: Parts, recurrent_dropout: float = 0.0
) -> Backbone:
    """A recurrent network in both directions for whole windows; see `LSTM`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> whole_lstm(d_in=3, n_layers=1, d_block=8, length=16, parts=plain_parts(k=1, d_in=3)).d_out
        32
    """
    steps = LSTM(
        d_in=d_in,
        n_layers=n_layers,
        d_block=d_block,
        direction="both",
        length=length,
        parts=parts,
        recurrent_dropout=recurrent_dropout,
    )
    return Whole(steps)


def _in_both(option: Option[Backbone]) -> Space:
    """The knobs of a network that looks to both sides."""
    return {name: knob for name, knob in option.space.items() if name != "direction"}


TCN_WHOLE: Option[Backbone] = Option(whole_tcn, _in_both(TCN_OPTION), source=TCN_OPTION.source)
LSTM_WHOLE: Option[Backbone] = Option(whole_lstm, _in_both(LSTM_OPTION), source=LSTM_OPTION.source)
