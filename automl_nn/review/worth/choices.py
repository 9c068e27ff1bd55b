"""What each choice of a search was worth: how much of the scores it explains, and what each option adds or costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.review.worth.additive import Additive, Fit, kept_levels
from automl_nn.review.worth.factors import Factor, factors
from automl_nn.space.ranges import Value

Array = npt.NDArray[np.float64]

LEAST_TRIALS = 20
"""Trials with a score below which nothing is said about choices."""

FAR = 3.0
"""Scores that lie so many interquartile ranges below the lower quartile count as that."""

ALIKE = 0.9
"""Two options whose trials are correlated so much cannot be told apart."""


@final
@dataclass(frozen=True)
class OptionWorth:
    """One option of a choice.

    Args:
        option: A value or a range of values, in words.
        n_trials: Trials that have ended with it.
        n_pruned: Those that were stopped early among them.
        n_failed: Those that failed among them.
        median: Their median score.
        best: Their best score.
        effect: By how much it changes the score beside the average trial, all other choices being equal; None if there
            are too few trials.
        interval: Where the effect lies, with 90 % confidence.
        shared_with: Options of other choices that came with the same trials: the effect may be theirs.
    """

    option: str
    n_trials: int
    n_pruned: int
    n_failed: int
    median: float | None
    best: float | None
    effect: float | None = None
    interval: tuple[float, float] | None = None
    shared_with: tuple[str, ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether the effect is more than chance."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


@final
@dataclass(frozen=True)
class KnobWorth:
    """One choice with its options.

    Args:
        knob: Its path.
        words: What it is called.
        importance: Share of the differences between scores that it explains in trials that were left out; None if
            there are too few trials.
        interval: Where the importance lies, with 90 % confidence.
        options: Its options.
    """

    knob: str
    words: str
    importance: float | None
    interval: tuple[float, float] | None
    options: tuple[OptionWorth, ...]

    @property
    def is_clear(self) -> bool:
        """Whether the importance is more than chance."""
        return self.interval is not None and self.interval[0] > 0


@final
@dataclass(frozen=True)
class Worth:
    """What the choices of a study were worth.

    Args:
        knobs: The choices, the most important ones first.
        n_trials: Trials that were looked at.
        n_scored: Those with a score among them.
        explained: Share of the differences between scores that all choices together explain in trials left out.
        why_not: Why nothing is said about effects; empty if they are known.
    """

    knobs: tuple[KnobWorth, ...]
    n_trials: int
    n_scored: int
    explained: float | None
    why_not: str = ""


def worth(
    runs: pd.DataFrame, configs: Sequence[Mapping[str, Value]], *, space: Mapping[str, str], seed: int = 0
) -> Worth:
    """Compare the options of every choice, all other choices being equal.

    An additive model of the scores, fitted by ridge regression over all trials that reached a score, pruned ones with
    the best score they had; the penalty is chosen by generalized cross-validation. Numbers are parted into three
    ranges. Intervals come from resampled trials, and importance from the trials that a resample leaves out: by how much
    their prediction gets worse if the choice is taken out of the model. So a choice that explains nothing has an
    importance of about 0, and choices that act only together are not seen.

    Args:
        runs: One row for each ended trial: `state` and `score`.
        configs: The config of each of them, as values by path.
        space: Every knob's range in words.
        seed: Seed of the resamples.

    Source:
        Generalized cross-validation: Golub, Heath and Wahba (1979), Technometrics 21, 215-223.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> kinds = rng.choice(["a", "b"], 100)
        >>> runs = pd.DataFrame({"state": "complete", "score": (kinds == "a") + rng.normal(0, 0.1, 100)})
        >>> (knob,) = worth(runs, [{"train.kind": kind} for kind in kinds], space={}).knobs
        >>> a, b = knob.options
        >>> round(a.effect - b.effect, 1), round(knob.importance, 1)
        (1.0, 0.9)
    """
    found = factors(configs, space)
    score = runs["score"].to_numpy(dtype=np.float64)
    scored = np.isfinite(score)
    plain = Worth(tuple(_counted(factor, runs) for factor in found), len(runs), int(scored.sum()), None)
    why_not = _why_not(score[scored], found)
    if why_not:
        return replace(plain, why_not=why_not)
    y, own = _fenced(score[scored]), [replace(factor, codes=factor.codes[scored]) for factor in found]
    explained, fits = _fits(y, own, seed=seed)
    if explained <= 0:
        return replace(plain, explained=explained, why_not=_NO_SIGNAL.format(n=len(y)))
    shared = _shared(own)
    knobs = [_with_fit(knob, fits.get(factor), shared) for knob, factor in zip(plain.knobs, own, strict=True)]
    return replace(plain, knobs=tuple(sorted(knobs, key=_importance, reverse=True)), explained=explained)


_NO_SIGNAL = (
    "Not enough trials to tell: from {n} trials, the choices predict the scores of trials that were left out no better "
    "than the average does."
)


def _fits(y: Array, found: Sequence[Factor], *, seed: int) -> tuple[float, dict[Factor, Fit]]:
    """What all choices explain, and each one's fit; a choice that stands for others is fitted in place of these."""
    usable = [factor for factor in found if len(kept_levels(factor)) > 1]
    single = [factor for factor in usable if not factor.parts]
    if not single:
        return 0.0, {}
    model = Additive.of(y, single, seed=seed)
    fits = dict(zip(single, model.fits, strict=True))
    for whole in (factor for factor in usable if factor.parts):
        others = [factor for factor in single if factor.knob not in whole.parts]
        fits[whole] = Additive.of(y, [whole, *others], seed=seed).fits[0]
    return model.explained, fits


