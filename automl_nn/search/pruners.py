"""Pruners: which trials are not worth the rest of their epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import final

from optuna.trial import FrozenTrial, TrialState

from automl_nn.errors import SpaceError, did_you_mean
from automl_nn.store.trial_rows import N_EPOCHS

RUNGS = (3 / 15, 7 / 15)
"""Shares of its epochs after which a trial is compared: there the default schedule ends a cycle, so that what is
compared has been trained with a learning rate as low as at the end."""

SCHEDULE = "train.schedule.name"
"""The parameter that must be equal for scores at one share of the epochs to be comparable."""


@final
@dataclass(frozen=True, slots=True)
class Pruner:
    """Ends trials that are behind at a share of their epochs.

    A trial is compared with earlier ones of the same schedule at the same share of their epochs, so that trials of
    different lengths can be compared. It goes on if its best score so far is within the best `keep` of theirs.

    Args:
        keep: Share of the trials that go on.
        n_startup: Trials that it must be compared with; with fewer, it goes on.

    Source:
        Egele et al. (2023), "Is One Epoch All You Need For Multi-Fidelity Hyperparameter Optimization?",
        arXiv:2307.15422, from which the early cut is taken.

    Example:
        >>> pruner = Pruner(keep=1 / 3, n_startup=8)
        >>> [epoch for epoch in range(1, 31) if pruner.is_due(epoch, n_epochs=30)]
        [6, 14]
    """

    keep: float
    n_startup: int

    def is_due(self, epoch: int, *, n_epochs: int) -> bool:
        """Whether a trial is to be compared after this epoch."""
        return self.keep < 1 and epoch < n_epochs and epoch in {ceil(share * n_epochs) for share in RUNGS}

    def prunes(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Whether a trial that is due shall end.

        Args:
            trial: With its scores so far, and its number of epochs among its user attributes.
            rivals: The trials that it may be compared with.
        """
        share = max(trial.intermediate_values) / trial.user_attrs[N_EPOCHS]
        score = _best(trial, share)
        found = [_best(rival, share) for rival in rivals if _comparable(rival, trial)]
        others = [other for other in found if other is not None]
        if score is None or len(others) < self.n_startup:
            return False
        return sum(other > score for other in others) > self.keep * len(others)


def _comparable(rival: FrozenTrial, trial: FrozenTrial) -> bool:
    same = rival.params.get(SCHEDULE) == trial.params.get(SCHEDULE)
    return same and rival.number != trial.number and N_EPOCHS in rival.user_attrs


def _best(trial: FrozenTrial, share: float) -> float | None:
    """The best score up to a share of the epochs; None if the trial was ended or has not come so far."""
    last = ceil(share * trial.user_attrs[N_EPOCHS])
    known = trial.intermediate_values
    if trial.state != TrialState.COMPLETE and max(known, default=0) < last:
        return None
    return max((score for epoch, score in known.items() if epoch <= last), default=None)


PRUNERS: Mapping[str, Pruner] = {
    "percentile": Pruner(keep=1 / 3, n_startup=8),
    "median": Pruner(keep=1 / 2, n_startup=5),
    "none": Pruner(keep=1.0, n_startup=0),
}
"""Name -> pruner."""


def make_pruner(name: str) -> Pruner:
    """The pruner of this name.

    Raises:
        SpaceError: There is no such pruner.

    Example:
        >>> make_pruner("median").keep
        0.5
    """
    if name not in PRUNERS:
        raise SpaceError(f"Unknown pruner {name!r}. {did_you_mean(name, PRUNERS)}")
    return PRUNERS[name]
