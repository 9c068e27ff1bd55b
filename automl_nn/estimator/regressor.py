"""The regressor."""

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from automl_nn.decide.decision import Decision
from automl_nn.estimator.given import checked_quantities
from automl_nn.estimator.tables import AutoMLTables
from automl_nn.study import Study


@final
class AutoMLRegressor(RegressorMixin, AutoMLTables):  # type: ignore[misc]
    """A regressor that tunes networks when it is fitted; the best of them predict together.

    The features may be numbers, texts, categories and dates, and any of them may be missing. A `y` of several columns
    is predicted by one network, and its values may be missing (NaN).

    Args:
        n_trials: Trials in total.
        timeout: Seconds. Give trials, seconds or both; whichever is spent first ends the search.
        metric: Score that compares trials, by scikit-learn's name; greater is better. Unless given, the root mean
            squared error.
        settings: From knob path to a value, a range or a table: `{"model.backbone.n_blocks": 2}`.
        roles: As for `AutoMLClassifier`.
        val_share: Share of the rows that choose between trials.
        n_workers: As for `AutoMLClassifier`.
        with_references: As for `AutoMLClassifier`.
        storage: As for `AutoMLClassifier`.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random; as an integer it is the `seed` of `Study`.

    Attributes:
        n_features_in_: Number of features.
        feature_names_in_: Names of the features, where they are all texts.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the rows that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        decision_: Nothing is decided: the values are as they are.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> regressor = AutoMLRegressor(n_trials=1, settings={"train.n_epochs": 20}, random_state=0).fit(X, y)
        >>> bool(regressor.score(X, y) > 0.3)
        True
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: Any, y: Any, *, groups: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> "AutoMLRegressor":
        """Tune networks on rows.

        Args:
            X: Features `(n, n_features)`: a pandas or polars frame, or an array.
            y: Quantities `(n,)` or `(n, n_targets)`.
            groups: Rows of one group are not parted into those that train and those that choose `(n,)`.
            sample_weight: Weight of each row in the loss `(n,)`; a row of weight 0 is left out.

        Raises:
            ValueError: Data, target, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        given = self._given(X, y, checked_quantities(y), groups, sample_weight)
        return self._tune(given, "regression", None, self._decided)

    def _decided(self, study: Study) -> Decision:
        return study.decide(with_references=self.with_references)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values in the target's unit, `(n,)` or `(n, n_targets)`.

        Args:
            X: Features `(n, n_features)`.

        Raises:
            ValueError: The features are not those of `fit`.
        """
        check_is_fitted(self)
        return self.predictor_.predict(self._features(X, reset=False))
