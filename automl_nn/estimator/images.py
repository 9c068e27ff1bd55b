"""What the estimators of images share: their parameters, and how images and what stands beside them are read."""

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from automl_nn.data.images.given import images_of
from automl_nn.data.images.maps import Maps
from automl_nn.data.read import as_frame
from automl_nn.decide.decision import Decision
from automl_nn.estimator.base import AutoML
from automl_nn.estimator.given import GROUP, target_names
from automl_nn.search.problems.parting import Parting
from automl_nn.study import Study


@dataclass(kw_only=True, eq=False, repr=False)
class AutoMLImages(AutoML, ABC):
    """Abstract: the parameters of the estimators of images; `ImageClassifier` describes them."""

    n_trials: int | None = 10

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
        asked = self._tuned(
            beside if isinstance(targets, Maps) else pd.concat([beside, targets], axis=1),
            targets if isinstance(targets, Maps) else list(targets.columns),
            references=False,
            task=kind,
            parting=Parting(self.val_share, group=None if groups is None else GROUP),
            classes=classes,
            images=images,
        )
        with asked as study:
            self._keep(study, decided(study), with_references=False)
        return self

    def _by_images(self, X: Any, table: Any, predict: Callable[..., NDArray[Any]]) -> NDArray[Any]:
        """What the predictor says of images, and of what stands beside them."""
        check_is_fitted(self)
        return predict(self.predictor_, X) if table is None else predict(self.predictor_, table, images=X)


def _beside(table: Any, *, n_rows: int) -> pd.DataFrame:
    return pd.DataFrame(index=pd.RangeIndex(n_rows)) if table is None else as_frame(table)


def target_frame(y: Any, values: NDArray[Any], table: Any) -> pd.DataFrame:
    """The targets under their own names, none of which is a feature's.

    Args:
        y: Targets as they were given, for their names.
        values: The checked targets.
        table: What stands beside the images, if anything.
    """
    names = target_names(y, values, taken=list(_beside(table, n_rows=len(values)).columns))
    return pd.DataFrame(values if values.ndim == 2 else values[:, None], columns=names)
