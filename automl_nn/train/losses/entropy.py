"""Cross-entropy of labels and of classes, for a stack of networks whose knobs may differ."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def binary_cross_entropy(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_out"],
    *,
    pos_weight: Float[Tensor, "k 1 d_out"],
    label_smoothing: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch d_out"]:
    """Cross-entropy of each label, positives counted `pos_weight` times.

    Args:
        output: Log-odds.
        y: Labels in [0, 1].
        pos_weight: Weight of a positive.
        label_smoothing: Share of each label that is replaced by one half.

    Example:
        >>> zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> bool(binary_cross_entropy(zero, one, pos_weight=one, label_smoothing=zero).isclose(torch.tensor(2.0).log()))
        True
    """
    smooth = torch.lerp(y, torch.full_like(y, 0.5), label_smoothing.expand_as(y))
    return functional.binary_cross_entropy_with_logits(output, smooth, pos_weight=pos_weight, reduction="none")


def class_cross_entropy(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_y"],
    *,
    weight: Float[Tensor, "k 1 d_out"],
    label_smoothing: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch 1"]:
    """Cross-entropy of each row, the terms of class c counted `weight[c]` times.

    Args:
        output: Log-probabilities up to a constant.
        y: Class index (`d_y = 1`) or a probability for each class.
        weight: Weight of each class.
        label_smoothing: Share of each row's probability that is spread over all classes.

    Example:
        >>> one, zero = torch.ones(1, 1, 3), torch.zeros(1, 1, 1)
        >>> loss = class_cross_entropy(torch.zeros(1, 1, 3), zero, weight=one, label_smoothing=zero)
        >>> bool(loss.isclose(torch.tensor(3.0).log()))
        True
    """
    share = class_shares(y, d_out=output.shape[-1])
    smooth = torch.lerp(share, torch.full_like(share, 1 / output.shape[-1]), label_smoothing.expand_as(share))
    return -(weight * smooth * output.log_softmax(-1)).sum(-1, keepdim=True)


def class_shares(y: Float[Tensor, "*rows d_y"], *, d_out: int) -> Float[Tensor, "*rows d_out"]:
    """A probability for each class: the labels themselves, or one-hot rows of class indices.

    Example:
        >>> class_shares(torch.tensor([[1.0]]), d_out=3).tolist()
        [[0.0, 1.0, 0.0]]
    """
    if y.shape[-1] == d_out:
        return y
    return (y == torch.arange(d_out, device=y.device, dtype=y.dtype)).to(y.dtype)
