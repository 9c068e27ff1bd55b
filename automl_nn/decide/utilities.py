"""What a cut-off is worth, and what it must keep: functions of the four confusion counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DecisionError, did_you_mean

Array = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""Two utilities closer than this are one."""


@final
class Counts(NamedTuple):
    """Weights of the true and false positives and negatives; any shape, one entry per cut-off."""

    tp: Array
    fp: Array
    fn: Array
    tn: Array


@final
@dataclass(frozen=True)
class Utility:
    """The worth of a cut-off, greater is better.

    Args:
        name: How errors and reports call it.
        of: From the counts `tp, fp, fn, tn` to the worth, elementwise.
        monotone: One more true positive never hurts and one more false positive never helps, so that only cut-offs
            right below a positive need to be tried.
        is_slow: One value takes so long that few cut-offs and resamples are tried.
        theory: From the utility at its optimum and the share of positives to the probability at which calibrated scores
            have that optimum; None where theory has no such number.
        source: Where it comes from.

    Example:
        >>> float(UTILITIES["f1"].of(*Counts(*np.array([3.0, 1.0, 2.0, 4.0]))))
        0.6666666666666666
    """

    name: str
    of: Callable[[Array, Array, Array, Array], Array]
    monotone: bool = True
    is_slow: bool = False
    source: str = ""
    theory: Callable[[Array, Array], Array] | None = None


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient that is 0 where the denominator is 0, as scikit-learn's metrics are.

    Example:
        >>> ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
        [0.5, 0.0]
    """
    zeros = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    return np.divide(numerator, denominator, out=zeros, where=denominator != 0)


def _precision(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return ratio(tp, tp + fp)


def _recall(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return ratio(tp, tp + fn)


def _marked(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return (tp + fp) / (tp + fp + fn + tn)


def _accuracy(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return ratio(tp + tn, tp + fp + fn + tn)


def _balanced_accuracy(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2


def _youden(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return 2 * _balanced_accuracy(tp, fp, fn, tn) - 1


def _mcc(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn)))


def _kappa(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    return ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def f_beta(beta: float) -> Utility:
    """F-beta: the weighted harmonic mean in which recall counts `beta` times as much as precision.

    Source:
        van Rijsbergen (1979), Information Retrieval, ch. 7. The optimum: Lipton et al. (2014), arXiv:1402.1892, Theorem
        1, whose argument gives `F / (1 + beta**2)`.

    Example:
        >>> f_beta(2.0).name
        'f2'
    """

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return ratio((1 + beta**2) * tp, (1 + beta**2) * tp + beta**2 * fn + fp)

    return Utility(f"f{beta:g}", of, source="van Rijsbergen (1979)", theory=lambda best, share: best / (1 + beta**2))


def _always(probability: float) -> Callable[[Array, Array], Array]:
    return lambda best, share: np.full(np.shape(best), probability)


def cost(*, fp: float, fn: float, tp: float = 0.0, tn: float = 0.0) -> Utility:
    """Minus the mean cost of a row.

    On calibrated probabilities the best cut-off is `(fp - tn) / (fp - tn + fn - tp)`.

    Args:
        fp: Cost of a false alarm.
        fn: Cost of a miss, in the same unit.
        tp: Cost of a right alarm, at most that of a miss.
        tn: Cost of a row that is rightly left alone, at most that of a false alarm.

    Source:
        Elkan (2001), The foundations of cost-sensitive learning, Eq. 2.

    Example:
        >>> float(cost(fp=1, fn=50).of(*Counts(*np.array([3.0, 10.0, 1.0, 6.0]))))
        -3.0
    """
    prices = (tp, fp, fn, tn)

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        counts = (tp, fp, fn, tn)
        return -sum(price * count for price, count in zip(prices, counts, strict=True)) / (tp + fp + fn + tn)

    named = {"fp": fp, "fn": fn} | {name: price for name, price in (("tp", tp), ("tn", tn)) if price}
    words = ", ".join(f"{name}={price:g}" for name, price in named.items())
    at = (fp - tn) / (fp - tn + fn - tp) if fp - tn + fn - tp > 0 else 0.5
    return Utility(f"cost({words})", of, source="Elkan (2001)", theory=_always(at))


def net_benefit(threshold: float) -> Utility:
    """Right alarms per row less false ones, weighted by the odds of the probability at which both are worth the same.

    Args:
        threshold: Probability of being positive above which one would act, in (0, 1).

    Source:
        Vickers & Elkin (2006), doi:10.1177/0272989X06295361.

    Example:
        >>> float(net_benefit(0.2).of(*Counts(*np.array([3.0, 4.0, 1.0, 2.0]))))
        0.2
    """
    odds = threshold / (1 - threshold)

    def of(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return (tp - odds * fp) / (tp + fp + fn + tn)

    return Utility(f"{NET_BENEFIT}@{threshold:g}", of, source="Vickers & Elkin (2006)", theory=_always(threshold))


def _prior(best: Array, share: Array) -> Array:
    return share


NET_BENEFIT, F_BETA = "net_benefit", "fbeta"

UTILITIES = {
    "f1": f_beta(1.0),
    "f2": f_beta(2.0),
    "f0.5": f_beta(0.5),
    "accuracy": Utility("accuracy", _accuracy, theory=_always(0.5)),
    "balanced_accuracy": Utility("balanced_accuracy", _balanced_accuracy, source="Brodersen (2010)", theory=_prior),
    "youden": Utility("youden", _youden, source="Youden (1950)", theory=_prior),
    "mcc": Utility("mcc", _mcc, source="Matthews (1975)"),
    "kappa": Utility("kappa", _kappa, source="Cohen (1960)"),
    "precision": Utility("precision", _precision),
    "recall": Utility("recall", _recall),
    "marked": Utility("marked", _marked, monotone=False),
}
"""The utilities by name; `cost` and `net_benefit` make further ones. `marked` is the share of rows called positive."""


def utility_named(name: str) -> Utility:
    """Look a utility up; `net_benefit@0.1` is the net benefit at a probability of 0.1, `fbeta@3` is F-beta of beta 3.

    Raises:
        DecisionError: There is none of this name.

    Example:
        >>> utility_named("mcc").name
        'mcc'
    """
    kind, _, at = name.partition("@")
    if kind == NET_BENEFIT:
        return net_benefit(_probability(at))
    if kind == F_BETA:
        return f_beta(_beta(at))
    if name not in UTILITIES:
        raise DecisionError(f"Unknown utility {name!r}. {did_you_mean(name, UTILITIES)}")
    return UTILITIES[name]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _beta(text: str) -> float:
    value = _number(text)
    if not 0 < value < np.inf:
        raise DecisionError(f"{F_BETA}@{text} is not possible: name a beta above 0, as in {F_BETA}@3.")
    return value


def _probability(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1:
        raise DecisionError(
            f"{NET_BENEFIT}@{text} is not possible: name the probability above which you would act, between 0 and 1, "
            f"as in {NET_BENEFIT}@0.1."
        )
    return value


@final
@dataclass(frozen=True)
class Constraints:
    """What a cut-off must keep on the rows it is chosen from.

    Args:
        min_precision: Smallest share of positives among the marked rows.
        min_recall: Smallest share of the positives that are marked.
        top_k: Largest number of marked rows.
        max_fpr: Largest share of the negatives that are marked.
        class_weight: How many rows a positive and a negative row stand for.

    Example:
        >>> Constraints(min_recall=0.9).describe()
        'recall >= 0.9'
    """

    min_precision: float | None = None
    min_recall: float | None = None
    top_k: int | None = None
    max_fpr: float | None = None
    class_weight: tuple[float, float] = (1.0, 1.0)

    def __bool__(self) -> bool:
        return bool(self._floors()) or self.top_k is not None or self.max_fpr is not None

    def describe(self) -> str:
        """The constraints in words; empty if there are none."""
        words = [f"{name} >= {floor:g}" for name, floor in self._floors().items()]
        if self.max_fpr is not None:
            words.append(f"false positive rate <= {self.max_fpr:g}")
        return " and ".join(words + ([] if self.top_k is None else [f"at most {self.top_k} rows marked"]))

    def shortfall(self, counts: Counts) -> Array:
        """How far each cut-off misses the constraints, in shares added up; 0 where all are kept."""
        counts = weighted(counts, self.class_weight)
        short = np.zeros(np.shape(counts.tp))
        for name, floor in self._floors().items():
            short += np.maximum(floor - UTILITIES[name].of(*counts), 0.0)
        if self.max_fpr is not None:
            short += np.maximum(ratio(counts.fp, counts.fp + counts.tn) - self.max_fpr, 0.0)
        if self.top_k is not None:
            short += np.maximum(counts.tp + counts.fp - self.top_k, 0.0) / sum(counts)
        return np.where(short < ROUNDING, 0.0, short)

    def _floors(self) -> dict[str, float]:
        floors = {"precision": self.min_precision, "recall": self.min_recall}
        return {name: floor for name, floor in floors.items() if floor is not None}


def weighted(counts: Counts, class_weight: tuple[float, float]) -> Counts:
    """The counts if positives and negatives stand for so many rows each.

    Example:
        >>> [float(count) for count in weighted(Counts(*np.ones(4)), (0.5, 2.0))]
        [0.5, 2.0, 0.5, 2.0]
    """
    positive, negative = class_weight
    return Counts(positive * counts.tp, negative * counts.fp, positive * counts.fn, negative * counts.tn)


METRICS = ("precision", "recall", "f1", "mcc", "balanced_accuracy", "accuracy")
"""The utilities that every report names."""


def metrics(counts: Counts, *, class_weight: tuple[float, float] = (1.0, 1.0)) -> dict[str, float]:
    """The confusion counts at one cut-off and the metrics of `METRICS`.

    Args:
        counts: The counts of the rows.
        class_weight: How many rows a positive and a negative row stand for in the metrics.

    Example:
        >>> metrics(Counts(*np.array([3.0, 1.0, 2.0, 4.0])))["precision"]
        0.75
    """
    there = weighted(counts, class_weight)
    named = {name: float(UTILITIES[name].of(*there)) for name in METRICS}
    return named | {name: float(count) for name, count in counts._asdict().items()}
