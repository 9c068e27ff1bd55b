"""The classifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from automl_nn.decide.decision import Decision
from automl_nn.estimator.decided import check_decision, decided
from automl_nn.estimator.given import checked_labels, sorted_classes
from automl_nn.estimator.tables import AutoMLTables
from automl_nn.study import Study


@final
@dataclass(kw_only=True, eq=False, repr=False)
class AutoMLClassifier(ClassifierMixin, AutoMLTables):  # type: ignore[misc]
    """A classifier that tunes networks when it is fitted; the best of them predict together.

    The features may be numbers, texts, categories and dates, and any of them may be missing. A `y` of one column is
    binary or multiclass; one of several columns holds 0, 1 or NaN (unknown) for each of several labels.

    Args:
        n_trials: Trials in total.
        timeout: Seconds. Give trials, seconds or both; whichever is spent first ends the search.
        metric: Score that compares trials, by scikit-learn's name; greater is better. Unless given, average precision
            where positives are under 10 %, else log loss. One that judges actions where classes are rare, such as
            `balanced_accuracy` or `f1_macro`, is what `predict` is best for; trials are compared by the former two.
        settings: From knob path to a value, a range or a table: `{"model.backbone.n_blocks": 2}`.
        decision: What `predict` is best for, as for `Study.decide`: `{"maximize": "f1"}` or `{"cost": (1, 50)}`. Unless
            given, and unless the metric judges actions, `predict` takes the class of the greatest probability, as other
            classifiers do; where positives are rare, a decision is what you want. `predict_proba` does not depend on
            it.
        roles: Roles of columns that should not be found by themselves; columns without names are `x0`, `x1`, ...
        val_share: Share of the rows that choose between trials.
        n_workers: Processes that train. With one, and no time-out, the result depends on `random_state` alone.
        with_references: Whether a linear model and untuned boosting are fitted, too, and may join the ensemble.
        storage: Database that keeps the study. Fitting on the same data again goes on with the study up to `n_trials`;
            other data need another `study_name`. Unless given, a temporary one. scikit-learn prints parameters: give a
            password as part of a `sqlalchemy.URL`, which hides it.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random; as an integer it is the `seed` of `Study`.

    Attributes:
        classes_: The classes in sorted order; the second of two is the positive one. A list of one array a label where
            `y` has several columns.
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, where they are all texts.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the rows that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> classifier = AutoMLClassifier(n_trials=1, settings={"train.n_epochs": 10}, random_state=0).fit(X, y)
        >>> bool(classifier.score(X, y) > 0.9)
        True
    """

    decision: Mapping[str, Any] | None = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(
        self, X: Any, y: Any, *, groups: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> "AutoMLClassifier":
        """Tune networks on rows.

        Args:
            X: Features `(n, n_features)`: a pandas or polars frame, or an array.
            y: Classes `(n,)`, or 0, 1 and NaN for each label `(n, n_labels)`.
            groups: Rows of one group are not parted into those that train and those that choose `(n,)`.
            sample_weight: Weight of each row in the loss `(n,)`; a row of weight 0 is left out.

        Raises:
            ValueError: Data, target, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        check_decision(self.decision)
        given = self._given(X, y, checked_labels(y), groups, sample_weight)
        if given.y.ndim == 2:
            self.classes_: Any = [np.arange(2)] * given.y.shape[1]
            return self._tune(given, "multilabel", None, self._decided)
        self.classes_ = sorted_classes(given.y)
        kind = "binary" if len(self.classes_) == 2 else "multiclass"
        return self._tune(given, kind, self.classes_.tolist(), self._decided)

    def predict(self, X: Any) -> NDArray[Any]:
        """Classes `(n,)`, or 0 and 1 for each label `(n, n_labels)`.

        Args:
            X: Features `(n, n_features)`.

        Raises:
            ValueError: The features are not those of `fit`.
        """
        check_is_fitted(self)
        actions = self.decision_.apply(self.predictor_.output(self._features(X, reset=False)))
        return actions if actions.ndim == 2 else np.asarray(self.classes_[actions])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probabilities, `(n, n_classes)` in the order of `classes_`, or `(n, n_labels)`.

        Args:
            X: Features `(n, n_features)`.

        Raises:
            ValueError: The features are not those of `fit`.
        """
        check_is_fitted(self)
        return self.predictor_.predict_proba(self._features(X, reset=False))

    def _decided(self, study: Study) -> Decision:
        return decided(study, self.decision, metric=self.metric, with_references=self.with_references)
