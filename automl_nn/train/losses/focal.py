"""The focal losses of labels and of classes, and how their outputs become probabilities again."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automl_nn.train.losses.entropy import class_shares


def binary_focal(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_out"],
    *,
    pos_weight: Float[Tensor, "k 1 d_out"],
    gamma: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch d_out"]:
    """Cross-entropy of each label, weighted by `(1 - p_t) ** gamma`: rows that are already right count less.

    Args:
        output: Log-odds.
        y: Labels, 0 or 1.
        pos_weight: Weight of a positive.
        gamma: Focusing strength, 0 or more; 0 gives cross-entropy.

    Source:
        Lin et al. (2017), arXiv:1708.02002, Eq. 4. The balance is `pos_weight` rather than alpha; both factors are
        computed from one log-sigmoid, so that no power of zero is ever differentiated.

    Example:
        >>> zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> bool(binary_focal(zero, one, pos_weight=one, gamma=2 * one).isclose(torch.tensor(2.0).log() / 4))
        True
    """
    margin = output * (2 * y - 1)
    log_p = functional.logsigmoid(margin)
    return -log_p * torch.exp(gamma * (log_p - margin)) * (1 + (pos_weight - 1) * y)


def class_focal(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_y"],
    *,
    weight: Float[Tensor, "k 1 d_out"],
    gamma: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch 1"]:
    """Cross-entropy of each row, its terms weighted by `(1 - p_c) ** gamma`.

    Args:
        output: Log-probabilities up to a constant.
        y: Class index (`d_y = 1`) or a probability for each class.
        weight: Weight of each class.
        gamma: Focusing strength, 0 or more; 0 gives cross-entropy.

    Source:
        Lin et al. (2017), arXiv:1708.02002, Eq. 4, with a softmax.

    Example:
        >>> one, zero = torch.ones(1, 1, 2), torch.zeros(1, 1, 1)
        >>> loss = class_focal(torch.zeros(1, 1, 2), zero, weight=one, gamma=torch.full((1, 1, 1), 2.0))
        >>> bool(loss.isclose(torch.tensor(2.0).log() / 4))
        True
    """
    log_p = output.log_softmax(-1)
    focus = torch.exp(gamma * _log_one_minus(log_p))
    return -(weight * focus * class_shares(y, d_out=output.shape[-1]) * log_p).sum(-1, keepdim=True)


def sharpen_binary_focal(
    output: Float[Tensor, "k rows d_out"], *, gamma: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k rows d_out"]:
    """Log-odds of the true probability, from the log-odds that minimize the focal loss.

    The focal loss is smallest at a probability nearer to one half than the true one; this inverts the map exactly.

    Source:
        Charoenphakdee et al. (2021), arXiv:2011.09172, Theorem 11, for two classes and in log-odds.

    Example:
        >>> focal = torch.tensor([[[-1.0], [0.0], [1.0]]])
        >>> [round(z, 2) for z in sharpen_binary_focal(focal, gamma=torch.full((1, 1, 1), 2.0)).flatten().tolist()]
        [-2.68, 0.0, 2.68]
    """
    near = output.clamp(-80.0, 80.0)
    up = torch.sigmoid(near) * -functional.logsigmoid(near) / torch.sigmoid(-near)
    down = torch.sigmoid(-near) * -functional.logsigmoid(-near) / torch.sigmoid(near)
    return (1 + gamma) * output + torch.log1p(gamma * down) - torch.log1p(gamma * up)


def sharpen_class_focal(
    output: Float[Tensor, "k rows d_out"], *, gamma: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k rows d_out"]:
    """Log-probabilities up to a constant, from the output that minimizes the focal loss of several classes.

    Source:
        Charoenphakdee et al. (2021), arXiv:2011.09172, Theorem 11.

    Example:
        >>> even = torch.zeros(1, 1, 3)
        >>> sharpen_class_focal(even, gamma=torch.full((1, 1, 1), 2.0)).softmax(-1).flatten().tolist()
        [0.3333333432674408, 0.3333333432674408, 0.3333333432674408]
    """
    log_p = output.log_softmax(-1).clamp_max(-1e-12)
    log_rest = _log_one_minus(log_p)
    return output - gamma * log_rest - torch.log1p(gamma * -log_p * torch.exp(log_p - log_rest))


def _log_one_minus(log_p: Tensor) -> Tensor:
    """`log(1 - p)`, with a floor that keeps its gradient finite where p rounds to 1."""
    return (-torch.expm1(log_p.clamp_max(-1e-12))).log()
