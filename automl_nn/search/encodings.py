"""A problem's rows as networks read them."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.data.series import STEPS_AT_ONCE
from automl_nn.data.split import Split
from automl_nn.model.encoders import ENCODERS, Encoder
from automl_nn.model.images import ImageRows
from automl_nn.search.problem import Problem, takes_unlabelled
from automl_nn.search.sharing import Shelf
from automl_nn.train.batches import Fold, Rows


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
    """A problem's rows as networks read them, encoded once for each encoder config.

    Args:
        problem: What is given.
        shelf: Where several processes share them; each process has its own unless given.
    """

    def __init__(self, problem: Problem, shelf: Shelf | None = None) -> None:
        self.problem, self._shelf = problem, shelf
        self._known: dict[str, list[Encoded]] = {}

    def of(self, config: Mapping[str, Any]) -> list[Encoded]:
        """The rows of each fold.

        Args:
            config: The encoder's config.
        """
        key = json.dumps(config, sort_keys=True)
        if key not in self._known:
            name = hashlib.sha256(key.encode()).hexdigest()
            rows = self._shelf.of(name, lambda: self._all(config)) if self._shelf else self._all(config)
            self._known[key] = [self._with_images(encoded) for encoded in rows]
        return self._known[key]

    def _with_images(self, encoded: Encoded) -> Encoded:
        """The same rows with their images, which are not encoded: all processes read them where they are."""
        images = self.problem.images
        if images is None:
            return encoded

        def shown(rows: Rows) -> Rows:
            return replace(rows, inputs=replace(rows.inputs, images=ImageRows.of(images, rows.ids)))

        others = encoded.fold.unlabelled
        fold = Fold(shown(encoded.fold.train), shown(encoded.fold.val), None if others is None else shown(others))
        return Encoded(encoded.encoder, fold)

    def _all(self, config: Mapping[str, Any]) -> list[Encoded]:
        return [self._encode(encoder, fold) for encoder, fold in self._encoders(config)]

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

    def _encode(self, encoder: Encoder, split: Split) -> Encoded:
        others = self.problem.unlabelled if takes_unlabelled(self.problem) else ()
        unlabelled = self._rows(encoder, np.asarray(others)) if len(others) else None
        train, val = self._rows(encoder, split.train), self._rows(encoder, split.val)
        return Encoded(encoder, Fold(train, replace(val, y=val.y.to(torch.float32)), unlabelled))

    def _rows(self, encoder: Encoder, rows: NDArray[np.int64]) -> Rows:
        weight = self.problem.weight
        return Rows(
            inputs=self.problem.inputs(encoder, rows),
            y=torch.from_numpy(_taken(self.problem.y, rows)),
            weight=None if weight is None else torch.from_numpy(weight[rows]),
            ids=torch.from_numpy(np.asarray(rows)),
        )


def _taken(values: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Some rows, looked up in pieces: numpy keeps the places of all that it looks up at once."""
    pieces = range(0, max(len(rows), 1), STEPS_AT_ONCE)
    return np.concatenate([values[rows[start : start + STEPS_AT_ONCE]] for start in pieces])
