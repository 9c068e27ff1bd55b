"""Triplet losses: embeddings of one class come closer than those of another, by a margin.

Distances are those of vectors of length 1, from 0 to 2. A triplet is an anchor, a positive of its class, and a negative
of another. It is *hard* where the negative is not farther away than the positive, *semi-hard* where it is farther by
less than the margin, and *easy*, so that it teaches nothing, beyond. Which triplets of a batch count is what tells the
losses apart.
"""

from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

TRIPLET_ROWS = 128
"""Rows within which triplets are sought; more rows are taken in parts, each of which has every so-manieth of them."""

Mining = Callable[[Tensor, Tensor, Tensor], Tensor]

EASE = ("hard_triplets", "semi_hard_triplets", "easy_triplets")
"""What is counted."""


def distances(x: Float[Tensor, "k batch d"]) -> Float[Tensor, "k batch batch"]:
    """Distances between the directions of all vectors of a batch.

    Example:
        >>> distances(torch.tensor([[[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]]))[0, 0, 1:].tolist()
        [1.4142135381698608, 2.0]
    """
    unit = functional.normalize(x, dim=-1)
    squares = (2 - 2 * unit @ unit.mT).clamp_min(0.0)
    far = squares > 1e-12
    return torch.where(far, squares, 1.0).sqrt() * far


def batch_hard(
    output: Float[Tensor, "k batch d"], y: Float[Tensor, "k batch 1"], *, margin: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k batch 1"]:
    """What each row costs as an anchor, with its farthest positive and its nearest negative.

    Args:
        output: Embeddings of any length.
        y: Number of the class of each row.
        margin: By how much the negative should be farther away.

    Returns:
        The mean over the batch is the loss; a row without a positive or a negative costs nothing.

    Source:
        Hermans, Beyer and Leibe (2017), arXiv:1703.07737, Eq. 5.

    Example:
        >>> x = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> y = torch.tensor([[[0.0], [0.0], [1.0]]])
        >>> batch_hard(x, y, margin=torch.full((1, 1, 1), 1.5)).flatten().round(decimals=2).tolist()
        [0.09000000357627869, 0.09000000357627869, 0.0]
    """
    return _in_parts(_batch_hard, output, y, margin)


def semi_hard(
    output: Float[Tensor, "k batch d"], y: Float[Tensor, "k batch 1"], *, margin: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k batch 1"]:
    """What each row costs as an anchor, with each positive and the nearest negative that is farther away.

    Where no negative is farther away than the positive, the farthest one is taken.

    Args:
        output: Embeddings of any length.
        y: Number of the class of each row.
        margin: By how much the negative should be farther away.

    Returns:
        The mean over the batch is the loss; a row without a positive or a negative costs nothing.

    Source:
        Schroff, Kalenichenko and Philbin (2015), arXiv:1503.03832, section 3.2, with distances in place of squares.
    """
    return _in_parts(_semi_hard, output, y, margin)


def triplet_counts(
    output: Float[Tensor, "k batch d"], y: Float[Tensor, "k batch 1"], *, margin: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k 3"]:
    """How many triplets of the batch are hard, semi-hard and easy, in the order of `EASE`.

    Args:
        output: Embeddings.
        y: Number of the class of each row.
        margin: By how much a negative should be farther away.

    Example:
        >>> x = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
        >>> y = torch.tensor([[[0.0], [0.0], [1.0]]])
        >>> triplet_counts(x, y, margin=torch.full((1, 1, 1), 1.5)).tolist()
        [[0.0, 2.0, 0.0]]
    """
    total = output.new_zeros(len(output), len(EASE))
    for rows in _parts(output.shape[1]):
        own = _Pairs.of(output[:, rows], y[:, rows])
        behind = own.distance.unsqueeze(2) - own.distance.unsqueeze(3)  # of the negative, over that of the positive
        triplet = own.positive.unsqueeze(3) & own.negative.unsqueeze(2)
        wide = margin.unsqueeze(3)
        kinds = (behind <= 0, (behind > 0) & (behind < wide), (behind > 0) & (behind >= wide))
        total += torch.stack([(triplet & kind).sum((1, 2, 3)) for kind in kinds], dim=1)
    return total


@final
class _Pairs:
    """Distances of a batch, and which pairs are of one class."""

    def __init__(self, distance: Tensor, positive: Tensor, negative: Tensor) -> None:
        self.distance, self.positive, self.negative = distance, positive, negative

    @staticmethod
    def of(output: Tensor, y: Tensor) -> "_Pairs":
        same = y == y.mT
        itself = torch.eye(same.shape[1], dtype=torch.bool, device=same.device)
        return _Pairs(distances(output), same & ~itself, ~same)


def _batch_hard(output: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    own = _Pairs.of(output, y)
    farthest = torch.where(own.positive, own.distance, -torch.inf).amax(2, keepdim=True)
    nearest = torch.where(own.negative, own.distance, torch.inf).amin(2, keepdim=True)
    return _hinge(farthest, nearest, margin)


def _semi_hard(output: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    own = _Pairs.of(output, y)
    positive, negative = own.distance.unsqueeze(3), own.distance.unsqueeze(2)
    beyond = own.negative.unsqueeze(2) & (negative > positive)
    nearest = torch.where(beyond, negative, torch.inf).amin(3)
    farthest = torch.where(own.negative, own.distance, -torch.inf).amax(2, keepdim=True)
    chosen = torch.where(beyond.any(3), nearest, farthest.expand_as(nearest))
    costs = torch.where(own.positive, _hinge(own.distance, chosen, margin), 0.0)
    return costs.sum(2, keepdim=True) / own.positive.sum(2, keepdim=True).clamp_min(1)


def _hinge(positive: Tensor, negative: Tensor, margin: Tensor) -> Tensor:
    """What a triplet costs; nothing where there is no positive or no negative."""
    known: Bool[Tensor, "..."] = positive.isfinite() & negative.isfinite()
    cost = (torch.where(known, positive, 0.0) - torch.where(known, negative, 0.0) + margin).clamp_min(0.0)
    return torch.where(known, cost, 0.0)


def _parts(n_rows: int) -> list[slice]:
    n_parts = max(1, -(-n_rows // TRIPLET_ROWS))
    return [slice(part, None, n_parts) for part in range(n_parts)]


def _in_parts(mining: Mining, output: Tensor, y: Tensor, margin: Tensor) -> Tensor:
    parts = _parts(output.shape[1])
    if len(parts) == 1:
        return mining(output, y, margin)
    costs = output.new_zeros(*output.shape[:2], 1)
    for rows in parts:
        costs[:, rows] = mining(output[:, rows], y[:, rows], margin)
    return costs
