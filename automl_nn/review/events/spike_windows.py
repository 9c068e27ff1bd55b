"""Windows of series that came back in spikes: kept with a study, so that their labels can be looked at later."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.series.steps import Steps
from automl_nn.errors import StorageError
from automl_nn.store.store import Store

if TYPE_CHECKING:
    from automl_nn.search.problems.problem import Problem

PART = "spike_windows"
"""Under which they are stored."""

PER_TRIAL, MOST_TRIALS = 4, 32
"""Windows that are kept of a trial, and trials of which some are, the best ones first."""

MOST_POINTS, MOST_CHANNELS = 512, 3
"""Steps of a window that are kept, evenly spaced where it has more, and channels."""

LENGTH = "model.backbone.length"
"""The knob that says how many steps a window has."""

Values = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class SpikeWindows:
    """Windows that were in the batches of spikes.

    Args:
        first: Their first steps, counted over all series `(n,)`.
        steps: Numbers of their steps in their series `(n, n_points)`, NaN behind the end of a window.
        labels: What is known of each step `(n, n_points)`: 1 where any label holds, the number of a class, or a value.
        channels: The first channels that hold numbers `(n, n_points, n_channels)`.
    """

    first: Indices
    steps: Values
    labels: Values
    channels: Values

    def __len__(self) -> int:
        return len(self.first)

    def most_seen(self, seen: Mapping[int, int], *, length: int) -> "SpikeWindows":
        """Those that were in most spikes, one for each place; no more than are kept of a trial.

        Args:
            seen: In how many spikes the windows were that are asked for, by their first steps.
            length: Steps of a window: what begins nearer to another one is at the same place.
        """
        order = sorted((place for place, first in enumerate(self.first.tolist()) if first in seen), key=self._by(seen))
        chosen: list[int] = []
        for place in order:
            apart = all(abs(int(self.first[place] - self.first[other])) >= length for other in chosen)
            chosen += [place] if apart else []
        kept = chosen[:PER_TRIAL]
        return SpikeWindows(self.first[kept], self.steps[kept], self.labels[kept], self.channels[kept])

    def _by(self, seen: Mapping[int, int]) -> Callable[[int], int]:
        return lambda place: -seen[int(self.first[place])]


def recurring(batches: Sequence[Sequence[int]], *, length: int = 1) -> pd.DataFrame:
    """Rows, or places of series, that were in the batches of spikes: those in most spikes first.

    Windows are cut anew in each epoch, so that hardly two of them begin at the same step; those that lie on the same
    piece of a series, as long as a window, for the most part count as one.

    Args:
        batches: The rows of each spike; of series, the first steps of its windows.
        length: Steps of a window; 1 where rows are meant.

    Returns:
        `first` (the row, or the first step of a window on the piece) and `n_spikes`.

    Example:
        >>> recurring([[40, 100], [43, 200], [300]], length=16).head(2).to_numpy().tolist()
        [[40, 2], [100, 1]]
    """
    rows = _by_piece(batches, length)
    found = rows.drop_duplicates("piece").sort_values(["n_spikes", "first"], ascending=[False, True])
    return found[["first", "n_spikes"]].reset_index(drop=True)


def times_seen(batches: Sequence[Sequence[int]], *, length: int = 1) -> dict[int, int]:
    """In how many spikes each row was; of series, the place at which each window lies.

    Args:
        batches: As for `recurring`.
        length: Steps of a window; 1 where rows are meant.

    Example:
        >>> times_seen([[40, 100], [43, 200]], length=16)
        {40: 2, 43: 2, 100: 1, 200: 1}
    """
    rows = _by_piece(batches, length)
    return dict(zip(rows["first"].tolist(), rows["n_spikes"].tolist(), strict=True))


def window_length(trials: pd.DataFrame) -> int:
    """Steps of the shortest windows of some trials; 1 where rows are no steps.

    Args:
        trials: One row a trial, with its knobs by path.

    Example:
        >>> window_length(pd.DataFrame({"model.backbone.length": [64, 32]})), window_length(pd.DataFrame())
        (32, 1)
    """
    known = trials[LENGTH].dropna() if LENGTH in trials else ()
    return int(min(known)) if len(known) else 1


def _by_piece(batches: Sequence[Sequence[int]], length: int) -> pd.DataFrame:
    """`first` of each spike's rows in ascending order, the `piece` it lies on, and the spikes that the piece was in."""
    rows = pd.DataFrame({"first": np.concatenate([np.zeros(0, dtype=np.int64), *map(_numbers, batches)])})
    rows["spike"] = np.repeat(np.arange(len(batches)), [len(own) for own in batches])
    rows["piece"] = (rows["first"] + length // 2) // length
    rows["n_spikes"] = rows.groupby("piece")["spike"].transform("nunique")
    return rows.sort_values("first", kind="stable")


def _numbers(rows: Sequence[int]) -> Indices:
    return np.asarray(rows, dtype=np.int64)


def keep_spike_windows(store: Store, study_id: int, problem: "Problem") -> None:
    """Store windows of series that came back in spikes; nothing where there are no series, or no spikes.

    Args:
        store: Where the study is kept.
        study_id: The study.
        problem: What is given.
    """
    if problem.steps is None:
        return
    kept = spike_windows(problem, store.trials(study_id), store.spikes(study_id))
    if kept is not None:
        values = np.concatenate([kept.steps[..., None], kept.labels[..., None], kept.channels], axis=2)
        store.put_targets(study_id, row_ids=kept.first, y=values, part=PART)


def kept_spike_windows(store: Store, study_id: int) -> SpikeWindows | None:
    """The windows that a study keeps; None where it keeps none.

    Args:
        store: Where the study is kept.
        study_id: The study.
    """
    try:
        first, values = store.targets(study_id, part=PART)
    except StorageError:  # a study of an earlier version, without series, or without spikes
        return None
    return SpikeWindows(first, values[..., 0], values[..., 1], values[..., 2:])


def spike_windows(problem: "Problem", trials: pd.DataFrame, spikes: pd.DataFrame) -> SpikeWindows | None:
    """Some windows of the spikes of each trial; None where there are none to draw.

    Args:
        problem: A problem whose rows are steps.
        trials: One row a trial, as the store gives them.
        spikes: One row a spike.
    """
    steps = problem.steps
    numeric = [column.name for column in problem.table.used if column.role == "numeric"][:MOST_CHANNELS]
    if steps is None or spikes.empty or not numeric or LENGTH not in trials:
        return None
    places = dict(_places(trials, spikes))
    rows = [_thinned(steps, first, length) for first, length in places.items()]
    size = max(map(len, rows))
    is_known = np.stack([np.arange(size) < len(own) for own in rows])
    at = np.stack([np.pad(own, (0, size - len(own)), mode="edge") for own in rows])
    channels = problem.table.take(at.ravel()).frame[numeric].to_numpy().reshape(*at.shape, len(numeric))
    return SpikeWindows(
        first=np.array(list(places), dtype=np.int64),
        steps=np.where(is_known, at - steps.starts[steps.numbers_at(at)], np.nan).astype(np.float32),
        labels=np.where(is_known, _labels(problem, at), np.nan).astype(np.float32),
        channels=np.where(is_known[..., None], channels, np.nan).astype(np.float32),
    )


def _places(trials: pd.DataFrame, spikes: pd.DataFrame) -> Iterator[tuple[int, int]]:
    """First step and length of the windows to keep, trial by trial."""
    lengths = trials.set_index("number")[LENGTH].dropna()
    ranked = trials.sort_values(["score", "number"], ascending=[False, True], na_position="last")["number"]
    with_spikes = [number for number in ranked if number in lengths and (spikes["trial"] == number).any()]
    for number in with_spikes[:MOST_TRIALS]:
        length = int(lengths[number])
        batches = spikes.loc[spikes["trial"] == number].drop_duplicates(["epoch", "step"])["row_ids"].tolist()
        for first in recurring(batches, length=length)["first"].head(PER_TRIAL):
            yield int(first), length


def _thinned(steps: Steps, first: int, length: int) -> Indices:
    """Steps of a window, as many as exist, and no more than are drawn."""
    end = min(first + length, int(steps.offsets[int(steps.numbers_at([first])[0]) + 1]))
    return np.arange(first, end, -(-(end - first) // MOST_POINTS))


def _labels(problem: "Problem", at: Indices) -> npt.NDArray[np.floating]:
    """What is known of these steps, as one number each."""
    y = problem.y[at].astype(np.float64)
    return y.max(axis=-1) if problem.task.family == "labels" else y[..., 0]
