"""From outputs to actions: a value that is stored as JSON and applied without asking how it was chosen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, log_softmax, softmax

from automl_nn.decide.calibrate import Calibration
from automl_nn.decide.cells import evenly, tally
from automl_nn.decide.class_outputs import labelled, odds_against_rest
from automl_nn.decide.cut import Cut
from automl_nn.decide.expected import CostChoice, choose_by_cost
from automl_nn.decide.goal import Goal
from automl_nn.decide.offsets import STRENGTHS, OffsetChoice, tally_classes
from automl_nn.decide.utilities import UTILITIES, Array
from automl_nn.errors import DecisionError

N_CURVE = 1000
"""Points of a curve."""


@dataclass(frozen=True)
class Decision(ABC):
    """Abstract: what to do with a network's outputs.

    Args:
        kind: The task's kind.
        goal: What the decision is best for; None where there is nothing to decide.
        calibration: What makes the outputs believable before they are cut.
    """

    family: ClassVar[str]
    may_reject: ClassVar[bool] = False

    kind: str
    goal: Goal | None
    calibration: Calibration

    @abstractmethod
    def apply(self, output: npt.ArrayLike) -> npt.NDArray[Any]:
        """The action for each row; a row's action does not depend on the other rows.

        Args:
            output: Network outputs, free of the loss's own shift, (n_rows, d_out).

        Returns:
            {0, 1}, (n_rows,) for a binary task and (n_rows, n_labels) for several labels; the class index, (n_rows,),
            -1 where a decision that `may_reject` gives no answer;
            or the outputs as they are, (n_rows, n_targets); the task reads them in the target's unit.

        Raises:
            DecisionError: An output is not finite, or there is another number of them.
        """

    @abstractmethod
    def probability(self, output: npt.ArrayLike) -> Array:
        """Calibrated probabilities, in the shape of the task's prediction: (n_rows, n_classes) or (n_rows, n_labels).

        Raises:
            DecisionError: As for `apply`, and where the task has no probabilities.
        """

    @abstractmethod
    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        """What other thresholds would give on these rows: precision, recall and utility, for a plot.

        Args:
            output: Network outputs, (n_rows, d_out).
            y: Encoded targets, (n_rows, d_y); NaN where missing.

        Raises:
            DecisionError: As for `apply`, and where nothing is chosen.
        """

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return {"family": self.family, **asdict(self)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Decision":
        """Read what `to_json` wrote.

        Raises:
            DecisionError: It is not a decision.

        Example:
            >>> decision = AsIs("regression", None, Calibration.identity(1))
            >>> Decision.from_json(decision.to_json()) == decision
            True
        """
        try:
            goal = None if values["goal"] is None else Goal.from_json(values["goal"])
            calibration = Calibration.from_json(values["calibration"])
            if values["family"] == Cuts.family:
                return Cuts(values["kind"], goal, calibration, tuple(map(Cut.from_json, values["cuts"])))
            if values["family"] == Costs.family:
                return Costs(values["kind"], goal, calibration, CostChoice.from_json(values["choice"]))
            if values["family"] == OneVsRest.family:
                return OneVsRest._from_json(values, goal, calibration)
            if values["family"] == Offsets.family:
                return Offsets(values["kind"], goal, calibration, OffsetChoice.from_json(values["choice"]))
            return AsIs(values["kind"], goal, calibration)
        except (KeyError, TypeError) as error:
            raise DecisionError(f"This is not a stored decision ({error}): decide again.") from error

    def _calibrated(self, output: npt.ArrayLike) -> Array:
        values, d_out = np.asarray(output, dtype=np.float64), len(self.calibration.slope)
        if values.ndim != 2 or values.shape[1] != d_out:
            raise DecisionError(f"Outputs of shape {values.shape} do not fit: the decision takes {d_out} per row.")
        if not np.isfinite(values).all():
            raise DecisionError(f"{(~np.isfinite(values)).any(axis=1).sum()} rows have an output that is not finite.")
        return self.calibration.apply(values)


@final
@dataclass(frozen=True)
class Cuts(Decision):
    """A threshold for each label, of a binary task or of several labels."""

    family: ClassVar[str] = "labels"

    cuts: tuple[Cut, ...]

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
        return _curves(self.cuts, logits, targets, goal=self.goal)


def _curves(cuts: tuple[Cut, ...], logits: Array, y: Array, *, goal: Goal | None) -> pd.DataFrame:
    curves = [_curve(cut.label, logits[:, j], y[:, j], goal) for j, cut in enumerate(cuts)]
    return pd.concat(curves, ignore_index=True)


def _curve(label: str, logit: Array, y: Array, goal: Goal | None) -> pd.DataFrame:
    rows = ~np.isnan(y)
    if goal is None or not rows.any():
        raise DecisionError(f"The curve of {label!r} needs a goal and labelled rows.")
    cells = tally(logit[rows], y[rows], np.ones(rows.sum()))
    cells = cells.take(evenly(np.arange(cells.n_cuts), N_CURVE))
    counts = cells.counts()
    named = {name: UTILITIES[name].of(*counts) for name in ("precision", "recall")}
    columns = {"threshold": expit(cells.cuts), "logit": cells.cuts} | named | {"utility": goal.utility.of(*counts)}
    return pd.DataFrame({"label": label, **columns})


@final
@dataclass(frozen=True)
class Offsets(Decision):
    """The class whose log-probability plus offset is greatest."""

    family: ClassVar[str] = "classes"

    choice: OffsetChoice

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

    cuts: tuple[Cut, ...]
    utility: float
    optimism: float
    metrics: Mapping[str, float]
    metrics_at_argmax: Mapping[str, float]
    warnings: tuple[str, ...]

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
        return _curves(self.cuts, logits, rest, goal=self.goal)

    @staticmethod
    def _from_json(values: Mapping[str, Any], goal: Goal | None, calibration: Calibration) -> "OneVsRest":
        names = ("utility", "optimism", "metrics", "metrics_at_argmax")
        cuts, warnings = tuple(map(Cut.from_json, values["cuts"])), tuple(values["warnings"])
        own = {name: values[name] for name in names}
        return OneVsRest(values["kind"], goal, calibration, cuts=cuts, warnings=warnings, **own)


@final
@dataclass(frozen=True)
class Costs(Decision):
    """The class of the least expected cost, or no answer where that cost is too high."""

    family: ClassVar[str] = "costs"
    may_reject: ClassVar[bool] = True

    choice: CostChoice

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


@final
@dataclass(frozen=True)
class AsIs(Decision):
    """Nothing to decide: the values are the action."""

    family: ClassVar[str] = "values"

    @property
    def utility(self) -> float | None:
        """None: nothing was maximized."""
        return None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nothing to warn of."""
        return ()

    def apply(self, output: npt.ArrayLike) -> Array:
        return self._calibrated(output)

    def probability(self, output: npt.ArrayLike) -> Array:
        raise DecisionError(f"A {self.kind} task has no probabilities: read the values with `apply`.")

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        raise DecisionError(f"A {self.kind} task has no threshold, so there is no curve.")
