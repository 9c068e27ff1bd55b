"""A threshold for each label: of a binary task, or of several labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from automl_nn.decide.cells import evenly, tally
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.shift import class_weight, shift_utility
from automl_nn.decide.utilities import UTILITIES, Array, Utility
from automl_nn.errors import DecisionError

N_CURVE = 1000
"""Points of a curve."""


@final
@dataclass(frozen=True)
class Cuts(Decision):
    """A threshold for each label, of a binary task or of several labels.

    Args:
        cuts: The threshold of each label.
        prevalence: Share of positives where it will be used; None if it is that of the rows it was made on.
    """

    family: ClassVar[str] = "labels"

    cuts: tuple[Cut, ...]
    prevalence: float | None = field(default=None, kw_only=True)

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        return {"cuts": tuple(map(Cut.from_json, values["cuts"])), "prevalence": values.get("prevalence")}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The calibrated probability from which each label is positive."""
        return tuple(cut.threshold for cut in self.cuts)

    @property
    def utility(self) -> float:
        """Mean utility of the labels."""
        return float(np.mean([cut.utility for cut in self.cuts]))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all labels, with their names where there are several."""
        several = len(self.cuts) > 1
        return tuple(f"{cut.label}: {text}" if several else text for cut in self.cuts for text in cut.warnings)

    def apply(self, output: npt.ArrayLike) -> npt.NDArray[np.int64]:
        marked = (self._calibrated(output) >= [cut.logit for cut in self.cuts]).astype(np.int64)
        return marked[:, 0] if self.kind == "binary" else marked

    def probability(self, output: npt.ArrayLike) -> Array:
        probability: Array = expit(self._calibrated(output))
        return np.hstack([1 - probability, probability]) if self.kind == "binary" else probability

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        logits, targets = self._calibrated(output), np.asarray(y, dtype=np.float64)
        if self.goal is None:
            raise DecisionError("A curve needs a goal: decide again, with one.")
        utility = self.goal.utility
        if self.prevalence is not None:
            utility = shift_utility(utility, class_weight(targets[:, 0], prevalence=self.prevalence))
        return label_curves(self.cuts, logits, targets, utility=utility)


def label_curves(cuts: tuple[Cut, ...], logits: Array, y: Array, *, utility: Utility) -> pd.DataFrame:
    """What each label's other thresholds give: precision, recall and utility, one row each.

    Args:
        cuts: The threshold of each label.
        logits: Calibrated outputs, (n_rows, n_labels).
        y: Labels in {0, 1}, NaN where missing, (n_rows, n_labels).
        utility: What is maximized.

    Raises:
        DecisionError: A label is missing in every row.
    """
    curves = [_curve(cut.label, logits[:, j], y[:, j], utility) for j, cut in enumerate(cuts)]
    return pd.concat(curves, ignore_index=True)


def _curve(label: str, logit: Array, y: Array, utility: Utility) -> pd.DataFrame:
    rows = ~np.isnan(y)
    if not rows.any():
        raise DecisionError(f"The curve of {label!r} needs labelled rows: label some.")
    cells = tally(logit[rows], y[rows], np.ones(rows.sum()))
    cells = cells.take(evenly(np.arange(cells.n_cuts), N_CURVE))
    counts = cells.counts()
    named = {name: UTILITIES[name].of(*counts) for name in ("precision", "recall")}
    columns = {"threshold": expit(cells.cuts), "logit": cells.cuts} | named | {"utility": utility.of(*counts)}
    return pd.DataFrame({"label": label, **columns})
