"""Classes are named beside the training of embeddings: by a layer that stays behind when training is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.model.network import Network
from automl_nn.model.stack import Linear, select
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real
from automl_nn.train.batches.rows import Fold
from automl_nn.train.losses.entropy import class_cross_entropy
from automl_nn.train.losses.stack_loss import Targets


@final
@dataclass(frozen=True)
class Naming:
    """How much it counts that the classes can be told from the embeddings.

    Args:
        weight: What the cross-entropy of the classes counts, beside 1 of the loss of the embeddings.

    Source:
        Luo et al. (2019), arXiv:1903.07071, section 2: a triplet loss and the loss of a classifier, added up.
    """

    weight: float


@final
class Names:
    """A layer for each network of a stack that names the classes of its embeddings.

    It starts at zero, where every class is as probable as any other.

    Args:
        weights: What its loss counts for each network.
        d_embedding: Numbers of an embedding.
        n_classes: Classes that are known in training.
        like: A tensor on the device and in the precision to compute in.

    Example:
        >>> names = Names([0.5], d_embedding=2, n_classes=4, like=torch.zeros(1))
        >>> bool(names.loss(torch.randn(1, 3, 2), Targets(torch.zeros(1, 3, 1))).isclose(torch.tensor(2.0).log()))
        True
    """

    def __init__(self, weights: Sequence[float], *, d_embedding: int, n_classes: int, like: Tensor) -> None:
        self._weights = torch.tensor(weights).to(like)
        self.layer = Linear(len(weights), d_embedding, n_classes, zero=True).to(like.device, like.dtype)

    def loss(self, output: Float[Tensor, "k batch d_embedding"], targets: Targets) -> Float[Tensor, " k"]:
        """What the naming of the classes adds to the loss of each network.

        Args:
            output: Embeddings.
            targets: The class of each row.
        """
        one = torch.ones_like(self._weights).view(-1, 1, 1)
        logits = self.layer(output)
        costs = class_cross_entropy(
            logits, targets.y, weight=one.expand(-1, 1, logits.shape[2]), label_smoothing=0 * one
        )
        counts = torch.ones_like(costs) if targets.weight is None else targets.weight
        mean = (costs * counts).sum((1, 2)) / counts.sum((1, 2)).clamp_min(torch.finfo(costs.dtype).tiny)
        return self._weights * mean

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only, in this order."""
        self.layer = select(self.layer, indices, k=len(self._weights))
        self._weights = self._weights[list(indices)]


def names_of(network: Network, folds: Sequence[Fold], configs: Sequence[Mapping[str, Any]], *, d: int) -> Names | None:
    """What names classes beside the training of a stack of embeddings; None if nothing does.

    Args:
        network: The stack: for each fold, a network for each config.
        folds: What is learned from.
        configs: Train configs.
        d: Numbers of an embedding.
    """
    own = [NAMING.make(config["naming"]) if "naming" in config else None for config in configs]
    weights = [0.0 if naming is None else naming.weight for naming in own] * len(folds)
    if not any(weights):
        return None
    n_classes = 1 + int(max(fold.train.y.nan_to_num().max() for fold in folds))
    return Names(weights, d_embedding=d, n_classes=n_classes, like=next(network.parameters()))


def unnamed() -> None:
    """The distances of embeddings alone count."""


NAMING: Options[Naming | None] = Options(
    "naming",
    {
        "classes": Option(
            Naming, {"weight": Real(0.2, 5.0, default=2.0, log=True, valid=(0.0, 1000.0))}, source="arXiv:1903.07071"
        ),
        "none": Option(unnamed, source="none: distances alone teach"),
    },
)
"""Whether networks of embeddings also learn to name the classes that are known in training."""
