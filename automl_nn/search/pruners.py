"""Pruners: which trials are not worth another epoch."""

from collections.abc import Callable, Mapping

from optuna.pruners import BasePruner, MedianPruner, NopPruner, PercentilePruner

from automl_nn.errors import SpaceError, did_you_mean

PRUNERS: Mapping[str, Callable[[int], BasePruner]] = {
    "percentile": lambda warmup: PercentilePruner(100 / 3, n_startup_trials=8, n_warmup_steps=warmup),
    "median": lambda warmup: MedianPruner(n_startup_trials=5, n_warmup_steps=warmup),
    "none": lambda _warmup: NopPruner(),
}
"""Name -> function from the epochs that every trial is granted to an Optuna pruner."""


def make_pruner(name: str, *, n_epochs: int) -> BasePruner:
    """The pruner of this name; every trial is granted a tenth of its epochs.

    `percentile` keeps a trial while its best score so far is within the best third of the earlier trials at that epoch.

    Raises:
        SpaceError: There is no such pruner.

    Source:
        Egele et al. (2023), "Is One Epoch All You Need For Multi-Fidelity Hyperparameter Optimization?",
        arXiv:2307.15422, from which the early cut is taken.

    Example:
        >>> type(make_pruner("none", n_epochs=10)).__name__
        'NopPruner'
    """
    if name not in PRUNERS:
        raise SpaceError(f"Unknown pruner {name!r}. {did_you_mean(name, PRUNERS)}")
    return PRUNERS[name](max(1, n_epochs // 10))
