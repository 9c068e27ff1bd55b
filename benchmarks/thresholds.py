"""Regret of chosen thresholds on simulated scores: ours and scikit-learn's, on the same rows.

Regret is the utility of the best threshold on a large test sample less that of the chosen one, in points (hundredths).
scikit-learn's rule is `TunedThresholdClassifierCV` itself around a classifier that repeats the stored scores, with its
default of 100 thresholds, once on all rows (`prefit`) and once as a mean over 5 folds.

    python benchmarks/thresholds.py [N_REPEATS]
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV

from automl_nn.decide.cells import tally
from automl_nn.decide.threshold import choose_threshold
from automl_nn.decide.utilities import UTILITIES

Array = npt.NDArray[np.float64]

N_TEST = 400_000
MAX_ROWS = 5_000


def gaussian(y: Array, rng: np.random.Generator) -> Array:
    return rng.normal(2.0 * y - 3)


def saturated(y: Array, rng: np.random.Generator) -> Array:
    return 8 * rng.normal(2.5 * y - 1)


def heavy_tailed(y: Array, rng: np.random.Generator) -> Array:
    return np.where(y == 1, rng.normal(1.0, size=len(y)), rng.standard_t(2.5, size=len(y)) - 3)


FAMILIES: tuple[Callable[[Array, np.random.Generator], Array], ...] = (gaussian, saturated, heavy_tailed)


def _sklearn_threshold(scores: Array, y: Array, *, utility: str, cv: str | int) -> float:
    """The threshold of scikit-learn's rule, as a logit."""
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), np.ones((1, 1)), np.zeros(1)
    tuned = TunedThresholdClassifierCV(FrozenEstimator(model), scoring=utility, cv=cv, refit=cv != "prefit")
    threshold: float = tuned.fit(scores[:, None], y.astype(int)).best_threshold_
    return float(logit(np.clip(threshold, 0, 1)))


RULES: dict[str, Callable[[Array, Array, str], float]] = {
    "ours": lambda scores, y, utility: choose_threshold(scores, y, utility=utility).threshold,
    "exact sweep": lambda scores, y, utility: (
        choose_threshold(scores, y, utility=utility, rule="exact sweep", n_bootstrap=10).threshold
    ),
    "sklearn prefit": lambda scores, y, utility: _sklearn_threshold(scores, y, utility=utility, cv="prefit"),
    "sklearn cv=5": lambda scores, y, utility: _sklearn_threshold(scores, y, utility=utility, cv=5),
}


def _labels(n_rows: int, n_positives: int) -> Array:
    return np.repeat([1.0, 0.0], [n_positives, n_rows - n_positives])


def measure(n_repeats: int) -> Iterator[dict[str, object]]:
    """One row for each setting and repeat: the regret of each rule in points."""
    rng = np.random.default_rng(0)
    for family, prevalence in product(FAMILIES, (0.002, 0.02, 0.1)):
        test_y = _labels(N_TEST, int(N_TEST * prevalence))
        test = tally(family(test_y, rng), test_y, np.ones(N_TEST))
        for n_positives, utility in product((10, 30, 100, 300), ("f1", "balanced_accuracy")):
            if n_positives / prevalence > MAX_ROWS:
                continue
            worth = UTILITIES[utility].of(*test.counts())
            y = _labels(int(n_positives / prevalence), n_positives)
            for _ in range(n_repeats):
                scores = family(y, rng)
                chosen = {
                    name: int(np.searchsorted(test.cuts, rule(scores, y, utility))) for name, rule in RULES.items()
                }
                regrets = {name: 100 * (worth.max() - worth[min(at, len(worth) - 1)]) for name, at in chosen.items()}
                setting = {"utility": utility, "family": family.__name__, "positives": n_positives}
                yield setting | {"prevalence": prevalence} | regrets


def report(regrets: pd.DataFrame, by: list[str]) -> str:
    """Mean regret of each rule, and scikit-learn's as a multiple of ours."""
    means = regrets.groupby(by)[list(RULES)].mean()
    for name in ("sklearn prefit", "sklearn cv=5"):
        means[f"{name} / ours"] = means[name] / means["ours"]
    return means.round(2).to_string()


def main() -> None:
    regrets = pd.DataFrame(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
    print("Mean regret in points of the utility (less is better)")
    for by in (["utility"], ["utility", "family"], ["utility", "positives"], ["utility", "prevalence"]):
        print(f"\n{report(regrets, by)}")


if __name__ == "__main__":
    main()
