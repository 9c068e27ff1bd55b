"""The estimator of embeddings: images of one class come to lie close together."""

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin

from automl_nn.estimator.given import checked_labels, sorted_classes
from automl_nn.estimator.images import AutoMLImages, target_frame
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study
from automl_nn.task.metrics import find_metric


@final
class ImageEmbedder(TransformerMixin, AutoMLImages):  # type: ignore[misc]
    """Directions for images, learned so that those of one class lie close together; networks are tuned for it.

    The images that are asked about later may be of classes that were not there in training: they are found by their
    likeness to a few of their own. Embeddings of different networks have nothing in common, so the best one is taken
    alone.

    Args:
        n_trials: As for `ImageClassifier`, and so are the others.
        timeout: Seconds.
        metric: Score that compares trials: `mean_average_precision`, `recall_at_1` or `recall_at_5`.
        settings: From knob path to a value, a range or a table: `{"train.loss.name": "batch_hard"}`.
        val_share: Share of the images that choose between trials.
        n_workers: Processes that train.
        storage: Database that keeps the study; a temporary one unless given.
        study_name: Name of the study in the storage.
        random_state: Seed of everything random.

    Attributes:
        classes_: The classes in training, sorted.
        image_shape_: Channels, height and width.
        trials_: One row a trial, best first.
        best_score_: Score of the best trial on the images that choose.
        best_params_: What was drawn for the best trial, under Optuna's names.
        predictor_: The deployable model; `predictor_.save("model.nn")` writes it to a file.
        study_: The study in its storage; only where a `storage` was given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1, 2], 20)
        >>> X = rng.integers(0, 40, (60, 8, 8)) + 70 * y[:, None, None]
        >>> embedder = ImageEmbedder(n_trials=1, settings={"train.n_epochs": 4}, random_state=0).fit(X, y)
        >>> embedder.transform(X).shape, embedder.score(X, y) > 0.9
        ((60, 128), True)
    """

    def fit(self, X: Any, y: Any, *, table: Any = None, groups: ArrayLike | None = None) -> "ImageEmbedder":
        """Tune networks on images.

        Args:
            X: Images as for `ImageClassifier`.
            y: The class of each image `(n,)`, None or NaN where it is not known.
            table: What is known of each image besides: a frame of n rows.
            groups: Images of one group are not parted `(n,)`.

        Raises:
            ValueError: Images, classes, settings or budget cannot be used.
            NoTrialError: Every trial failed.
        """
        labels = checked_labels(y, may_miss=True)
        self.classes_ = sorted_classes(labels)
        targets = target_frame(y, labels, table)
        return self._tune(X, targets, table=table, groups=groups, kind="embedding", classes=None, decided=Study.decide)

    def transform(self, X: Any, *, table: Any = None) -> NDArray[np.float64]:
        """Vectors of length 1 `(n, d)`: the product of two is the cosine of the angle between them.

        Args:
            X: Images as for `fit`, of the same size.
            table: What is known of each image besides, as for `fit`.
        """
        return self._by_images(X, table, Predictor.predict)

    def score(self, X: Any, y: Any, *, table: Any = None) -> float:
        """The share of images whose nearest other image is of their own class (recall at 1)."""
        codes = np.unique(np.asarray(y), return_inverse=True)[1].reshape(-1, 1)
        of_queries = self.predictor_.task.read(codes.astype(np.float64), self.transform(X, table=table))
        return find_metric("recall_at_1", "embedding").score(*of_queries)
