"""Blocks of time: what resamples draw as a whole where there are too few recordings to draw."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

MIN_UNITS, N_BLOCKS = 10, 200
"""To decide on events, fewer recordings than this are drawn in blocks of time, about `N_BLOCKS` of them."""

LEAST_FILLED = 5
"""Blocks that hold an event, or another class than the commonest, at least: resamples of fewer tell nothing."""


def block_starts(offsets: Indices, *, longest: int) -> Indices:
    """First step of each block; no block reaches over a recording's end.

    Args:
        offsets: First step of each recording, and the number of all steps, (n_recordings + 1,).
        longest: Steps of the longest event: a block is at least four times as long, so that few events are cut.

    Source:
        Kuensch (1989), "The jackknife and the bootstrap for general stationary observations",
        doi:10.1214/aos/1176347265, with blocks that do not overlap (Carlstein 1986).

    Example:
        >>> block_starts(np.array([0, 10, 15]), longest=1).tolist()
        [0, 4, 8, 10, 14]
    """
    length = max(-(-int(offsets[-1]) // N_BLOCKS), 4 * longest)
    return np.unique(np.concatenate([np.arange(*ends, length) for ends in pairwise(offsets)]))


def blocks_of_time(recording: Indices, y: npt.NDArray[np.floating[Any]] | None) -> Indices:
    """The block of each step.

    Args:
        recording: Of each step, those of a recording side by side, (n_steps,).
        y: Labels whose runs are the events, (n_steps, d_y), NaN where missing; None where values are predicted.

    Example:
        >>> blocks_of_time(np.zeros(8, dtype=int), np.array([[0], [0], [1.0], [0], [0], [0], [0], [0]])).tolist()
        [0, 0, 0, 0, 1, 1, 1, 1]
    """
    longest = 1 if y is None else max(_longest(column, recording) for column in y.T)
    ends = np.flatnonzero(np.r_[True, np.diff(recording) != 0, True])
    return np.searchsorted(block_starts(ends, longest=longest), np.arange(len(recording)), side="right") - 1


def _longest(label: npt.NDArray[np.floating[Any]], recording: Indices) -> int:
    """Length of the longest run of steps of a recording whose label is known and not the commonest one."""
    values, counts = np.unique(label[np.isfinite(label)], return_counts=True)
    if len(values) < 2:
        return 1
    marked = np.isfinite(label) & (label != values[counts.argmax()])
    starts = np.flatnonzero(np.r_[True, (np.diff(recording) != 0) | np.diff(marked)])
    return int((np.diff(np.r_[starts, len(marked)]) * marked[starts]).max())
