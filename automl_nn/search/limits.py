"""How far the last search of a study was to go, noted with the study for whoever looks on."""

import time
from dataclasses import asdict, dataclass
from typing import final

import optuna

KEY = "automl_nn:limits"
"""The attribute of Optuna's study that holds them."""


@final
@dataclass(frozen=True)
class Limits:
    """The limits of a search.

    Args:
        n_trials: Trials that the study shall have in total; None for no limit.
        ends: When the time is over, in seconds since 1970; None for no limit.

    Example:
        >>> study = optuna.create_study()
        >>> limits_of(study._storage, study._study_id)
        Limits(n_trials=None, ends=None)
        >>> note_limits(study._storage, study._study_id, Limits(n_trials=9))
        >>> limits_of(study._storage, study._study_id)
        Limits(n_trials=9, ends=None)
    """

    n_trials: int | None = None
    ends: float | None = None

    @staticmethod
    def starting_now(n_trials: int | None, timeout: float | None) -> "Limits":
        """The limits of a search that begins.

        Args:
            n_trials: Trials that the study shall have in total.
            timeout: Seconds from now.
        """
        return Limits(n_trials, None if timeout is None else time.time() + timeout)

    def seconds_left(self, n_ended: int, *, pace: float | None, now: float) -> float | None:
        """Seconds until the first limit is met; None while nothing is known of it.

        Args:
            n_ended: Trials that have ended.
            pace: Trials that end in a second; None if that is not known.
            now: Seconds since 1970.

        Example:
            >>> Limits(n_trials=30, ends=1000.0).seconds_left(10, pace=0.5, now=900.0)
            40.0
        """
        spans = [] if self.ends is None else [self.ends - now]
        if self.n_trials is not None and pace:
            spans.append((self.n_trials - n_ended) / pace)
        return max(0.0, min(spans)) if spans else None


def note_limits(storage: optuna.storages.BaseStorage, study_id: int, limits: Limits) -> None:
    """Note the limits of the search that begins, over those of an earlier one."""
    storage.set_study_user_attr(study_id, KEY, asdict(limits))


def limits_of(storage: optuna.storages.BaseStorage, study_id: int) -> Limits:
    """The limits of the last search; none of either kind if nobody noted them."""
    return Limits(**storage.get_study_user_attrs(study_id).get(KEY, {}))
