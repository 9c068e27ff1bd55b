"""What a network reads: rows that stand alone, steps that follow each other in stretches, or images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.model.backbones.image import ImageShape
from automl_nn.model.images import ImageRows
from automl_nn.model.windows import Windows, in_batches, overlapping, stitch

MAX_PIECE = 1024
"""Steps that a sample of a long stretch keeps together."""

UNIT = 127
"""One in the fixed point of flags: -1, 0 and 1 are exact in a byte, and so is the way back."""


@final
@dataclass(frozen=True)
class Inputs:
    """What a network reads of some rows.

    Args:
        numbers: Scaled numeric columns.
        codes: Levels of the categories that are embedded; 0 is a missing, rare or unseen one.
        starts: Where rows are steps of series: the row at which each stretch of them begins, ascending from 0.
        flags: Columns between -1 and 1, in units of 1/127, which a byte holds: indicators of missing values, flags and
            one-hot columns.
        images: The image of each row.

    Example:
        >>> inputs = Inputs(torch.zeros(3, 2), torch.zeros(3, 0, dtype=torch.int64))
        >>> len(inputs), len(inputs[1:])
        (3, 2)
        >>> steps = Inputs(torch.zeros(6, 2), torch.zeros(6, 0, dtype=torch.int64), starts=torch.tensor([0, 3]))
        >>> steps[torch.tensor([0, 1, 2, 3, 5])].starts.tolist()
        [0, 3, 4]
        >>> flags = torch.tensor([[UNIT, -UNIT]], dtype=torch.int8)
        >>> Inputs(torch.tensor([[0.5]]), torch.zeros(1, 0, dtype=torch.int64), flags=flags).dense.tolist()
        [[0.5, 1.0, -1.0]]
    """

    numbers: Float[Tensor, "n_rows n_numbers"]
    codes: Int[Tensor, "n_rows n_codes"]
    starts: Int[Tensor, " n_stretches"] | None = None
    flags: Int8[Tensor, "n_rows n_flags"] | None = None
    images: ImageRows | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: slice | Tensor | NDArray[np.integer[Any]]) -> "Inputs":
        return replace(self.at(rows), starts=None if self.starts is None else self._starts_of(rows))

    def at(self, rows: slice | Tensor | NDArray[np.integer[Any]]) -> "Inputs":
        """These rows, whose neighbours are not known."""
        flags = None if self.flags is None else _taken(self.flags, rows)
        images = None if self.images is None else self.images[rows]
        return Inputs(_taken(self.numbers, rows), _taken(self.codes, rows), flags=flags, images=images)

    @property
    def d_dense(self) -> int:
        """Columns of `dense`."""
        return self.numbers.shape[1] + (0 if self.flags is None else self.flags.shape[1])

    @property
    def dense(self) -> Float[Tensor, "n_rows d_dense"]:
        """Numbers and flags in one floating type: four times as large as the flags, so best asked of few rows."""
        if self.flags is None:
            return self.numbers
        dense = torch.cat([self.numbers, self.flags], dim=1)
        dense[:, self.numbers.shape[1] :].div_(UNIT)
        return dense

    @property
    def pixels(self) -> Tensor | None:
        """The images themselves `(n_rows, channels, height, width)`; None where there are none."""
        return None if self.images is None else self.images.gathered()

    @property
    def image_shape(self) -> ImageShape | None:
        """What each image looks like; None where there are none."""
        return None if self.images is None else self.images.shape

    def _starts_of(self, rows: slice | Tensor | NDArray[np.integer[Any]]) -> Int[Tensor, " n_stretches"]:
        """Where steps begin that are no neighbours of the ones before them."""
        assert self.starts is not None
        if isinstance(rows, Tensor) and rows.dtype == torch.int64:
            taken = rows
        else:
            taken = torch.arange(len(self), device=self.starts.device)[rows]
        stretch = torch.bucketize(taken, self.starts, right=True)
        apart = (taken.diff() != 1) | (stretch.diff() != 0)
        return torch.cat([taken.new_zeros(min(1, len(taken))), 1 + apart.nonzero().squeeze(1)])

    def to(self, device: torch.device | str | torch.dtype) -> "Inputs":
        """The same rows on another device, or with `dense` in another floating type."""
        if isinstance(device, torch.dtype):
            return replace(self, numbers=self.numbers.to(device))
        starts, flags = (None if part is None else part.to(device) for part in (self.starts, self.flags))
        images = None if self.images is None else self.images.to(device)
        return Inputs(self.numbers.to(device), self.codes.to(device), starts, flags, images)

    def batches(self, n_rows: int, *, length: int, looks_back: bool = False) -> Iterator["Inputs"]:
        """The rows in their order; at least one batch, so that no rows give outputs of no rows.

        Args:
            n_rows: Rows at a time.
            length: Rows that are read together: 1 for rows that stand alone, else the length of overlapping windows,
                whose places follow each other in each batch.
            looks_back: Whether each step of a window is read by what comes before it alone; see `overlapping`.
        """
        if length == 1:
            n_rows = n_rows if self.images is None else self.images.at_once(n_rows)
            for start in range(0, max(len(self), 1), n_rows):
                yield self.at(slice(start, start + n_rows))
            return
        for windows in self._windows(n_rows, length, looks_back=looks_back):
            yield self.at(windows.rows())

    def joined(
        self, outputs: Iterable[Float[Tensor, "k _ d_out"]], *, n_rows: int, length: int, looks_back: bool = False
    ) -> Float[Tensor, "k n_rows d_out"]:
        """One output per row, from those of `batches`."""
        if length == 1 or len(self) == 0:
            return torch.cat(list(outputs), dim=1)
        return stitch(outputs, self._windows(n_rows, length, looks_back=looks_back), n_steps=len(self))

    def sample(self, n_rows: int, *, length: int) -> "Inputs":
        """About so many rows, evenly spaced, to be read at once."""
        if length == 1:
            n_rows = n_rows if self.images is None else self.images.at_once(n_rows)
            return self.at(slice(None, None, max(1, -(-len(self) // n_rows))))
        return self.at(self.sampled(n_rows, length=length))

    def sampled(
        self, n_rows: int, *, length: int, ends: Bool[Tensor, " n_rows"] | None = None
    ) -> Int[Tensor, " n_places"]:
        """The rows of evenly spaced windows, about so many, window by window.

        Args:
            n_rows: How many, about.
            length: Rows of a window.
            ends: Which rows a window may end with; all unless given.
        """
        windows = self._every_window(length)
        windows = windows if ends is None else windows[ends[windows.last]]
        every = slice(None, None, max(1, -(-len(windows) * length // n_rows)))
        return windows[every].rows()

    def draw(self, n_rows: int, *, generator: torch.Generator) -> Int[Tensor, " n_drawn"]:
        """Which rows stand for all of them, ascending: at most `n_rows`, in whole pieces where they are steps."""
        if self.starts is None:
            return torch.randperm(len(self), generator=generator)[:n_rows].sort().values
        begin = torch.cat([start + torch.arange(0, int(size), MAX_PIECE) for start, size in self._stretches()])
        order = torch.randperm(len(begin), generator=generator)
        size = torch.diff(begin, append=begin.new_tensor([len(self)]))
        kept = order[size[order].cumsum(0) <= max(n_rows, int(size[order[0]]))].sort().values
        return torch.cat([torch.arange(int(b), int(b + s)) for b, s in zip(begin[kept], size[kept], strict=True)])

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Begin and size of each stretch."""
        assert self.starts is not None
        ends = [*self.starts[1:].tolist(), len(self)]
        yield from ((start, end - start) for start, end in zip(self.starts.tolist(), ends, strict=True))

    def _windows(self, n_rows: int, length: int, *, looks_back: bool) -> Iterator[Windows]:
        return in_batches(self._every_window(length, looks_back=looks_back), max(1, n_rows // length))

    def _every_window(self, length: int, *, looks_back: bool = False) -> Windows:
        starts = self.starts
        if starts is None:
            starts = torch.zeros(min(1, len(self)), dtype=torch.int64, device=self.numbers.device)
        return overlapping(starts, n_steps=len(self), length=length, looks_back=looks_back)


def _taken(part: Tensor, rows: slice | Tensor | NDArray[np.integer[Any]]) -> Tensor:
    """Rows of a tensor; `index_select` takes half the time of indexing."""
    if isinstance(rows, Tensor) and rows.dtype == torch.int64 and rows.device == part.device:
        return part.index_select(0, rows)
    return part[rows]
