"""A threshold for any classifier of scikit-learn."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedGroupKFold, check_cv, cross_val_predict
from sklearn.utils import Tags, assert_all_finite, column_or_1d, get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, has_fit_parameter

from automl_nn.decide.cut import Cut
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores
from automl_nn.errors import DecisionError
from automl_nn.estimator.decided import check_goals


@final
class DecisionClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of two classes with a threshold that is best for a goal.

    A classifier that is fitted is not trained again: `fit` chooses the threshold on rows that it has not seen. One that
    is not fitted is trained on all rows, and its threshold is chosen from the scores of rows that were left out, fold
    by fold. `predict` cuts the classifier's own probabilities there.

    Args:
        estimator: A classifier with `predict_proba`, fitted or not.
        decision: What `predict` is best for, as for `Study.decide`: `{"maximize": "f1"}`, `{"cost": (1, 50)}`,
            `{"min_recall": 0.9}`; F1 unless given. `maximize` may be a scorer of scikit-learn.
        pos_label: The positive class; the second of `classes_` unless given.
        cv: Folds for a classifier that is not fitted: their number, or a splitter of scikit-learn.
        random_state: Seed of the resamples.

    Attributes:
        classes_: The classifier's classes.
        estimator_: The fitted classifier.
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
        cv: Any = 5,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.decision = decision
        self.pos_label = pos_label
        self.cv = cv
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
        """Choose the threshold, and train the classifier if it is not fitted.

        Args:
            X: Rows that the classifier was not trained on `(n, n_features)`.
            y: Their classes `(n,)`.
            sample_weight: How many equal rows each row stands for `(n,)`.
            groups: Rows that belong together `(n,)`: they share a fold, and resamples draw them as a whole.

        Raises:
            DecisionError: There are other than two classes, or the rows do not carry the decision.
        """
        check_goals(self.decision, also=())
        goal = Goal(**(self.decision or {"maximize": "f1"}))
        X, labels, groups = indexable(X, _labels(y), groups)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, labels)
        scores = self._fit_and_score(X, labels, weight, groups)
        self.cut_: Cut = decide_scores(
            scores,
            (labels == self.classes_[self._column]).astype(np.float64),
            goal=goal,
            weight=weight,
            groups=groups,
            seed=self.random_state,
        )
        self.threshold_, self.interval_ = self.cut_.threshold, self.cut_.interval
        self.utility_, self.utility_interval_ = self.cut_.utility, self.cut_.utility_interval
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _fit_and_score(
        self, X: Any, labels: NDArray[Any], weight: NDArray[np.float64] | None, groups: Any
    ) -> NDArray[np.float64]:
        """The probabilities of rows that the classifier was not trained on, and the classifier in `estimator_`."""
        if _is_fitted(self.estimator):
            self.estimator_, self.classes_ = self.estimator, np.asarray(self.estimator.classes_)
            self._check_classes(labels)
            return self._positive(X)
        self.classes_ = np.unique(labels if weight is None else labels[weight > 0])
        self._check_classes(labels)
        by_group = groups is not None and isinstance(self.cv, int)
        folds = StratifiedGroupKFold(self.cv) if by_group else check_cv(self.cv, labels, classifier=True)
        known = weight is not None and has_fit_parameter(self.estimator, "sample_weight")
        params = {"sample_weight": weight} if known else {}
        plain, proba = clone(self.estimator), "predict_proba"
        scores = cross_val_predict(plain, X, labels, cv=folds, groups=groups, method=proba, params=params)
        self.estimator_ = plain.fit(X, labels, **params)
        return np.asarray(scores, dtype=np.float64)[:, self._column]

    def _check_classes(self, labels: NDArray[Any]) -> None:
        if len(self.classes_) != 2:
            raise DecisionError(
                f"Only binary classification is supported: a threshold parts 2 classes, but there are "
                f"{len(self.classes_)} class(es). The type of the target is {type_of_target(labels)}."
            )
        unknown = set(pd.unique(labels)) - set(self.classes_.tolist())
        if unknown:
            raise DecisionError(f"The class {next(iter(unknown))!r} is none of {self.classes_.tolist()}: leave it out.")

    @property
    def _column(self) -> int:
        if self.pos_label is None:
            return 1
        found = np.flatnonzero(self.classes_ == self.pos_label)
        if not len(found):
            raise DecisionError(f"pos_label = {self.pos_label!r} is none of {self.classes_.tolist()}.")
        return int(found[0])

    def _positive(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)[:, self._column]

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
        return np.asarray(self.estimator_.predict_proba(X))


def _labels(y: Any) -> NDArray[Any]:
    if y is None:
        raise DecisionError("This DecisionClassifier requires y to be passed, but the target y is None.")
    labels = np.asarray(column_or_1d(y, warn=True))
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
