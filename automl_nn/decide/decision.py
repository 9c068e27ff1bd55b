"""From outputs to actions: a value that is stored as JSON and applied without asking how it was chosen."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.decide.calibration.calibrate import Calibration
from automl_nn.decide.classes.outputs import odds_against_rest
from automl_nn.decide.drift import Drift, Histogram, drift
from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import Array
from automl_nn.errors import DecisionError


@dataclass(frozen=True)
class Decision(ABC):
    """Abstract: what to do with a network's outputs.

    A further family of decisions is one final class and one line in the table of `decide.families`.

    Args:
        kind: The task's kind.
        goal: What the decision is best for; None where there is nothing to decide.
        calibration: What makes the outputs believable before they are cut.
        histograms: How the outputs were distributed that it was made on, one for each output; empty in decisions that
            were stored before they were kept.
    """

    family: ClassVar[str]
    is_of_classes: ClassVar[bool] = False
    may_reject: ClassVar[bool] = False

    kind: str
    goal: Goal | None
    calibration: Calibration
    histograms: tuple[Histogram, ...] = field(default=(), kw_only=True)

    @staticmethod
    @abstractmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that only this family has, from what `to_json` wrote."""

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

    def _repr_html_(self) -> str:
        """How it looks in a notebook."""
        from automl_nn.decide.notebook import decision_card

        return decision_card(self)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values; of a scorer only the name."""
        goal = None if self.goal is None else self.goal.to_json()
        return {"family": self.family, **asdict(self), "goal": goal}

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
        from automl_nn.decide.families import FAMILIES  # which know this class

        try:
            family = FAMILIES[values["family"]]
            goal = None if values["goal"] is None else Goal.from_json(values["goal"])
            calibration = Calibration.from_json(values["calibration"])
            histograms = tuple(map(Histogram.from_json, values.get("histograms", ())))
            return family(values["kind"], goal, calibration, histograms=histograms, **family.own(values))
        except (KeyError, TypeError) as error:
            raise DecisionError(f"This is not a stored decision ({error}): decide again.") from error

    def drift(self, output: npt.ArrayLike) -> tuple[Drift, ...]:
        """How far new outputs lie from those that the decision was made on; no labels are needed.

        Args:
            output: Network outputs of new rows, (n_rows, d_out).

        Returns:
            One entry for each output; none if the decision was stored without histograms.

        Raises:
            DecisionError: As for `apply`, or there is no row.
        """
        self._calibrated(output)
        scores = self.monitored(output)
        n_scores = len(self.histograms)
        return tuple(drift(one, scores[:, j], n_scores=n_scores) for j, one in enumerate(self.histograms))

    @classmethod
    def monitored(cls, output: npt.ArrayLike) -> Array:
        """What histograms are kept of: the outputs, of classes their log-odds against the rest, (n_rows, d_out)."""
        values = np.asarray(output, dtype=np.float64)
        return odds_against_rest(values) if cls.is_of_classes else values

    def _calibrated(self, output: npt.ArrayLike) -> Array:
        values, d_out = np.asarray(output, dtype=np.float64), len(self.calibration.slope)
        if values.ndim != 2 or values.shape[1] != d_out:
            raise DecisionError(f"Outputs of shape {values.shape} do not fit: the decision takes {d_out} per row.")
        if not np.isfinite(values).all():
            raise DecisionError(f"{(~np.isfinite(values)).any(axis=1).sum()} rows have an output that is not finite.")
        return self.calibration.apply(values)


@final
@dataclass(frozen=True)
class AsIs(Decision):
    """Nothing to decide: the values are the action."""

    family: ClassVar[str] = "values"

    @staticmethod
    def own(values: Mapping[str, Any]) -> dict[str, Any]:
        return {}

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
        raise DecisionError(f"A task of kind {self.kind!r} has no probabilities: read the values with `apply`.")

    def curve(self, output: npt.ArrayLike, y: npt.ArrayLike) -> pd.DataFrame:
        raise DecisionError(f"A task of kind {self.kind!r} has no threshold, so there is no curve.")
