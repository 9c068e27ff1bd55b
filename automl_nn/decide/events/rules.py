"""How to settle on one trigger: what all of them are worth in samples of the series, and the rules that pick one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from automl_nn.decide.events.grid import Tally
from automl_nn.decide.honest import IN_BAG, N_DRAWS, N_PARTINGS, TAILS, Promise, reach
from automl_nn.decide.rules import middle
from automl_nn.decide.utilities import ROUNDING, Array, Constraints, Counts, Utility
from automl_nn.task.events import Indices

PER_STEPS = 1000
"""Costs are counted per so many steps."""

N_CAREFUL = 4
"""How many drops, gaps and durations, ascending, a broad plateau prefers."""


@final
@dataclass(frozen=True, eq=False)
class EventSweep:
    """What every trigger is worth in samples of the units.

    Args:
        tally: What each trigger alarms and finds in each unit.
        weight: How often each unit is in each sample, (n_samples, n_units).
        utility: What to maximize, of found events, false alarms and missed events.
        constraints: What to keep, on each sample; numbers of alarms are of all units.
    """

    tally: Tally
    weight: Array
    utility: Utility
    constraints: Constraints

    def drawn(self, weight: Array) -> "EventSweep":
        """The same with other samples; those without an event are left out."""
        return replace(self, weight=weight[weight @ self.tally.events > 0])

    @cached_property
    def counts(self) -> Counts:
        """Found events, false alarms, missed events, and what is left to the number of 1,000 steps; (n, *shape)."""
        found, alarms = (self._summed(part) for part in (self.tally.found, self.tally.alarms))
        events, spans = self._of_all(self.tally.events), self._of_all(self.tally.known) / PER_STEPS
        return Counts(found, alarms - found, events - found, spans - alarms - events + found)

    @cached_property
    def late(self) -> Array:
        """Mean delay of the events that are found, 0 where none is, (n_samples, *shape)."""
        return self._summed(self.tally.delay) / np.maximum(self.counts.tp, 1)

    def _summed(self, counts: npt.NDArray[np.float32]) -> Array:
        rows = self.weight.astype(np.float32) @ counts.reshape(-1, counts.shape[-1]).T
        return rows.reshape(len(rows), *counts.shape[:-1]).astype(np.float64)

    def _of_all(self, units: Array) -> Array:
        return (self.weight @ units).reshape(-1, 1, 1, 1, 1)

    @cached_property
    def worth(self) -> Array:
        """Utility, (n_samples, *shape)."""
        return self.utility.of(*self.counts)

    @cached_property
    def short(self) -> Array:
        """By how much the constraints are missed, (n_samples, *shape)."""
        scale = self.tally.known.sum() / self._of_all(self.tally.known)
        return self.constraints.shortfall(Counts(*(count * scale for count in self.counts)))


def _best(worth: Array, sweep: EventSweep, short: Array | None = None) -> Indices:
    """Index of the best trigger of each sample; of equal ones the promptest, with the middle one of its thresholds.

    The promptest one has alarmed soonest after the events began, on average, so that an event that is cut off or
    shorter than those seen so far is found, too. Of equally prompt ones the one of the least duration, then of the
    smallest gap, then of the highest lower threshold.

    Args:
        worth: What each trigger is worth, (n_samples, *shape).
        sweep: The samples.
        short: By how much each misses the constraints; as in `sweep` unless given.
    """
    short = sweep.short if short is None else short
    n, n_high, *ways = worth.shape
    value, missed, late = (part.transpose(0, 4, 3, 2, 1).reshape(n, -1, n_high) for part in (worth, short, sweep.late))
    value = np.where(missed <= missed.min((1, 2), keepdims=True) + ROUNDING, value, -np.inf)
    top = value.max((1, 2), keepdims=True)
    late = np.where(value >= top - ROUNDING * (1 + np.abs(top)), late, np.inf)
    tied = late <= late.min((1, 2), keepdims=True) + ROUNDING
    way = tied.any(-1).argmax(-1)
    tied = tied[np.arange(n), way]
    level = middle(tied, tied.argmax(-1))
    duration, gap, drop = np.unravel_index(way, ways[::-1])
    index: Indices = np.ravel_multi_index((level, drop, gap, duration), worth.shape[1:])
    return index


def best_trigger(sweep: EventSweep) -> Indices:
    """The best trigger of the units at hand."""
    return _best(sweep.worth, sweep)


def plain_threshold(sweep: EventSweep) -> Indices:
    """The best trigger of one threshold, without durations and gaps unless they are given."""
    more = np.full(sweep.worth.shape[1:], np.inf)
    more[:, 0, 0, 0] = 0.0
    return _best(sweep.worth, sweep, sweep.short + more)


def smoothed_trigger(sweep: EventSweep) -> Indices:
    """The best trigger if each were worth what it is together with the thresholds next to it: luck stands alone."""
    return _best(_smoothed(sweep.worth, (3, 1, 1, 1)), sweep)


def broad_plateau(sweep: EventSweep) -> Indices:
    """As `smoothed_trigger`, together with the next lower thresholds, gaps and durations too: for few events.

    The greatest of each is taken only where no other keeps the constraints: a gap or a least duration as long as a few
    whole events seldom suits new ones.
    """
    worth = _smoothed(sweep.worth, (5, 3, 3, 3))
    bold = np.ones(worth.shape[1:])
    bold[:, :N_CAREFUL, :N_CAREFUL, :N_CAREFUL] = 0.0
    return _best(worth - bold * (1 + np.ptp(worth)), sweep)


def _smoothed(worth: Array, widths: tuple[int, ...]) -> Array:
    for axis, width in enumerate(widths, start=1):
        worth = uniform_filter1d(worth, width, axis=axis, mode="nearest")
    return worth


EVENT_RULES: Mapping[str, Callable[[EventSweep], Indices]] = {
    "smoothed trigger": smoothed_trigger,
    "best trigger": best_trigger,
    "broad plateau": broad_plateau,
    "plain threshold": plain_threshold,
}
"""The rules by name; the first one is taken unless another one proves to be better out of the bag."""

DEFAULT = next(iter(EVENT_RULES))
"""The rule that is taken where the series cannot tell the rules apart."""

FOR_FEW = "broad plateau"
"""The rule that is taken where there are few events: it is the least nervous one."""


def compare_rules(sweep: EventSweep, *, rng: np.random.Generator) -> tuple[str, Mapping[str, float]]:
    """The rule to take, and what each rule is worth on units that did not choose; as `honest.out_of_bag` does for rows.

    Args:
        sweep: All units as one sample.
        rng: Randomness of the partings.
    """
    n_units = len(sweep.tally.events)
    drawn = rng.random((N_PARTINGS, n_units)) < IN_BAG
    both = (drawn @ sweep.tally.events > 0) & (~drawn @ sweep.tally.events > 0)
    inside, outside = drawn[both].astype(np.float64), (~drawn[both]).astype(np.float64)
    n = len(inside)
    if n < 2:
        return DEFAULT, {}
    chosen, judged = replace(sweep, weight=inside), replace(sweep, weight=outside).worth.reshape(n, -1)
    worth = {name: judged[np.arange(n), rule(chosen)] for name, rule in EVENT_RULES.items()}
    factor = np.sqrt(1 / n + (1 - IN_BAG) / IN_BAG)
    gains = {name: values - worth[DEFAULT] for name, values in worth.items()}
    better = {name: gain.mean() for name, gain in gains.items() if gain.mean() > factor * gain.std(ddof=1)}
    rule = max(better, key=lambda name: better[name], default=DEFAULT)
    return rule, {name: float(values.mean()) for name, values in worth.items()}


@final
@dataclass(frozen=True, eq=False)
class Settled:
    """A trigger, and what became of the choice in resamples.

    Args:
        index: Index of the trigger.
        again: Indices of the triggers that the resamples choose, (n_resamples,).
        promise: What it will be worth on new series.
        missed: Share of the resamples in which it misses the constraints.
    """

    index: int
    again: Indices
    promise: Promise
    missed: float


def settle(sweep: EventSweep, rule: str, *, n_bootstrap: int, rng: np.random.Generator) -> Settled:
    """Settle on a trigger by a rule, and repeat that on resamples of the units.

    Args:
        sweep: All units as one sample.
        rule: A name of `EVENT_RULES`.
        n_bootstrap: Resamples.
        rng: Randomness of the resamples.
    """
    n = len(sweep.tally.events)
    resampled = sweep.drawn(rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(np.float64))
    index, again = int(EVENT_RULES[rule](sweep)[0]), EVENT_RULES[rule](resampled)
    missed = float((resampled.short.reshape(len(again), -1)[:, index] > 0).mean())
    return Settled(index, again, _promise(sweep, index, resampled=resampled, again=again), missed)


def _promise(sweep: EventSweep, chosen: int, *, resampled: EventSweep, again: Indices) -> Promise:
    """The honest worth of a trigger; as `honest.promise` does for rows.

    Counts of found events, false alarms and missed events are drawn from their posterior as counts of rare things, and
    the spread is widened where the whole choice, repeated on resamples, strays further.

    Args:
        sweep: All units as one sample.
        chosen: Index of the trigger.
        resampled: Resamples of the units.
        again: What the rule chooses on each, (n_resamples,).

    Source:
        Optimism: Efron (1983), doi:10.1080/01621459.1983.10477973. A Poisson count under Jeffreys' prior has a gamma
        posterior of shape count + 1/2.
    """
    n = len(again)
    own, there = sweep.worth.reshape(-1), resampled.worth.reshape(n, -1)
    errors = there[np.arange(n), again] - own[again]
    optimism = float(errors.mean())
    best = reach(sweep.utility, Counts(*(count.reshape(-1)[chosen] for count in sweep.counts)))[1]
    utility = min(float(own[chosen]) - optimism, best)
    away = _posterior(sweep, chosen)
    wider = max(1.0, float(errors.std(ddof=1)) / max(float(away.std()), 1e-300))
    low, high = np.minimum(utility + wider * np.quantile(away, TAILS), best)
    return Promise(utility, (float(min(low, utility)), float(max(high, utility))), optimism)


def _posterior(sweep: EventSweep, chosen: int) -> Array:
    """How far from its mean the utility is under draws of the counts."""
    tp, fp, fn, tn = (float(count.reshape(-1)[chosen]) for count in sweep.counts)
    found, false, missed = np.random.default_rng(0).gamma(np.array([tp, fp, fn]) + 0.5, size=(N_DRAWS, 3)).T
    worth = sweep.utility.of(found, false, missed, tp + fp + fn + tn - found - false - missed)
    away: Array = worth - worth.mean()
    return away
