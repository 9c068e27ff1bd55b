"""Shuffled batches for a stack, gathered at once: every network reads the rows in an order of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from automl_nn.errors import DataError
from automl_nn.model.encoders import Inputs
from automl_nn.model.images import ImageRows
from automl_nn.train.losses.stack_loss import Targets

Shuffle = Callable[[int, int, torch.Generator], Tensor]
"""Draws an order of `n` rows from `first` on: a function of both and of a source of randomness."""

GATHER_BYTES = 16 * 2**20
"""How much of an epoch is gathered at a time."""


@final
@dataclass(frozen=True)
class Rows:
    """One part of the data, ready for a network.

    Args:
        inputs: What the encoder made of the features.
        y: Encoded labels, NaN where one is missing; bytes where there are millions of steps and no gaps.
        weight: Weight of each row; None if all count alike.
        ids: Index of each row in the user's table.
    """

    inputs: Inputs
    y: Real[Tensor, "n_rows d_y"]
    weight: Float[Tensor, " n_rows"] | None
    ids: Int[Tensor, " n_rows"]

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device, *, dtype: torch.dtype) -> "Rows":
        """The same rows on another device and in another precision; so many that labels are bytes, as they are read."""
        if not self.y.is_floating_point():
            return replace(self, inputs=self.inputs.to(device), y=self.y.to(device))
        weight = None if self.weight is None else self.weight.to(device, dtype)
        return Rows(self.inputs.to(device).to(dtype), self.y.to(device, dtype), weight, self.ids)


@final
@dataclass(frozen=True)
class Fold:
    """What a network learns from, and what it is scored on; cross-validation has several.

    Args:
        train: Training rows.
        val: Validation rows, which are only scored.
        unlabelled: Rows without any label, which may take part in training; None if there are none.
    """

    train: Rows
    val: Rows
    unlabelled: Rows | None = None

    def to(self, device: torch.device, *, dtype: torch.dtype) -> "Fold":
        """The same rows on another device and in another precision."""
        unlabelled = None if self.unlabelled is None else self.unlabelled.to(device, dtype=dtype)
        return Fold(self.train.to(device, dtype=dtype), self.val.to(device, dtype=dtype), unlabelled)


def one_after_the_other(parts: Sequence[Rows]) -> Rows:
    """The rows of several parts as those of one."""
    if len(parts) == 1:
        return parts[0]
    weights = [part.weight for part in parts if part.weight is not None]
    flags = [part.inputs.flags for part in parts if part.inputs.flags is not None]
    return Rows(
        inputs=Inputs(
            torch.cat([part.inputs.numbers for part in parts]),
            torch.cat([part.inputs.codes for part in parts]),
            starts=_starts(parts),
            flags=torch.cat(flags) if flags else None,
            images=_images_of(parts),
        ),
        y=torch.cat([part.y for part in parts]),
        weight=torch.cat(weights) if weights else None,
        ids=torch.cat([part.ids for part in parts]),
    )


def _starts(parts: Sequence[Rows]) -> Int[Tensor, " n_stretches"] | None:
    """Where stretches of steps begin in several parts that lie one after the other."""
    firsts = [sum(map(len, parts[:place])) for place in range(len(parts))]
    starts = [
        first + part.inputs.starts for first, part in zip(firsts, parts, strict=True) if part.inputs.starts is not None
    ]
    return torch.cat(starts) if starts else None


def _images_of(parts: Sequence[Rows]) -> ImageRows | None:
    """The images of several parts of one data set."""
    images = [part.inputs.images for part in parts if part.inputs.images is not None]
    return ImageRows(images[0].whole, torch.cat([own.rows for own in images])) if images else None


@final
@dataclass(frozen=True)
class Batch:
    """One step's rows: those of network i stand at index i.

    Args:
        dense: Dense columns.
        codes: Codes of categories.
        targets: Labels `(k, batch, d_y)`.
        pixels: Images `(k, batch, channels, height, width)`; None where there are none.
    """

    dense: Float[Tensor, "k batch d_in"]
    codes: Int[Tensor, "k batch n_codes"]
    targets: Targets
    pixels: Tensor | None = None


@final
class Batches:
    """The batches of a stack, epoch after epoch.

    All batches have the same size: the rows that remain at the end of an epoch are left out, other ones each time.

    Args:
        inputs: Training inputs.
        targets: Training labels.
        batch_size: Rows per step and network; fewer if there are fewer.
        seeds: One per network, for its order: the same in a stack as alone.
        sizes: Where networks learn from different rows, the number of rows of each fold, which lie one after the other;
            as many neighbouring networks learn from each of them. One fold of all rows unless given.
        shuffle: Draws the order of an epoch; any order is as likely as another unless given.

    Raises:
        DataError: There are no rows.

    Example:
        >>> inputs = Inputs(torch.arange(5.0).unsqueeze(1), torch.zeros(5, 0, dtype=torch.int64))
        >>> batches = Batches(inputs, Targets(torch.zeros(5, 1)), batch_size=2, seeds=[0, 1, 2])
        >>> [tuple(batch.dense.shape) for batch in batches.epoch()]
        [(3, 2, 1), (3, 2, 1)]
    """

    def __init__(
        self,
        inputs: Inputs,
        targets: Targets,
        *,
        batch_size: int,
        seeds: Sequence[int],
        sizes: Sequence[int] | None = None,
        shuffle: Shuffle | None = None,
    ) -> None:
        sizes = [len(inputs)] if sizes is None else sizes
        if min(sizes) == 0:
            raise DataError("Training needs rows, but the training part has none: give it at least one row.")
        self._inputs, self._targets = inputs, targets
        self.batch_size = min(batch_size, *sizes)
        self.n_steps = min(sizes) // self.batch_size
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._spans = _spans(sizes, k=len(seeds))
        self._shuffle = shuffle or _shuffled
        self._order = torch.empty(0, dtype=torch.int64)

    def keep(self, networks: Sequence[int]) -> None:
        """Go on with these networks only, in this order, each with its own order of rows."""
        self._generators = [self._generators[i] for i in networks]
        self._spans = [self._spans[i] for i in networks]

    def rows(self, network: int, step: int) -> Int[Tensor, " batch"]:
        """The rows that a network saw at a step of the present epoch."""
        return self._order[step, network]

    def epoch(self) -> Iterator[Batch]:
        """Shuffle anew and yield the batches."""
        n_used = self.n_steps * self.batch_size
        owners = zip(self._spans, self._generators, strict=True)
        orders = [self._shuffle(first, n, generator)[:n_used] for (first, n), generator in owners]
        shape = (len(orders), self.n_steps, self.batch_size)
        self._order = torch.stack(orders).view(shape).transpose(0, 1).contiguous()
        for order in torch.split(self._order, self._steps_at_a_time()):
            yield from self._gather(order)

    def _steps_at_a_time(self) -> int:
        inputs, size = self._inputs, self._inputs.numbers.element_size()
        bytes_per_row = size * (inputs.d_dense + self._targets.y.shape[1]) + 8 * inputs.codes.shape[1]
        bytes_per_step = bytes_per_row * self.batch_size * len(self._generators)
        return max(1, GATHER_BYTES // max(bytes_per_step, 1))

    def _gather(self, order: Tensor) -> Iterator[Batch]:
        rows = order.flatten().to(self._inputs.numbers.device)
        inputs, labels = self._inputs.at(rows), [self._targets.y, self._targets.weight]
        parts = [inputs.dense, inputs.codes, *(part.index_select(0, rows) for part in labels if part is not None)]
        steps = (part.view(*order.shape, part.shape[1]).unbind(0) for part in parts)
        for dense, codes, y, *weight in zip(*steps, strict=True):
            yield Batch(dense, codes, Targets(y, *weight))


def _shuffled(first: int, n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    return first + torch.randperm(n, generator=generator)


def _spans(sizes: Sequence[int], *, k: int) -> list[tuple[int, int]]:
    """First row and number of rows of each network."""
    firsts = [sum(sizes[:fold]) for fold in range(len(sizes))]
    return [span for span in zip(firsts, sizes, strict=True) for _ in range(k // len(sizes))]
