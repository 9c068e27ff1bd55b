"""Metrics of ranges: how far alarms cover events, and the volume under the surface over thresholds and buffers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import DataError, did_you_mean
from automl_nn.task.event_metrics import known_steps
from automl_nn.task.events import Array, Events, Indices, Mask, offsets_of


def _flat(k: Array, n: Array) -> Array:
    return k / n


def _front(k: Array, n: Array) -> Array:
    return k * (2 * n - k + 1) / (n * (n + 1))


def _back(k: Array, n: Array) -> Array:
    return k * (k + 1) / (n * (n + 1))


def _middle(k: Array, n: Array) -> Array:
    half, rest = n // 2, n - k
    whole = (half * (half + 1) + (n - half) * (n - half + 1)) / 2
    return np.where(k <= half, k * (k + 1) / 2, whole - rest * (rest + 1) / 2) / whole


BIASES: Mapping[str, Callable[[Array, Array], Array]] = {
    "flat": _flat,
    "front": _front,
    "middle": _middle,
    "back": _back,
}
"""Where in a range a step counts most: the share that its first k of n steps have together."""

CARDINALITIES: Mapping[str, Callable[[Array], Array]] = {
    "one": np.ones_like,
    "reciprocal": lambda n: 1 / np.maximum(n, 1),
}
"""What is left of the reward of a range that several others overlap."""


def range_recall(
    alarms: Events, true: Events, *, alpha: float = 0.0, bias: str = "flat", cardinality: str = "one"
) -> float:
    """Mean over the events of how far alarms cover them.

    Args:
        alarms: What was found.
        true: What happened.
        alpha: Share of the reward that an event has for being met at all, in [0, 1].
        bias: A name of `BIASES`.
        cardinality: A name of `CARDINALITIES`: `reciprocal` punishes an event that several alarms share.

    Returns:
        The recall; 0 without an event.

    Raises:
        DataError: `alpha` is not in [0, 1], or a name is unknown.

    Source:
        Tatbul et al. (2018), arXiv:1803.03639, section 4.1.

    Example:
        >>> alarms, true = Events.of([0, 1, 1, 0, 0, 1]), Events.of([0, 1, 1, 1, 1, 0])
        >>> range_recall(alarms, true), range_recall(alarms, true, alpha=0.5)
        (0.5, 0.75)
    """
    if not 0 <= alpha <= 1:
        raise DataError(f"alpha = {alpha} is not possible: give a share between 0 and 1.")
    reward, met = _reward(true, alarms, bias=bias, cardinality=cardinality)
    return float(np.mean(alpha * met + (1 - alpha) * reward)) if len(true) else 0.0


def range_precision(alarms: Events, true: Events, *, bias: str = "flat", cardinality: str = "one") -> float:
    """Mean over the alarms of how far they lie in events.

    Args:
        alarms: What was found.
        true: What happened.
        bias: A name of `BIASES`.
        cardinality: A name of `CARDINALITIES`: `reciprocal` punishes an alarm that several events share.

    Returns:
        The precision; 0 without an alarm.

    Raises:
        DataError: A name is unknown.

    Source:
        Tatbul et al. (2018), arXiv:1803.03639, section 4.2.

    Example:
        >>> alarms, true = Events.of([0, 1, 1, 0, 0, 1]), Events.of([0, 0, 1, 1, 1, 0])
        >>> range_precision(alarms, true)
        0.25
    """
    reward, _ = _reward(alarms, true, bias=bias, cardinality=cardinality)
    return float(np.mean(reward)) if len(alarms) else 0.0


def _reward(owners: Events, others: Events, *, bias: str, cardinality: str) -> tuple[Array, Mask]:
    """How far each of the owners is covered by the others, and whether it is at all."""
    for name, known in ((bias, BIASES), (cardinality, CARDINALITIES)):
        if name not in known:
            raise DataError(f"Unknown name {name!r}. {did_you_mean(name, known)}")
    first = np.searchsorted(others.stop, owners.start, side="right")
    n = np.searchsorted(others.start, owners.stop, side="left") - first
    owner = np.repeat(np.arange(len(owners)), n)
    other = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    begin, length = owners.start[owner], owners.length[owner].astype(np.float64)
    upto, from_ = np.minimum(others.stop[other] - begin, length), np.maximum(others.start[other] - begin, 0.0)
    share = BIASES[bias](upto, length) - BIASES[bias](from_, length)
    covered = np.bincount(owner, weights=share, minlength=len(owners))
    return covered * CARDINALITIES[cardinality](n.astype(np.float64)), n > 0


def vus_pr(
    y: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    max_buffer: int,
    offsets: npt.ArrayLike | None = None,
    n_thresholds: int = 250,
) -> float:
    """Volume under the surface of range-based precision and recall over thresholds and buffers around the events.

    Args:
        y: Labels, (n_steps,).
        scores: Greater is more positive, (n_steps,).
        max_buffer: Largest buffer, in steps; half of it lies on either side of an event. The length of a usual event,
            or the period of the series.
        offsets: First step of each series, and the number of all steps, (n_series + 1,); one series unless given.
        n_thresholds: Thresholds, evenly by rank. Where fewer than one step in a thousand is positive take more than
            the 250 of the literature, of which the second one marks 0.4 % of the steps.

    Returns:
        The volume, in [0, 1]; NaN without an event.

    Raises:
        DataError: As for `known_steps`, or a number is not possible.

    Source:
        Paparrizos et al. (2022), doi:10.14778/3551793.3551830, sections 3.2 and 3.3; equal to aeon 1.6's
        `range_pr_vus_score` on one series whose labels are known.

    Example:
        >>> y = np.repeat([0, 1, 0], [40, 20, 40])
        >>> vus_pr(y, y + np.arange(100) / 1000, max_buffer=0) > 0.95
        True
    """
    if max_buffer < 0 or n_thresholds < 2:
        raise DataError(f"max_buffer = {max_buffer} and n_thresholds = {n_thresholds}: give 0 or more, and 2 or more.")
    labels, values = known_steps(y, scores)
    parts = offsets_of(offsets, n_steps=len(labels))
    true = Events.of(labels, offsets=parts)
    if not len(true):
        return float("nan")
    known = ~np.isnan(labels)
    rank = np.sort(values[known])[::-1]
    thresholds = rank[np.linspace(0, len(rank) - 1, n_thresholds, dtype=np.int64)]
    near = np.flatnonzero(true.widened(max_buffer // 2).marks())
    near = near[known[near]]
    surface = _Surface(
        true=true,
        near=near,
        label=labels[near].astype(np.float64),
        first=np.searchsorted(-thresholds, -values[near]),
        marked=len(rank) - np.searchsorted(rank[::-1], thresholds),
    )
    return float(np.mean([surface.area(buffer) for buffer in range(max_buffer + 1)]))


@final
@dataclass(frozen=True, eq=False)
class _Surface:
    """What the precision-recall curve of every buffer needs.

    Args:
        true: The events.
        near: Known steps that a buffer may reach, ascending, (n_near,).
        label: Their labels, (n_near,).
        first: Index of the highest threshold that marks each of them, (n_near,).
        marked: Number of all known steps that each threshold marks, (n_thresholds,).
    """

    true: Events
    near: Indices
    label: Array
    first: Indices
    marked: Indices

    def area(self, buffer: int) -> float:
        """Area under the curve with a buffer."""
        label = self._sloped(buffer) if buffer > 1 else self.label
        tp = np.cumsum(np.bincount(self.first, weights=label, minlength=len(self.marked)))
        positives = (self.label.sum() + label.sum()) / 2
        recall = np.r_[0.0, np.minimum(tp / positives, 1.0) * self._existence(label > 0)]
        precision = np.r_[1.0, tp / self.marked]
        return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))

    def _sloped(self, buffer: int) -> Array:
        """Labels that fall off with the square root on both sides of the events."""
        steps, true = np.arange(buffer // 2), self.true
        first, last = true.offsets[true.series][:, None], true.offsets[true.series + 1][:, None]
        right, left = true.stop[:, None] - 1 + steps, true.start[:, None] - 1 - steps
        label = self.label + self._raised(right, right < last, np.sqrt(1 - steps / buffer))
        return np.minimum(label + self._raised(left, left >= first, np.sqrt(1 - (steps + 1) / buffer)), 1.0)

    def _raised(self, at: Indices, inside: Mask, slope: Array) -> Array:
        """What the slope of each event, one row each, adds to the labels of the steps nearby."""
        index = np.minimum(np.searchsorted(self.near, at), len(self.near) - 1)
        kept = inside & (self.near[index] == at)
        weights = np.broadcast_to(slope, at.shape)[kept]
        return np.bincount(index[kept], weights=weights, minlength=len(self.label)).astype(np.float64)

    def _existence(self, inside: Mask) -> Array:
        """Share of the sloped events that each threshold meets, (n_thresholds,)."""
        at = self.near[inside]
        series = np.searchsorted(self.true.offsets, at, side="right")
        begins = np.flatnonzero(np.r_[True, (np.diff(at) > 1) | (np.diff(series) > 0)])
        first = np.minimum.reduceat(self.first[inside], begins)
        return np.cumsum(np.bincount(first, minlength=len(self.marked))) / len(begins)
