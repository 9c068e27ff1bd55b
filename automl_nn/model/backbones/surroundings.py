"""Dense layers over what each step is told of the steps around it."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automl_nn.model.backbones.base import Backbone, Fitted, Parts
from automl_nn.model.backbones.scale import Scale
from automl_nn.model.backbones.sequence import LENGTH
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option
from automl_nn.space.ranges import Choice, Integer

LAGS = (1, 2, 4)
"""Distances of the neighbours that a step is compared with."""

SPANS = (8, 32, 128)
"""Steps over which means and deviations are taken; powers of two."""

MIN_DEVIATION = 1e-3
"""Least deviation that a step's distance is divided by, as a share of that over the longest span."""

LEAST = 1e-6
"""Deviations are not less, in units of the scaled channel."""

PER_CHANNEL = 1 + len(LAGS) + 5 * len(SPANS)
"""Features of a channel, where a step is compared with earlier ones only."""


@final
class Surroundings(Fitted, Backbone):
    """Statistics of the steps around each step, whatever their scale, and dense blocks on top.

    Of each channel a step is told its value, its moves since a few steps before (and until a few steps later), and over
    short and long spans their mean, their deviation, that of the moves, and how many deviations the value and the last
    move lie from their means. The latter two tell what is unusual in a series, even if another series is a thousand
    times as large. Nothing is known beyond a window. Features are centred and scaled as training windows say.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks: dense layer, normalization, activation, dropout.
        d_block: Width of a block.
        direction: `both`, or `forward`: a step sees only what came before it.
        length: Steps of a window.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Lags and rolling statistics are what gradient boosting of series is given; pressing together: arXiv:2407.04491.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> parts = plain_parts(k=5, d_in=3)
        >>> net = Surroundings(d_in=3, n_blocks=2, d_block=8, direction="both", length=16, parts=parts)
        >>> net(torch.zeros(1, 32, 3)).shape
        torch.Size([5, 32, 8])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, direction: str, length: int, parts: Parts) -> None:
        super().__init__(d_out=d_block, length=length, looks_back=direction == "forward")
        d = d_in * (PER_CHANNEL if self.looks_back else PER_CHANNEL + len(LAGS))
        self.scale = Scale(k=parts.k, d=d)
        self.register_load_state_dict_pre_hook(_rename_scale)  # type: ignore[no-untyped-call]
        self.blocks = nn.ModuleList(_Block(d if i == 0 else d_block, d_block, parts) for i in range(n_blocks))

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        hidden: Tensor = self.scale(self._told(x))
        for block in self.blocks:
            hidden = block(hidden)
        return hidden

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "#k rows d_in"], *, generators: list[torch.Generator]) -> None:
        del generators
        if x.shape[1]:
            self.scale.fit(self._told(x))

    def _told(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "#k rows d"]:
        windows = x.reshape(-1, self.length, x.shape[2]).transpose(1, 2)
        moves = windows - _moved(windows, 1)
        told = [windows, moves, *(windows - _moved(windows, lag) for lag in LAGS[1:])]
        told += [] if self.looks_back else [windows - _moved(windows, -lag) for lag in LAGS]
        by_value, by_move = self._distances(windows), self._distances(moves)
        for (away, deviation, unusual), (_, of_moves, unusual_move) in zip(by_value, by_move, strict=True):
            told += [away, deviation, of_moves, unusual, unusual_move]
        return torch.cat(told, dim=1).transpose(1, 2).reshape(len(x), x.shape[1], -1)

    def _distances(self, x: Float[Tensor, "n d length"]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For each span: how far a step lies from the mean, the deviation, and the distance in deviations."""
        spans = _around(x, looks_back=self.looks_back)
        least = MIN_DEVIATION * spans[-1][1] + LEAST
        return [(x - mean, deviation, (x - mean) / (deviation + least)) for mean, deviation in spans]


def _rename_scale(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: object) -> None:
    """Let networks be loaded that were stored when means and deviations had no layer of their own."""
    del module, rest
    for name in ("mean", "deviation"):
        if f"{prefix}{name}" in state:
            state[f"{prefix}scale.{name}"] = state.pop(f"{prefix}{name}")


def _around(x: Float[Tensor, "n d length"], *, looks_back: bool) -> list[tuple[Tensor, Tensor]]:
    """Mean and deviation of the steps around each step, or before it, for each span, as far as the window holds them.

    A span is put together of two halves, so that no digits are lost where steps are far from zero or hardly differ.
    """
    longest, length = SPANS[-1], x.shape[2]
    beyond = (longest - 1, 0 if looks_back else longest // 2)
    n, mean = functional.pad(torch.ones_like(x[:1, :1]), beyond), functional.pad(x, beyond)
    variance, span, found = torch.zeros_like(mean), 1, []
    while span < longest:
        (n_early, n_late), (early, late) = _halves(n, span), _halves(mean, span)
        n, own = n_early + n_late, [half / (n_early + n_late).clamp_min(1) for half in (n_early, n_late)]
        spread_early, spread_late = _halves(variance, span)
        variance = own[0] * spread_early + own[1] * spread_late + own[0] * own[1] * (late - early).square()
        mean, span = own[0] * early + own[1] * late, 2 * span
        if span in SPANS:
            first = longest - span + (0 if looks_back else span // 2)
            deviation = variance.clamp_min(LEAST**2).sqrt()  # the slope of a root at zero would be infinite
            found.append((mean[:, :, first : first + length], deviation[:, :, first : first + length]))
    return found


def _halves(x: Float[Tensor, "n d longer"], span: int) -> tuple[Tensor, Tensor]:
    """What stands at the end of the early and of the late half of each two spans."""
    return x[:, :, :-span], x[:, :, span:]


def _moved(x: Float[Tensor, "n d length"], by: int) -> Float[Tensor, "n d length"]:
    """What lay `by` steps earlier at each step, the first or last one beyond the window."""
    length = x.shape[2]
    places = (torch.arange(length, device=x.device) - by).clamp(0, length - 1)
    return x[:, :, places]


@final
class _Block(nn.Module):
    """Dense layer, normalization, activation, dropout."""

    def __init__(self, d_in: int, d_out: int, parts: Parts) -> None:
        super().__init__()
        self.dense = Linear(parts.k, d_in, d_out)
        self.norm = parts.normalization(d_out)
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        hidden: Tensor = self.dropout(self.activation(self.norm(self.dense(x))))
        return hidden


OPTION: Option[Backbone] = Option(
    Surroundings,
    {
        **LENGTH,
        "n_blocks": Integer(1, 3, default=2, valid=(1, 16)),
        "d_block": Integer(32, 256, default=128, log=True, valid=(1, 4096)),
        "direction": Choice(("both", "forward")),
    },
    source="arXiv:2407.04491",
)
