"""What went wrong while training: steps left out, spikes, networks that are beyond help."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.signal import lfilter
from torch import Tensor

SKIPS_TO_SLOW = 5
"""Consecutive steps that were not finite after which a network's learning rate is halved."""

SpikeKind = Literal["loss", "norm", "not finite"]


@final
@dataclass(frozen=True)
class Spike:
    """A step that lay far outside what the network had seen.

    Args:
        network: Index of the network in the stack.
        step: Index of the step in its epoch.
        kind: What was wild: the loss, the gradient norm, or either of them not a finite number.
        value: The loss or norm.
        row_ids: The rows of that batch.
    """

    network: int
    step: int
    kind: SpikeKind
    value: float
    row_ids: NDArray[np.int64]


@final
class Skips:
    """Which networks leave out the present step, and how much slower they became by several that were not finite.

    Args:
        k: Number of networks.
        device: Where they live.

    Example:
        >>> skips = Skips(1)
        >>> for _ in range(5):
        ...     _ = skips.update(torch.tensor([torch.nan]), torch.tensor([1.0]))
        >>> skips.slowdown.tolist()
        [0.5]
    """

    def __init__(self, k: int, *, device: torch.device | None = None) -> None:
        self.slowdown = torch.ones(k, device=device)
        self.dead = torch.zeros(k, dtype=torch.bool, device=device)
        self._streak = torch.zeros(k, device=device)

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only."""
        chosen = list(indices)
        self.slowdown, self.dead, self._streak = self.slowdown[chosen], self.dead[chosen], self._streak[chosen]

    def update(
        self, loss: Float[Tensor, " k"], norm: Float[Tensor, " k"], *, left_out: Bool[Tensor, " k"] | None = None
    ) -> Float[Tensor, " k"]:
        """1 for a network whose loss or gradient norm is not finite or too far out, or that is dead; 0 for the others.

        Args:
            loss: Of this step.
            norm: Of its gradient.
            left_out: Which networks' clip rules leave the step out, which makes none slower; none unless given.
        """
        wild = (loss + norm).isfinite().logical_not_().logical_or_(self.dead)
        self._streak.add_(1.0).mul_(wild)
        halved = self._streak == SKIPS_TO_SLOW
        self._streak.masked_fill_(halved, 0.0)
        self.slowdown.mul_(1 - 0.5 * halved)
        return (wild if left_out is None else wild.logical_or_(left_out)).to(torch.float32)


@final
class Bands:
    """The band in which each network's loss or norm has recently been, and what leaves it.

    The band reaches up to `factor` times the moving geometric mean, which a single spike hardly moves.

    Args:
        factor: How far outside is a spike.
        memory: Decay of the moving mean per step.
        n_warm: Steps before the first spike can be seen.
        floor: Smaller values count as this one: a loss that is nearly zero has no meaningful band.

    Example:
        >>> values = np.ones((100, 1))
        >>> values[60] = 50.0
        >>> np.flatnonzero(Bands().outside(values)).tolist()
        [60]
    """

    def __init__(self, *, factor: float = 10.0, memory: float = 0.98, n_warm: int = 20, floor: float = 1e-3) -> None:
        self._floor = floor
        self._log_factor, self._memory, self._n_warm = np.log(factor), memory, n_warm
        self._state: NDArray[np.float64] | None = None
        self._n_seen = 0

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only."""
        if self._state is not None:
            self._state = self._state[list(indices)]

    def outside(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values of the next steps, `(n_steps, k)`, are spikes.

        A value that is not finite is none, and is no part of the band.
        """
        with np.errstate(invalid="ignore"):
            logs = np.log(np.maximum(values, self._floor))
        start = _first_known(logs) if self._state is None else self._state
        logs = _without_gaps(logs, start)
        # The filter's state is `memory` times its last output.
        means, _ = lfilter([1 - self._memory], [1.0, -self._memory], logs, axis=0, zi=self._memory * start[None])
        before = np.concatenate([start[None], means[:-1]])
        warm = self._n_seen + np.arange(len(values)) >= self._n_warm
        self._state, self._n_seen = means[-1], self._n_seen + len(values)
        return np.asarray((logs > before + self._log_factor) & warm[:, None])


def _first_known(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first finite value of each column, 0 where there is none."""
    known = np.isfinite(logs)
    first = np.take_along_axis(logs, known.argmax(0)[None], axis=0)[0]
    return np.where(known.any(0), first, 0.0)


def _without_gaps(logs: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value that is not finite replaced by the last finite one before it, or by `start`."""
    padded = np.concatenate([start[None], logs])
    places = np.where(np.isfinite(padded), np.arange(len(padded))[:, None], 0)
    return np.asarray(np.take_along_axis(padded, np.maximum.accumulate(places, axis=0), axis=0)[1:])
