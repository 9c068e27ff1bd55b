"""The steps or series that a reference is fitted to: all rare ones, and as many others as fit into memory."""

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.model.encoders import Encoder, Inputs
from automl_nn.model.views import View
from automl_nn.search.problems.problem import Problem
from automl_nn.search.references.parts import Sample

MOST_STEPS = 300_000
"""Steps that are kept, at most; with fewer of them if each has many numbers."""

MOST_LOOKED_AT = 1_000_000
"""Steps from which they are chosen, in whole stretches."""

MOST_NUMBERS = 1 << 25
"""Numbers of all kept steps together."""


def sample_of_series(
    problem: Problem, encoder: Encoder, view: View, rows: NDArray[np.int64], *, rng: np.random.Generator
) -> Sample:
    """What a reference is fitted to.

    Args:
        problem: A problem whose rows are steps.
        encoder: Reads its table.
        view: How steps become rows.
        rows: The steps that train.
        rng: Chooses among steps that are too many; each of those that are kept counts for those that are not.
    """
    rows = _some_series(problem, rows, rng=rng)
    inputs, y = problem.inputs(encoder, rows), problem.y[rows]
    assert inputs.starts is not None
    if not view.per_step:
        lasts = np.append(inputs.starts.numpy()[1:], len(rows)) - 1
        return Sample(view.read(inputs), y[lasts])
    most = min(MOST_STEPS, MOST_NUMBERS // view.width(inputs.d_dense))
    weight = _weights(y, most=most, rng=rng, has_positives=problem.task.family == "labels")
    numbers, codes = [], []
    for steps, piece in view.pieces(inputs):
        kept = torch.from_numpy(np.flatnonzero(weight[steps]))
        if len(kept):
            read = view.read(piece).at(kept)
            numbers.append(read.numbers)
            codes.append(read.codes)
    chosen = weight > 0
    return Sample(Inputs(torch.cat(numbers), torch.cat(codes)), y[chosen], None if chosen.all() else weight[chosen])


def _some_series(problem: Problem, rows: NDArray[np.int64], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """All of the steps, or, if they are very many, those of some whole stretches."""
    if problem.steps is None or len(rows) <= MOST_LOOKED_AT:
        return rows
    stretches = np.split(rows, problem.steps.stretches(rows)[1:])
    order = rng.permutation(len(stretches))
    n_kept = 1 + int(np.searchsorted(np.cumsum([len(stretches[place]) for place in order]), MOST_LOOKED_AT))
    return np.concatenate([stretches[place] for place in np.sort(order[:n_kept])])


def _weights(
    y: NDArray[np.float32], *, most: int, rng: np.random.Generator, has_positives: bool
) -> NDArray[np.float32]:
    """What each step counts, 0 for one that is left out: all positives are kept, and others at random."""
    weight: NDArray[np.float32] = np.asarray(np.isfinite(y).any(axis=1), dtype=np.float32)
    rare = (y == 1).any(axis=1) if has_positives else np.zeros(len(y), dtype=bool)
    kinds = [np.flatnonzero(rare & (weight > 0)), np.flatnonzero(~rare & (weight > 0))]
    room = most
    for kind in kinds:
        n_kept = min(len(kind), max(room // 2 if kind is kinds[0] else room, 1))
        room -= n_kept
        weight[kind] = 0
        weight[rng.permutation(kind)[:n_kept]] = len(kind) / max(n_kept, 1)
    return weight
