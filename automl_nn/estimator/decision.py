"""A threshold for any classifier of scikit-learn that is fitted."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Tags, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted

from automl_nn.decide.cut import Cut
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores
from automl_nn.errors import DecisionError


@final
class DecisionClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier of two classes with a threshold that is best for a goal.

    `fit` does not train the classifier again: it chooses the threshold on rows that the classifier has not seen, and
    says how sure it is. `predict` cuts the classifier's own probabilities there.

    Args:
        estimator: A fitted classifier of two classes with `predict_proba`.
        decision: What `predict` is best for, as for `Study.decide`: `{"maximize": "f1"}`, `{"cost": (1, 50)}`,
            `{"min_recall": 0.9}`; F1 unless given.
        pos_label: The positive class; the second of `classes_` unless given.
        random_state: Seed of the resamples.

    Attributes:
        classes_: The classifier's classes.
        threshold_: Probability from which a row is positive.
        interval_: Where the threshold falls in 90 % of the resamples.
        utility_: Worth to expect on new rows, and `utility_interval_` where it lies with 90 % confidence.
        cut_: All that is known of the choice.
        n_features_in_: Number of features, if the classifier knows it.
        feature_names_in_: Names of the features, if the classifier knows them.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = make_classification(2000, weights=[0.95], random_state=0)
        >>> model = LogisticRegression().fit(X[:1000], y[:1000])
        >>> decided = DecisionClassifier(model, decision={"cost": (1, 20)}).fit(X[1000:], y[1000:])
        >>> bool(decided.predict(X).sum() > model.predict(X).sum())
        True
    """

    def __init__(
        self,
        estimator: Any,
        *,
        decision: Mapping[str, Any] | None = None,
        pos_label: Any = None,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.decision = decision
        self.pos_label = pos_label
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.classifier_tags.multi_class = False
        tags.input_tags = inner.input_tags
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cut_")

    def fit(
        self, X: Any, y: Any, *, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> "DecisionClassifier":
        """Choose the threshold.

        Args:
            X: Rows that the classifier was not trained on `(n, n_features)`.
            y: Their classes `(n,)`.
            sample_weight: How many equal rows each row stands for `(n,)`.
            groups: Rows that belong together `(n,)`.

        Raises:
            DecisionError: There are other than two classes, or the rows do not carry the decision.
            NotFittedError: The classifier is not fitted.
        """
        check_is_fitted(self.estimator)
        labels = column_or_1d(y)
        check_consistent_length(X, labels)
        self.classes_ = np.asarray(self.estimator.classes_)
        if len(self.classes_) != 2:
            raise DecisionError(f"A threshold parts 2 classes, but the classifier has {len(self.classes_)}.")
        unknown = set(pd.unique(labels)) - set(self.classes_.tolist())
        if unknown:
            raise DecisionError(f"The class {next(iter(unknown))!r} is none of {self.classes_.tolist()}: leave it out.")
        self.cut_: Cut = decide_scores(
            self._positive(X),
            (labels == self.classes_[self._column]).astype(np.float64),
            goal=Goal(**(self.decision or {"maximize": "f1"})),
            weight=sample_weight,
            groups=groups,
            seed=self.random_state,
        )
        self.threshold_, self.interval_ = self.cut_.threshold, self.cut_.interval
        self.utility_, self.utility_interval_ = self.cut_.utility, self.cut_.utility_interval
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator, name):
                setattr(self, name, getattr(self.estimator, name))
        return self

    @property
    def _column(self) -> int:
        if self.pos_label is None:
            return 1
        found = np.flatnonzero(self.classes_ == self.pos_label)
        if not len(found):
            raise DecisionError(f"pos_label = {self.pos_label!r} is none of {self.classes_.tolist()}.")
        return int(found[0])

    def _positive(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(self.estimator.predict_proba(X), dtype=np.float64)[:, self._column]

    def predict(self, X: Any) -> NDArray[Any]:
        """Classes `(n,)`.

        Args:
            X: Features `(n, n_features)`.
        """
        check_is_fitted(self)
        marked = self._positive(X) >= self.threshold_
        return np.asarray(self.classes_[np.where(marked, self._column, 1 - self._column)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The classifier's own probabilities `(n, 2)`.

        Args:
            X: Features `(n, n_features)`.
        """
        check_is_fitted(self)
        return np.asarray(self.estimator.predict_proba(X))
