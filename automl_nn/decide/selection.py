"""Honest selection: what the best of many trials is worth on rows that did not choose it.

The score of the best trial is too good, since the rows that score it have also picked it. Resamples of these rows tell
by how much: the best trial on the rows drawn is scored on the rows left out, again and again. No network is trained.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.decide.ensemble import N_BEST, blend, ensemble_weights
from automl_nn.decide.unseen import still_to_come, widened
from automl_nn.task.base import Task
from automl_nn.task.resampled import is_fast, resampled_scores

N_RESAMPLES, N_SLOW, N_ENSEMBLES = 200, 50, 25
"""Resamples of the rows; for a metric that is computed one resample at a time; for ensembles."""

MAX_CELLS = 4_000_000
"""Rows times resamples that are held at a time: more rows get fewer resamples."""

MAX_GREEDY = 5_000
"""Numbers of one trial's outputs on which a resample chooses its ensemble; of more rows some are left out."""

BLOCK = 20
"""Trials after which it is asked whether worse ones could still win."""

TAILS = (0.05, 0.95)
"""Where an interval ends: it covers 90 %."""

ROUNDING = 1e-9
"""A difference of less, relative to the score, is none."""

NARROWER = np.sqrt(np.exp(-1) / (1 - np.exp(-1)))
"""Rows left out of a resample are 37 % of the rows: their mean strays further than that of all rows does."""

Outputs = npt.NDArray[np.floating[Any]]
Array = npt.NDArray[np.float64]
Units = npt.NDArray[np.int64]


@final
@dataclass(frozen=True)
class Estimate:
    """A score on rows that chose nothing.

    Args:
        score: The task's metric, greater is better; NaN where no resample can tell, as of rows of a single group.
        interval: Where it lies on new rows, with 90 % confidence.
    """

    score: float
    interval: tuple[float, float]

    @property
    def is_known(self) -> bool:
        """Whether resamples could tell."""
        return bool(np.isfinite([self.score, *self.interval]).all())

    def with_unseen(self, by: float) -> "Estimate":
        """The same with allowance for errors that are yet to come; see `still_to_come`."""
        return Estimate(self.score + by, widened(self.interval, by))


