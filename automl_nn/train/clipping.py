"""Clip rules: the gradient norm that a step may have, from the norms that each network has seen; 0 leaves it out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real


class ClipRule(ABC):
    """Abstract: the clip rule of k networks, each by its own history."""

    @abstractmethod
    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """The largest norm for this step, 0 if it is left out; then remember the norm, unless it is not finite."""

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only: all that a rule knows is tensors with a first dimension of k."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[list(indices)])


@final
class NoClip(ClipRule):
    """Every norm is let through.

    Example:
        >>> NoClip().limit(torch.tensor([1e9])).tolist()
        [inf]
    """

    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        return torch.full_like(norm, torch.inf)


@final
class ClipByNorm(ClipRule):
    """A fixed limit.

    Args:
        max_norm: The limit.

    Source:
        Pascanu et al. (2013), arXiv:1211.5063, Algorithm 1.

    Example:
        >>> ClipByNorm(max_norm=torch.tensor([2.0])).limit(torch.tensor([5.0])).tolist()
        [2.0]
    """

    def __init__(self, *, max_norm: Tensor) -> None:
        self._max_norm = max_norm

    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        return self._max_norm.to(norm.dtype)


@final
class ClipByQuantile(ClipRule):
    """A quantile of the network's last norms.

    Args:
        q: Which quantile; 0.9 clips about a tenth of the steps.
        window: Number of norms that are remembered.
        n_free: Number of first steps that nothing limits.

    Source:
        Seetharaman et al. (2020), arXiv:2007.14469 (AutoClip). The window is bounded, and the present norm is not part
        of its own limit.

    Example:
        >>> rule = ClipByQuantile(q=torch.tensor([1.0]), n_free=2)
        >>> [float(rule.limit(torch.tensor([norm]))) for norm in (1.0, 2.0, 9.0)]
        [inf, inf, 2.0]
    """

    def __init__(self, *, q: Tensor, window: int = 100, n_free: int = 10) -> None:
        self._q, self._window, self._n_free = q.unsqueeze(1), window, n_free
        self._seen = torch.full((len(q), window), torch.inf, device=q.device)
        self._n_seen = torch.zeros_like(q)

    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        size = self._n_seen.clamp(max=self._window).unsqueeze(1)
        index = (self._q * size).ceil().sub_(1).clamp_(min=0).long()
        limit = self._seen.sort(dim=1).values.gather(1, index).squeeze(1).to(norm.dtype)
        limit = limit.clamp_min(torch.finfo(norm.dtype).tiny)  # where gradients were 0; nothing is left out
        limit = torch.where(self._n_seen >= self._n_free, limit, torch.inf)
        _remember(norm, seen=self._seen, n_seen=self._n_seen)
        return limit


@final
class ClipByZScore(ClipRule):
    """Norms that lie more than `z` deviations above their moving mean are brought back below that mark.

    A norm at `z_t > z` deviations is reduced to `mean + z ** 2 / z_t * deviation`: the wilder, the nearer to the mean.

    Args:
        z: How many deviations are let through.
        memory: Decay of the moving mean and variance.
        n_free: Number of first steps that nothing limits; they give the first mean and variance.

    Source:
        Kumar et al. (2025), arXiv:2504.02507 (ZClip), Sec. 3, with its reciprocal rule. What enters the moving mean is
        the clipped norm, as there.

    Example:
        >>> rule = ClipByZScore(z=torch.tensor([2.0]), n_free=2)
        >>> [round(float(rule.limit(torch.tensor([norm]))), 3) for norm in (1.0, 3.0, 2.5, 6.0)]
        [inf, inf, inf, 2.996]
    """

    def __init__(self, *, z: Tensor, memory: float = 0.97, n_free: int = 25) -> None:
        self._z, self._memory, self._n_free = z, memory, n_free
        self._mean, self._variance, self._n_seen = torch.zeros_like(z), torch.zeros_like(z), torch.zeros_like(z)

    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        deviation = self._variance.sqrt().clamp_min(1e-12)
        z = (norm - self._mean) / deviation
        wild = (z > self._z) & (self._n_seen >= self._n_free)
        limit = torch.where(wild, self._mean + self._z.square() / z * deviation, torch.inf)
        self._remember(torch.minimum(norm, limit), norm.isfinite())
        return limit.to(norm.dtype)

    def _remember(self, norm: Tensor, known: Tensor) -> None:
        """Plain mean and variance of the first norms, moving ones after."""
        rate = torch.where(self._n_seen < self._n_free, 1 / (self._n_seen + 1), 1 - self._memory) * known
        step = torch.where(known, norm - self._mean, 0.0)
        self._mean = self._mean + rate * step
        self._variance = (1 - rate) * (self._variance + rate * step.square())
        self._n_seen = self._n_seen + known


@final
class SkipFarOut(ClipRule):
    """Steps whose norm lies more than `z` deviations above the mean of the last norms are left out; others are free.

    What is left out is remembered, too: if norms stay that large, it takes fewer than `1 + window / z ** 2` steps until
    they are let through.

    Args:
        z: How many deviations are let through.
        window: Number of norms that are remembered.
        n_free: Number of first steps that nothing leaves out.

    Source:
        The optimizers of OLMo-core that skip steps (Allen Institute for AI, 2024), 6 deviations of the last 128 steps;
        there the loss and norms that are far too small leave a step out as well.

    Example:
        >>> rule = SkipFarOut(z=torch.tensor([3.0]), n_free=3)
        >>> [float(rule.limit(torch.tensor([norm]))) for norm in (1.0, 2.0, 3.0, 4.0, 40.0)]
        [inf, inf, inf, inf, 0.0]
    """

    def __init__(self, *, z: Tensor, window: int = 128, n_free: int = 25) -> None:
        self._z, self._window, self._n_free = z, window, n_free
        self._seen = torch.zeros(len(z), window, dtype=z.dtype, device=z.device)
        self._n_seen = torch.zeros_like(z)

    def limit(self, norm: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        size = self._n_seen.clamp(min=1, max=self._window)
        known = torch.arange(self._window, device=size.device) < size.unsqueeze(1)
        mean = self._seen.sum(1) / size
        deviation = ((self._seen - mean.unsqueeze(1)).square() * known).sum(1).div(size).sqrt()
        is_far_out = (norm > mean + self._z * deviation) & (self._n_seen >= self._n_free)
        _remember(norm, seen=self._seen, n_seen=self._n_seen)
        return torch.where(is_far_out, 0.0, torch.inf).to(norm.dtype)


def _remember(norm: Float[Tensor, " k"], *, seen: Float[Tensor, "k window"], n_seen: Float[Tensor, " k"]) -> None:
    """Put finite norms in the place of the oldest ones."""
    place = (n_seen % seen.shape[1]).long().unsqueeze(1)
    known = norm.isfinite()
    value = torch.where(known, norm.to(seen.dtype), seen.gather(1, place).squeeze(1))
    seen.scatter_(1, place, value.unsqueeze(1))
    n_seen += known


CLIPS: Options[ClipRule] = Options(
    "clip rule",
    {
        "none": Option(NoClip, source="most tabular networks need none"),
        "norm": Option(
            ClipByNorm,
            {"max_norm": Real(0.1, 10.0, default=1.0, log=True, valid=(1e-6, 1e6))},
            source="arXiv:1211.5063",
        ),
        "quantile": Option(
            ClipByQuantile, {"q": Real(0.1, 0.99, default=0.9, valid=(0.0, 1.0))}, source="arXiv:2007.14469"
        ),
        "zscore": Option(
            ClipByZScore, {"z": Real(1.0, 4.0, default=2.5, valid=(0.1, 100.0))}, source="arXiv:2504.02507"
        ),
        "skip": Option(
            SkipFarOut, {"z": Real(2.0, 8.0, default=6.0, valid=(0.1, 100.0))}, source="the skip steps of OLMo-core"
        ),
    },
    searched=("none", "norm", "quantile", "zscore"),
)
"""Clip rules; each network is clipped by its own norms. Where rows are steps of series, a search tries all of them."""
