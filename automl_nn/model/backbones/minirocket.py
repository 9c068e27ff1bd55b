"""Thousands of fixed convolutions and ridge regression, for a class or a value of a whole window."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import combinations, pairwise
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automl_nn.model.backbones.base import Answering, Backbone, Parts, Remembering
from automl_nn.model.backbones.memory import Memory
from automl_nn.model.backbones.sequence import LENGTH
from automl_nn.model.ridge import Answers, ridge
from automl_nn.space.options import Option
from automl_nn.space.ranges import Held, Integer

N_TAPS, N_KERNELS = 9, 84
"""Steps that a kernel sees, and ways to choose three of them."""

MAX_DILATIONS = 32
"""Most dilations of a kernel."""

N_IN_CACHE = 2**19
"""Values of convolutions that are looked at together; with 60 times as many it takes 19 times as long."""

MAX_CHANNELS = 9
"""Most channels that a convolution sums."""

GOLDEN = (5**0.5 + 1) / 2
"""Its multiples, less their whole parts, fill the unit interval evenly."""


def kernels() -> Float[Tensor, "n_taps n_kernels"]:
    """All kernels of nine weights of which three are 2 and six are -1, so that they sum to 0.

    Example:
        >>> kernels().shape, kernels().sum(0).abs().max().item()
        (torch.Size([9, 84]), 0.0)
    """
    weights = torch.full((N_TAPS, N_KERNELS), -1.0)
    for kernel, taps in enumerate(combinations(range(N_TAPS), 3)):
        weights[list(taps), kernel] = 2.0
    return weights


@final
@dataclass(frozen=True)
class Plan:
    """Which dilations there are, and how many thresholds each kernel has at each of them.

    Args:
        dilations: Distances between taps, ascending.
        n_biases: Thresholds of each kernel, one number for each dilation.
    """

    dilations: tuple[int, ...]
    n_biases: tuple[int, ...]

    @staticmethod
    def of(*, length: int, n_features: int) -> "Plan":
        """Dilations that grow exponentially up to the length of a window; short ones have more thresholds.

        Args:
            length: Steps of a window.
            n_features: Features in all, rounded down to a multiple of the number of kernels.

        Example:
            >>> plan = Plan.of(length=150, n_features=10_000)
            >>> plan.n_features, plan.dilations[:3], plan.dilations[-1]
            (9996, (1, 2, 3), 18)
        """
        per_kernel = max(1, n_features // N_KERNELS)
        n_steps = min(per_kernel, MAX_DILATIONS)
        exponents = np.linspace(0, max(np.log2((length - 1) / (N_TAPS - 1)), 0), n_steps)
        dilations, counts = np.unique((2**exponents).astype(np.int64), return_counts=True)
        n_biases = (counts * (per_kernel / n_steps)).astype(np.int64)
        n_biases[: per_kernel - n_biases.sum()] += 1
        return Plan(tuple(dilations.tolist()), tuple(n_biases.tolist()))

    @cached_property
    def n_features(self) -> int:
        """Features in all."""
        return N_KERNELS * sum(self.n_biases)


@final
class MiniRocket(Answering, Remembering, Backbone):
    """The shares of steps at which fixed convolutions exceed thresholds, and ridge regression on them.

    Convolutions sum random channels at a dilation; every second one sees only steps that its taps do not reach over
    the window's ends. Thresholds are quantiles of the convolution of a training window, drawn anew for each of them.
    The hidden units are what ridge regression says of the answers. Of a window that it was fitted to, they are what
    would be said had this window been left out: so a head that is trained on them learns what they are worth for new
    windows. No part is trained, and each window is looked at once in a training. There is no dropout and no activation.
    What leaves the network is the same at each step of a window.

    Args:
        d_in: Width of the input.
        length: Steps of a window.
        n_features: Features, rounded down to a multiple of 84.
        parts: How many networks and outputs there are.

    Source:
        Dempster, Schmidt and Webb (2021), arXiv:2012.08791; channels as in its multivariate version.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> rocket = MiniRocket(d_in=1, length=16, n_features=840, parts=plain_parts(k=1, d_in=1))
        >>> windows, answers = torch.randn(1, 5 * 16, 1), Answers(torch.rand(5, 1), "values", torch.zeros(1, 1))
        >>> rocket.answer(windows, answers, generators=[torch.Generator()])
        >>> rocket(windows).shape
        torch.Size([1, 80, 1])
    """

    channels: Tensor
    biases: Tensor
    weight: Tensor
    bias: Tensor
    number: Tensor

    def __init__(self, *, d_in: int, length: int, n_features: int, parts: Parts) -> None:
        super().__init__(d_out=parts.n_outputs, length=length)
        self.plan, k = Plan.of(length=length, n_features=n_features), parts.k
        d = self.plan.n_features
        self.register_buffer("channels", torch.ones(k, len(self.plan.dilations), d_in, N_KERNELS))
        self.register_buffer("biases", torch.zeros(k, d))
        self.register_buffer("weight", torch.zeros(k, d, parts.n_outputs))
        self.register_buffer("bias", torch.zeros(k, 1, parts.n_outputs))
        self.register_buffer("number", torch.zeros(k, dtype=torch.int64))
        self.memory = Memory()

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        found = torch.stack([self._found(x[i if len(x) > 1 else 0], i) for i in range(len(self.biases))])
        return found.repeat_interleave(self.length, dim=1)

    def _found(self, x: Float[Tensor, "rows d_in"], i: int) -> Float[Tensor, "n_windows d_out"]:
        windows = x.view(-1, self.length, x.shape[1])
        return self.memory.of(windows, network=int(self.number[i]), compute=lambda some: self._said(some, i))

    @torch.no_grad()
    def _said(self, windows: Float[Tensor, "n_windows length d_in"], i: int) -> Float[Tensor, "n_windows d_out"]:
        """What the regression of network `i` says."""
        return self.shares(windows, i) @ self.weight[i] + self.bias[i]

    @torch.no_grad()
    def answer(self, x: Float[Tensor, "#k rows d_in"], answers: Answers, *, generators: list[torch.Generator]) -> None:
        for i, generator in enumerate(generators):
            own = x[i if len(x) > 1 else 0]
            self._answer(own.view(-1, self.length, own.shape[1]), answers, i, generator)

    def _answer(
        self, windows: Float[Tensor, "n_windows length d_in"], answers: Answers, i: int, generator: torch.Generator
    ) -> None:
        self._draw(windows, i, generator)
        found = ridge(self.shares(windows, i), answers)
        self.weight[i], self.bias[i] = found.weight, found.bias
        self.number[i] = self._digest(i)
        with self.memory.open():
            self.memory.of(windows, network=int(self.number[i]), compute=lambda _: found.left_out)

    def _draw(self, windows: Float[Tensor, "n_windows length d_in"], i: int, generator: torch.Generator) -> None:
        """Draw the channels of the convolutions of network `i`, and the windows of which thresholds are quantiles."""
        self._draw_channels(i, generator)
        for j, columns in enumerate(self._columns()):
            z = self._convolved(windows, i, j)
            window = torch.randint(len(z), (N_KERNELS,), generator=generator).to(z.device)
            seen = z[window, :, torch.arange(N_KERNELS, device=z.device)]
            at = (torch.arange(columns.start + 1, columns.stop + 1, dtype=torch.float64) * GOLDEN % 1).to(z)
            place = at.view(N_KERNELS, -1) * (self.length - 1)  # neighbours belong to one kernel, so they are far apart
            values, before = seen.sort(dim=1).values, place.long()
            after = (before + 1).clamp_max(self.length - 1)
            biases = values.gather(1, before).lerp(values.gather(1, after), place - before)
            self.biases[i, columns] = biases.T.flatten()

    def _digest(self, i: int) -> int:
        """A number that tells network `i` from others."""
        digest = blake2b(digest_size=7)
        for part in (self.channels[i], self.biases[i], self.weight[i], self.bias[i]):
            digest.update(part.cpu().numpy().tobytes())
        return int.from_bytes(digest.digest(), "little")

    @torch.no_grad()
    def shares(self, windows: Float[Tensor, "n_windows length d_in"], i: int) -> Float[Tensor, "n_windows n_features"]:
        """The share of the steps of each window at which each convolution of network `i` exceeds its threshold."""
        found = windows.new_empty(len(windows), self.plan.n_features)
        n_at_once = max(1, N_IN_CACHE // (self.length * N_KERNELS))
        for some, own in zip(torch.split(windows, n_at_once), torch.split(found, n_at_once), strict=True):
            self._fill(own, some, i)
        return found

    def _fill(self, found: Tensor, windows: Float[Tensor, "n_windows length d_in"], i: int) -> None:
        """The shares of a few windows, whose convolutions stay in the processor's cache."""
        for j, columns in enumerate(self._columns()):
            z = self._convolved(windows, i, j)
            of_dilation = found[:, columns].view(len(windows), -1, N_KERNELS)
            biases = self.biases[i, columns].view(-1, N_KERNELS)
            reach = N_TAPS // 2 * self.plan.dilations[j]
            for first in (0, 1):  # every second kernel sees the padding, by turns
                every = slice((first + j) % 2, None, 2)
                padded = first == 0 or 2 * reach >= self.length
                seen = (z[:, :, every] if padded else z[:, reach : self.length - reach, every]).contiguous()
                exceeds = torch.empty_like(seen)  # as floats: four times as fast as a cast
                for number, bias in enumerate(biases[:, every].contiguous()):
                    of_dilation[:, number, every] = torch.gt(seen, bias, out=exceeds).mean(1)

    def _columns(self) -> list[slice]:
        """The features of each dilation: the first thresholds of all kernels, then the second ones, ..."""
        ends = np.cumsum([0, *self.plan.n_biases]) * N_KERNELS
        return [slice(int(first), int(last)) for first, last in pairwise(ends)]

    def _convolved(
        self, windows: Float[Tensor, "n_windows length d_in"], i: int, j: int
    ) -> Float[Tensor, "n_windows length n_kernels"]:
        dilation = self.plan.dilations[j]
        reach = N_TAPS // 2 * dilation
        longer = functional.pad(windows, (0, 0, reach, reach))
        taps = [longer[:, tap * dilation : tap * dilation + self.length] for tap in range(N_TAPS)]
        weights = kernels().to(windows).unsqueeze(1) * self.channels[i, j]
        return torch.cat(taps, dim=-1) @ weights.flatten(0, 1)

    def _draw_channels(self, i: int, generator: torch.Generator) -> None:
        """Each convolution sums a random number of random channels, small numbers as often as large ones."""
        n_dilations, d_in = self.channels.shape[1:3]
        most = np.log2(min(d_in, MAX_CHANNELS) + 1)
        n_channels = (2 ** (torch.rand(n_dilations, 1, N_KERNELS, generator=generator) * most)).long()
        rank = torch.rand(n_dilations, d_in, N_KERNELS, generator=generator).argsort(1).argsort(1)
        self.channels[i] = (rank < n_channels).to(self.channels)


OPTION: Option[Backbone] = Option(
    MiniRocket,
    {
        **LENGTH,
        "n_features": Held(Integer(840, 20_000, default=10_000, log=True, valid=(84, 100_000))),
    },
    source="arXiv:2012.08791",
)
