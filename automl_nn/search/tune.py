"""The search: claim trials, train them, tell how they went; again until the budget is spent.

It is a generator of events. Whoever stops asking, presses Ctrl-C or kills the process leaves a study that the next call
continues: the trials that were cut short are claimed again and trained from their own seeds.
"""

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import final

import optuna
from optuna.trial import FixedTrial, Trial, TrialState

from automl_nn.search.draws import Draw, shared_knobs, stacks
from automl_nn.search.encodings import Encodings
from automl_nn.search.events import Event, TrialEnded
from automl_nn.search.ledger import Ledger
from automl_nn.search.plan import Budget, Plan
from automl_nn.search.problems.problem import Problem
from automl_nn.search.pruners import make_pruner
from automl_nn.search.samplers import Cohort, SeededSampler, trial_seed
from automl_nn.search.sharing import Shelf
from automl_nn.search.spaces.portfolio import first_trials, portfolio_for
from automl_nn.search.stack_run import StackRun
from automl_nn.space.draw import defaults, suggest
from automl_nn.space.options import Config, Space
from automl_nn.space.ranges import Value
from automl_nn.store.claims import LEASE_SECONDS, Claim, Worker
from automl_nn.store.store import Store

MAX_FAILURES = 10
"""So many failed trials at the start of a study, and no other, end it."""

MAX_PUT_OFF = 3
"""So many trials are given back because too little time is left for them, before a search with a time limit ends."""

_log = logging.getLogger(__name__)


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
        shelf: Where several workers share the encoded rows.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        problem: Problem,
        space: Space,
        seed: int,
        worker: Worker | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._store, self._space, self._seed = store, space, seed
        self._name, self._study_id = name, store.study_id(name)
        self._search: Config = defaults(space)["search"]
        self._first = first_trials(space, portfolio_for(problem, space))
        self._pruner = make_pruner(self._search["pruner"])
        self._encodings = Encodings(problem, shelf)
        self._worker = worker or Worker.this()
        self._ledger = Ledger(store, self._study_id, fingerprint=problem.fingerprint)

    def events(self, budget: Budget) -> Iterator[Event]:
        """Train trials until the budget is spent."""
        plan = Plan(budget, largest=int(self._search["cohort"]))
        put_off: list[Claim] = []
        try:
            while len(put_off) < MAX_PUT_OFF and not plan.is_spent and not self._is_hopeless():
                claims: dict[int, Claim] = {}
                try:
                    self._claim(claims, plan)
                    if not claims:
                        return
                    yield from self._without_ended(claims, self._run(list(claims.values()), plan))
                    put_off += claims.values()
                except (KeyboardInterrupt, SystemExit, GeneratorExit):
                    self._ledger.release(claims.values())
                    raise
        finally:
            self._ledger.release(put_off)

    def _without_ended(self, claims: dict[int, Claim], events: Iterator[Event]) -> Iterator[Event]:
        """The events of trials; claims on those that have ended are dropped, the others are kept alive."""
        renewed = time.monotonic()
        for event in events:
            if isinstance(event, TrialEnded):
                del claims[event.number]
            if time.monotonic() - renewed > LEASE_SECONDS / 4:
                self._ledger.renew(claims.values())
                renewed = time.monotonic()
            yield event

    def _is_hopeless(self) -> bool:
        """Whether the study began with failures alone."""
        ends = self._ledger.ends()
        return len(ends) >= MAX_FAILURES and all(state == TrialState.FAIL for state in ends)

    def _claim(self, claims: dict[int, Claim], plan: Plan) -> None:
        """Claim the next trial and, as far as they are to be had, those that are drawn together with it, by number."""
        end = plan.budget.n_trials
        claim = self._store.claim(self._study_id, n_trials=end, worker=self._worker)
        cohort = range(0) if claim is None else plan.cohort(claim.slot)
        while claim is not None:
            claims[claim.number] = claim
            end = cohort.stop if end is None else min(cohort.stop, end)
            is_full = len(claims) == len(cohort)
            claim = None if is_full else self._store.claim(self._study_id, n_trials=end, worker=self._worker)

    def _run(self, claims: Sequence[Claim], plan: Plan) -> Iterator[Event]:
        """Draw the configs of a cohort and train them; whatever happens to a trial ends up in the store."""
        first = min(claims[0].number, plan.cohort(claims[0].slot).start)
        draws = yield from self._draw(claims, first, plan)
        for stack in stacks(draws):
            yield from self._train(stack, first, plan)

    def _train(self, draws: Sequence[Draw], first: int, plan: Plan) -> Iterator[Event]:
        """Train draws in one stack, or, if that is impossible, in two halves, so that one does not cost the others."""
        run = StackRun(
            draws, ledger=self._ledger, encodings=self._encodings, pruner=self._pruner, plan=plan, first=first
        )
        failure = yield from run.events()
        if failure is None:
            return
        if len(run.open) < 2:
            yield from run.fail(failure)
            return
        _log.warning(
            "%d trials cannot be trained in one stack (%s): they are trained in two.", len(run.open), _words(failure)
        )
        del failure  # its traceback holds the memory of the stack
        half = len(run.open) // 2
        for part in (run.open[:half], run.open[half:]):
            yield from self._train(part, first, plan)

    def _draw(self, claims: Sequence[Claim], first: int, plan: Plan) -> Generator[Event, None, list[Draw]]:
        """Draw a config for each claim; what cannot be drawn has failed."""
        draws: list[Draw] = []
        study = optuna.load_study(study_name=self._name, storage=self._store.optuna)
        shared: Mapping[str, Value] = self._shared_by(first) if first < claims[0].number else {}
        for claim in claims:
            cohort = Cohort(first, shared)
            study.sampler = SeededSampler(self._search["sampler"], seed=self._seed, first=self._first, cohort=cohort)
            try:
                config = suggest(Trial(study, claim.trial_id), self._space)
            except ValueError as error:  # a trial that somebody enqueued does not fit the space
                yield self._ledger.fail(claim, error, seconds=None, n_trials=plan.budget.n_trials)
                continue
            draws.append(Draw(claim, config, trial_seed(self._seed, claim.number)))
            if claim.number == first:
                shared = shared_knobs(config)
        return draws

    def _shared_by(self, first: int) -> dict[str, Value]:
        """What the first trial of a cohort that was interrupted hands on to the others."""
        trial = self._store.optuna.get_all_trials(self._study_id, deepcopy=False)[first]
        try:
            return shared_knobs(suggest(FixedTrial(trial.params), self._space))
        except ValueError:  # it failed before it was drawn
            return {}


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
