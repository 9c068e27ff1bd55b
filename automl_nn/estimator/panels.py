"""What the estimators of series share: their parameters, and the study behind `fit`."""

import warnings
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from automl_nn.data.series.panel import SERIES, Panel
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.decide.decision import Decision
from automl_nn.errors import DataError
from automl_nn.estimator.base import AutoML
from automl_nn.estimator.given import GROUP
from automl_nn.predict.predictor import Predictor
from automl_nn.search.problems.parting import Parting
from automl_nn.study import Study

LABEL = "__label__"
"""Column that carries the labels to the study."""


@dataclass(kw_only=True, eq=False, repr=False)
class AutoMLSeries(AutoML, ABC):
    """Abstract: the parameters of the estimators of series; `StepClassifier` describes them."""

    folds: int | None = None
    with_references: bool = False

    def _tune(
        self,
        panel: Panel,
        labels: NDArray[Any] | str,
        groups: ArrayLike | None,
        *,
        per_step: bool,
        kind: str | None,
        decided: Callable[[Study], Decision],
        horizon: int | tuple[int, ...] = 0,
    ) -> Study:
        """Tune a study on series, decide, and keep what predicts; labels are those of steps, or the name of a channel.

        Values of a channel are asked for so many steps later, by `horizon`.
        """
        _warn_of_turned(panel)
        self._layout, self.n_channels_ = panel.layout, panel.values.shape[1]
        frame, target = panel.frame(), labels if isinstance(labels, str) else LABEL
        if target == LABEL:
            frame[LABEL] = labels
        if groups is not None:
            frame[GROUP] = np.repeat(_checked_groups(groups, panel), panel.sizes)
        asked = self._tuned(
            frame,
            target,
            references=True,
            task=kind,
            parting=Parting(self.val_share, group=None if groups is None else GROUP, folds=self.folds),
            series=SeriesColumns(SERIES, per_step=per_step, horizon=horizon),
        )
        with asked as study:
            self.references_ = study.references()
            self._keep(study, decided(study), with_references=self.with_references)
        return study

    def _plain(self, study: Study) -> Decision:
        """What is best for the default goal."""
        return study.decide(with_references=self.with_references)

    def _panel(self, X: Any) -> Panel:
        """Series to predict for, read as those of `fit` were."""
        check_is_fitted(self)
        panel = Panel.of(X, layout=self._layout)
        if panel.values.shape[1] != self.n_channels_:
            raise DataError(
                f"The series have {panel.values.shape[1]} channels, but the model was trained with {self.n_channels_}: "
                "give the same ones."
            )
        return panel

    def _by_series(self, X: Any, predict: Callable[[Predictor, Any], NDArray[Any]]) -> NDArray[Any]:
        """What the predictor says of whole series."""
        panel = self._panel(X)
        return predict(self.predictor_, panel.frame())

    def _by_steps(self, X: Any, predict: Callable[[Predictor, Any], NDArray[Any]]) -> Any:
        """What the predictor says of steps, in the shape of the series."""
        panel = self._panel(X)
        return panel.back(predict(self.predictor_, panel.frame()))


def _warn_of_turned(panel: Panel) -> None:
    """Tell of series that look as if their axes were exchanged."""
    n_channels, longest = panel.values.shape[1], int(panel.sizes.max())
    if n_channels > longest:
        warnings.warn(
            f"The series have {n_channels} channels and {longest} steps: if it is the other way round, hand them over "
            "as (n_channels, length), X.transpose(0, 2, 1).",
            stacklevel=4,
        )


def _checked_groups(groups: ArrayLike, panel: Panel) -> NDArray[Any]:
    found = np.asarray(groups)
    if found.shape != (len(panel),):
        raise DataError(f"The groups have shape {found.shape}, but there are {len(panel)} series: give one for each.")
    return found
