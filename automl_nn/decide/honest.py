"""Which rule to trust, and what the choice will be worth on new rows: told by rows that did not choose."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from automl_nn.decide.cells import Cells
from automl_nn.decide.rules import RULES, Indices, Sweep, candidates
from automl_nn.decide.utilities import Array, Counts, Utility

DEFAULT = next(iter(RULES))
"""The rule that is taken where the rows cannot tell the rules apart."""

IN_BAG = 0.7
"""Share of the rows that choose while the others judge."""

N_PARTINGS = 40
"""How often the rows are parted to compare the rules."""

TAILS = (0.05, 0.95)
"""Where an interval ends: it covers 90 %."""

N_DRAWS, N_SLOW = 2000, 100
"""Draws from the distribution of the confusion shares; of a slow utility."""


def out_of_bag(cells: Cells, sweep: Sweep, *, rng: np.random.Generator) -> tuple[str, Mapping[str, float]]:
    """The rule to take, and what each rule is worth on rows that did not choose.

    Rows are parted in two again and again; each rule chooses on one part and is judged on the other. A rule replaces
    the default one if it is worth more by over one standard error, so that luck in the comparison costs little.

    Args:
        cells: The rows.
        sweep: All rows as one sample.
        rng: Randomness of the partings.

    Source:
        The standard error of a difference between overlapping partings: Nadeau & Bengio (2003),
        doi:10.1023/A:1024068626366, section 3.
    """
    inside, outside = cells.part(N_PARTINGS, share=IN_BAG, rng=rng)
    n = len(inside.positives)
    if n < 2:
        return DEFAULT, {}
    chosen, judged = replace(sweep, sample=inside), replace(sweep, sample=outside).worth
    worth = {name: judged[np.arange(n), rule(chosen)] for name, rule in candidates(sweep).items()}
    factor = np.sqrt(1 / n + (1 - IN_BAG) / IN_BAG)
    gains = {name: values - worth[DEFAULT] for name, values in worth.items()}
    better = {name: gain.mean() for name, gain in gains.items() if gain.mean() > factor * gain.std(ddof=1)}
    rule = max(better, key=lambda name: better[name], default=DEFAULT)
    return rule, {name: float(values.mean()) for name, values in worth.items()}


@final
@dataclass(frozen=True)
class Promise:
    """What a chosen cut-off will be worth on new rows.

    Args:
        utility: Worth on the rows that chose, less `optimism`; never beyond what any actions could be worth.
        interval: Where the worth on new rows lies, with 90 % confidence; nor this.
        optimism: Mean over resamples of what the rule's choice is worth there, less what it is worth on all rows.
    """

    utility: float
    interval: tuple[float, float]
    optimism: float


def promise(sweep: Sweep, chosen: int, *, resampled: Sweep, again: Indices) -> Promise:
    """The honest worth of a choice.

    The confusion shares are drawn from their posterior under Jeffreys' prior, which knows that no error among few rows
    is not no error; the spread of the utility under it is widened where the whole procedure, repeated on resamples,
    strays further (as it does where rows come in groups).

    Args:
        sweep: All rows as one sample.
        chosen: Index of the cut-off.
        resampled: Resamples of the rows.
        again: What the rule chooses on each, (n_resamples,).

    Source:
        Optimism: Efron (1983), doi:10.1080/01621459.1983.10477973. Jeffreys' prior: Brown, Cai & DasGupta (2001),
        doi:10.1214/ss/1009213286.
    """
    errors = np.take_along_axis(resampled.worth, again[:, None], axis=1)[:, 0] - sweep.worth[0, again]
    optimism = float(errors.mean())
    counts = Counts(*(count[0, chosen] for count in sweep.counts))
    worst, best = reach(sweep.utility, counts)
    utility = float(np.clip(sweep.worth[0, chosen] - optimism, worst, best))
    away = _posterior(sweep.utility, counts)
    wider = max(1.0, float(errors.std(ddof=1)) / max(float(away.std()), 1e-300))
    low, high = np.clip(utility + wider * np.quantile(away, TAILS), worst, best)
    return Promise(utility, (float(min(low, utility)), float(max(high, utility))), optimism)


def reach(utility: Utility, counts: Counts) -> tuple[float, float]:
    """The worth of these rows if each is wrong, and if each is right; no bounds where errors may be worth something.

    Args:
        utility: What rows are worth.
        counts: Of each outcome, one number each.
    """
    if not utility.monotone:
        return -np.inf, np.inf
    none, positives, negatives = np.zeros(1), np.atleast_1d(counts.tp + counts.fn), np.atleast_1d(counts.fp + counts.tn)
    wrong, right = Counts(none, negatives, positives, none), Counts(positives, none, none, negatives)
    return float(utility.of(*wrong)[0]), float(utility.of(*right)[0])


def _posterior(utility: Utility, counts: Counts) -> Array:
    """How far from its mean the utility is under draws of the confusion shares."""
    n = N_SLOW if utility.is_slow else N_DRAWS
    drawn = np.random.default_rng(0).dirichlet(np.array(counts) + 0.5, size=n) * sum(counts)
    worth = utility.of(*drawn.T)
    away: Array = worth - worth.mean()
    return away
