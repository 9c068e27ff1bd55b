"""The supervised contrastive loss: each embedding is compared with all others of its batch at once."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def contrastive(
    output: Float[Tensor, "k batch d"], y: Float[Tensor, "k batch 1"], *, temperature: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k batch 1"]:
    """What each row costs as an anchor: minus the mean log probability of its positives among all other rows.

    A row finds another with probability in proportion to `exp(cosine / temperature)`. Negatives that lie near weigh
    more by themselves, so that none need be mined. Where a batch has one positive and one negative, it is a triplet
    loss with a soft margin.

    Args:
        output: Embeddings of any length.
        y: Number of the class of each row.
        temperature: Over 0; the smaller, the more the nearest negatives count.

    Returns:
        The mean over the batch is the loss; a row without a positive costs nothing.

    Source:
        Khosla et al. (2020), arXiv:2004.11362, Eq. 2.

    Example:
        >>> x = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> y = torch.tensor([[[0.0], [0.0], [1.0]]])
        >>> costs = contrastive(x, y, temperature=torch.ones(1, 1, 1)).flatten()
        >>> costs.isclose(torch.tensor([(1 + torch.tensor(-1.0).exp()).log()] * 2 + [0.0])).tolist()
        [True, True, True]
    """
    unit = functional.normalize(output, dim=-1)
    itself = torch.eye(y.shape[1], dtype=torch.bool, device=y.device)
    likeness = (unit @ unit.mT / temperature).masked_fill(itself, torch.finfo(unit.dtype).min)
    cost = likeness.logsumexp(2, keepdim=True) - likeness
    positive = (y == y.mT) & ~itself
    return (cost * positive).sum(2, keepdim=True) / positive.sum(2, keepdim=True).clamp_min(1)
