"""Normalizations of hidden units, for a stack of k networks."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.space.options import Option, Options, Space
from automl_nn.space.ranges import Held, Integer, Real

_MIN_UNITS = 8


@final
class NoNorm(nn.Module):
    """Leaves the units as they are.

    Example:
        >>> x = torch.ones(2, 3, 4)
        >>> NoNorm(k=2, d=4)(x) is x
        True
    """

    def __init__(self, *, k: int, d: int) -> None:
        super().__init__()
        del k, d

    def forward(self, x: Float[Tensor, "k *rows d"]) -> Float[Tensor, "k *rows d"]:
        return x


@final
class BatchNorm(nn.Module):
    """Each unit to mean 0 and variance 1 over the batch; in evaluation by running statistics.

    A batch of one row has no variance: it is normalized by the running statistics in training, too.

    Args:
        k: Number of networks.
        d: Width.
        eps: Added to the variance.

    Source:
        Ioffe and Szegedy (2015), arXiv:1502.03167.

    Example:
        >>> x = torch.randn(2, 64, 4)
        >>> one = F.batch_norm(x[1], None, None, training=True)
        >>> torch.allclose(BatchNorm(k=2, d=4, eps=1e-5)(x)[1], one, atol=1e-6)
        True
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, *, k: int, d: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = 0.1
        self.scale = nn.Parameter(torch.ones(k, d))
        self.shift = nn.Parameter(torch.zeros(k, d))
        self.register_buffer("running_mean", torch.zeros(k, d))
        self.register_buffer("running_var", torch.ones(k, d))

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        k, batch, d = x.shape
        y = F.batch_norm(
            x.transpose(0, 1).reshape(batch, k * d),  # one call of the fused kernel; a view where k = 1
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.scale.view(-1),
            self.shift.view(-1),
            training=self.training and batch > 1,
            momentum=self.momentum,
            eps=self.eps,
        )
        return y.view(batch, k, d).transpose(0, 1)


@final
class GroupNorm(nn.Module):
    """Each row's units to mean 0 and variance 1 within groups of neighbours; one group is layer normalization.

    Args:
        k: Number of networks.
        d: Width.
        eps: Added to the variance.
        n_groups: Most groups; the largest number is taken that divides the width into groups of at least 8 units.

    Source:
        Wu and He (2018), arXiv:1803.08494; Ba et al. (2016), arXiv:1607.06450 for one group.

    Example:
        >>> x = torch.randn(2, 3, 32)
        >>> torch.allclose(GroupNorm(k=2, d=32, eps=1e-5, n_groups=4)(x)[1], F.group_norm(x[1], 4), atol=1e-6)
        True
    """

    def __init__(self, *, k: int, d: int, eps: float, n_groups: int = 1) -> None:
        super().__init__()
        self.eps = eps
        most = max(min(n_groups, d // _MIN_UNITS), 1)
        self.n_groups = max(n for n in range(1, most + 1) if d % n == 0)
        self.scale = nn.Parameter(torch.ones(k, d))
        self.shift = nn.Parameter(torch.zeros(k, d))

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        if len(x) == self.n_groups == 1:
            return F.layer_norm(x, x.shape[-1:], self.scale[0], self.shift[0], eps=self.eps)  # twice as fast
        groups = x.reshape(*x.shape[:2], self.n_groups, -1)
        y = F.layer_norm(groups, groups.shape[-1:], eps=self.eps).flatten(-2)
        return torch.addcmul(self.shift.unsqueeze(1), y, self.scale.unsqueeze(1))


@final
class RMSNorm(nn.Module):
    """Each row's units to mean square 1.

    Args:
        k: Number of networks.
        d: Width.
        eps: Added to the mean square.

    Source:
        Zhang and Sennrich (2019), arXiv:1910.07467.

    Example:
        >>> x = torch.randn(2, 3, 12)
        >>> torch.allclose(RMSNorm(k=2, d=12, eps=1e-5)(x), F.rms_norm(x, (12,), eps=1e-5))
        True
    """

    def __init__(self, *, k: int, d: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(k, d))

    def forward(self, x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch d"]:
        return F.rms_norm(x, x.shape[-1:], eps=self.eps) * self.scale.unsqueeze(1)


_EPS: Space = {"eps": Held(Real(1e-8, 1e-1, default=1e-5, log=True, valid=(0.0, 1.0)))}
_GROUPS: Space = {"n_groups": Held(Integer(2, 32, default=8, log=True, valid=(1, 4096)))}

NORMALIZATIONS: Options[nn.Module] = Options(
    "normalization",
    {
        "none": Option(NoNorm, source="none: the units as they are"),
        "batch": Option(BatchNorm, _EPS, source="arXiv:1502.03167"),
        "layer": Option(GroupNorm, _EPS, source="arXiv:1607.06450"),
        "rms": Option(RMSNorm, _EPS, source="arXiv:1910.07467"),
        "group": Option(GroupNorm, {**_EPS, **_GROUPS}, source="arXiv:1803.08494"),
    },
)
"""Normalizations between a dense layer and its activation: made from their knobs, `k` and the width `d`."""