def _why_not(score: Array, found: Sequence[Factor]) -> str:
    if not found:
        return "The trials do not differ in any choice."
    if len(score) < LEAST_TRIALS:
        return f"Not enough trials to tell: {len(score)} have a score, {LEAST_TRIALS} are needed."
    return "" if np.ptp(score) > 0 else "All trials have the same score."


def _importance(knob: KnobWorth) -> float:
    return -np.inf if knob.importance is None else knob.importance


def _fenced(score: Array) -> Array:
    """The scores, without the pull of a few that are far below the others."""
    low, high = np.quantile(score, [0.25, 0.75])
    return np.maximum(score, low - FAR * (high - low)) if high > low else score


def _counted(factor: Factor, runs: pd.DataFrame) -> KnobWorth:
    """What can be counted of a choice without any model."""
    options = [_option(words, runs[factor.codes == code]) for code, words in enumerate(factor.levels)]
    return KnobWorth(factor.knob, factor.words, None, None, tuple(options))


def _option(words: str, own: pd.DataFrame) -> OptionWorth:
    score = own["score"][np.isfinite(own["score"].to_numpy(dtype=np.float64))]
    n_pruned, n_failed = (int((own["state"] == state).sum()) for state in ("pruned", "failed"))
    median, best = (None, None) if score.empty else (float(score.median()), float(score.max()))
    return OptionWorth(words, len(own), n_pruned, n_failed, median, best)


def _with_fit(knob: KnobWorth, fit: Fit | None, shared: Mapping[tuple[str, str], tuple[str, ...]]) -> KnobWorth:
    if fit is None:
        return knob
    options = tuple(
        option
        if np.isnan(effect)
        else replace(
            option,
            effect=float(effect),
            interval=(float(fit.low[i]), float(fit.high[i])),
            shared_with=shared.get((fit.factor.words, option.option), ()),
        )
        for i, (option, effect) in enumerate(zip(knob.options, fit.effect, strict=True))
    )
    return replace(knob, importance=fit.importance, interval=fit.interval, options=options)


def _shared(found: Sequence[Factor]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Options that came with nearly the same trials as an option of another choice, by words of both."""
    names = [(factor, words) for factor in found for words in factor.levels]
    marks = np.array([factor.codes == code for factor in found for code in range(len(factor.levels))], dtype=float)
    centred = marks - marks.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    alike = unit @ unit.T >= ALIKE
    return {
        (factor.words, words): tuple(
            f"{names[j][0].words}: {names[j][1]}"
            for j in np.flatnonzero(alike[i])
            if names[j][0] is not factor and not {names[j][0].knob, factor.knob} & {*factor.parts, *names[j][0].parts}
        )
        for i, (factor, words) in enumerate(names)
    }
