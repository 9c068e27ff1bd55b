"""What a worker writes down about its trials, and reads about those of the whole study."""

from collections.abc import Iterable, Sequence
from typing import final

from optuna.trial import FrozenTrial, TrialState

from automl_nn.search.draws import Draw
from automl_nn.search.events import State, TrialEnded
from automl_nn.store.claims import Claim
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.store import Store

N_MODELS = 20
"""Trials of a study that keep their trained networks."""

_PRUNABLE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


@final
class Ledger:
    """The trials of one study in its store.

    Args:
        store: Where the study is kept.
        study_id: The study.
        fingerprint: Hash of the data.
    """

    def __init__(self, store: Store, study_id: int, *, fingerprint: str) -> None:
        self._store, self._study_id, self._fingerprint = store, study_id, fingerprint

    def begin(self, draw: Draw) -> None:
        """Note what a trial is made of."""
        self._store.begin(draw.claim, config=draw.config, seed=draw.seed, data_fingerprint=self._fingerprint)

    def report(self, claim: Claim, row: EpochRow) -> None:
        """Note an epoch."""
        self._store.report(claim, row)

    def finish(self, claim: Claim, outcome: Outcome, *, n_trials: int | None) -> TrialEnded:
        """End a trial with what it has come to."""
        self._store.finish(claim, outcome)
        self._store.keep_models(self._study_id, N_MODELS)
        return self._ended(claim, outcome.state, score=outcome.score, reason=outcome.stopped, n_trials=n_trials)

    def fail(self, claim: Claim, error: Exception, *, seconds: float | None, n_trials: int | None) -> TrialEnded:
        """End a trial with what stopped it."""
        self._store.fail(claim, error, seconds=seconds)
        reason = f"{type(error).__name__}: {error}"
        return self._ended(claim, "failed", score=None, reason=reason, n_trials=n_trials)

    def _ended(
        self, claim: Claim, state: State, *, score: float | None, reason: str | None, n_trials: int | None
    ) -> TrialEnded:
        trials = self._trials()
        number, best = _best(trials)
        return TrialEnded(claim.number, state, score, reason, number, best, len(_ends(trials)), n_trials)

    def renew(self, claims: Iterable[Claim]) -> None:
        """Tell other machines that trials which wait are in good hands."""
        for claim in claims:
            self._store.renew(claim)

    def release(self, claims: Iterable[Claim]) -> None:
        """Give trials back, to be claimed by anyone at once."""
        for claim in claims:
            self._store.release(claim)

    def trial(self, claim: Claim) -> FrozenTrial:
        """A trial as Optuna sees it now."""
        return self._store.optuna.get_trial(claim.trial_id)

    def rivals(self, first: int) -> list[FrozenTrial]:
        """The trials before number `first` that have not failed."""
        return [trial for trial in self._trials() if trial.number < first and trial.state in _PRUNABLE]

    def best(self) -> tuple[int | None, float | None]:
        """Number and score of the best complete trial."""
        return _best(self._trials())

    def ends(self) -> list[TrialState]:
        """How the trials that have ended did."""
        return _ends(self._trials())

    def _trials(self) -> Sequence[FrozenTrial]:
        return self._store.optuna.get_all_trials(self._study_id, deepcopy=False)


def _best(trials: Sequence[FrozenTrial]) -> tuple[int | None, float | None]:
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    best = max(done, key=lambda trial: trial.value or 0.0, default=None)
    return (None, None) if best is None else (best.number, best.value)


def _ends(trials: Sequence[FrozenTrial]) -> list[TrialState]:
    return [trial.state for trial in trials if trial.state.is_finished()]
