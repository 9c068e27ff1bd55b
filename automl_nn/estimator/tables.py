"""What the estimators of tables share: their parameters, and how rows are read."""

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags, check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight, validate_data

from automl_nn.data.read import as_frame
from automl_nn.data.table import Role
from automl_nn.decide.decision import Decision
from automl_nn.estimator.base import AutoML
from automl_nn.estimator.given import GROUP, Given, target_names
from automl_nn.search.problems.parting import Parting
from automl_nn.study import Study


@dataclass(kw_only=True, eq=False, repr=False)
class AutoMLTables(AutoML, ABC):
    """Abstract: the parameters of the estimators of tables; `AutoMLClassifier` describes them."""

    roles: Mapping[str, Role] | None = None
    with_references: bool = False

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _given(self, X: Any, y: Any, values: NDArray[Any], groups: ArrayLike | None, weight: ArrayLike | None) -> Given:
        """The rows of `fit` that count.

        Args:
            X: Features.
            y: Targets as they were given, for their names.
            values: The checked targets.
            groups: What must not be parted.
            weight: Weight of each row.
        """
        features = self._features(X, reset=True)
        check_consistent_length(features, values, groups)
        checked = None if weight is None else _check_sample_weight(weight, features, ensure_non_negative=True)
        given = Given(
            features=features,
            y=values,
            names=target_names(y, values, taken=list(features.columns)),
            groups=None if groups is None else column_or_1d(groups),
            weight=checked,
        )
        return given if checked is None else given.take(np.flatnonzero(checked))

    def _features(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Features as a frame, their names and number checked as scikit-learn does."""
        if hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            n_least = 2 if reset else 1
            X = validate_data(
                self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=n_least
            )
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return as_frame(X).set_axis(list(names), axis=1)

    def _tune(self, given: Given, kind: str, classes: Any, decided: Callable[[Study], Decision]) -> Self:
        """Tune a study on the rows, decide, and keep what predicts."""
        asked = self._tuned(
            given.frame(),
            given.names,
            references=self.with_references,
            task=kind,
            roles=self.roles,
            parting=Parting(self.val_share, group=None if given.groups is None else GROUP),
            classes=classes,
            weight=given.weight,
        )
        with asked as study:
            self._keep(study, decided(study), with_references=self.with_references)
        return self
