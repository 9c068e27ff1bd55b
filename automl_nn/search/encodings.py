"""A problem's rows as networks read them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.data.parting.split import Split
from automl_nn.data.read import release_unused
from automl_nn.data.series.steps import STEPS_AT_ONCE
from automl_nn.model.encoders import ENCODERS, Encoder
from automl_nn.model.images import ImageRows
from automl_nn.model.inputs import Inputs
from automl_nn.model.views import View
from automl_nn.search.problems.problem import Problem, takes_unlabelled
from automl_nn.search.sharing import Shelf
from automl_nn.train.batches.rows import Fold, Rows

Values = tuple[Inputs, Tensor, Tensor | None]
"""What networks read of some rows, their labels and their weights."""


@final
@dataclass(frozen=True)
class Encoded:
    """The rows of one fold, and the encoder that read them.

    Args:
        encoder: Fitted on the rows that train.
        fold: The rows that train and the rows that choose.
    """

    encoder: Encoder
    fold: Fold


@final
class Encodings:
    """A problem's rows as networks read them, encoded once for each encoder config and view of steps.

    Args:
        problem: What is given.
        shelf: Where several processes share them; each process has its own unless given.
    """

    def __init__(self, problem: Problem, shelf: Shelf | None = None) -> None:
        self.problem, self._shelf = problem, shelf
        self._known: dict[str, list[Encoded]] = {}

    def of(self, config: Mapping[str, Any], view: View | None = None) -> list[Encoded]:
        """The rows of each fold.

        Args:
            config: The encoder's config.
            view: What each step is told of its series; None where windows are read, or rows of a table.
        """
        key = json.dumps([config, view and view.to_json()], sort_keys=True)
        if key not in self._known:
            name = hashlib.sha256(key.encode()).hexdigest()
            known = self._shelf.of(name, lambda: self._all(config, view)) if self._shelf else self._all(config, view)
            parts = zip(known, self.problem.folds, strict=True)
            self._known[key] = [self._encoded(encoder, split, values) for (encoder, values), split in parts]
            release_unused()
        return self._known[key]

    def _encoded(self, encoder: Encoder, split: Split, values: Sequence[Values]) -> Encoded:
        """The rows with what is not encoded: where they stand and their images, which processes read where they are."""
        parts = zip(self._parts(split), values, strict=True)
        train, val, *unlabelled = (self._rows(rows, own) for rows, own in parts)
        return Encoded(encoder, Fold(train, replace(val, y=val.y.to(torch.float32)), *unlabelled))

    def _rows(self, rows: NDArray[np.int64], values: Values) -> Rows:
        inputs, y, weight = values
        ids, images = torch.from_numpy(rows), self.problem.images
        if images is not None:
            inputs = replace(inputs, images=ImageRows.of(images, ids))
        return Rows(inputs, y, weight, ids)

    def _parts(self, split: Split) -> list[NDArray[np.int64]]:
        """The rows that train, those that choose, and, if they may take part, those without a label."""
        unlabelled = self.problem.unlabelled if takes_unlabelled(self.problem) else ()
        return [split.train, split.val, *([np.asarray(unlabelled)] if len(unlabelled) else [])]

    def _all(self, config: Mapping[str, Any], view: View | None) -> list[tuple[Encoder, list[Values]]]:
        """The encoder of each fold, and what it makes of each part; no step is told of another part."""
        found = self._encoders(config)
        return [
            (encoder, [self._values(encoder, rows, view) for rows in self._parts(split)]) for encoder, split in found
        ]

    def _encoders(self, config: Mapping[str, Any]) -> Iterator[tuple[Encoder, Split]]:
        """The encoder of each fold.

        All have the same columns, levels and text directions, since their networks stand in one stack; scales and
        ranks, which could tell a network of the rows that choose, come from its own training rows.
        """
        problem = self.problem
        known = problem.text_encoders
        encoder = ENCODERS.make(config, table=problem.table.take(problem.telling(problem.split.train)), texts=known)
        for fold in problem.folds:
            yield (
                encoder.scaled_by(problem.table.take(problem.telling(fold.train))) if problem.split.folds else encoder,
                fold,
            )

    def _values(self, encoder: Encoder, rows: NDArray[np.int64], view: View | None) -> Values:
        weight, inputs = self.problem.weight, self.problem.inputs(encoder, rows)
        return (
            inputs if view is None else view.beside(inputs),
            torch.from_numpy(_taken(self.problem.y, rows)),
            None if weight is None else torch.from_numpy(weight[rows]),
        )


def _taken(values: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Some rows, looked up in pieces: numpy keeps the places of all that it looks up at once."""
    taken = np.empty((len(rows), *values.shape[1:]), dtype=values.dtype)
    for start in range(0, len(rows), STEPS_AT_ONCE):
        taken[start : start + STEPS_AT_ONCE] = values[rows[start : start + STEPS_AT_ONCE]]
    return taken
