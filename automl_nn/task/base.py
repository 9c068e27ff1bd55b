"""The abstract task: everything the other floors may ask about a target."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.task.metrics import find_metric, score_epoch

Family = Literal["labels", "classes", "values", "embedding"]
"""How outputs are read: a sigmoid each, one softmax, as they are, or by their direction."""

Label = str | int | float | bool
"""The user's own name of a class."""


@dataclass(frozen=True)
class Task(ABC):
    """Abstract: one kind of target.

    A network's *output* has `d_out` columns; `prediction` reads it as probabilities or as values in the target's unit.

    Args:
        targets: Names of the target columns.
        metric: Name of the score that compares trials; greater is better.
    """

    kind: ClassVar[str]
    family: ClassVar[Family]

    targets: tuple[str, ...]
    metric: str

    def __post_init__(self) -> None:
        find_metric(self.metric, self.kind)

    @property
    @abstractmethod
    def d_out(self) -> int:
        """Number of output columns of a network."""

    @property
    def classes(self) -> tuple[Label, ...]:
        """Names of the classes, in the order of the prediction's columns; empty if there are none."""
        return ()

    @abstractmethod
    def encode(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """The target columns as numbers `(n, d_y)`, NaN where a label is missing.

        Raises:
            TargetError: A value does not fit the task.
        """

    @abstractmethod
    def prediction(self, output: NDArray[Any]) -> NDArray[Any]:
        """Outputs `(n, d_out)` read as probabilities or in the target's unit `(n, n_predictions)`."""

    @abstractmethod
    def prior_output(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """The output `(d_out,)` that predicts what `y` holds on average: where training starts."""

    @abstractmethod
    def strata(self, y: NDArray[Any]) -> NDArray[np.float64] | None:
        """What a split must keep in proportion: `(n,)` or `(n, n_labels)`, NaN if unknown; None if nothing."""

    def scores(self, y: NDArray[Any], output: NDArray[Any]) -> dict[str, float]:
        """The chosen metric and those stored for every epoch.

        Args:
            y: Encoded labels `(n, d_y)`.
            output: Network outputs `(n, d_out)`, free of the loss's own shift.
        """
        return score_epoch(self.kind, self.metric, *self.read(y, output))

    def score(self, y: NDArray[Any], output: NDArray[Any], *, metric: str | None = None) -> float:
        """One score of outputs; the chosen metric unless another is named."""
        name = metric or self.metric
        return find_metric(name, self.kind).score(*self.read(y, output))

    def read(self, y: NDArray[Any], output: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Labels and predictions as a metric reads them, in the target's unit.

        Args:
            y: Encoded labels `(n, d_y)`.
            output: Network outputs `(n, d_out)`, free of the loss's own shift.
        """
        return self._for_scores(y), self._scored(output)

    def _scored(self, output: NDArray[Any]) -> NDArray[Any]:
        return self.prediction(output)

    def _for_scores(self, y: NDArray[Any]) -> NDArray[Any]:
        return y

    def to_json(self) -> dict[str, Any]:
        """The task as plain JSON values; `task_from_json` brings it back."""
        return {"kind": self.kind, "targets": list(self.targets), "metric": self.metric, **self._json()}

    def _json(self) -> Mapping[str, Any]:
        return {}
