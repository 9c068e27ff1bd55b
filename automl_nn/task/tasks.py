"""The kinds of target, one final class each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from automl_nn.errors import TargetError
from automl_nn.task.base import Family, Label, Task
from automl_nn.task.columns import class_codes, numeric_target
from automl_nn.task.retrieval import queries


def _log_odds(y: NDArray[Any]) -> NDArray[np.float64]:
    """Log-odds of the mean of each column, with half a row added on either side."""
    known = np.isfinite(y).sum(axis=0)
    positives = np.nansum(y, axis=0)
    return np.asarray(logit((positives + 0.5) / (known + 1.0)), dtype=np.float64)


@final
@dataclass(frozen=True)
class Binary(Task):
    """Two classes; the second one is the positive class.

    Args:
        targets: The target column.
        metric: Score that compares trials.
        names: The negative and the positive class.

    Example:
        >>> import numpy as np
        >>> Binary(("y",), "average_precision", ("no", "yes")).prediction(np.array([[0.0]])).tolist()
        [[0.5, 0.5]]
    """

    kind: ClassVar[str] = "binary"
    family: ClassVar[Family] = "labels"
    names: tuple[Label, ...] = (0, 1)

    @property
    def d_out(self) -> int:
        return 1

    @property
    def classes(self) -> tuple[Label, ...]:
        return self.names

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return class_codes(frame[self.targets[0]], self.names)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([expit(-output), expit(output)], axis=1)

    def _scored(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(expit(output))

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return _log_odds(y)

    def strata(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(y[:, 0], dtype=np.float64)

    def _json(self) -> Mapping[str, Any]:
        return {"names": list(self.names)}


@final
@dataclass(frozen=True)
class Multiclass(Task):
    """One of several classes.

    Args:
        targets: The target column.
        metric: Score that compares trials.
        names: The classes.
    """

    kind: ClassVar[str] = "multiclass"
    family: ClassVar[Family] = "classes"
    names: tuple[Label, ...] = ()

    @property
    def d_out(self) -> int:
        return len(self.names)

    @property
    def classes(self) -> tuple[Label, ...]:
        return self.names

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return class_codes(frame[self.targets[0]], self.names)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(softmax(output, axis=1))

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        known = y[np.isfinite(y)].astype(np.int64)
        counts = np.bincount(known, minlength=self.d_out) + 0.5
        return np.asarray(np.log(counts / counts.sum()))

    def strata(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(y[:, 0], dtype=np.float64)

    def _json(self) -> Mapping[str, Any]:
        return {"names": list(self.names)}


@final
@dataclass(frozen=True)
class SoftLabels(Task):
    """A probability for each class, one target column a class.

    Scores are cross-entropies; `neg_kl_divergence` is the cross-entropy above its floor, the entropy of the labels.
    """

    kind: ClassVar[str] = "soft"
    family: ClassVar[Family] = "classes"

    @property
    def d_out(self) -> int:
        return len(self.targets)

    @property
    def classes(self) -> tuple[Label, ...]:
        return self.targets

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        y = numeric_target(frame, self.targets, self.kind)
        known = np.asarray(np.isfinite(y).all(axis=1))
        wrong = known & ((y < 0).any(axis=1) | (np.abs(y.sum(axis=1) - 1) > 1e-3))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise TargetError(
                f"Soft labels are rows of probabilities, but row {row} holds {y[row].tolist()}, "
                f"whose sum is {y[row].sum():g}: divide each row by its sum, or use another task."
            )
        return np.where(known.reshape(-1, 1), y, np.nan).astype(np.float32)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(softmax(output, axis=1))

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.log(np.clip(np.nanmean(y.astype(np.float64), axis=0), 1e-6, None)))

    def strata(self, y: NDArray[Any]) -> None:
        del y


@final
@dataclass(frozen=True)
class Multilabel(Task):
    """Several yes-or-no labels, each of which may be missing in any row.

    A missing label is NaN, or -1 where the columns also hold 0 (coding -1/0/1). Columns of -1 and 1 alone mean no, yes.
    """

    kind: ClassVar[str] = "multilabel"
    family: ClassVar[Family] = "labels"
    missing_code: bool = False

    @property
    def d_out(self) -> int:
        return len(self.targets)

    @property
    def classes(self) -> tuple[Label, ...]:
        return self.targets

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        y = numeric_target(frame, self.targets, self.kind)
        bad = np.asarray(np.isfinite(y) & ~np.isin(y, (-1, 0, 1)))
        if bad.any():
            value, name = y[bad][0], self.targets[int(np.argwhere(bad)[0][1])]
            raise TargetError(f"A multilabel target holds 0, 1 and missing, but column {name!r} holds {value:g}.")
        return np.where(y == -1, np.nan if self.missing_code else 0.0, y).astype(np.float32)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(expit(output))

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return _log_odds(y)

    def strata(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(y, dtype=np.float64)

    def _json(self) -> Mapping[str, Any]:
        return {"missing_code": self.missing_code}


@final
@dataclass(frozen=True)
class Regression(Task):
    """One or several quantities, standardized for training and returned in their unit.

    Args:
        targets: The target columns.
        metric: Score that compares trials; it is computed in the targets' units.
        means: Mean of each target.
        scales: Standard deviation of each target.
    """

    kind: ClassVar[str] = "regression"
    family: ClassVar[Family] = "values"
    means: tuple[float, ...] = (0.0,)
    scales: tuple[float, ...] = (1.0,)

    @property
    def d_out(self) -> int:
        return len(self.targets)

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        y = numeric_target(frame, self.targets, self.kind)
        return np.asarray((y - np.asarray(self.means)) / np.asarray(self.scales), dtype=np.float32)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(output.astype(np.float64) * np.asarray(self.scales) + np.asarray(self.means))

    def _for_scores(self, y: NDArray[Any]) -> NDArray[Any]:
        return self.prediction(y)

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.nanmean(y.astype(np.float64), axis=0))

    def strata(self, y: NDArray[Any]) -> None:
        del y

    def _json(self) -> Mapping[str, Any]:
        return {"means": list(self.means), "scales": list(self.scales)}


@final
@dataclass(frozen=True)
class Embedding(Task):
    """A direction for each row, so that rows of one class lie close together and others far away.

    Args:
        targets: The column of the classes.
        metric: Score that compares trials: what is found when rows are sought by their likeness to one of them.
        names: The classes that are known in training; others may come later.
        d_embedding: Numbers of an embedding.

    Example:
        >>> Embedding(("y",), "recall_at_1", ("a", "b"), d_embedding=2).prediction(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """

    kind: ClassVar[str] = "embedding"
    family: ClassVar[Family] = "embedding"
    names: tuple[Label, ...] = ()
    d_embedding: int = 128

    @property
    def d_out(self) -> int:
        return self.d_embedding

    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return class_codes(frame[self.targets[0]], self.names)

    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        length = np.linalg.norm(output, axis=1, keepdims=True)
        return np.asarray(output / np.maximum(length, np.finfo(np.float32).tiny))

    def _for_scores(self, y: NDArray[Any]) -> NDArray[Any]:
        return queries(y)

    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        del y
        return np.zeros(self.d_embedding)

    def strata(self, y: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(y[:, 0], dtype=np.float64)

    def _json(self) -> Mapping[str, Any]:
        return {"names": list(self.names), "d_embedding": self.d_embedding}


TASKS: Mapping[str, type[Task]] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "multilabel": Multilabel,
    "soft": SoftLabels,
    "regression": Regression,
    "embedding": Embedding,
}
"""Task kind -> class."""


def task_from_json(stored: Mapping[str, Any]) -> Task:
    """The task that `Task.to_json` described.

    Example:
        >>> task = Binary(("y",), "roc_auc", ("no", "yes"))
        >>> task_from_json(task.to_json()) == task
        True
    """
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items() if key != "kind"
    }
    return TASKS[stored["kind"]](**fields)
