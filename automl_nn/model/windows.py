"""Windows over stretches of steps: what a sequence network reads at once, and how its outputs become one per step."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@final
@dataclass(frozen=True)
class Windows:
    """Windows of one length, none of which reaches over the end of its stretch.

    A stretch shorter than a window is continued by its last step; such places are not `known`.

    Args:
        first: The step at which each window begins.
        size: Steps of each window that exist.
        length: Places of a window.
        looks_back: Whether each place is read by what comes before it alone.

    Example:
        >>> windows = Windows(torch.tensor([0, 4]), torch.tensor([3, 2]), length=3)
        >>> windows.rows().tolist(), windows.known().tolist()
        ([0, 1, 2, 4, 5, 5], [True, True, True, True, True, False])
    """

    first: Int[Tensor, " n_windows"]
    size: Int[Tensor, " n_windows"]
    length: int
    looks_back: bool = False

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, windows: slice | Bool[Tensor, " n_windows"]) -> "Windows":
        return Windows(self.first[windows], self.size[windows], self.length, self.looks_back)

    @property
    def last(self) -> Int[Tensor, " n_windows"]:
        """The step with which each window ends."""
        return self.first + self.size - 1

    def rows(self) -> Int[Tensor, " n_places"]:
        """The step at each place, window by window."""
        return (self.first.unsqueeze(1) + torch.minimum(self._places(), self.size.unsqueeze(1) - 1)).flatten()

    def known(self) -> Bool[Tensor, " n_places"]:
        """Which places hold a step of their own."""
        return (self._places() < self.size.unsqueeze(1)).flatten()

    def weights(self) -> Float[Tensor, " n_places"]:
        """What each place counts where windows overlap: most where it sees most, in the middle, or at the end."""
        from_start, from_end = self._places() + 1, self.size.unsqueeze(1) - self._places()
        if self.looks_back:
            return (from_start * (from_end > 0)).flatten().to(torch.float32)
        return torch.minimum(from_start.expand_as(from_end), from_end).clamp_min(0).flatten().to(torch.float32)

    def _places(self) -> Int[Tensor, "1 length"]:
        return torch.arange(self.length, device=self.first.device).unsqueeze(0)


def stride_of(length: int) -> int:
    """Steps from one window to the next one: they overlap by half."""
    return max(1, length // 2)


def overlapping(starts: Int[Tensor, " n_stretches"], *, n_steps: int, length: int, looks_back: bool = False) -> Windows:
    """Windows that overlap by half and reach every step; the last one of a stretch ends with it.

    Where places are read by what comes before them alone, the last windows are cut by the end of the stretch, and not
    moved: so what is said of a step does not depend on how many steps follow.

    Args:
        starts: Where each stretch begins, ascending from 0.
        n_steps: Steps of all stretches.
        length: Places of a window.
        looks_back: Whether each place is read by what comes before it alone.

    Example:
        >>> overlapping(torch.tensor([0, 7]), n_steps=9, length=4).first.tolist()
        [0, 2, 3, 7]
        >>> overlapping(torch.tensor([0, 7]), n_steps=9, length=4, looks_back=True).first.tolist()
        [0, 2, 4, 6, 7]
    """
    sizes = torch.diff(starts, append=starts.new_tensor([n_steps]))
    stride = stride_of(length)
    reach = sizes - 1 if looks_back else (sizes - length).clamp_min(0) + stride - 1
    n_windows = 1 + reach.div(stride, rounding_mode="floor")
    stretch = torch.repeat_interleave(n_windows)
    number = torch.arange(len(stretch), device=starts.device) - (n_windows.cumsum(0) - n_windows)[stretch]
    if looks_back:
        size = (sizes[stretch] - number * stride).clamp_max(length)
        return Windows(starts[stretch] + number * stride, size, length, looks_back=True)
    latest = (sizes - length).clamp_min(0)[stretch]
    first = starts[stretch] + torch.minimum(number * stride, latest)
    return Windows(first, sizes.clamp_max(length)[stretch], length)


def stitch(
    outputs: Iterable[Float[Tensor, "k _ d_out"]], windows: Iterable[Windows], *, n_steps: int
) -> Float[Tensor, "k n_steps d_out"]:
    """One output per step: the mean over the windows that hold it, weighted towards their middles.

    Args:
        outputs: Outputs of the places of each batch of windows.
        windows: Those batches; together they reach every step.
        n_steps: Number of steps.

    Example:
        >>> one = Windows(torch.tensor([0, 1]), torch.tensor([3, 3]), length=3)
        >>> places = torch.tensor([0.0, 0.0, 0.0, 9.0, 9.0, 9.0]).view(1, 6, 1)
        >>> stitch([places], [one], n_steps=4).flatten().tolist()
        [0.0, 3.0, 6.0, 9.0]
    """
    total: Tensor | None = None
    count = torch.zeros(n_steps)
    for output, batch in zip(outputs, windows, strict=True):
        rows, weights = batch.rows(), batch.weights().to(output.dtype)
        if total is None:
            total, count = output.new_zeros(len(output), n_steps, output.shape[2]), output.new_zeros(n_steps)
        total.index_add_(1, rows, output * weights.unsqueeze(1))
        count.index_add_(0, rows, weights)
    if total is None:
        raise ValueError("There is no window to stitch: give at least one step.")
    return total / count.unsqueeze(1)


def cells(
    starts: Int[Tensor, " n_stretches"], *, n_steps: int, length: int, generator: torch.Generator
) -> tuple[Windows, Int[Tensor, " n_windows"]]:
    """Cut each stretch into cells of a window's length, from a place drawn at random; each step is in one cell.

    A cell at the edge of a stretch is smaller than a window: its window is moved inside.

    Args:
        starts: Where each stretch begins, ascending from 0.
        n_steps: Steps of all stretches.
        length: Places of a window.
        generator: Draws where the first cell of each stretch ends.

    Returns:
        The window of each cell, and the step at which the cell begins; it ends where the next one begins.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> windows, begin = cells(torch.tensor([0]), n_steps=10, length=4, generator=generator)
        >>> begin.tolist()[0], int(windows.first.max())
        (0, 6)
    """
    sizes = torch.diff(starts, append=starts.new_tensor([n_steps]))
    phase = torch.randint(length, (len(starts),), generator=generator).to(starts.device) * (sizes > length)
    n_cells = (sizes + phase + length - 1).div(length, rounding_mode="floor")
    stretch = torch.repeat_interleave(n_cells)
    number = torch.arange(len(stretch), device=starts.device) - (n_cells.cumsum(0) - n_cells)[stretch]
    begin = starts[stretch] + (number * length - phase[stretch]).clamp_min(0)
    latest = starts[stretch] + (sizes - length).clamp_min(0)[stretch]
    return Windows(torch.minimum(begin, latest), sizes.clamp_max(length)[stretch], length), begin


def in_batches(windows: Windows, n_windows: int) -> Iterator[Windows]:
    """Consecutive windows, so many at a time."""
    for start in range(0, len(windows), n_windows):
        yield windows[start : start + n_windows]
