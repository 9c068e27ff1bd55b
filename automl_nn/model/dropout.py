"""Dropout with a rate, and a kind, for each network of a stack."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.stack import Noise, PerNetwork
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real

N_LEVELS = 256
"""What is dropped is decided by 8 random bits, so rates are multiples of one over this."""


@final
@dataclass(frozen=True)
class DropoutKind:
    """What dropout does to one network: a kept value becomes `scale * x + shift`, a dropped one `fill`.

    Args:
        rate: Share of values dropped.
        scale: Factor on kept values.
        shift: Added to kept values.
        fill: What dropped values become.
    """

    rate: float = 0.0
    scale: float = 1.0
    shift: float = 0.0
    fill: float = 0.0

    def faded(self, factor: float) -> "DropoutKind":
        """The same kind at a multiple of its rate.

        Example:
            >>> inverted(0.5).faded(0.4) == inverted(0.2)
            True
        """
        return self._at(factor * self.rate)

    def rounded(self) -> "DropoutKind":
        """The same kind at the nearest rate that 8 random bits can tell from its neighbours.

        Example:
            >>> inverted(0.2).rounded().rate == 51 / 256
            True
        """
        return self._at(round(self.rate * N_LEVELS) / N_LEVELS)

    def _at(self, rate: float) -> "DropoutKind":
        return inverted(rate) if self.fill == 0 else alpha(rate)


def none() -> DropoutKind:
    """No dropout.

    Example:
        >>> none().rate
        0.0
    """
    return DropoutKind()


def inverted(rate: float) -> DropoutKind:
    """Set values to zero, and scale the others up so that the mean stays.

    Source:
        Srivastava et al. (2014), JMLR 15; scaled while training.

    Example:
        >>> inverted(0.5).scale
        2.0
    """
    return DropoutKind(rate, scale=1 / (1 - rate))


def alpha(rate: float) -> DropoutKind:
    """Set values to SELU's limit on the left, then shift and scale so that mean 0 and variance 1 stay.

    Source:
        Klambauer et al. (2017), arXiv:1706.02515, section 3.

    Example:
        >>> kind = alpha(0.1)
        >>> abs(0.9 * kind.shift + 0.1 * kind.fill) < 1e-12
        True
    """
    limit, kept = -1.0507009873554805 * 1.6732632423543772, 1 - rate
    scale = 1 / math.sqrt(kept + limit**2 * kept * rate)
    shift = -scale * rate * limit
    return DropoutKind(rate, scale, shift, scale * limit + shift)


@final
class Dropout(nn.Module, PerNetwork):
    """Dropout of a stack; free of cost in evaluation and where no network drops anything.

    Args:
        kinds: One for each network.
        noise: The networks' sources of randomness.

    Example:
        >>> noise = Noise([torch.Generator().manual_seed(seed) for seed in (0, 1)])
        >>> x = Dropout([inverted(0.5), none()], noise)(torch.ones(2, 50, 4))
        >>> sorted(x[0].unique().tolist()), x[1].unique().tolist()
        ([0.0, 2.0], [1.0])
    """

    threshold: Tensor
    scale: Tensor
    shift: Tensor
    fill: Tensor

    def __init__(self, kinds: Sequence[DropoutKind], noise: Noise) -> None:
        super().__init__()
        self.noise, self._kinds = noise, list(kinds)
        for name, value in _numbers(kinds).items():
            self.register_buffer(name, value, persistent=False)
        self.keep(range(len(kinds)))

    def fade(self, factors: Sequence[float]) -> None:
        """Drop at these multiples of the networks' own rates from now on, each between 0 and 1."""
        faded = [kind.faded(factor) for kind, factor in zip(self._kinds, factors, strict=True)]
        for name, value in _numbers(faded).items():
            self.get_buffer(name).copy_(value)

    @property
    def is_plain(self) -> bool:
        """Whether values are now dropped, in every network to zero."""
        return self.training and self._drops and not self._shifts

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        if not self.training or not self._drops:
            return x
        kept = torch.ge(self.noise.bits(x), self.threshold, out=torch.empty_like(x, requires_grad=False))
        if not self._shifts:
            return x * kept.mul_(self.scale)
        offset = torch.addcmul(self.fill, kept, self.shift - self.fill)
        return torch.addcmul(offset, x, kept.mul_(self.scale))

    def keep(self, indices: Sequence[int]) -> None:
        self._kinds = [self._kinds[i] for i in indices]
        self._drops = bool((self.scale != 1).any())
        self._shifts = bool((self.shift != 0).any())


def _numbers(kinds: Sequence[DropoutKind]) -> dict[str, Tensor]:
    """What a step needs of each network's kind, `(k, 1, 1)`."""
    rate, scale, shift, fill = torch.tensor([astuple(kind.rounded()) for kind in kinds]).T.reshape(4, -1, 1, 1).unbind()
    threshold = (rate * N_LEVELS - N_LEVELS // 2).round().to(torch.int8)
    return {"threshold": threshold, "scale": scale.clone(), "shift": shift.clone(), "fill": fill.clone()}


_RATE = Real(0.0, 0.7, default=0.1, valid=(0.0, 0.95))

DROPOUTS: Options[DropoutKind] = Options(
    "dropout",
    {
        "inverted": Option(inverted, {"rate": _RATE}, source="Srivastava et al. (2014); range of arXiv:2106.11959"),
        "alpha": Option(alpha, {"rate": _RATE}, source="arXiv:1706.02515"),
        "none": Option(none, source="none: the network as it is"),
    },
)
"""What is dropped while training."""
