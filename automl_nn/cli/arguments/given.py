"""From a file and options to one question: what `check` looks at and `tune` searches for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import pandas as pd

from automl_nn.cli.arguments.parse import parse_gap
from automl_nn.cli.arguments.studyfile import StudyFile, read_folder, read_study_file
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import Maps
from automl_nn.data.read import read_frame
from automl_nn.data.series.intervals import label_intervals
from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import InputError
from automl_nn.search.problems.parting import Parting

_OF_FOLDERS = ("labels", "maps", "image_size", "skip_bad", "image_cache")
_PARTING = ("group", "time", "gap", "val_share", "min_positives", "folds")


@final
@dataclass(frozen=True)
class Given:
    """What is asked of which data.

    Args:
        frame: The data, one row an example.
        target: Names of the target columns, or the map of each image.
        task: Kind, metric, classes and roles, by their names in a study file's TASK.
        parting: How the rows are parted.
        series: Where rows are steps: the columns that say of which series, and when.
        settings: From a knob's path to a value, a range or a table.
        budget: Limits that a study file gives.
        images: The image of each row, if there are any.
    """

    frame: pd.DataFrame
    target: tuple[str, ...] | Maps
    task: Mapping[str, Any]
    parting: Parting
    series: SeriesColumns | None
    settings: Mapping[str, Any]
    budget: Mapping[str, Any]
    images: Images | None


def gather(file: Path, *, asked: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> Given:
    """Read a data file, a study file or a folder and lay what the command line asks over it.

    Args:
        file: A CSV, Parquet or study file, or a folder of images.
        asked: Values for keys of TASK in a study file; None and empty ones are not asked.
        settings: Knobs that the command line sets.

    Raises:
        InputError: The file cannot be used, or the question contradicts itself.
    """
    asked = {key: value for key, value in asked.items() if value not in (None, [], {})}
    study = _read(file, asked)
    task = {**study.task, **asked}
    given = [key for key in _OF_FOLDERS if task.pop(key, None) is not None]
    if given and study.images is None:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{option} is for a folder of images, but {str(file)!r} is none: leave it out.")
    series = _series(task)
    frame = _labelled(study.frame, task, series)
    parting = _parting({key: task.pop(key) for key in _PARTING if key in task}, are_steps=series is not None)
    target = _asked(task.pop("target", ()), replace(study, frame=frame))
    space = {**study.space, **(settings or {})}
    return Given(frame, target, task, parting, series, space, study.budget, study.images)


def _read(file: Path, asked: Mapping[str, Any]) -> StudyFile:
    if file.is_dir():
        return read_folder(file, asked)
    return read_study_file(file) if file.suffix == ".py" else StudyFile(read_frame(file), {}, {}, {})


def _series(task: dict[str, Any]) -> SeriesColumns | None:
    """Take what says that rows are steps out of the question."""
    series_id, per_step = task.pop("series_id", None), task.pop("per_step", False)
    horizon = _horizon(task.pop("horizon", 0))
    if series_id is None and not per_step and not horizon:
        return None
    return SeriesColumns(series_id, task.pop("time", None), per_step, horizon)


def _horizon(asked: Any) -> Any:
    """The horizons that a word names, such as `12`, `1-12` or `1,6,12`; what a study file says is left as it is."""
    if not isinstance(asked, str):
        return asked
    try:
        ends = [[int(end) for end in part.split("-", 1)] for part in asked.split(",")]
    except ValueError as error:
        raise InputError(f"--horizon {asked} is no number of steps: give one, or several as 1-12 or 1,6,12.") from error
    several = tuple(step for part in ends for step in range(part[0], part[-1] + 1))
    if not several or min(several) < 1:
        raise InputError(f"--horizon {asked} is not possible: it is 1 or more, and a range ascends, such as 1-12.")
    return several


def _labelled(frame: pd.DataFrame, task: dict[str, Any], series: SeriesColumns | None) -> pd.DataFrame:
    """The data with the labels that intervals say, if there are any."""
    intervals = task.pop("intervals", None)
    if intervals is None:
        return frame
    if series is None or not series.per_step or series.horizon:
        raise InputError("Intervals label the steps of series: add --per-step, without --horizon, or leave them out.")
    table = read_frame(intervals) if isinstance(intervals, str | Path) else intervals
    target = task.get("target") or ()
    names = [target] if isinstance(target, str) else list(target)
    if len(names) != 1:
        raise InputError(f"Intervals say what one target is, but {len(names)} are named: give --target NAME once.")
    return label_intervals(frame, table, names[0], series=series)


def _parting(values: Mapping[str, Any], *, are_steps: bool) -> Parting:
    if "group" in values and "time" in values:
        raise InputError(
            f"Rows are parted by the group {values['group']!r} or by the time {values['time']!r}: give one of them."
        )
    if "gap" in values and "time" not in values and not are_steps:
        raise InputError(f"A gap of {values['gap']} needs a time to part by: add --time COL, or leave the gap out.")
    gap = {"gap": parse_gap(values["gap"])} if "gap" in values else {}
    folds = {"folds": None} if are_steps else {}  # few series are crossed unless that is settled
    return Parting(**{**folds, **values, **gap})


def _asked(names: str | Iterable[str], study: StudyFile) -> tuple[str, ...] | Maps:
    """The target columns, or the maps, which have none."""
    if study.maps is None:
        return _targets(names, study.frame.columns)
    if names:
        first = names if isinstance(names, str) else next(iter(names))
        raise InputError(f"Maps are what is predicted, but there is a target {first!r}, too: leave one of them out.")
    return study.maps


def _targets(names: str | Iterable[str], columns: Collection[str]) -> tuple[str, ...]:
    """The names one by one: one that is no column may be several with commas between them."""
    given = [names] if isinstance(names, str) else list(names)
    return tuple(part for name in given for part in _split(name, columns))


def _split(name: str, columns: Collection[str]) -> list[str]:
    parts = [part.strip() for part in name.split(",")]
    return parts if name not in columns and any(part in columns for part in parts) else [name]
