"""Untuned boosting of trees: fitted by scikit-learn, kept and evaluated as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from automl_nn.model.encoders import Inputs
from automl_nn.search.references.parts import ABSENT, ROWS_AT_ONCE, Array, Part, Sample, parts, prior
from automl_nn.search.references.trees import Trees, join
from automl_nn.task.base import Task

MAX_CATEGORIES = 254
"""Levels of a category that the trees tell apart, the most frequent ones; the others count as missing."""

N_ROUNDS = 100
"""Rounds of boosting, as scikit-learn has them."""


@final
@dataclass(frozen=True)
class Boosting:
    """Boosted trees over the columns of an encoder.

    Args:
        trees: The trees.
        places: From code to the category that the trees know, NaN for one that they do not `(n_levels,)`.
        starts: Where the codes of each column begin in `places` `(n_codes,)`.
    """

    trees: Trees
    places: Array
    starts: NDArray[np.int64]

    def output(self, inputs: Inputs) -> Array:
        """Outputs `(n_rows, d_out)`: log-odds, scores of classes, or standardized values."""
        batches = inputs.batches(ROWS_AT_ONCE, length=1)
        return np.concatenate([self.trees.output(_columns(batch, self.places, self.starts)) for batch in batches])

    @property
    def n_parameters(self) -> int:
        """Fitted numbers: thresholds and values of leaves."""
        return len(self.trees.value)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` takes."""
        return {"places": self.places, "starts": self.starts, **self.trees.arrays()}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> "Boosting":
        """The model that `arrays` described."""
        own = {name: array for name, array in arrays.items() if name not in ("places", "starts")}
        return Boosting(Trees(**own), arrays["places"], arrays["starts"])


def fit_boosting(sample: Sample, task: Task, *, vocabularies: tuple[int, ...]) -> Boosting:
    """Histogram gradient boosting with the defaults of scikit-learn, categories as such.

    Args:
        sample: Training rows.
        task: What is asked.
        vocabularies: Levels of each codes column.
    """
    starts = np.cumsum([0, *vocabularies])[:-1].astype(np.int64)
    places = _places(sample.inputs, vocabularies)
    x = _columns(sample.inputs, places, starts)
    fitted = [_fit(x, part, task, n_categories=len(vocabularies)) for part in parts(sample, task)]
    return Boosting(join(fitted), places, starts)


def _places(inputs: Inputs, vocabularies: tuple[int, ...]) -> Array:
    """Of each code of each column, its rank among the most frequent ones; NaN if it is not among them."""
    places = [np.full(n, np.nan) for n in vocabularies]
    for place, codes in zip(places, inputs.codes.numpy().T, strict=True):
        counts = np.bincount(codes, minlength=len(place))
        frequent = np.argsort(-counts, kind="stable")[: min(MAX_CATEGORIES, np.count_nonzero(counts))]
        place[frequent] = np.arange(len(frequent))
    return np.concatenate([np.zeros(0), *places])


def _columns(inputs: Inputs, places: Array, starts: NDArray[np.int64]) -> Array:
    """Categories first, as scikit-learn would put them, then the dense columns, `(n_rows, d)`."""
    return np.hstack([places[inputs.codes.numpy() + starts], inputs.dense.numpy().astype(np.float64)])


def _fit(x: Array, part: Part, task: Task, *, n_categories: int) -> Trees:
    if part.is_constant:
        return Trees.constant(prior(part, task))
    categories = np.arange(x.shape[1]) < n_categories
    options = {"categorical_features": categories if n_categories else None, "max_iter": N_ROUNDS, "random_state": 0}
    if task.family == "values":
        model = HistGradientBoostingRegressor(**options)
    else:
        rare = np.unique(part.answer, return_counts=True)[1].min() < 2  # cannot be parted for early stopping
        model = HistGradientBoostingClassifier(**options, early_stopping=False if rare else "auto")
    model.fit(x[part.rows], part.answer, sample_weight=part.weight)
    if len(part.columns) == 1:
        return Trees.of(model, columns=[0], baseline=np.zeros(1))
    classes = model.classes_.astype(np.int64)
    baseline = np.full(len(part.columns), ABSENT)
    baseline[classes] = 0.0
    return Trees.of(model, columns=(classes if len(classes) > 2 else classes[1:]).tolist(), baseline=baseline)
