"""Event decisions beside single thresholds, on simulated recordings that did not choose.

Scores are noise that follows itself (an autoregression), raised within events. A decision is taken on some series and
judged on ten times as many new ones, by event-F1 and by the cost of 1,000 steps; tolerance 3 steps.

- `trigger`: ours: two thresholds, least duration and bridged gap, by the rule that proves best out of the bag.
- `threshold`: the single threshold that is best on the series that choose.
- `hindsight`: the single threshold that is best on the new series: no rule for one threshold can beat it.

Below it: how often the 90 % interval of the utility covers the worth on the new series, and by how much the reported
utility exceeds it.

    python benchmarks/events.py [--repeats N]
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

from automl_nn.decide.events.choose import choose_events
from automl_nn.decide.events.goals import event_utility
from automl_nn.decide.events.trigger import Trigger
from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import Utility
from automl_nn.task.event_metrics import count_events

Array = npt.NDArray[np.float64]

TOLERANCE, TIMES, N_HINDSIGHT = 3, 10, 60
GOALS = {"event_f1": Goal("f1"), "cost 1:5": Goal(cost=(1, 5))}
SYSTEMS = ["trigger", "threshold", "hindsight"]


@dataclass(frozen=True)
class Family:
    """Recordings of a kind.

    Args:
        n_series: Series.
        n_steps: Steps of each.
        n_events: Events in all of them.
        length: Shortest and longest event.
        memory: Correlation of the noise from step to step.
        shift: By how many deviations of the noise an event raises the scores, on average.
        bell: Whether the rise is a bell instead of a plateau.
    """

    n_series: int = 40
    n_steps: int = 2000
    n_events: int = 60
    length: tuple[int, int] = (5, 30)
    memory: float = 0.8
    shift: float = 2.0
    bell: bool = False

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array, npt.NDArray[np.int64]]:
        """Scores, labels and offsets."""
        n, y = self.n_series * self.n_steps, np.zeros(self.n_series * self.n_steps)
        noise = rng.normal(scale=np.sqrt(1 - self.memory**2), size=n)
        scores = lfilter([1.0], [1.0, -self.memory], noise)
        placed = 0
        while placed < self.n_events:
            length = int(rng.integers(*self.length, endpoint=True))
            start = int(rng.integers(self.n_series)) * self.n_steps + int(rng.integers(self.n_steps - length))
            if y[max(start - 5, 0) : start + length + 5].any():
                continue
            place = (np.arange(length) + 0.5) / length
            shape = 1.5 * np.sin(np.pi * place) if self.bell else np.ones(length)
            y[start : start + length], placed = 1, placed + 1
            scores[start : start + length] += self.shift * rng.lognormal(sigma=0.3) * shape
        return scores, y, np.arange(0, n + 1, self.n_steps)

    def more(self) -> "Family":
        """The same, and more of it."""
        if self.n_series == 1:
            return replace(self, n_steps=TIMES * self.n_steps, n_events=TIMES * self.n_events)
        return replace(self, n_series=TIMES * self.n_series, n_events=TIMES * self.n_events)


FAMILIES = {
    "usual": Family(),
    "no memory": Family(memory=0.0, shift=1.5),
    "long memory": Family(memory=0.95, shift=3.0),
    "short events": Family(length=(1, 3), shift=5.0),
    "long events": Family(length=(40, 120), shift=1.5),
    "few events": Family(n_events=15),
    "bells": Family(bell=True),
    "one recording": Family(n_series=1, n_steps=80_000),
}


def simulate(n_repeats: int) -> Iterator[dict[str, Any]]:
    """One row for each family, goal and repeat."""
    for name, family in FAMILIES.items():
        for seed in range(n_repeats):
            rng = np.random.default_rng(seed)
            (scores, y, offsets), new = family.draw(rng), family.more().draw(rng)
            for words, goal in GOALS.items():
                yield {"family": name, "goal": words} | compare(scores, y, offsets, new=new, goal=goal)


def compare(scores: Array, y: Array, offsets: Any, *, new: tuple[Array, Array, Any], goal: Goal) -> dict[str, Any]:
    """What each system is worth on new series, and how well we know our own worth."""
    utility, begin = event_utility(goal), time.perf_counter()
    choice = choose_events(scores, y, goal=goal, tolerance=TOLERANCE, offsets=offsets)
    seconds = time.perf_counter() - begin

    def worth(trigger: Trigger) -> float:
        return _worth(trigger, new, utility)

    cuts = np.quantile(new[0][new[1] == 1], np.linspace(0.02, 0.999, N_HINDSIGHT))
    cut, (low, high) = float(choice.metrics_of_threshold["threshold"]), choice.utility_interval
    truth = worth(choice.trigger)
    return {
        "trigger": truth,
        "threshold": worth(Trigger(cut, cut)),
        "hindsight": max(worth(Trigger(float(cut), float(cut))) for cut in cuts),
        "covered": low <= truth <= high,
        "bias": choice.utility - truth,
        "width": high - low,
        "rule": choice.rule,
        "seconds": seconds,
    }


def _worth(trigger: Trigger, series: tuple[Array, Array, Any], utility: Utility) -> float:
    scores, y, offsets = series
    counts = count_events(trigger.find(scores, offsets=offsets), y, tolerance=TOLERANCE)
    tp, fp, fn = (np.array(float(n)) for n in (counts.n_found, counts.n_false, counts.n_events - counts.n_found))
    return float(utility.of(tp, fp, fn, counts.n_steps / 1000 - tp - fp - fn))


def main() -> None:
    parser = argparse.ArgumentParser(description="Worth of event decisions on new series.")
    parser.add_argument("--repeats", type=int, default=10, help="samples of each family")
    rows = pd.DataFrame(simulate(parser.parse_args().repeats))
    pd.set_option("display.width", 200, "display.max_columns", None)
    print("Worth on new series (greater is better)")
    print(rows.groupby(["goal", "family"])[SYSTEMS].mean().round(3).to_string())
    print(f"\n{rows.groupby('goal')[SYSTEMS].mean().round(3).to_string()}")
    print("\nOur 90 % interval of the utility, the bias of the reported utility, the seconds, and the rules that chose")
    print(rows.groupby(["goal", "family"])[["covered", "bias", "width", "seconds"]].mean().round(3).to_string())
    print(f"\n{rows.groupby('goal')[['covered', 'bias', 'width', 'seconds']].mean().round(3).to_string()}")
    print(f"\n{rows['rule'].value_counts(normalize=True).round(3).to_string()}")


if __name__ == "__main__":
    main()
