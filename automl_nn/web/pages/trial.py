"""The page of one trial: its curves, its gradients, its spikes, its configuration, and how to go on from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

import numpy as np
import pandas as pd

from automl_nn.errors import StorageError
from automl_nn.results.results import Results
from automl_nn.review.events.spike_windows import LENGTH, recurring, times_seen
from automl_nn.review.worth.factors import knob_words
from automl_nn.search.problems.step_names import StepNames
from automl_nn.space.draw import flatten
from automl_nn.space.ranges import Value
from automl_nn.store import looks
from automl_nn.web.charts import Chart, Mark, Series
from automl_nn.web.pages.board import shown_value
from automl_nn.web.pages.commands import Command, again, around, command_words
from automl_nn.web.pages.spikes import spike_charts

MOST_SPIKES = 50
"""Spikes that are listed."""

MOST_ROWS = 12
"""Rows of a batch that are listed, those first that were in most spikes."""


PARTS = {"val": "validation", "train": "train"}


@final
@dataclass(frozen=True)
class KnobLine:
    """A knob of the trial beside the one of trial 0.

    Args:
        knob: Its path.
        words: What it is called.
        value: What the trial has; a dash if it lacks the knob.
        start: What trial 0 has; a dash if it lacks the knob.
        differs: Whether they differ.
    """

    knob: str
    words: str
    value: str
    start: str
    differs: bool


@final
@dataclass(frozen=True)
class SpikeLine:
    """A step that left its band.

    Args:
        epoch: In which epoch, from 1.
        step: The step in the epoch, from 0.
        kind: What was wild.
        value: How far; None if it was not finite.
        rows: The first of the rows of its batch, those that were in most spikes before; of series, where its windows
            begin.
        n_rows: All rows of its batch.
    """

    epoch: int
    step: int
    kind: str
    value: float | None
    rows: tuple[int | str, ...]
    n_rows: int


@final
@dataclass(frozen=True)
class TrialPage:
    """One trial.

    Args:
        study_id: The study's number in addresses.
        study: The study's name.
        metric: What compares trials.
        number: The trial's number.
        previous: Number of the trial before it; None for the first.
        next: Number of the trial behind it; None for the last.
        state: How it stands.
        score: Its score, if it has one.
        best_epoch: The epoch whose weights were kept.
        n_epochs: Epochs that it was trained.
        seconds: Time that it took.
        started: When it was begun, UTC.
        n_parameters: Numbers that it trained.
        peak_memory_mb: Largest memory use, in MiB.
        attempt: How many processes have begun it.
        seed: Seed of its training.
        host: The machine that trains it.
        versions: Versions of the libraries.
        stopped: Why its training ended.
        failure: Class of the error that ended it.
        message: What the error said.
        traceback: Where it came from.
        charts: Score, loss, gap, gradients, rates, then every other metric.
        n_clipped: Share of all steps that were clipped; None without epochs.
        n_skipped: Steps that were skipped because they were not finite or far out.
        gap: Score on training rows less score on validation rows, at the best epoch; None if unknown.
        n_spikes: Steps that left their band.
        spikes: The first of them.
        often: Rows, or places of series, that were in most spikes, and in how many; only those in several.
        windows: Windows of series that were in most spikes; none of other rows.
        unit: What the rows of a spike are: `rows`, or steps of series.
        knobs: Its configuration beside that of trial 0.
        commands: How to go on.
    """

    study_id: int
    study: str
    metric: str
    number: int
    previous: int | None
    next: int | None
    state: str
    score: float | None
    best_epoch: int | None
    n_epochs: int
    seconds: float | None
    started: datetime | None
    n_parameters: int | None
    peak_memory_mb: float | None
    attempt: int
    seed: int | None
    host: str
    versions: Mapping[str, str]
    stopped: str
    failure: str
    message: str
    traceback: str
    charts: tuple[Chart, ...]
    n_clipped: float | None
    n_skipped: int
    gap: float | None
    n_spikes: int
    spikes: tuple[SpikeLine, ...]
    often: tuple[tuple[int | str, int], ...]
    windows: tuple[Chart, ...]
    unit: str
    knobs: tuple[KnobLine, ...]
    commands: tuple[Command, ...]


def trial_page(results: Results, number: int) -> TrialPage:
    """The page of a trial.

    Args:
        results: The study.
        number: The trial.

    Raises:
        StorageError: The study has no such trial.
    """
    store, study_id = results.store, results.store.study_id(results.name)
    run = store.read(lambda connection: looks.run(connection, study_id, number))
    if run is None:
        raise StorageError(f"The study {results.name!r} has no trial {number}: its page lists those that it has.")
    epochs = store.read(lambda connection: looks.epochs(connection, run["run_id"]))
    spikes = store.read(lambda connection: looks.spikes(connection, run["run_id"]))
    start = store.read(lambda connection: looks.configs(connection, study_id, [0])).get(0, {})
    before, behind = store.read(lambda connection: looks.neighbours(connection, study_id, number))
    spec, config = store.spec(study_id), flatten(run["config"] or {})
    length = int(config.get(LENGTH) or 1) if "series" in spec else 1
    batches = spikes.drop_duplicates(["epoch", "step"])["row_ids"].tolist()
    seen = times_seen(batches, length=length)
    asked: Any = {"name": results.name, "number": number, "config": config, "start": start}
    words = command_words(spec)
    return TrialPage(
        study_id=study_id,
        study=results.name,
        metric=results.task.metric,
        number=number,
        previous=before,
        next=behind,
        **{name: run[name] for name in _SAME},
        **_texts(run),
        versions=run["versions"] or {},
        n_epochs=len(epochs),
        charts=trial_charts(epochs, metric=results.task.metric, best_epoch=run["best_epoch"]),
        n_clipped=float(epochs["clipped"].mean()) if len(epochs) else None,
        n_skipped=int(epochs["skipped"].fillna(0).sum()),
        gap=_gap(epochs, run["best_epoch"]),
        n_spikes=len(spikes),
        spikes=tuple(_spike(row, seen, results.step_names) for row in spikes.head(MOST_SPIKES).itertuples()),
        often=_often(recurring(batches, length=length), results.step_names),
        windows=spike_charts(results, batches, length=length),
        unit="steps at which windows begin" if "series" in spec else "rows",
        knobs=knob_lines(config, start),
        commands=(again(words, **asked), around(words, **asked)) if config else (),
    )


def _texts(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: run[name] or "" for name in ("stopped", "failure", "message", "traceback")}


_SAME = (
    *("state", "score", "best_epoch", "seconds", "started", "n_parameters", "peak_memory_mb", "attempt", "seed"),
    "host",
)


def _gap(epochs: pd.DataFrame, best_epoch: int | None) -> float | None:
    own = epochs[epochs["epoch"] == best_epoch]
    if own.empty or own[["train_score", "score"]].isna().to_numpy().any():
        return None
    return float(own["train_score"].iloc[0] - own["score"].iloc[0])


def _called(rows: Sequence[int], names: StepNames | None) -> tuple[int | str, ...]:
    """Rows as they are shown: of series, by their names."""
    return tuple(rows if names is None else names.places(rows))


def _often(found: pd.DataFrame, names: StepNames | None) -> tuple[tuple[int | str, int], ...]:
    several = found[found["n_spikes"] > 1].head(MOST_ROWS)
    return tuple(zip(_called(several["first"].tolist(), names), several["n_spikes"].tolist(), strict=True))


def _spike(row: Any, seen: Mapping[int, int], names: StepNames | None) -> SpikeLine:
    rows = sorted(map(int, row.row_ids), key=lambda at: (-seen[at], at))
    value = None if pd.isna(row.value) else float(row.value)
    return SpikeLine(int(row.epoch), int(row.step), row.kind, value, _called(rows[:MOST_ROWS], names), len(rows))


def knob_lines(config: Mapping[str, Value], start: Mapping[str, Value]) -> tuple[KnobLine, ...]:
    """A config beside that of trial 0, one line for each knob that either of them has.

    Args:
        config: Values by path.
        start: The config of trial 0.

    Example:
        >>> [(line.knob, line.value, line.start) for line in knob_lines({"train.size": 64}, {"train.size": 32})]
        [('train.size', '64', '32')]
    """
    return tuple(
        KnobLine(
            path,
            knob_words(path),
            shown_value(config.get(path)),
            shown_value(start.get(path)),
            config.get(path) != start.get(path),
        )
        for path in dict.fromkeys([*config, *start])
    )


def trial_charts(epochs: pd.DataFrame, *, metric: str, best_epoch: int | None) -> tuple[Chart, ...]:
    """The curves of a trial: score, loss, gap, gradients, clipping, learning rate, then every other metric.

    Args:
        epochs: One row for each epoch, as `looks.epochs` gives them.
        metric: What compares trials.
        best_epoch: The epoch whose weights were kept.
    """
    if epochs.empty:
        return ()
    marks = () if best_epoch is None else (Mark("best epoch", float(best_epoch)),)
    at = epochs["epoch"].to_numpy(dtype=np.float64)

    def chart(title: str, label: str, columns: Mapping[str, str], *, is_log: bool = False, note: str = "") -> Chart:
        drawn = [Series.of(name, at, epochs[column].astype(float)) for name, column in columns.items()]
        return Chart(title, "epoch", label, tuple(drawn), marks=marks, log_y=is_log, note=note)

    gap = epochs.assign(gap=epochs["train_score"].astype(float) - epochs["score"].astype(float))
    gap_series = (Series.of("train less validation", at, gap["gap"]),)
    norms = {"largest": "grad_norm_max", "90th percentile": "grad_norm_p90", "median": "grad_norm_median"}
    known = (
        chart(f"Score: {metric}", metric, {"validation": "score", "train": "train_score"}),
        chart("Loss", "loss", {"validation": "val_loss", "train": "train_loss"}),
        Chart("Gap between train and validation", "epoch", metric, gap_series, marks=marks, note=_GAP),
        chart("Gradient norms before clipping", "norm", norms, is_log=_is_positive(epochs, norms.values())),
        Chart("Clipped and skipped steps", "epoch", "percent; steps", _limits(epochs, at)),
        chart("Learning rate", "learning rate", {"learning rate": "learning_rate"}),
    )
    names = [str(name).partition(".")[2] for name in epochs if str(name).startswith("val.")]
    others = tuple(
        chart(name, name, {words: f"{part}.{name}" for part, words in PARTS.items() if f"{part}.{name}" in epochs})
        for name in names
        if name != metric
    )
    return tuple(chart for chart in (*known, *others) if not chart.is_empty)


_GAP = "A gap that grows while the validation score falls means that the network learns its training rows by heart."


def _limits(epochs: pd.DataFrame, at: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[Series, ...]:
    if not epochs[["clipped", "skipped"]].astype(float).to_numpy().any():
        return ()
    clipped, skipped = 100 * epochs["clipped"].astype(float), epochs["skipped"].astype(float)
    return Series.of("clipped, percent", at, clipped), Series.of("skipped, steps", at, skipped, "step")


def _is_positive(epochs: pd.DataFrame, columns: Any) -> bool:
    values = epochs[list(columns)].to_numpy(dtype=np.float64)
    return bool(np.nanmin(values, initial=np.inf) > 0)
