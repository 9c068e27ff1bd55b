"""Drawings of the windows of series that came back in the spikes of a trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.results.results import Results
from automl_nn.review.events.spike_windows import SpikeWindows, kept_spike_windows, times_seen, window_length
from automl_nn.search.problems.step_names import StepNames
from automl_nn.task.base import Task
from automl_nn.web.charts import Chart, Series

NOTE = "Each line runs from its least value in these windows to its greatest one."


@final
@dataclass(frozen=True)
class StudySpikes:
    """The spikes of all trials of a study.

    Args:
        n_spikes: How many there were.
        n_trials: In how many trials.
        charts: The windows of series that were in most of them; none of other rows.
    """

    n_spikes: int
    n_trials: int
    charts: tuple[Chart, ...]


def study_spikes(results: Results) -> StudySpikes:
    """The spikes of a study.

    Args:
        results: The study.
    """
    spikes = results.spikes().drop_duplicates(["trial", "epoch", "step"])
    length = window_length(results.leaderboard())
    charts = spike_charts(results, spikes["row_ids"].tolist(), length=length)
    return StudySpikes(len(spikes), spikes["trial"].nunique(), charts)


def spike_charts(results: Results, batches: Sequence[Sequence[int]], *, length: int) -> tuple[Chart, ...]:
    """The windows that came back most, with the labels of their steps; none where none were kept.

    Args:
        results: The study.
        batches: The first steps of the windows of each spike.
        length: Steps of a window.
    """
    kept = kept_spike_windows(results.store, results.store.study_id(results.name))
    seen = {} if kept is None else times_seen(batches, length=length)
    own = None if kept is None else kept.most_seen(seen, length=length)
    if own is None or not len(own):
        return ()
    spec = results.store.spec(results.store.study_id(results.name))
    names = [column["name"] for column in spec["schema"] if column["role"] == "numeric"][: own.channels.shape[2]]
    lines = {name: _scaled(own.channels[..., place]) for place, name in enumerate(names)}
    whole = not spec["series"]["per_step"]
    lines |= {} if whole else {_label(results.task): _scaled(own.labels, low=0.0)}
    return tuple(
        Chart(
            _title(own, place, results.step_names, seen) + (_whole(own.labels[place], results.task) if whole else ""),
            "step",
            "share of the range",
            tuple(_line(name, own.steps[place], values[place], name in names) for name, values in lines.items()),
            note=NOTE,
        )
        for place in range(len(own))
    )


def _line(name: str, steps: npt.NDArray[Any], values: npt.NDArray[Any], is_channel: bool) -> Series:
    exists = np.isfinite(steps)
    return Series.of(name, steps[exists], values[exists], "line" if is_channel else "step")


def _scaled(values: npt.NDArray[np.float32], *, low: float | None = None) -> npt.NDArray[np.float64]:
    """From 0 to 1; from a given lowest value, where there is one."""
    known = values[np.isfinite(values)].astype(np.float64)
    least = float(known.min(initial=np.inf)) if low is None else min(low, float(known.min(initial=low)))
    most = float(known.max(initial=-np.inf))
    return np.asarray((values.astype(np.float64) - least) / (most - least if most > least else 1.0))


def _label(task: Task) -> str:
    return task.targets[0] if len(task.targets) == 1 else "any label"


def _title(own: SpikeWindows, place: int, names: StepNames | None, seen: Mapping[int, int]) -> str:
    first = int(own.first[place])
    n_spikes = seen[first]
    where = f"Step {first}" if names is None else names.places([first])[0]
    return f"{where}, in {n_spikes} spike{'s' if n_spikes > 1 else ''}"


def _whole(labels: npt.NDArray[np.float32], task: Task) -> str:
    """The class of a whole series, behind the title."""
    known = labels[np.isfinite(labels)]
    return f", {task.targets[0]} {task.classes[int(known[-1])]}" if len(known) and task.classes else ""
