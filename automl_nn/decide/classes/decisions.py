"""Choices between classes: by offsets, by a cut-off each, or by expected cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_softmax, softmax

from automl_nn.decide.classes.expected import CostChoice, choose_by_cost
from automl_nn.decide.classes.offsets import STRENGTHS, OffsetChoice, tally_classes
from automl_nn.decide.classes.outputs import labelled, odds_against_rest
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.label_decision import label_curves
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError


@final
@dataclass(frozen=True)
class Offsets(Decision):
    """The class whose log-probability plus offset is greatest."""

    family: ClassVar[str] = "classes"
    is_of_classes: ClassVar[bool] = True

    choice: OffsetChoice

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        return {"choice": OffsetChoice.from_json(values["choice"])}

    @property
    def utility(self) -> float:
        """Worth to expect on new rows."""
        return self.choice.utility

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before trusting it."""
        return self.choice.warnings

    def apply(self, output: npt.ArrayLike) -> npt.NDArray[np.int64]:
        action: npt.NDArray[np.int64] = (self._calibrated(output) + self.choice.offsets).argmax(axis=1)
        return action

    def probability(self, output: npt.ArrayLike) -> Array:
        probability: Array = softmax(self._calibrated(output), axis=1)
        return probability

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        """As for `Decision`, with the power of the prior in place of the threshold and macro averages."""
        scores, actual = labelled(log_softmax(self._calibrated(output), axis=1), y)
        name = self.goal.maximize if self.goal and self.goal.maximize else "accuracy"
        return tally_classes(scores, actual, strengths=STRENGTHS, utility=name)


@final
@dataclass(frozen=True)
class OneVsRest(Decision):
    """The class that exceeds its cut-off most, in log-odds against all other classes.

    Args:
        cuts: The cut-off of each class.
        utility: Worth to expect on new rows: the worth on these rows less `optimism`.
        optimism: Mean optimism of the cut-offs.
        metrics: Every utility of `CLASS_UTILITIES` on these rows.
        metrics_at_argmax: The same without cut-offs.
        warnings: What to know before trusting it.
    """

    family: ClassVar[str] = "one_vs_rest"
    is_of_classes: ClassVar[bool] = True

    cuts: tuple[Cut, ...]
    utility: float
    optimism: float
    metrics: Mapping[str, float]
    metrics_at_argmax: Mapping[str, float]
    warnings: tuple[str, ...]

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: values[name] for name in ("utility", "optimism", "metrics", "metrics_at_argmax")}
        return kept | {"cuts": tuple(map(Cut.from_json, values["cuts"])), "warnings": tuple(values["warnings"])}

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The calibrated probability that each class is measured by."""
        return tuple(cut.threshold for cut in self.cuts)

    def apply(self, output: npt.ArrayLike) -> npt.NDArray[np.int64]:
        logits = odds_against_rest(self._calibrated(output))
        action: npt.NDArray[np.int64] = (logits - [cut.logit for cut in self.cuts]).argmax(axis=1)
        return action

    def probability(self, output: npt.ArrayLike) -> Array:
        probability: Array = softmax(self._calibrated(output), axis=1)
        return probability

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        """As for `Decision`, of each class against the rest."""
        logits, actual = labelled(odds_against_rest(self._calibrated(output)), y)
        rest = (actual[:, None] == np.arange(len(self.cuts))).astype(np.float64)
        if self.goal is None:
            raise DecisionError("A curve needs a goal: decide again, with one.")
        return label_curves(self.cuts, logits, rest, utility=self.goal.utility)


@final
@dataclass(frozen=True)
class Costs(Decision):
    """The class of the least expected cost, or no answer where that cost is too high."""

    family: ClassVar[str] = "costs"
    is_of_classes: ClassVar[bool] = True
    may_reject: ClassVar[bool] = True

    choice: CostChoice

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        return {"choice": CostChoice.from_json(values["choice"])}

    @property
    def utility(self) -> float:
        """Minus the mean cost of a row."""
        return self.choice.utility

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before trusting it."""
        return self.choice.warnings

    def apply(self, output: npt.ArrayLike) -> npt.NDArray[np.int64]:
        return self.choice.act(self.probability(output))

    def probability(self, output: npt.ArrayLike) -> Array:
        probability: Array = softmax(self._calibrated(output), axis=1)
        return probability

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        """What other shares of answered rows would give: `answered`, `limit`, `accuracy`, `mean_cost`, `utility`."""
        probability, actual = labelled(self.probability(output), y)
        costs, reject = self.choice.costs, self.choice.reject
        shares = np.linspace(0.05, 1.0, 20)
        choices = [choose_by_cost(probability, actual, costs=costs, min_answered=share) for share in shares]
        rows = [
            {"limit": choice.limit, **{name: choice.metrics[name] for name in ("answered", "accuracy", "mean_cost")}}
            for choice in choices
        ]
        table = pd.DataFrame(rows)
        worth = table["answered"] * table["mean_cost"] + (1 - table["answered"]) * (reject or 0.0)
        return table.assign(utility=-(table["mean_cost"] if reject is None else worth))
