"""Regret of chosen thresholds on the same rows: ours, the plain sweep, and the rules of our peers.

Regret is the utility of the best possible threshold less that of the chosen one, in points (hundredths), on the
population that simulated scores are drawn from, or on the test part of real ones. Below it: how often the 90 % interval
of the utility covers the truth, and by how much the reported utility exceeds it.

Peers, written anew from their documentation and fed the same probabilities:

- scikit-learn 1.9, `TunedThresholdClassifierCV`: evenly spaced thresholds between the smallest and the greatest score
  of each of 5 folds, interpolated to a common grid, the best mean; with 100 (default) and 1,000 thresholds.
- AutoGluon 1.6, `calibrate_decision_threshold`: 51 thresholds, then 19 on either side of the best; ties go to 0.5.
- TabPFN 8.4, `inference_tuning`: 198 thresholds in 0.01 ... 0.99, the middle of the plateau within 0.002 of the best.

    python benchmarks/decide.py [--repeats N]
    python benchmarks/decide.py --scores FOLDER        of real tables, written by scores.py
    python benchmarks/decide.py --rows 1000000         seconds and memory of one decision
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold

from automl_nn.decide import Goal, decide
from automl_nn.decide.cells import tally
from automl_nn.decide.threshold import ThresholdChoice, choose_threshold
from automl_nn.decide.utilities import UTILITIES, Counts, Utility, cost
from automl_nn.task.tasks import Binary

Array = npt.NDArray[np.float64]
Report = dict[str, Any]

PREVALENCES = (0.002, 0.02, 0.1)
N_POSITIVES = (10, 30, 100, 300, 1000)
MAX_ROWS = 50_000
GOALS = {name: UTILITIES[name] for name in ("f1", "f2", "mcc", "balanced_accuracy")} | {"cost 1:20": cost(fp=1, fn=20)}
TINY = 1e-16


@dataclass(frozen=True)
class Family:
    """Scores (logits) of a kind: for each class the shares and distributions that it is mixed of."""

    positives: tuple[tuple[float, Any], ...]
    negatives: tuple[tuple[float, Any], ...]

    def draw(self, y: Array, rng: np.random.Generator) -> Array:
        scores = np.empty(len(y))
        for label, mixed in ((1, self.positives), (0, self.negatives)):
            rows = np.flatnonzero(y == label)
            part = rng.choice(len(mixed), size=len(rows), p=[share for share, _ in mixed])
            for i, (_, distribution) in enumerate(mixed):
                scores[rows[part == i]] = distribution.rvs(size=(part == i).sum(), random_state=rng)
        return scores

    def counts(self, cuts: Array, *, prevalence: float) -> Counts:
        """The population's shares at each cut-off."""
        tp, fp = (sum(share * d.sf(cuts) for share, d in mixed) for mixed in (self.positives, self.negatives))
        tp, fp = prevalence * tp, (1 - prevalence) * fp
        return Counts(tp, fp, prevalence - tp, 1 - prevalence - fp)

    def cuts(self) -> Array:
        """Cut-offs, dense where either class has its rows."""
        shares = np.r_[np.logspace(-7, -2, 1000), np.linspace(0.01, 0.99, 3000), 1 - np.logspace(-7, -2, 1000)]
        return np.unique(np.concatenate([d.ppf(shares) for _, d in self.positives + self.negatives]))


FAMILIES = {
    "gaussian": Family(((1.0, stats.norm(-1, 1)),), ((1.0, stats.norm(-3, 1)),)),
    "saturated": Family(((1.0, stats.norm(12, 8)),), ((1.0, stats.norm(-8, 8)),)),
    "heavy-tailed": Family(((1.0, stats.norm(1, 1)),), ((1.0, stats.t(2.5, loc=-3)),)),
    "two kinds": Family(((0.5, stats.norm(3, 0.7)), (0.5, stats.norm(0, 1))), ((1.0, stats.norm(-1, 1)),)),
}


