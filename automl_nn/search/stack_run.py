"""One stack of trials on its way: every epoch is reported, who is done is taken out, the others go on."""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Literal, final

from automl_nn.errors import DivergedError, StorageError
from automl_nn.search.attempt import Attempt, Progress
from automl_nn.search.draws import Draw
from automl_nn.search.encodings import Encodings
from automl_nn.search.events import EpochEnded, Event, TrialStarted
from automl_nn.search.ledger import Ledger
from automl_nn.search.pacing import Pacing
from automl_nn.search.plan import Plan
from automl_nn.search.pruners import Pruner
from automl_nn.space.ranges import Value
from automl_nn.train.device import all_memory_kept


@final
class StackRun:
    """The training of draws that fit into one stack.

    Args:
        draws: What is trained.
        ledger: Where it is written down.
        encodings: The rows.
        pruner: Ends trials that are behind.
        plan: How long it may take.
        first: Number of the first trial of the cohort: what is behind is told by the trials before it.
    """

    def __init__(
        self,
        draws: Sequence[Draw],
        *,
        ledger: Ledger,
        encodings: Encodings,
        pruner: Pruner,
        plan: Plan,
        first: int,
    ) -> None:
        self._draws, self._ledger, self._encodings = list(draws), ledger, encodings
        self._pruner, self._plan, self._first = pruner, plan, first
        self._ended: set[int] = set()
        self._best: float | None = None

    @property
    def open(self) -> list[Draw]:
        """The trials that have not ended."""
        return [draw for trial, draw in enumerate(self._draws) if trial not in self._ended]

    def events(self) -> Generator[Event, None, Exception | None]:
        """Train until every trial has ended; none is trained that would have too little time to be worth it.

        Returns:
            What made it impossible to train the stack; the trials that are `open` have not ended then.

        Raises:
            StorageError: The storage does not answer.
        """
        try:
            with all_memory_kept():
                yield from self._train()
        except StorageError:
            raise
        except Exception as error:  # a trial that fails is data
            return error
        return None

    def _train(self) -> Iterator[Event]:
        for draw in self._draws:
            self._ledger.begin(draw)
        attempt = Attempt(
            self._encodings, [draw.config for draw in self._draws], seeds=[draw.seed for draw in self._draws]
        )
        _, self._best = self._ledger.best()
        self._choose_precision(attempt)
        wanted = int(self._draws[0].config["train"]["n_epochs"])
        pacing = self._plan.pacing(wanted, seconds_per_epoch=attempt.pace, least=attempt.least_epochs)
        if self._best is not None and not pacing.is_worthwhile:
            return
        if pacing.is_cut:
            attempt.plan_epochs(pacing.n_epochs, precision=self._draws[0].config["train"]["precision"])
            self._amend(n_epochs=pacing.n_epochs)
        for draw in self._draws:
            yield TrialStarted(draw.claim.number, pacing.n_epochs, draw.config)
        yield from self._train_paced(attempt, pacing)

    def _train_paced(self, attempt: Attempt, pacing: Pacing) -> Iterator[Event]:
        """Train all epochs, whose number follows what they take."""
        begun, n_done = time.monotonic(), 0
        for progresses in attempt.epochs(seconds=self._plan.clock.left):
            n_done = progresses[0].row.number
            self._correct(attempt, pacing, seconds=time.monotonic() - begun)
            for progress in progresses:
                claim, row = self._draws[progress.trial].claim, progress.row
                self._ledger.report(claim, row)
                yield EpochEnded(claim.number, row.number, pacing.n_epochs, row.score, self._best)
            yield from self._take_out(attempt, progresses, pacing.n_epochs)
            if not self.open:
                return
        late = "timeout" if pacing.is_cut or n_done < pacing.n_epochs or self._plan.clock.is_over else None
        for trial in range(len(self._draws)):
            if trial not in self._ended:
                yield self._finish(attempt, trial, "complete", stopped=late)

    def _correct(self, attempt: Attempt, pacing: Pacing, *, seconds: float) -> None:
        """Let the schedules end elsewhere, if epochs do not take what was measured."""
        before = pacing.n_epochs
        if pacing.after(seconds) != before:
            attempt.correct_epochs(pacing.n_epochs)
            self._amend(n_epochs=pacing.n_epochs)

    def _choose_precision(self, attempt: Attempt) -> None:
        """Train in bfloat16 where the configs leave it open and this machine is clearly faster in it."""
        config = self._draws[0].config
        if config["train"]["precision"] != "auto" or not attempt.may_round:
            return
        if self._plan.precision(attempt.kind, seconds_per_epoch=attempt.pace) == "bfloat16":
            attempt.plan_epochs(int(config["train"]["n_epochs"]), precision="bfloat16")
            self._amend(precision="bfloat16")

    def _amend(self, **train: Value) -> None:
        """Note what is trained otherwise than drawn: in fewer epochs, in another precision."""
        for i, draw in enumerate(self._draws):
            if i in self._ended:
                continue
            config = {**draw.config, "train": {**draw.config["train"], **train}}
            self._draws[i] = replace(draw, config=config)
            self._ledger.begin(self._draws[i])

    def _take_out(self, attempt: Attempt, progresses: Sequence[Progress], n_epochs: int) -> Iterator[Event]:
        """End the trials that have no reason to go on."""
        for progress in progresses:
            if progress.failure is not None:
                yield self._fail(
                    progress.trial, DivergedError(progress.failure), seconds=attempt.seconds(progress.trial)
                )
            elif self._is_behind(progress, n_epochs):
                yield self._finish(attempt, progress.trial, "pruned", stopped="pruned")
            elif progress.is_stale and progress.row.number < n_epochs:
                yield self._finish(attempt, progress.trial, "complete", stopped="patience")
        left = [progress.trial for progress in progresses if progress.trial not in self._ended]
        if 0 < len(left) < len(progresses):
            attempt.keep(left)

    def _is_behind(self, progress: Progress, n_epochs: int) -> bool:
        if not self._pruner.is_due(progress.row.number, n_epochs=n_epochs):
            return False
        trial = self._ledger.trial(self._draws[progress.trial].claim)
        return self._pruner.prunes(trial, self._ledger.rivals(self._first))

    def _finish(
        self, attempt: Attempt, trial: int, state: Literal["complete", "pruned"], *, stopped: str | None
    ) -> Event:
        claim, seconds = self._draws[trial].claim, attempt.seconds(trial)
        try:
            outcome = attempt.outcome(trial, state, stopped=stopped)
        except DivergedError as error:
            return self._fail(trial, error, seconds=seconds)
        self._ended.add(trial)
        self._plan.note(seconds)
        ended = self._ledger.finish(claim, outcome, n_trials=self._plan.budget.n_trials)
        self._best = ended.best_score
        return ended

    def _fail(self, trial: int, error: Exception, *, seconds: float | None) -> Event:
        self._ended.add(trial)
        claim = self._draws[trial].claim
        return self._ledger.fail(claim, error, seconds=seconds, n_trials=self._plan.budget.n_trials)

    def fail(self, error: Exception) -> Iterator[Event]:
        """End the trials that are open with what stopped them."""
        for trial in [trial for trial in range(len(self._draws)) if trial not in self._ended]:
            yield self._fail(trial, error, seconds=None)
