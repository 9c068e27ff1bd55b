"""What a reference is fitted to: the rows of a task as one or several questions that scikit-learn knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.model.encoders import Inputs
from automl_nn.task.base import Task

Array = NDArray[np.float64]

ABSENT = -12.0
"""Output of a class that no training row has: a probability of about 1 in 100,000."""

ROWS_AT_ONCE = 1 << 14
"""Rows whose outputs are computed together: as floats, all of them may be too many."""


@final
@dataclass(frozen=True)
class Sample:
    """Rows to fit to.

    Args:
        inputs: What the encoder made of the features.
        y: Encoded labels `(n_rows, d_y)`, NaN where missing.
        weight: Weight of each row `(n_rows,)`; None if all count alike.
    """

    inputs: Inputs
    y: NDArray[np.float32]
    weight: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> "Sample":
        """These rows, in this order."""
        return Sample(self.inputs[rows], self.y[rows], None if self.weight is None else self.weight[rows])


@final
@dataclass(frozen=True)
class Part:
    """One question: the rows whose answer is known, and their answers.

    Args:
        rows: Positions in the sample; one of soft labels stands there once for each class.
        answer: Class code or value of each `(n,)`.
        weight: Weight of each `(n,)`; None if all count alike.
        columns: Output columns that the part fills, one for each class or a single one.
    """

    rows: NDArray[np.int64]
    answer: Array
    weight: Array | None
    columns: tuple[int, ...]

    @property
    def is_constant(self) -> bool:
        """Whether all answers are the same, so that there is nothing to fit."""
        return bool(self.answer.size == 0 or self.answer.min() == self.answer.max())


def parts(sample: Sample, task: Task) -> Iterator[Part]:
    """One part for each label and each quantity, and a single one for classes.

    Example:
        >>> import torch
        >>> from automl_nn.task.tasks import Multilabel
        >>> y = np.array([[0, 1], [1, np.nan]], dtype=np.float32)
        >>> sample = Sample(Inputs(torch.zeros(2, 1), torch.zeros(2, 0, dtype=torch.int64)), y)
        >>> [part.rows.tolist() for part in parts(sample, Multilabel(("u", "v"), "roc_auc"))]
        [[0, 1], [0]]
    """
    if task.family == "classes":
        yield _classes(sample, task)
        return
    for column in range(task.d_out):
        known = np.flatnonzero(np.isfinite(sample.y[:, column]))
        yield Part(known, sample.y[known, column].astype(np.float64), _weight(sample, known), (column,))


def _classes(sample: Sample, task: Task) -> Part:
    known, columns = np.flatnonzero(np.isfinite(sample.y).all(axis=1)), tuple(range(task.d_out))
    if sample.y.shape[1] == 1:
        return Part(known, sample.y[known, 0].astype(np.float64), _weight(sample, known), columns)
    row, code = np.nonzero(sample.y[known] > 0)
    shares = sample.y[known][row, code].astype(np.float64)
    weight = _weight(sample, known)
    return Part(known[row], code.astype(np.float64), shares if weight is None else shares * weight[row], columns)


def _weight(sample: Sample, rows: NDArray[Any]) -> Array | None:
    """Weights of rows; None if each is 1, since boosting takes many times as long to bin rows that have weights."""
    weight: Array | None = None if sample.weight is None else sample.weight[rows].astype(np.float64)
    return None if weight is None or (weight == 1).all() else weight


def prior(part: Part, task: Task) -> Array:
    """The outputs `(n_columns,)` of a part whose answers are all the same."""
    if task.family == "values":
        return np.full(1, part.answer[0] if part.answer.size else 0.0)
    if task.family == "labels":
        return np.asarray(task.prior_output(part.answer[:, None]), dtype=np.float64)
    output = np.full(len(part.columns), ABSENT)
    output[part.answer[:1].astype(np.int64)] = 0.0
    return output