def _worth(p: Array, y: Array, cuts: Array, utility: Utility) -> Array:
    """Utility of marking the rows whose probability reaches each cut-off."""
    positives, negatives = np.sort(p[y == 1]), np.sort(p[y == 0])
    tp, fp = ((len(rows) - np.searchsorted(rows, cuts)).astype(float) for rows in (positives, negatives))
    return utility.of(tp, fp, len(positives) - tp, len(negatives) - fp)


def sklearn(p: Array, y: Array, utility: Utility, *, n_thresholds: int) -> float:
    curves = []
    for _, fold in StratifiedKFold(5).split(p[:, None], y):
        cuts = np.linspace(p[fold].min(), p[fold].max(), n_thresholds)
        curves.append((cuts, _worth(p[fold], y[fold], cuts, utility)))
    ends = min(cuts[0] for cuts, _ in curves), max(cuts[-1] for cuts, _ in curves)
    grid = np.linspace(*ends, n_thresholds)
    return float(grid[np.mean([np.interp(grid, *curve) for curve in curves], axis=0).argmax()])


def autogluon(p: Array, y: Array, utility: Utility) -> float:
    best = 0.5
    for cuts in (lambda at: np.linspace(0, 1, 51), lambda at: at + np.arange(-19, 20) * 0.001):
        grid = cuts(best)
        worth = _worth(p, y, grid, utility)
        tied = grid[worth >= worth.max() - 1e-12]
        best = float(tied[np.abs(tied - 0.5).argmin()])
    return best


def tabpfn(p: Array, y: Array, utility: Utility) -> float:
    grid = np.linspace(0.01, 0.99, 198)
    worth = _worth(p, y, grid, utility)
    far = np.flatnonzero(worth < worth.max() - 0.002)
    at = int(np.searchsorted(far, int(worth.argmax())))
    first = far[at - 1] + 1 if at > 0 else 0
    last = far[at] - 1 if at < len(far) else len(grid) - 1
    return float((grid[first] + grid[last]) / 2)


PEERS: dict[str, Callable[[Array, Array, Utility], float]] = {
    "sklearn 100": lambda p, y, utility: sklearn(p, y, utility, n_thresholds=100),
    "sklearn 1000": lambda p, y, utility: sklearn(p, y, utility, n_thresholds=1000),
    "autogluon": autogluon,
    "tabpfn": tabpfn,
}
OURS = "ours"
RULES = [OURS, "exact sweep", *PEERS]


def compare(scores: Array, y: Array, utility: Utility, truth: Callable[[float], float], best: float) -> Report:
    """The regret of every rule on these rows, and how well we know our own utility.

    Args:
        scores: Logits.
        y: Labels.
        utility: What to maximize.
        truth: The true utility of a cut-off.
        best: The utility of the best cut-off.
    """
    choice = choose_threshold(scores, y, utility=utility, are_logits=True)
    plain = choose_threshold(scores, y, utility=utility, rule="exact sweep", n_bootstrap=10)
    p = expit(scores)
    peers = {name: float(logit(np.clip(rule(p, y, utility), TINY, 1 - TINY))) for name, rule in PEERS.items()}
    cuts = {OURS: choice.threshold, "exact sweep": plain.threshold} | peers
    regrets = {name: 100 * (best - truth(cut)) for name, cut in cuts.items()}
    return regrets | {"rule": choice.rule} | _honesty(choice, truth(choice.threshold))


def _honesty(choice: ThresholdChoice, truth: float) -> Report:
    low, high = choice.utility_interval
    return {"covered": low <= truth <= high, "bias": 100 * (choice.utility - truth), "width": 100 * (high - low)}


