"""The search: claim a trial, train it, tell how it went; again until the budget is spent.

It is a generator of events. Whoever stops asking, presses Ctrl-C or kills the process leaves a study that the next call
continues: the trial that was cut short is claimed again and trained from its own seed.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal, final

import optuna

from automl_nn.errors import BudgetError
from automl_nn.search.attempt import Attempt, Encodings
from automl_nn.search.claims import Claim, Worker
from automl_nn.search.events import EpochEnded, Event, State, TrialEnded, TrialStarted
from automl_nn.search.portfolio import first_trials
from automl_nn.search.problem import Problem
from automl_nn.search.pruners import make_pruner
from automl_nn.search.samplers import SeededSampler, trial_seed
from automl_nn.search.store import Store
from automl_nn.space.draw import defaults, suggest
from automl_nn.space.options import Space

MAX_FAILURES = 10
"""So many failed trials at the start of a study, and no other, end it."""

N_MODELS = 8
"""Trained networks that a study keeps."""


@final
@dataclass(frozen=True, slots=True)
class Budget:
    """How long a search may go on.

    Args:
        n_trials: Trials that the study shall have in total, earlier ones included; None for no limit.
        timeout: Seconds from now; None for no limit.
        n_workers: Processes that work on the study.

    Raises:
        BudgetError: A limit is not positive, or there is none.
    """

    n_trials: int | None
    timeout: float | None
    n_workers: int = 1

    def __post_init__(self) -> None:
        if self.n_trials is None and self.timeout is None:
            raise BudgetError("A search needs a limit: give n_trials (in total), timeout (in seconds), or both.")
        limits = {"n_trials": self.n_trials, "timeout": self.timeout, "n_workers": self.n_workers}
        for name, limit in limits.items():
            if limit is not None and not limit > 0:
                raise BudgetError(f"{name} = {limit} is not possible: it must be greater than zero.")


@final
class Clock:
    """Counts down from a time-out; never over without one."""

    def __init__(self, timeout: float | None) -> None:
        self._end = float("inf") if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds left; a moment if none are, which is time for one epoch."""
        return max(1e-3, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._end


@final
class Tuner:
    """One worker of a study.

    Args:
        store: Where the study is kept.
        name: The study, which exists.
        problem: What is given.
        space: What is searched.
        seed: The study's seed.
        worker: Who claims the trials; this process unless given.
    """

    def __init__(
        self, store: Store, name: str, *, problem: Problem, space: Space, seed: int, worker: Worker | None = None
    ) -> None:
        first = defaults(space)
        self._store, self._space, self._seed = store, space, seed
        self._encodings = Encodings(problem)
        self._worker = worker or Worker.this()
        self._name, self._study_id = name, store.study_id(name)
        self._sampler = SeededSampler(first["search"]["sampler"], seed=seed, first=first_trials(space))
        self._pruner = make_pruner(first["search"]["pruner"], n_epochs=first["train"]["n_epochs"])

    def _study(self) -> optuna.Study:
        """The study as Optuna sees it now: a study that is not asked for trials keeps the first list it has read."""
        return optuna.load_study(
            study_name=self._name, storage=self._store.optuna, sampler=self._sampler, pruner=self._pruner
        )

    def events(self, budget: Budget) -> Iterator[Event]:
        """Train trials until the budget is spent."""
        clock = Clock(budget.timeout)
        while not clock.is_over and not self._is_hopeless():
            claim = self._store.claim(self._study_id, n_trials=budget.n_trials, worker=self._worker)
            if claim is None:
                return
            yield from self._run(claim, budget, clock)

    def _run(self, claim: Claim, budget: Budget, clock: Clock) -> Iterator[Event]:
        """Train one trial; whatever happens to it ends up in the store."""
        started = time.monotonic()
        try:
            state, score, reason = yield from self._train(claim, clock)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            self._store.release(claim)
            raise
        except Exception as error:
            self._store.fail(claim, error, seconds=time.monotonic() - started)
            state, score, reason = "failed", None, f"{type(error).__name__}: {error}"
        yield self._ended(claim.number, state, score, reason, budget.n_trials)

    def _train(self, claim: Claim, clock: Clock) -> Generator[Event, None, tuple[State, float | None, str | None]]:
        study = self._study()
        config = suggest(optuna.trial.Trial(study, claim.trial_id), self._space)
        seed = trial_seed(self._seed, claim.number)
        n_epochs, (_, best_score) = int(config["train"]["n_epochs"]), self._best()
        self._store.begin(claim, config=config, seed=seed, data_fingerprint=self._encodings.problem.fingerprint)
        yield TrialStarted(claim.number, n_epochs, config)
        attempt = Attempt(self._encodings, config, seed=seed)
        state: Literal["complete", "pruned"] = "complete"
        for row in attempt.epochs(seconds=clock.left):
            self._store.report(claim, row)
            yield EpochEnded(claim.number, row.number, n_epochs, row.score, best_score)
            if self._pruner.prune(study, self._store.optuna.get_trial(claim.trial_id)):
                state = "pruned"
                break
        outcome = attempt.outcome(state)
        self._store.finish(claim, outcome)
        self._store.keep_models(self._study_id, N_MODELS)
        return state, outcome.score, outcome.stopped

    def _ended(
        self, number: int, state: State, score: float | None, reason: str | None, n_trials: int | None
    ) -> TrialEnded:
        best_number, best_score = self._best()
        n_done = sum(trial.state.is_finished() for trial in self._trials())
        return TrialEnded(number, state, score, reason, best_number, best_score, n_done, n_trials)

    def _trials(self) -> list[optuna.trial.FrozenTrial]:
        return self._store.optuna.get_all_trials(self._study_id, deepcopy=False)

    def _best(self) -> tuple[int | None, float | None]:
        done = [t for t in self._trials() if t.state == optuna.trial.TrialState.COMPLETE and t.value is not None]
        best = max(done, key=lambda trial: trial.value or 0.0, default=None)
        return (None, None) if best is None else (best.number, best.value)

    def _is_hopeless(self) -> bool:
        """Whether the study began with failures alone."""
        ended = [trial.state for trial in self._trials() if trial.state.is_finished()]
        return len(ended) >= MAX_FAILURES and all(state == optuna.trial.TrialState.FAIL for state in ended)
