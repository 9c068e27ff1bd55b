"""Estimators of images: a class, several labels or quantities for each image."""

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, Self, final

import numpy as np
import pandas as pd
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted
from sqlalchemy import URL

from automl_nn.data.image_given import images_of
from automl_nn.data.maps import Maps
from automl_nn.data.read import as_frame
from automl_nn.decide.decision import Decision
from automl_nn.estimator.base import as_seed, full_url, storage_for
from automl_nn.estimator.classifier import most_probable
from automl_nn.estimator.given import GROUP, checked_labels, checked_quantities, sorted_classes, target_names
from automl_nn.predict import Predictor
from automl_nn.search.problem import VAL_SHARE, Parting
from automl_nn.study import Study
from automl_nn.task.metrics import find_metric


class AutoMLImages(BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: the parameters of the estimators of images; `ImageClassifier` describes them."""

    def __init__(
        self,
        *,
        n_trials: int | None = 10,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        n_workers: int = 1,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.timeout = timeout
        self.metric = metric
        self.settings = settings
        self.val_share = val_share
        self.n_workers = n_workers
        self.storage = storage
        self.study_name = study_name
        self.random_state = random_state

    def _tune(
        self,
        X: Any,
        targets: pd.DataFrame | Maps,
        *,
        table: Any,
        groups: ArrayLike | None,
        kind: str | None,
        classes: Any,
        decided: Callable[[Study], Decision],
    ) -> Self:
        """Tune a study on images, decide, and keep what predicts."""
        images = images_of(X)
        check_consistent_length(images.pixels, targets if isinstance(targets, pd.DataFrame) else None, table, groups)
        self.image_shape_ = images.shape
        beside = _beside(table, n_rows=len(images)).assign(**{} if groups is None else {GROUP: np.asarray(groups)})
        with storage_for(self.storage) as url:
            study = Study(
                beside if isinstance(targets, Maps) else pd.concat([beside, targets], axis=1),
                targets if isinstance(targets, Maps) else list(targets.columns),
                task=kind,
                metric=self.metric,
                settings=self.settings,
                parting=Parting(self.val_share, group=None if groups is None else GROUP),
                name=self.study_name,
                storage=url,
                seed=as_seed(self.random_state),
                classes=classes,
                images=images,
            )
            study.tune(n_trials=self.n_trials, timeout=self.timeout, n_workers=self.n_workers, references=False)
            self.trials_, self.best_score_ = study.leaderboard(), study.best_score
            self.decision_ = decided(study)
            self.predictor_: Predictor = study.predictor(self.decision_)
            study.store.close()
        return self

    @property
    def study_(self) -> Study:
        """The study in its storage, for everything but `tune`; only where a `storage` was given."""
        check_is_fitted(self)
        if self.storage is None:
            raise AttributeError("Without a storage the study is not kept: fit with storage='sqlite:///study.db'.")
        return Study.load(self.study_name, storage=full_url(self.storage))

    def _output(self, X: Any, table: Any) -> NDArray[np.float64]:
        """Outputs for images, and for what stands beside them."""
        check_is_fitted(self)
        return self.predictor_.output(X) if table is None else self.predictor_.output(table, images=X)


def _beside(table: Any, *, n_rows: int) -> pd.DataFrame:
    return pd.DataFrame(index=pd.RangeIndex(n_rows)) if table is None else as_frame(table)


def target_frame(y: Any, values: NDArray[Any], table: Any) -> pd.DataFrame:
    """The targets under their own names, none of which is a feature's."""
    names = target_names(y, values, taken=list(_beside(table, n_rows=len(values)).columns))
    return pd.DataFrame(values if values.ndim == 2 else values[:, None], columns=names)


@final
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
        decision_: Calibration, and where the scores are cut.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat(["dark", "light"], 30)
        >>> X = rng.integers(0, 100, (60, 8, 8)) + np.where(y == "dark", 0, 100)[:, None, None]
        >>> settings = {"train.n_epochs": 6, "model.backbone.d_block": 8}
        >>> classifier = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(X, y)
        >>> bool(classifier.score(X, y) > 0.9)
        True
    """

    def __init__(
        self,
        *,
        n_trials: int | None = 10,
        timeout: float | None = None,
        metric: str | None = None,
        settings: Mapping[str, Any] | None = None,
        decision: Mapping[str, Any] | None = None,
        val_share: float = VAL_SHARE,
        n_workers: int = 1,
        storage: str | URL | None = None,
        study_name: str = "study",
        random_state: int | RandomState | None = None,
    ) -> None:
        super().__init__(
            n_trials=n_trials,
            timeout=timeout,
            metric=metric,
            settings=settings,
            val_share=val_share,
            n_workers=n_workers,
            storage=storage,
            study_name=study_name,
            random_state=random_state,
        )
        self.decision = decision

    def fit(self, X: Any, y: Any, *, table: Any = None, groups: ArrayLike | None = None) -> "ImageClassifier":
        """Tune networks on images.

        Args:
            X: Images `(n, height, width)`, `(n, height, width, channels)` or `(n, channels, height, width)`; or paths
                of files, which are decoded as `read_images` says.
            y: Classes `(n,)`; or for each label `(n, n_labels)` 0, 1 and NaN where it is not known, or -1 for that
                where 0 occurs, too; or a mask, the same for each pixel `(n, height, width)` or `(n, height, width,
                n_labels)`.
            table: What is known of each image besides: a frame of n rows.
            groups: Images of one group, such as a patient, are not parted `(n,)`.

        Raises:
            ValueError: Images, labels, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        if np.ndim(y) > 2:
            maps = Maps.of(y)
            self.classes_: Any = np.arange(2) if len(maps.form.names) == 1 else [np.arange(2)] * len(maps.form.names)
            kind = "binary" if len(maps.form.names) == 1 else "multilabel"
            return self._tune(X, maps, table=table, groups=groups, kind=kind, classes=None, decided=self._decided)
        labels = checked_labels(y)
        if labels.ndim == 2:
            self.classes_ = [np.arange(2)] * labels.shape[1]
            kind, classes = "multilabel", None
        else:
            self.classes_ = sorted_classes(labels)
            kind, classes = "binary" if len(self.classes_) == 2 else "multiclass", self.classes_.tolist()
        targets = target_frame(y, labels, table)
        return self._tune(X, targets, table=table, groups=groups, kind=kind, classes=classes, decided=self._decided)

    def _decided(self, study: Study) -> Decision:
        return most_probable(study) if self.decision is None else study.decide(**self.decision)

    def predict(self, X: Any, *, table: Any = None) -> NDArray[Any]:
        """The class of each image `(n,)`, or 0 and 1 for each label `(n, n_labels)`; masks as they were given.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        check_is_fitted(self)
        if self.predictor_.maps is not None:
            return self.predictor_.predict(X)
        actions = self.decision_.apply(self._output(X, table))
        return actions if actions.ndim == 2 else np.asarray(self.classes_[actions])

    def predict_proba(self, X: Any, *, table: Any = None) -> NDArray[np.float64]:
        """Calibrated probabilities, `(n, n_classes)` in the order of `classes_`, or `(n, n_labels)`; of each pixel.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        probability = self.decision_.probability(self._output(X, table))
        return probability if self.predictor_.maps is None else self.predictor_.maps.shaped(probability)


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
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.

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
                height, width)` or several `(n, height, width, d)`, NaN where one is not known.
            table: What is known of each image besides: a frame of n rows.
            groups: Images of one group are not parted `(n,)`.

        Raises:
            ValueError: Images, values, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        targets = Maps.of(y) if np.ndim(y) > 2 else target_frame(y, checked_quantities(y), table)
        return self._tune(X, targets, table=table, groups=groups, kind="regression", classes=None, decided=Study.decide)

    def predict(self, X: Any, *, table: Any = None) -> NDArray[np.float64]:
        """Values in the target's unit, `(n,)` or `(n, n_targets)`; maps in the shape in which they were given.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        check_is_fitted(self)
        return self.predictor_.predict(X) if table is None else self.predictor_.predict(table, images=X)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination, the mean over the targets; of maps, over the known pixels."""
        if np.ndim(y) < 3:
            return float(super().score(X, y, sample_weight))
        truth, prediction = (Maps.of(maps).values for maps in (y, self.predict(X)))
        return find_metric("r2", "regression").score(*(maps.reshape(-1, maps.shape[3]) for maps in (truth, prediction)))