def simulate(n_repeats: int) -> Iterator[Report]:
    """One row for each setting and repeat."""
    rng = np.random.default_rng(0)
    for (family, drawn), prevalence, n_positives in product(FAMILIES.items(), PREVALENCES, N_POSITIVES):
        n_rows, cuts = round(n_positives / prevalence), drawn.cuts()
        if n_rows > MAX_ROWS:
            continue
        y = np.repeat([1.0, 0.0], [n_positives, n_rows - n_positives])
        best = {goal: u.of(*drawn.counts(cuts, prevalence=prevalence)).max() for goal, u in GOALS.items()}
        for _, (goal, utility) in product(range(n_repeats), GOALS.items()):

            def truth(cut: float, drawn: Family = drawn, share: float = prevalence, u: Utility = utility) -> float:
                return float(
                    u.of(*(np.atleast_1d(count) for count in drawn.counts(np.array([cut]), prevalence=share)))[0]
                )

            setting = {"utility": goal, "family": family, "positives": n_positives, "prevalence": prevalence}
            yield setting | compare(drawn.draw(y, rng), y, utility, truth, best[goal])


def measure(folder: Path) -> Iterator[Report]:
    """One row for each file to choose from, `TABLE_MODEL_SPLIT.valPOSITIVES.csv`, and utility."""
    for file in sorted(folder.glob("*.val*.csv")):
        name, _, n_positives = file.stem.rpartition(".val")
        (scores, y), (test_scores, test_y) = (_read(part) for part in (file, folder / f"{name}.test.csv"))
        cells = tally(test_scores, test_y, np.ones(len(test_y)))
        table, model, _ = name.rsplit("_", 2)
        for goal, utility in GOALS.items():
            worth = utility.of(*cells.counts())

            def truth(cut: float, cuts: Array = cells.cuts, worth: Array = worth) -> float:
                return float(worth[min(int(np.searchsorted(cuts, cut)), len(worth) - 1)])

            row = {"utility": goal, "table": table.split("-")[0], "model": model, "positives": int(n_positives)}
            yield row | compare(scores, y, utility, truth, float(worth.max()))


def _read(file: Path) -> tuple[Array, Array]:
    frame = pd.read_csv(file)
    return logit(np.clip(frame["score"].to_numpy(np.float64), TINY, 1 - TINY)), frame["label"].to_numpy(np.float64)


def time_one(n_rows: int) -> None:
    """Seconds and memory of a decision on stored scores, calibration and 200 resamples included."""
    rng = np.random.default_rng(0)
    y = (rng.random((n_rows, 1)) < 0.02).astype(np.float64)
    output = 1.5 * rng.normal(2 * y) - 4
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    for goal in (Goal("f1"), Goal(cost=(1, 20))):
        start = time.perf_counter()
        decide(Binary(("positive",), "average_precision"), output, y, goal=goal)
        print(f"{goal.describe()}: {time.perf_counter() - start:.2f} s for {n_rows} rows")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{memory:.2f} GB at most, {before:.2f} GB of it before; torch imported: {'torch' in sys.modules}")


def show(rows: pd.DataFrame, groupings: list[list[str]]) -> None:
    pd.set_option("display.width", 200, "display.max_columns", None)
    print(f"Mean regret in points of the utility over {len(rows)} choices (less is better)")
    print(rows[RULES].mean().round(2).to_frame("all").T.to_string())
    for by in groupings:
        print(f"\n{rows.groupby(by)[RULES].mean().round(2).to_string()}")
    print("\nOur 90 % interval of the utility, the bias of the reported utility (points), and the rules that chose")
    for by in groupings:
        print(f"\n{rows.groupby(by)[['covered', 'bias', 'width']].mean().round(3).to_string()}")
    print(f"\n{rows['rule'].value_counts(normalize=True).round(3).to_string()}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Regret of chosen thresholds.")
    parser.add_argument("--repeats", type=int, default=4, help="samples of each simulated setting")
    parser.add_argument("--scores", type=Path, help="folder that scores.py wrote")
    parser.add_argument("--rows", type=int, help="rows of one decision that is timed")
    given = parser.parse_args()
    if given.rows:
        time_one(given.rows)
    elif given.scores:
        show(pd.DataFrame(measure(given.scores)), [["table"], ["model"], ["utility"], ["positives"]])
    else:
        show(pd.DataFrame(simulate(given.repeats)), [["family"], ["utility"], ["positives"], ["prevalence"]])


if __name__ == "__main__":
    main()
