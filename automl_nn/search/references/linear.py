"""The linear reference: logistic regression or ridge, kept as a matrix."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from automl_nn.model.encoders import Inputs
from automl_nn.search.references.parts import ABSENT, ROWS_AT_ONCE, Array, Part, Sample, parts, prior
from automl_nn.task.base import Task

MAX_ITER = 300
"""Steps of the logistic regression's solver."""


@final
@dataclass(frozen=True)
class Linear:
    """A matrix of weights: one row for each dense column and for each level of each category.

    Args:
        weight: `(d_dense + n_levels, d_out)`.
        bias: `(d_out,)`.
        starts: Row of the first level of each category `(n_codes,)`; code 0 is the missing, rare or unseen one.
    """

    weight: Array
    bias: Array
    starts: NDArray[np.int64]

    def output(self, inputs: Inputs) -> Array:
        """Outputs `(n_rows, d_out)`: log-odds, scores of classes, or standardized values."""
        return np.concatenate([self._output(batch) for batch in inputs.batches(ROWS_AT_ONCE, length=1)])

    def _output(self, inputs: Inputs) -> Array:
        dense, codes = inputs.dense.numpy(), inputs.codes.numpy()
        output = dense.astype(np.float64) @ self.weight[: dense.shape[1]] + self.bias
        for column, start in enumerate(self.starts):
            output += self.weight[start + codes[:, column]]
        return np.asarray(output)

    @property
    def n_parameters(self) -> int:
        """Fitted numbers."""
        return self.weight.size + self.bias.size

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` takes."""
        return {"weight": self.weight, "bias": self.bias, "starts": self.starts}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> "Linear":
        """The model that `arrays` described."""
        return Linear(arrays["weight"], arrays["bias"], arrays["starts"])


def fit_linear(sample: Sample, task: Task, *, vocabularies: tuple[int, ...]) -> Linear:
    """Logistic regression or ridge with the defaults of scikit-learn; every level of a category has a weight.

    Args:
        sample: Training rows.
        task: What is asked.
        vocabularies: Levels of each codes column.
    """
    x, starts = _design(sample.inputs, vocabularies)
    weight, bias = np.zeros((x.shape[1], task.d_out)), np.zeros(task.d_out)
    for part in parts(sample, task):
        columns = list(part.columns)
        weight[:, columns], bias[columns] = _fit(x, part, task)
    return Linear(weight, bias, starts)


def _design(inputs: Inputs, vocabularies: tuple[int, ...]) -> tuple[Any, NDArray[np.int64]]:
    """Dense columns and one column for each level, `(n_rows, d)`, and where the levels of each category begin."""
    dense, codes = inputs.dense.numpy().astype(np.float64), inputs.codes.numpy()
    starts = dense.shape[1] + np.cumsum([0, *vocabularies])[:-1].astype(np.int64)
    if not vocabularies:
        return dense, starts
    rows = np.repeat(np.arange(len(codes)), codes.shape[1])
    places = ((codes + starts - dense.shape[1]).ravel(), rows)
    levels = sparse.csr_matrix((np.ones(codes.size), places[::-1]), shape=(len(codes), sum(vocabularies)))
    return sparse.hstack([sparse.csr_matrix(dense), levels], format="csr"), starts


def _fit(x: Any, part: Part, task: Task) -> tuple[Array, Array]:
    """Weights `(d, n_columns)` and bias `(n_columns,)` of one part."""
    if part.is_constant:
        return np.zeros((x.shape[1], len(part.columns))), prior(part, task)
    if task.family == "values":
        ridge = Ridge().fit(x[part.rows], part.answer, sample_weight=part.weight)
        return ridge.coef_[:, None], np.array([ridge.intercept_])
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        logistic = LogisticRegression(max_iter=MAX_ITER).fit(x[part.rows], part.answer, sample_weight=part.weight)
    if len(part.columns) == 1:
        return logistic.coef_.T, logistic.intercept_
    return _placed(logistic, len(part.columns))


def _placed(logistic: LogisticRegression, n_columns: int) -> tuple[Array, Array]:
    """The weights of the classes that there were in their columns."""
    classes = logistic.classes_.astype(np.int64)
    weight, bias = np.zeros((logistic.coef_.shape[1], n_columns)), np.full(n_columns, ABSENT)
    bias[classes] = 0.0
    fitted = classes if len(classes) > 2 else classes[1:]
    weight[:, fitted], bias[fitted] = logistic.coef_.T, logistic.intercept_
    return weight, bias
