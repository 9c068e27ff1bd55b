"""Samplers whose proposals depend on the study's seed, the trial's number and the finished trials, and on nothing else.

A seeded Optuna sampler starts its random sequence anew in every process, so a resumed study repeats its first
proposals. Here each trial gets a sampler of its own, seeded by study and number: a resumed study proposes what it would
have proposed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from automl_nn.errors import SpaceError, did_you_mean
from automl_nn.space.ranges import Value


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=10, multivariate=True, constant_liar=True)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Name -> function from a seed to an Optuna sampler."""


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of everything random in one trial.

    Example:
        >>> trial_seed(0, 1) == trial_seed(0, 1) != trial_seed(0, 2)
        True
    """
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0])


@final
class SeededSampler(BaseSampler):
    """A sampler made anew for every trial from the study's seed and the trial's number.

    Args:
        name: One of `SAMPLERS`.
        seed: The study's seed.
        first: Configs of the first trials by path; what they leave out is sampled.

    Raises:
        SpaceError: There is no such sampler.
    """

    def __init__(self, name: str, *, seed: int, first: Sequence[Mapping[str, Value]] = ()) -> None:
        if name not in SAMPLERS:
            raise SpaceError(f"Unknown sampler {name!r}. {did_you_mean(name, SAMPLERS)}")
        self._make, self._seed, self._first = SAMPLERS[name], seed, tuple(first)
        self._number, self._sampler = -1, self._make(0)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        if trial.number != self._number:
            self._number, self._sampler = trial.number, self._make(trial_seed(self._seed, trial.number))
        return self._sampler

    def _given(self, trial: FrozenTrial) -> Mapping[str, Value]:
        return self._first[trial.number] if trial.number < len(self._first) else {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {} if self._given(trial) else self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        value = _lookup(self._given(trial), param_name)
        if value is not None and param_distribution._contains(param_distribution.to_internal_repr(value)):
            return value
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)


def _lookup(config: Mapping[str, Value], name: str) -> Value | None:
    """The value of a parameter in a config, whose paths do not name the alternative that a knob belongs to."""
    *path, _alternative, knob = ["", *name.split(".")]
    return config.get(name, config.get(".".join([*path[1:], knob])))
