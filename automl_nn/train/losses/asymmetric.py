"""The asymmetric loss of several labels, and how its outputs become probabilities again."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

FLOOR = 1e-4
"""Distance above the margin under which a probability is no longer told apart from zero."""


def asymmetric(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_out"],
    *,
    pos_weight: Float[Tensor, "k 1 d_out"],
    gamma_positive: Float[Tensor, "k 1 1"],
    gamma_negative: Float[Tensor, "k 1 1"],
    margin: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch d_out"]:
    """Focal loss with a strength of its own for negatives, of which those below a margin cost nothing.

    With several labels most entries are negative and easy. A positive costs `-(1 - p) ** gamma_positive * log(p)`, a
    negative `-q ** gamma_negative * log(1 - q)` with `q = max(p - margin, 0)`.

    Args:
        output: Log-odds.
        y: Labels, 0 or 1.
        pos_weight: Weight of a positive.
        gamma_positive: Focusing strength of positives, 0 or more.
        gamma_negative: Focusing strength of negatives, 0 or more.
        margin: Probability up to which a negative costs nothing, from 0 to below 1.

    Source:
        Ridnik et al. (2021), arXiv:2009.14119, Eq. 4 to 7.

    Example:
        >>> zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> plain = asymmetric(zero, one, pos_weight=one, gamma_positive=zero, gamma_negative=zero, margin=zero)
        >>> bool(plain.isclose(torch.tensor(2.0).log()))
        True
    """
    positive = -functional.logsigmoid(output) * torch.exp(gamma_positive * functional.logsigmoid(-output))
    tiny = torch.finfo(output.dtype).tiny
    focus = (output.sigmoid() - margin).clamp_min(tiny).pow(gamma_negative)
    return pos_weight * y * positive - (1 - y) * focus * _log_rest(output, margin)


def sharpen_asymmetric(
    output: Float[Tensor, "k rows d_out"],
    *,
    gamma_positive: Float[Tensor, "k 1 1"],
    gamma_negative: Float[Tensor, "k 1 1"],
    margin: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k rows d_out"]:
    """Log-odds of the true probability, from the log-odds that minimize the asymmetric loss.

    Where the loss is smallest, the pull of the positives equals that of the negatives, so the odds are the ratio of the
    two slopes. No probability above zero has its minimum below the margin: such outputs keep their order, and nothing
    more is known of them. Networks seldom reach the minimum, so probabilities are worth a calibration on rows that did
    not train.

    Example:
        >>> knobs = {"gamma_positive": 0.0, "gamma_negative": 2.0, "margin": 0.05}
        >>> knobs = {name: torch.full((1, 1, 1), value) for name, value in knobs.items()}
        >>> trained = torch.tensor([[[-4.0], [-2.0], [0.0]]])
        >>> bool((sharpen_asymmetric(trained, **knobs).diff(dim=1) > 0).all())
        True
    """
    least = torch.where(margin > 0, (margin + FLOOR).logit(), -torch.inf)
    above = torch.maximum(output, least)
    near = above.clamp(-80.0, 80.0)
    log_q = _log_above(above, margin)
    of_negatives = gamma_negative * log_q - _log_rest(above, margin)
    of_positives = gamma_positive * functional.logsigmoid(-above) - functional.logsigmoid(above)
    bend_negatives = _bend(_log_rest(near, margin), _log_above(near, margin))
    bend_positives = _bend(functional.logsigmoid(near), functional.logsigmoid(-near))
    bends = torch.log1p(gamma_negative * bend_negatives) - torch.log1p(gamma_positive * bend_positives)
    return of_negatives - of_positives + bends + (output - above)


def _log_rest(output: Tensor, margin: Tensor) -> Tensor:
    """`log(1 - q)`, with q the part of the probability above the margin."""
    return torch.logaddexp(functional.logsigmoid(-output), margin.log()).clamp_max(0.0)


def _log_above(output: Tensor, margin: Tensor) -> Tensor:
    """`log(q)`, exact for small probabilities where there is no margin."""
    above = (output.sigmoid() - margin).clamp_min(torch.finfo(output.dtype).tiny)
    return torch.where(margin > 0, above.log(), functional.logsigmoid(output))


def _bend(log_a: Tensor, log_rest: Tensor) -> Tensor:
    """`-a * log(a) / (1 - a)`: from 0 at a = 0 to 1 at a = 1."""
    return -log_a * torch.exp(log_a - log_rest)
