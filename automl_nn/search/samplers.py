"""Samplers whose proposals depend on the study's seed, the trial's number and the earlier trials, and on nothing else.

A seeded Optuna sampler starts its random sequence anew in every process, so a resumed study repeats its first
proposals. Here each trial gets a sampler of its own, seeded by study and number, which sees the trials before its
cohort as they are and those before it in its cohort as running: a resumed study proposes what it would have proposed,
whatever of the cohort had ended when it was interrupted.
"""

import copy
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from automl_nn.errors import SpaceError, did_you_mean
from automl_nn.space.ranges import Value


@final
class _TPE(TPESampler):
    """Optuna's own, which finds what all trials have in common in less than a tenth of the time."""

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return common_space(study._get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def common_space(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The knobs that all trials have, from the same ranges of more than one value, by name.

    What `optuna.search_space.intersection_search_space` finds; but a range that is the same object, as in trials read
    from a database, is not compared value by value.

    Args:
        trials: Trials that have ended.

    Example:
        >>> ranges = {name: optuna.distributions.FloatDistribution(0, 1) for name in "xyz"}
        >>> trials = [
        ...     optuna.trial.create_trial(
        ...         value=1, params=dict.fromkeys(names, 0.5), distributions={n: ranges[n] for n in names}
        ...     )
        ...     for names in ("xz", "zyx", "yz")
        ... ]
        >>> list(common_space(trials))
        ['z']
    """
    others = [trial.distributions for trial in trials]
    return {
        name: distribution
        for name, distribution in (sorted(others[-1].items()) if others else ())
        if not distribution.single() and all(_is_same(distribution, other.get(name)) for other in others)
    }


def _is_same(one: BaseDistribution, other: BaseDistribution | None) -> bool:
    return one is other or one == other


def _tpe(seed: int) -> BaseSampler:
    return _TPE(seed=seed, n_startup_trials=10, multivariate=True, constant_liar=True)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Name -> function from a seed to an Optuna sampler."""

MOST_SEEN = 300
"""Earlier trials that a sampler is shown: what TPE takes for a proposal grows with them."""

BEST_SEEN = 50
"""The best of them, which are always among them; TPE tells at most 25 of them from the others."""


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of everything random in one trial.

    Example:
        >>> trial_seed(0, 1) == trial_seed(0, 1) != trial_seed(0, 2)
        True
    """
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0])


@final
@dataclass(frozen=True, slots=True)
class Cohort:
    """Trials that are drawn together, before the first of them ends.

    Args:
        first: Number of the first of them.
        shared: By path, what the others take over from the first one, so that they can be trained in one stack.
    """

    first: int
    shared: Mapping[str, Value]


@final
class _Before:
    """A study as one of its trials may see it: of its own cohort, only what was proposed before it.

    The trials are read once, since a sampler asks for them for every knob.
    """

    def __init__(self, study: optuna.Study, *, number: int, cohort: Cohort) -> None:
        self._study, self._number, self._first = study, number, cohort.first
        self._trials: list[FrozenTrial] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        """What samplers ask of a study, in place of Optuna's method of this name; read anew for each trial.

        Optuna's cache is only cleared by `Study.ask`: in it, the other trials of a cohort have not been proposed yet.
        """
        if self._trials is None:
            trials = self._study._get_trials(deepcopy=deepcopy)
            self._trials = thinned([self._as_drawn(trial) for trial in trials if trial.number <= self._number])
        return [trial for trial in self._trials if states is None or trial.state in states]

    def _as_drawn(self, trial: FrozenTrial) -> FrozenTrial:
        if trial.number < self._first or trial.state == TrialState.RUNNING:
            return trial
        drawn = copy.copy(trial)
        drawn.state = TrialState.RUNNING
        return drawn


def thinned(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """At most about `MOST_SEEN` trials: the open ones, the best ones, and of the others some, evenly over the study.

    Args:
        trials: Trials by number; a greater value is better.

    Example:
        >>> trials = [optuna.trial.create_trial(value=float(value)) for value in range(1000)]
        >>> seen = thinned(trials)
        >>> len(seen), seen[-BEST_SEEN:] == trials[-BEST_SEEN:]
        (300, True)
    """
    ended = [trial for trial in trials if trial.state.is_finished()]
    if len(ended) <= MOST_SEEN:
        return list(trials)
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    best = {id(trial) for trial in sorted(complete, key=lambda trial: trial.value or 0.0)[-BEST_SEEN:]}
    others = [trial for trial in ended if id(trial) not in best]
    places = np.linspace(0, len(others) - 1, MOST_SEEN - len(best)).round().astype(int)
    shown = best | {id(others[place]) for place in places}
    return [trial for trial in trials if id(trial) in shown or not trial.state.is_finished()]


@final
class SeededSampler(BaseSampler):
    """A sampler made anew for every trial from the study's seed and the trial's number.

    Args:
        name: One of `SAMPLERS`.
        seed: The study's seed.
        first: Configs of the first trials by path; what they leave out is sampled.
        cohort: What the trials are drawn together with; each trial is alone unless given.

    Raises:
        SpaceError: There is no such sampler.
    """

    def __init__(
        self, name: str, *, seed: int, first: Sequence[Mapping[str, Value]] = (), cohort: Cohort | None = None
    ) -> None:
        if name not in SAMPLERS:
            raise SpaceError(f"Unknown sampler {name!r}. {did_you_mean(name, SAMPLERS)}")
        self._make, self._seed, self._first, self._cohort = SAMPLERS[name], seed, tuple(first), cohort
        self._number, self._sampler = -1, self._make(0)
        self._seen: _Before | None = None

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if trial.number != self._number:
            self._number, self._sampler = trial.number, self._make(trial_seed(self._seed, trial.number))
        return self._sampler

    def _is_first(self, trial: FrozenTrial) -> bool:
        """Whether the whole config of this trial is given."""
        return trial.number < len(self._first)

    def _given(self, trial: FrozenTrial) -> Mapping[str, Value]:
        """What of a trial's config is not to be sampled, by path."""
        if self._is_first(trial):
            return self._first[trial.number]
        return self._cohort.shared if self._cohort is not None and trial.number > self._cohort.first else {}

    def _seen_by(self, trial: FrozenTrial, study: optuna.Study) -> optuna.Study:
        if self._seen is None:
            self._seen = _Before(study, number=trial.number, cohort=self._cohort or Cohort(trial.number, {}))
        return cast(optuna.Study, self._seen)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        self._seen = None  # the first question about a trial
        if self._is_first(trial):
            return {}
        space = self._of(trial).infer_relative_search_space(self._seen_by(trial, study), trial)
        given = self._given(trial)
        return {name: distribution for name, distribution in space.items() if _lookup(given, name) is None}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(self._seen_by(trial, study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        value = _lookup(self._given(trial), param_name)
        if value is not None and param_distribution._contains(param_distribution.to_internal_repr(value)):
            return value
        seen = self._seen_by(trial, study)
        return self._of(trial).sample_independent(seen, trial, param_name, param_distribution)


def _lookup(config: Mapping[str, Value], name: str) -> Value | None:
    """The value of a parameter in a config, whose paths do not name the alternative that a knob belongs to."""
    *path, _alternative, knob = ["", *name.split(".")]
    return config.get(name, config.get(".".join([*path[1:], knob])))
