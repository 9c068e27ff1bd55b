"""Batches of images, gathered one at a time from all of them: an epoch holds no more in memory than a step reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from automl_nn.errors import DataError
from automl_nn.train.batches.rows import Batch, Batches, Rows, Shuffle
from automl_nn.train.losses.stack_loss import Targets

Augment = Callable[[Tensor, Targets, torch.Generator], tuple[Tensor, Targets]]
"""Changes the images `(batch, channels, height, width)` of a step and, if need be, their labels at random."""


@final
class ImageBatches:
    """The batches of a stack that reads images, epoch after epoch: those of `Batches`, with their images.

    Args:
        rows: Training rows.
        targets: Their labels.
        batch_size: Images per step and network; fewer if there are fewer.
        seeds: One per network, for its order and its changes: the same in a stack as alone.
        sizes: The number of rows of each fold; see `Batches`.
        augment: Changes the images of a step; None to read them as they are.
        shuffle: Draws the order of an epoch; see `Batches`.

    Raises:
        DataError: There are no rows.
    """

    def __init__(
        self,
        rows: Rows,
        targets: Targets,
        *,
        batch_size: int,
        seeds: Sequence[int],
        sizes: Sequence[int],
        augment: Augment | None = None,
        shuffle: Shuffle | None = None,
    ) -> None:
        if rows.inputs.images is None:
            raise DataError("Batches of images need images, but the training rows have none: use `Batches`.")
        self._batches = Batches(rows.inputs, targets, batch_size=batch_size, seeds=seeds, sizes=sizes, shuffle=shuffle)
        self._images, self._augment = rows.inputs.images, augment
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    @property
    def batch_size(self) -> int:
        """Images per step and network."""
        return self._batches.batch_size

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return self._batches.n_steps

    def keep(self, networks: Sequence[int]) -> None:
        """Go on with these networks only, in this order, each with its own order of rows."""
        self._batches.keep(networks)
        self._generators = [self._generators[i] for i in networks]

    def rows(self, network: int, step: int) -> Int[Tensor, " batch"]:
        """The rows that a network saw at a step of the present epoch."""
        return self._batches.rows(network, step)

    def epoch(self) -> Iterator[Batch]:
        """Shuffle anew and yield the batches."""
        for step, batch in enumerate(self._batches.epoch()):
            own = [self._of_network(i, step, batch.targets) for i in range(len(self._generators))]
            pixels = torch.stack([images for images, _ in own])
            yield replace(batch, targets=_stacked([targets for _, targets in own]), pixels=pixels)

    def _of_network(self, i: int, step: int, targets: Targets) -> tuple[Tensor, Targets]:
        """The images of a step of one network, and their labels."""
        rows = self.rows(i, step).to(self._images.rows.device)
        own = Targets(targets.y[i], None if targets.weight is None else targets.weight[i])
        images = self._images[rows].gathered()
        return (images, own) if self._augment is None else self._augment(images, own, self._generators[i])


def _stacked(own: Sequence[Targets]) -> Targets:
    """The labels of all networks."""
    weights = [targets.weight for targets in own if targets.weight is not None]
    return Targets(torch.stack([targets.y for targets in own]), torch.stack(weights) if weights else None)
