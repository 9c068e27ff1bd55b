"""The threshold of one label, with all that is known about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final


@final
@dataclass(frozen=True)
class Cut:
    """The threshold of one label.

    Args:
        label: The label's name.
        threshold: Calibrated probability from which a row is positive.
        logit: The same as a logit: what is compared, because probabilities saturate.
        interval: Where 90 % of the resamples have their best threshold, as probabilities.
        utility: Worth to expect on new rows: the worth on the rows it was chosen from less `optimism`.
        utility_interval: Where that worth lies, with 90 % confidence.
        optimism: By how much the choice flatters itself on those rows.
        rule: The rule that chose.
        metrics: Metrics at the threshold, at the base rate that the decision is for, and the confusion counts of the
            rows at hand.
        metrics_at_half: The same at the probability 0.5.
        n_rows: Labelled rows.
        n_positives: Positive rows among them.
        warnings: What to know before trusting it.
        out_of_bag: What each rule is worth on rows that did not choose; empty if the rules were not compared.
        reliability: Log loss, Brier score and expected calibration error of the calibrated probabilities, on rows that
            the calibration was not fitted to.
        theory: Where theory would cut if the probabilities were calibrated; None if it does not say.
    """

    label: str
    threshold: float
    logit: float
    interval: tuple[float, float]
    utility: float
    utility_interval: tuple[float, float]
    optimism: float
    rule: str
    metrics: Mapping[str, float]
    metrics_at_half: Mapping[str, float]
    n_rows: int
    n_positives: int
    warnings: tuple[str, ...]
    out_of_bag: Mapping[str, float] = field(default_factory=dict)
    reliability: Mapping[str, float] = field(default_factory=dict)
    theory: float | None = None

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Cut":
        """Read a cut from plain values."""
        tuples = {name: tuple(values[name]) for name in ("interval", "utility_interval", "warnings")}
        return Cut(**{**values, **tuples})
