"""Learning-rate schedules: how the progress of training multiplies the learning rate."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real

START = 1 / 25
"""Where one-cycle starts, as a share of its peak."""


def _warm(progress: Tensor, warmup: Tensor) -> Tensor:
    """Linear from 0 at the start to 1 after the share `warmup` of the steps, `(k, n_steps)`."""
    return (progress / warmup.unsqueeze(1)).nan_to_num(nan=1.0).clamp(max=1.0)


def _after(progress: Tensor, warmup: Tensor) -> Tensor:
    """Progress of what follows the warm-up, 0 during it, `(k, n_steps)`."""
    share = warmup.unsqueeze(1)
    return ((progress - share) / (1 - share)).clamp(0.0, 1.0)


def _falling(progress: Tensor) -> Tensor:
    return 0.5 * (1 + torch.cos(math.pi * progress))


def constant(progress: Float[Tensor, " n_steps"], *, warmup: Float[Tensor, " k"]) -> Float[Tensor, "k n_steps"]:
    """The learning rate itself, after a linear warm-up.

    Args:
        progress: Share of the steps that is done, between 0 and 1.
        warmup: Share of the steps with a rising rate.

    Example:
        >>> constant(torch.tensor([0.25, 1.0]), warmup=torch.tensor([0.5])).tolist()
        [[0.5, 1.0]]
    """
    return _warm(progress, warmup)


def cosine(progress: Float[Tensor, " n_steps"], *, warmup: Float[Tensor, " k"]) -> Float[Tensor, "k n_steps"]:
    """A linear warm-up, then half a cosine down to 0.

    Args:
        progress: Share of the steps that is done, between 0 and 1.
        warmup: Share of the steps with a rising rate.

    Source:
        Loshchilov and Hutter (2017), arXiv:1608.03983, Eq. 5, without restarts.

    Example:
        >>> cosine(torch.tensor([0.5, 1.0]), warmup=torch.tensor([0.0])).round(decimals=6).tolist()
        [[0.5, 0.0]]
    """
    return _warm(progress, warmup) * _falling(_after(progress, warmup))


def one_cycle(progress: Float[Tensor, " n_steps"], *, warmup: Float[Tensor, " k"]) -> Float[Tensor, "k n_steps"]:
    """Half a cosine up from 1/25 of the rate, then half a cosine down to 0.

    Args:
        progress: Share of the steps that is done, between 0 and 1.
        warmup: Share of the steps with a rising rate.

    Source:
        Smith and Topin (2018), arXiv:1708.07120, with cosines as in torch's `OneCycleLR`; momentum stays as it is.

    Example:
        >>> one_cycle(torch.tensor([0.3, 1.0]), warmup=torch.tensor([0.3])).round(decimals=6).tolist()
        [[1.0, 0.0]]
    """
    rising = START + (1 - START) * (1 - _falling(_warm(progress, warmup)))
    return rising * _falling(_after(progress, warmup))


def coslog4(progress: Float[Tensor, " n_steps"]) -> Float[Tensor, "1 n_steps"]:
    """Four cosine waves that grow longer, from 0 to 0: cycles on a logarithmic clock.

    Args:
        progress: Share of the steps that is done, between 0 and 1.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, Sec. 3.

    Example:
        >>> coslog4(torch.tensor([1 / 15, 1.0])).abs().round(decimals=6).tolist()
        [[0.0, 0.0]]
    """
    return (0.5 * (1 - torch.cos(2 * math.pi * torch.log2(1 + 15 * progress)))).unsqueeze(0)


_WARMUP = Real(0.0, 0.1, default=0.03, valid=(0.0, 0.9))

SCHEDULES: Options[Tensor] = Options(
    "schedule",
    {
        "constant": Option(constant, {"warmup": _WARMUP}, source="arXiv:1706.02677, Sec. 2.2"),
        "cosine": Option(cosine, {"warmup": _WARMUP}, source="arXiv:1608.03983"),
        "one_cycle": Option(
            one_cycle, {"warmup": Real(0.1, 0.5, default=0.3, valid=(0.0, 0.9))}, source="arXiv:1708.07120"
        ),
        "coslog4": Option(coslog4, source="arXiv:2407.04491"),
    },
    default="coslog4",
)
"""Functions of the steps' progress `(n_steps,)` to multipliers `(k, n_steps)`."""


def lasting(progress: Float[Tensor, " n_stages"]) -> Float[Tensor, "1 n_stages"]:
    """Dropout and weight decay stay as they are.

    Example:
        >>> lasting(torch.tensor([0.0, 1.0])).tolist()
        [[1.0, 1.0]]
    """
    return torch.ones_like(progress).unsqueeze(0)


def flat_cos(progress: Float[Tensor, " n_stages"]) -> Float[Tensor, "1 n_stages"]:
    """Dropout and weight decay stay for half of the training, then follow half a cosine down to 0.

    Args:
        progress: Share of the steps that is done, between 0 and 1.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, section 3.2.

    Example:
        >>> flat_cos(torch.tensor([0.5, 0.75, 1.0])).round(decimals=6).tolist()
        [[1.0, 0.5, 0.0]]
    """
    return _falling((2 * progress - 1).clamp(min=0.0)).unsqueeze(0)


FADES: Options[Tensor] = Options(
    "fade",
    {
        "none": Option(lasting, source="none: dropout and weight decay as they are"),
        "flat_cos": Option(flat_cos, source="arXiv:2407.04491"),
    },
).search("flat_cos")
"""Functions of the progress `(n_stages,)` to multipliers of dropout and weight decay `(1, n_stages)`."""
