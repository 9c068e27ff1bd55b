"""Batches of windows, gathered one at a time: an epoch costs the windows that it draws, not the length of series."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from automl_nn.errors import DataError
from automl_nn.model.windows import Windows, cells
from automl_nn.task.base import Family
from automl_nn.train.batches.rows import Batch, Rows
from automl_nn.train.batches.sampling import SAMPLINGS, Candidates, Sampling
from automl_nn.train.losses.stack_loss import Targets

USUAL = 64
"""Steps in whose place shorter windows are drawn where networks read each step alone."""


@final
@dataclass(frozen=True)
class _Epoch:
    """What one network reads in an epoch, batch by batch: windows, the steps that are their own, and their weights."""

    windows: Windows
    begin: Int[Tensor, " n_drawn"]
    end: Int[Tensor, " n_drawn"]
    weight: Float[Tensor, " n_drawn"]


@final
@dataclass(frozen=True)
class _Fold:
    """The steps that some networks learn from.

    Args:
        first: The first of them.
        n_steps: How many they are.
        starts: Where stretches begin, counted from the first one.
        events: Steps that are rare and sought, counted in the same way.
    """

    first: int
    n_steps: int
    starts: Int[Tensor, " n_stretches"]
    events: Int[Tensor, " n_events"]

    def n_windows(self, length: int) -> int:
        """Windows that reach every step once."""
        sizes = torch.diff(self.starts, append=torch.tensor([self.n_steps]))
        return int((sizes + length - 1).div(length, rounding_mode="floor").sum())

    def cut(self, length: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """First step and size of the window of each cell, begin and end of the cell, and whether it holds an event."""
        windows, begin = cells(self.starts, n_steps=self.n_steps, length=length, generator=generator)
        has_event = torch.zeros(len(begin), dtype=torch.bool)
        has_event[torch.bucketize(self.events, begin, right=True) - 1] = True
        end = torch.cat([begin[1:], begin.new_tensor([self.n_steps])])
        return windows.first + self.first, windows.size, begin + self.first, end + self.first, has_event


def _folds(rows: Rows, sizes: Sequence[int], *, family: Family) -> list[_Fold]:
    """The steps of each fold, which lie one after the other."""
    known = rows.inputs.starts
    starts = torch.zeros(1, dtype=torch.int64) if known is None else known.cpu()
    sought = events(rows.y, family=family).cpu().nonzero().squeeze(1)
    firsts = [sum(sizes[:fold]) for fold in range(len(sizes))]
    return [
        _Fold(first, size, *(_within(steps, first, size) for steps in (starts, sought)))
        for first, size in zip(firsts, sizes, strict=True)
    ]


def _within(steps: Tensor, first: int, size: int) -> Tensor:
    """Which of these steps belong to a fold, counted from its first one."""
    return steps[(steps >= first) & (steps < first + size)] - first


@final
class WindowBatches:
    """The batches of a stack that reads windows, epoch after epoch.

    In each epoch the stretches are cut anew, from a place drawn at random, into cells; a window is read for a cell, and
    only the steps of the cell count, so that no step counts twice. Where an epoch has more windows than one cut gives,
    the stretches are cut several times.

    Args:
        rows: Training steps; their inputs know where stretches begin.
        sampling: Which windows are drawn.
        family: How the task reads outputs: what an event is.
        length: Steps of a window.
        n_windows: Windows of an epoch.
        batch_size: Windows of a batch.
        seeds: One per network: its windows are the same in a stack as alone.
        sizes: Where networks learn from different steps, the number of steps of each fold, which lie one after the
            other; as many neighbouring networks learn from each of them. One fold of all steps unless given.
        dtype: Floating type of what the networks read.

    Raises:
        DataError: There are no steps.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        sampling: Sampling,
        family: Family,
        length: int,
        n_windows: int,
        batch_size: int,
        seeds: Sequence[int],
        sizes: Sequence[int] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        sizes = [len(rows)] if sizes is None else sizes
        if min(sizes) == 0:
            raise DataError("Training needs steps, but the training part has none: give it at least one series.")
        self._inputs, self._length, self._sampling, self._dtype = rows.inputs, length, sampling, dtype
        self._targets = Targets.of(rows.y, rows.weight, family=family)
        self._batch = min(batch_size, n_windows)
        self.n_steps = n_windows // self._batch
        self.batch_size = self._batch * length
        self._n_windows = n_windows
        folds = _folds(rows, sizes, family=family)
        self._folds = [fold for fold in folds for _ in range(len(seeds) // len(folds))]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._epochs: list[_Epoch] = []
        n_pieces = len(rows) // length + 2 if sampling.asks_hardness else 0
        self._hardness = torch.full((len(seeds), n_pieces), -torch.inf)

    def keep(self, networks: Sequence[int]) -> None:
        """Go on with these networks only, in this order, each with its own windows."""
        self._generators = [self._generators[i] for i in networks]
        self._folds = [self._folds[i] for i in networks]
        self._hardness = self._hardness[list(networks)]

    def rows(self, network: int, step: int) -> Int[Tensor, " batch"]:
        """The steps at which the windows begin that a network saw at a step of the present epoch."""
        return self._epochs[network].windows.first[self._batch_at(step)]

    def epoch(self) -> Iterator[Batch]:
        """Draw windows anew and yield the batches."""
        self._epochs = [self._drawn(network) for network in range(len(self._folds))]
        for step in range(self.n_steps):
            yield self._gathered(step)

    def learn(self, step: int, batch: Batch, output: Tensor) -> None:
        """Remember how hard the windows of a step were: where negatives score high, others are drawn more often.

        Args:
            step: Which of the epoch.
            batch: What was read.
            output: What the networks said, (k, batch, d_out).
        """
        if not self._sampling.asks_hardness or batch.targets.weight is None:
            return
        is_negative = (batch.targets.y < 0.5) & (batch.targets.weight > 0)
        scores = output.detach().masked_fill(~is_negative, -torch.inf).nan_to_num(nan=-torch.inf)
        hardest = scores.flatten(1).view(len(scores), self._batch, -1).amax(2).to(self._hardness)
        for i, epoch in enumerate(self._epochs):
            self._hardness[i, self._piece(epoch.windows.first[self._batch_at(step)])] = hardest[i]

    def _batch_at(self, step: int) -> slice:
        """Which of the windows of an epoch are read at a step."""
        return slice(step * self._batch, (step + 1) * self._batch)

    def _piece(self, first: Tensor) -> Tensor:
        """Which piece of the steps, as long as a window, a window lies on for the most part."""
        return (first + self._length // 2).div(self._length, rounding_mode="floor")

    def _candidates(self, network: int, first: Tensor, has_event: Tensor) -> Candidates:
        asks = self._sampling.asks_hardness
        return Candidates(has_event, self._hardness[network, self._piece(first)] if asks else None)

    def _drawn(self, network: int) -> _Epoch:
        fold, generator = self._folds[network], self._generators[network]
        n_cuts = -(-self._n_windows // fold.n_windows(self._length))
        cuts = [fold.cut(self._length, generator) for _ in range(n_cuts)]
        first, size, begin, end, has_event = (torch.cat(parts) for parts in zip(*cuts, strict=True))
        windows = self._candidates(network, first, has_event)
        drawn = self._sampling.draw(windows, n_steps=self.n_steps, batch=self._batch, generator=generator)
        chosen = drawn.windows.flatten()
        first, size, begin, end = (part[chosen] for part in (first, size, begin, end))
        return _Epoch(Windows(first, size, self._length), begin, end, drawn.weight.flatten())

    def _gathered(self, step: int) -> Batch:
        own = [self._of_network(epoch, step) for epoch in self._epochs]
        dense, codes, y, weight = (torch.stack(parts) for parts in zip(*own, strict=True))
        return Batch(dense, codes, Targets(y, weight))

    def _of_network(self, epoch: _Epoch, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        batch = self._batch_at(step)
        rows, counted = epoch.windows[batch].rows(), epoch.windows[batch].known()
        by_window = (part[batch] for part in (epoch.begin, epoch.end, epoch.weight))
        begin, end, weight = (part.repeat_interleave(self._length) for part in by_window)
        weight = weight * (counted & (rows >= begin) & (rows < end))
        rows = rows.to(self._inputs.numbers.device)
        weight = weight.to(rows.device, self._dtype).unsqueeze(1)
        if self._targets.weight is not None:
            weight = weight * self._targets.weight[rows]
        inputs = self._inputs.at(rows)
        return inputs.dense.to(self._dtype), inputs.codes, self._targets.y[rows].to(self._dtype), weight


def events(y: Tensor, *, family: Family) -> Bool[Tensor, " n_rows"]:
    """Which steps are rare and sought: positives, or all classes but the most common one; none for quantities.

    Example:
        >>> events(torch.tensor([[0.0], [2.0], [0.0]]), family="classes").tolist()
        [False, True, False]
    """
    if family == "values":
        return torch.zeros(len(y), dtype=torch.bool, device=y.device)
    if family == "labels":
        return (y > 0.5).any(dim=1) if y.is_floating_point() else y.any(dim=1).view(torch.bool)  # a byte, no copy
    known = y[:, 0].isfinite() if y.shape[1] == 1 else y.isfinite().all(dim=1)
    codes = y[:, 0].nan_to_num() if y.shape[1] == 1 else y.nan_to_num().argmax(dim=1)
    common = codes[known].mode().values if known.any() else codes.new_zeros(())
    return known & (codes != common)


def window_batches(
    rows: Rows,
    config: Mapping[str, Any],
    *,
    family: Family,
    length: int,
    is_alone: bool = False,
    seeds: Sequence[int],
    sizes: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float32,
) -> WindowBatches:
    """The batches that a train config of a network of steps asks for.

    Args:
        rows: Training steps.
        config: A train config.
        family: How the task reads outputs.
        length: Steps of a window.
        is_alone: Whether each step is read alone: of windows that are short then, an epoch has more, a batch as many.
        seeds: One per network.
        sizes: Steps of each fold, where networks learn from different ones.
        dtype: Floating type of what the networks read.
    """
    n_each = max(1, USUAL // length) if is_alone else 1
    return WindowBatches(
        rows,
        sizes=sizes,
        dtype=dtype,
        sampling=SAMPLINGS.make(config["sampling"]),
        family=family,
        length=length,
        n_windows=n_each * int(config["n_windows"]),
        batch_size=int(config["batch_size"]),
        seeds=seeds,
    )