@final
@dataclass(frozen=True)
class Against:
    """The networks beside one reference.

    Args:
        reference: Its score; it was chosen by nobody, so only errors yet to come are allowed for.
        gain: What the networks are worth more; negative if they are worse.
        interval: Where the gain lies on new rows, with 90 % confidence.
    """

    reference: float
    gain: float
    interval: tuple[float, float]

    @property
    def is_worse(self) -> bool:
        """Whether the networks scored lower."""
        return self.gain < 0

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than noise, and more than rounding."""
        least = ROUNDING * max(1.0, abs(self.reference))
        return self.interval[0] > least or self.interval[1] < -least


@final
@dataclass(frozen=True)
class Honest:
    """What the trials of a study are worth on new rows.

    Args:
        best: The best trial, whichever that is.
        ensemble: The ensemble; None if there is a single trial.
        gain: What the ensemble is worth more than the best trial, with its 90 % interval.
        optimism: By how much the best trial's own score is too good.
        within_noise: Positions, or numbers, of the trials that cannot be told from the best one, itself first.
        references: Name of a reference to the comparison with the ensemble, or with the best trial if that is alone.
        n_trials: Trials that took part.
        n_resamples: Resamples drawn.
        simplest: The trial of the fewest parameters among those within noise; of equals the quicker one.
    """

    best: Estimate
    ensemble: Estimate | None
    gain: Estimate | None
    optimism: float
    within_noise: tuple[int, ...]
    references: Mapping[str, Against]
    n_trials: int
    n_resamples: int
    simplest: int | None = None

    @property
    def deployed(self) -> Estimate:
        """The ensemble, or the best trial if that is alone: what predicts unless somebody says otherwise."""
        return self.ensemble or self.best


def honest_selection(
    task: Task,
    trials: Iterable[Outputs],
    y: npt.NDArray[np.floating[Any]],
    *,
    partners: Sequence[Outputs] = (),
    references: Mapping[str, Outputs] | None = None,
    groups: npt.NDArray[Any] | None = None,
    units: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Honest:
    """What the best trial and the ensemble are worth on rows that did not choose them.

    Args:
        task: What is asked, and the metric.
        trials: Stored outputs `(n_rows, d_out)` of each trial, the best first; asked for only as far as they can win.
        y: Encoded labels `(n_rows, d_y)`, NaN where missing.
        partners: Outputs of what may join an ensemble and is no trial, or was pruned.
        references: Name of a reference to its outputs.
        groups: Group of each row `(n_rows,)`; the rows of a group are drawn together.
        units: What each row belongs to for `ensemble_weights` `(n_rows,)`; its group unless given.
        seed: Seed of the resamples.

    Source:
        Tsamardinos, Greasidou & Borboudakis (2018), "Bootstrapping the out-of-sample predictions for efficient and
        accurate cross-validation", doi:10.1007/s10994-018-5714-4 (bootstrap bias correction). Differences: the trials'
        scores on all rows serve as a control variate, the interval is drawn in by the size of the part left out, and a
        log loss allows for errors that no row has shown; see `still_to_come`.

    Example:
        >>> from automl_nn.task.tasks import Regression
        >>> rng = np.random.default_rng(0)
        >>> y = rng.normal(size=(200, 1))
        >>> task = Regression(("y",), "neg_mean_squared_error")
        >>> trials = sorted((y + rng.normal(size=y.shape) for _ in range(50)), key=lambda o: -task.score(y, o))
        >>> honest = honest_selection(task, trials, y)
        >>> task.score(y, trials[0]) > honest.best.score
        True
    """
    group = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    unit = group if units is None else units
    drawn = Resamples.draw(group, n=_n_resamples(task, len(y)), seed=seed)
    contest = _contest(task, trials, y, drawn)
    winners = np.argmax(np.nan_to_num(contest.inside, nan=-np.inf), axis=0)
    left_out = contest.outside[winners, np.arange(drawn.n)]
    usual = np.array([_mean(scores) for scores in contest.outside])
    best = _estimate(float(np.mean(contest.scores[winners])) + _mean(left_out - usual[winners]), left_out)
    together = _ensembles(task, contest, partners, y, drawn, unit=unit)
    gain = together - left_out[: len(together)]
    ensemble = _estimate(best.score + _mean(gain), together) if len(together) else None
    deployed = (best.score, left_out) if ensemble is None else (ensemble.score, together)
    alone = still_to_come(task, y, contest.outputs[0])
    blended = alone if ensemble is None else still_to_come(task, y, _together(task, contest, partners, y, unit=unit))
    best = best.with_unseen(alone)
    return Honest(
        best=best,
        ensemble=None if ensemble is None else ensemble.with_unseen(blended),
        gain=None if ensemble is None else _estimate(_mean(gain), gain).with_unseen(blended - alone),
        optimism=float(contest.scores[0]) - best.score,
        within_noise=_within_noise(contest.inside),
        references={
            name: _against(task, y, ref, drawn, *deployed, unseen=blended) for name, ref in (references or {}).items()
        },
        n_trials=contest.n_trials,
        n_resamples=drawn.n,
    )


@final
@dataclass(frozen=True)
class Resamples:
    """How often each row was drawn, and which were not `(n_rows, n)`."""

    inside: npt.NDArray[np.float32]
    outside: npt.NDArray[np.float32]

    @property
    def n(self) -> int:
        """Number of resamples."""
        return int(self.inside.shape[1])

    @staticmethod
    def draw(unit: Units, *, n: int, seed: int) -> "Resamples":
        """Draw rows, or groups of rows, with replacement; `unit` numbers them without gaps."""
        n_units = int(unit.max()) + 1
        drawn = np.random.default_rng(seed).integers(0, n_units, size=(n, n_units))
        counts = np.stack([np.bincount(row, minlength=n_units) for row in drawn], axis=1)[unit].astype(np.float32)
        return Resamples(counts, (counts == 0).astype(np.float32))


@final
@dataclass(frozen=True)
class _Contest:
    """The trials that may win: outputs of the first few, scores `(n,)`, and scores on resamples `(n, n_resamples)`."""

    outputs: Sequence[Outputs]
    scores: Array
    inside: Array
    outside: Array
    n_trials: int


def _n_resamples(task: Task, n_rows: int) -> int:
    most = N_RESAMPLES if is_fast(task) else N_SLOW
    return int(np.clip(MAX_CELLS // max(n_rows, 1), 40, most))


def _contest(task: Task, trials: Iterable[Outputs], y: Outputs, drawn: Resamples) -> _Contest:
    """Score trials on the resamples, best first, until a whole block of them has won nowhere."""
    outputs: list[Outputs] = []
    scores: list[float] = []
    inside: list[Array] = []
    outside: list[Array] = []
    n_trials = 0
    for n_trials, output in enumerate(trials, start=1):
        if len(outputs) < 2 * N_BEST:
            outputs.append(output)
        scores.append(task.score(y, output))
        inside.append(resampled_scores(task, y, output, drawn.inside))
        outside.append(resampled_scores(task, y, output, drawn.outside))
        if n_trials % BLOCK == 0 and not _wins(inside):
            break
    return _Contest(outputs, np.array(scores), np.array(inside), np.array(outside), n_trials)


def _wins(inside: Sequence[Array]) -> bool:
    """Whether one of the last block of trials is the best of any resample."""
    best = np.argmax(np.nan_to_num(np.array(inside), nan=-np.inf), axis=0)
    return bool((best >= len(inside) - BLOCK).any())


def _mean(scores: Array) -> float:
    """The mean of the resamples that have a score; NaN if none has."""
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else float("nan")


def _estimate(score: float, left_out: Array) -> Estimate:
    """A score with the interval that its values on the rows left out tell."""
    known = left_out[np.isfinite(left_out)]
    if not len(known):
        return Estimate(score, (float("nan"), float("nan")))
    low, high = score + NARROWER * (np.quantile(known, TAILS) - known.mean())
    return Estimate(score, (float(low), float(high)))


def _ensembles(
    task: Task, contest: _Contest, partners: Sequence[Outputs], y: Outputs, drawn: Resamples, *, unit: Units
) -> Array:
    """What ensembles that are chosen on the rows drawn score on the rows left out `(n_ensembles,)`."""
    if len(contest.outputs) + len(partners) < 2 or task.family == "embedding":
        return np.zeros(0)
    rows = _choosing(task, len(y))
    scores = []
    for i in range(min(N_ENSEMBLES, drawn.n)):
        order = np.argsort(-np.nan_to_num(contest.inside[: len(contest.outputs), i], nan=-np.inf))[:N_BEST]
        members = [*(contest.outputs[j] for j in order), *partners]
        outputs, counts = [member[rows] for member in members], drawn.inside[rows, i]
        weights = ensemble_weights(task, outputs, y[rows], units=unit[rows], row_weight=counts)
        output = _blended(task, members, weights)
        scores.append(resampled_scores(task, y, output, drawn.outside[:, i : i + 1])[0])
    return np.array(scores)


def _together(task: Task, contest: _Contest, partners: Sequence[Outputs], y: Outputs, *, unit: Units) -> Outputs:
    """Outputs of the ensemble that all rows choose `(n_rows, d_out)`."""
    members = [*contest.outputs[:N_BEST], *partners]
    rows = _choosing(task, len(y))
    outputs = [member[rows] for member in members]
    return _blended(task, members, ensemble_weights(task, outputs, y[rows], units=unit[rows]))


def _choosing(task: Task, n_rows: int) -> npt.NDArray[np.int64]:
    """Rows that choose an ensemble, in random order."""
    return np.random.default_rng(0).permutation(n_rows)[: max(200, MAX_GREEDY // task.d_out)]


def _blended(task: Task, members: Sequence[Outputs], weights: Array) -> Array:
    chosen = [int(i) for i in np.flatnonzero(weights)]
    return blend([members[i] for i in chosen], weights[chosen].tolist(), family=task.family)


def _within_noise(inside: Array) -> tuple[int, ...]:
    """The first trial, and those that are at least as good as it in one resample of twenty."""
    as_good = np.mean(inside >= inside[0], axis=1)
    return (0, *(int(i) for i in np.flatnonzero(as_good >= TAILS[0]) if i > 0))


def _against(
    task: Task, y: Outputs, reference: Outputs, drawn: Resamples, score: float, left_out: Array, *, unseen: float
) -> Against:
    own, own_unseen = task.score(y, reference), still_to_come(task, y, reference)
    theirs = resampled_scores(task, y, reference, drawn.outside[:, : len(left_out)])
    gain = _estimate(score - own, left_out - theirs).with_unseen(unseen - own_unseen)
    return Against(own + own_unseen, gain.score, gain.interval)
