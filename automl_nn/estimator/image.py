"""Estimators of images: a class, several labels or quantities for each image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from automl_nn.data.images.maps import Maps
from automl_nn.decide.decision import Decision
from automl_nn.estimator.decided import check_decision, decided
from automl_nn.estimator.given import checked_labels, checked_quantities, sorted_classes
from automl_nn.estimator.images import AutoMLImages, target_frame
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study
from automl_nn.task.metrics import find_metric


@final
@dataclass(kw_only=True, eq=False, repr=False)
class ImageClassifier(ClassifierMixin, AutoMLImages):  # type: ignore[misc]
    """A classifier of images that tunes networks when it is fitted; the best of them predict together.

    Images may be given as they are: their values are scaled inside the networks.

    Args:
        n_trials: Trials in total.
        timeout: Seconds. Give trials, seconds or both; whichever is spent first ends the search.
        metric: Score that compares trials; average precision where positives are under 10 %, else log loss.
        settings: From knob path to a value, a range or a table: `{"model.backbone.d_block": 32}`.
        decision: What `predict` is best for, as for `Study.decide`; the most probable class, or the labels that are
            more probable than not, unless given.
        val_share: Share of the images that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes in sorted order; a list of one array a label where `y` has several columns.
        image_shape_: Channels, height and width.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the images that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["dark", "light"], 30)
        >>> X = rng.integers(0, 100, (60, 8, 8)) + np.where(y == "dark", 0, 100)[:, None, None]
        >>> settings = {"train.n_epochs": 6, "model.backbone.d_block": 8}
        >>> classifier = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(X, y)
        >>> bool(classifier.score(X, y) > 0.9)
        True
    """

    decision: Mapping[str, Any] | None = None

    def fit(self, X: Any, y: Any, *, table: Any = None, groups: ArrayLike | None = None) -> "ImageClassifier":
        """Tune networks on images.

        Args:
            X: Images `(n, height, width)`, `(n, height, width, channels)` or `(n, channels, height, width)`; or paths
                of files, which are decoded as `read_images` says.
            y: Classes `(n,)`, None or NaN where one is not known: such an image counts in no score, but may take part
                in training (`train.pseudo`, `train.reconstruction`); or for each label `(n, n_labels)` 0, 1 and NaN
                where it is not known, or -1 for that where 0 occurs, too; or a mask, the same for each pixel `(n,
                height, width)` or `(n, height, width, n_labels)`.
            table: What is known of each image besides: a frame of n rows.
            groups: Images of one group, such as a patient, are not parted `(n,)`.

        Raises:
            ValueError: Images, labels, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        check_decision(self.decision)
        if np.ndim(y) > 2:
            maps = Maps.of(y)
            self.classes_: Any = np.arange(2) if len(maps.form.names) == 1 else [np.arange(2)] * len(maps.form.names)
            kind = "binary" if len(maps.form.names) == 1 else "multilabel"
            return self._tune(X, maps, table=table, groups=groups, kind=kind, classes=None, decided=self._decided)
        labels = checked_labels(y, may_miss=True)
        if labels.ndim == 2:
            self.classes_ = [np.arange(2)] * labels.shape[1]
            kind, classes = "multilabel", None
        else:
            self.classes_ = sorted_classes(labels)
            kind, classes = "binary" if len(self.classes_) == 2 else "multiclass", self.classes_.tolist()
        targets = target_frame(y, labels, table)
        return self._tune(X, targets, table=table, groups=groups, kind=kind, classes=classes, decided=self._decided)

    def _decided(self, study: Study) -> Decision:
        return decided(study, self.decision, metric=self.metric)

    def predict(self, X: Any, *, table: Any = None) -> NDArray[Any]:
        """The class of each image `(n,)`, or 0 and 1 for each label `(n, n_labels)`; masks as they were given.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        check_is_fitted(self)
        if self.predictor_.maps is not None:
            return self.predictor_.predict(X)
        actions = self.decision_.apply(self._by_images(X, table, Predictor.output))
        return actions if actions.ndim == 2 else np.asarray(self.classes_[actions])

    def predict_proba(self, X: Any, *, table: Any = None) -> NDArray[np.float64]:
        """Calibrated probabilities, `(n, n_classes)` in the order of `classes_`, or `(n, n_labels)`; of each pixel.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        return self._by_images(X, table, Predictor.predict_proba)


@final
class ImageRegressor(RegressorMixin, AutoMLImages):  # type: ignore[misc]
    """A regressor of images that tunes networks when it is fitted; the best of them predict together.

    Args:
        n_trials: As for `ImageClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials; the root mean squared error unless given.
        settings: From knob path to a value, a range or a table.
        val_share: Share of the images that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        image_shape_: Channels, height and width.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the images that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(80, 8, 8)) + rng.uniform(0, 5, (80, 1, 1))
        >>> regressor = ImageRegressor(n_trials=1, settings={"train.n_epochs": 12}, random_state=0)
        >>> bool(regressor.fit(X, X.mean((1, 2))).score(X, X.mean((1, 2))) > 0.5)
        True
    """

    def fit(self, X: Any, y: Any, *, table: Any = None, groups: ArrayLike | None = None) -> "ImageRegressor":
        """Tune networks on images.

        Args:
            X: Images as for `ImageClassifier`.
            y: A quantity `(n,)` or several `(n, n_targets)` for each image; or maps, a quantity for each pixel `(n,
                height, width)` or several `(n, height, width, d)`. NaN where one is not known; see `ImageClassifier`.
            table: What is known of each image besides: a frame of n rows.
            groups: Images of one group are not parted `(n,)`.

        Raises:
            ValueError: Images, values, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        targets = Maps.of(y) if np.ndim(y) > 2 else target_frame(y, checked_quantities(y, may_miss=True), table)
        return self._tune(X, targets, table=table, groups=groups, kind="regression", classes=None, decided=Study.decide)

    def predict(self, X: Any, *, table: Any = None) -> NDArray[np.float64]:
        """Values in the target's unit, `(n,)` or `(n, n_targets)`; maps in the shape in which they were given.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        return self._by_images(X, table, Predictor.predict)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination, the mean over the targets; of maps, over the known pixels."""
        if np.ndim(y) < 3:
            return float(super().score(X, y, sample_weight))
        truth, prediction = (Maps.of(maps).values for maps in (y, self.predict(X)))
        return find_metric("r2", "regression").score(*(maps.reshape(-1, maps.shape[3]) for maps in (truth, prediction)))
