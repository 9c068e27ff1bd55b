"""Study files: Python files that say what to search, in DATA, TASK, SPACE and BUDGET."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, final

import pandas as pd

from automl_nn.cli.arguments.parse import parse_size
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.folder import read_gallery
from automl_nn.data.images.given import images_of
from automl_nn.data.images.maps import Maps
from automl_nn.data.read import as_frame, read_frame
from automl_nn.errors import AutoMLError, InputError, did_you_mean

TASK_KEYS = (
    *("target", "kind", "metric", "classes", "roles", "group", "time", "gap", "val_share", "min_positives"),
    "folds",
    *("series_id", "per_step", "horizon", "intervals"),
    *("labels", "maps", "image_size", "skip_bad", "image_cache"),
)
BUDGET_KEYS = ("n_trials", "timeout", "n_workers")


@final
@dataclass(frozen=True)
class StudyFile:
    """What a study file holds.

    Args:
        frame: The data, one row an example.
        images: The image of each row, if there are any.
        maps: The map of each image, if pixels are asked about.
        task: Values for the keys of `TASK_KEYS`.
        space: From a knob's path to a value, a range or a table.
        budget: Values for the keys of `BUDGET_KEYS`.
    """

    frame: pd.DataFrame
    task: Mapping[str, Any]
    space: Mapping[str, Any]
    budget: Mapping[str, Any]
    images: Images | None = None
    maps: Maps | None = None


def read_study_file(path: Path) -> StudyFile:
    """Run a study file and take what it defines.

    `DATA` is a path (from the file's folder), a table, or a function without arguments that returns one of them; `TASK`
    names at least the target; `SPACE` and `BUDGET` may be left out. Where rows have images, `IMAGES` is what
    `images_of` takes, or a function that returns it; or `DATA` is a folder, see `read_gallery`. Where pixels are asked
    about, `MAPS` is what `Maps.of` takes, or a function that returns it, and stands for `DATA` and the target.

    Args:
        path: A file that ends in .py. It is run, so it must be trusted like any program.

    Raises:
        InputError: The file is missing, fails, or lacks or misspells something.
        DataError: The data cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "toy.py")
        ...     _ = file.write_text("DATA = {'x': [1, 2], 'y': [0, 1]}; TASK = {'target': 'y'}", encoding="utf-8")
        ...     read_study_file(file).frame.shape
        (2, 2)
    """
    module = _run(path)
    task = _mapping(module, "TASK", known=TASK_KEYS)
    space, budget = _mapping(module, "SPACE"), _mapping(module, "BUDGET", known=BUDGET_KEYS)
    if hasattr(module, "MAPS"):
        maps = Maps.of(_value(module, "MAPS", path))
        return StudyFile(pd.DataFrame(index=range(len(maps))), task, space, budget, _images(module, path), maps)
    data = _data(module, path)
    if isinstance(data, Path) and data.is_dir():
        beside = {key: path.parent / task[key] for key in ("labels", "maps") if key in task}
        folder = read_folder(data, {**task, **beside})
        return StudyFile(folder.frame, {**folder.task, **task}, space, budget, folder.images, folder.maps)
    if "target" not in task:
        raise InputError(f"TASK in {str(path)!r} names no target: write TASK = {{'target': 'COLUMN'}}.")
    frame = read_frame(data) if isinstance(data, Path) else as_frame(data)
    return StudyFile(frame, task, space, budget, _images(module, path))


def read_folder(folder: Path, task: Mapping[str, Any]) -> StudyFile:
    """A folder of images as if a study file had named it.

    Args:
        folder: The folder; see `read_gallery`.
        task: Values for keys of `TASK_KEYS`: `labels`, `maps`, `image_size`, `skip_bad` and `image_cache` say how to
            read it.
    """
    labels, maps, cache, size = (task.get(key) for key in ("labels", "maps", "image_cache", "image_size"))
    gallery = read_gallery(
        folder,
        None if labels is None else Path(labels),
        maps=None if maps is None else Path(maps),
        size=None if size is None else parse_size(str(size)),
        skip_bad=bool(task.get("skip_bad")),
        cache=None if cache is None else Path(cache),
    )
    told = {task.get("group"), task.get("time")}
    target = tuple(name for name in gallery.target if name not in told)
    asked = {} if gallery.maps is not None else {"target": target}
    return StudyFile(gallery.frame, asked, {}, {}, gallery.images, gallery.maps)


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"There is no study file {str(path)!r}: give the path of a .py file or of a data file.")
    module = ModuleType(f"automl_nn_study_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except AutoMLError:
        raise
    except Exception as error:
        raise InputError(f"The study file {str(path)!r} fails: {type(error).__name__}: {error}.") from error
    return module


def _mapping(module: ModuleType, name: str, *, known: tuple[str, ...] = ()) -> Mapping[str, Any]:
    values = getattr(module, name, {})
    if not isinstance(values, Mapping):
        raise InputError(f"{name} in {module.__file__!r} is a {type(values).__name__}, but it must be a dictionary.")
    for key in values:
        if known and key not in known:
            raise InputError(f"Unknown key {key!r} of {name} in {module.__file__!r}. {did_you_mean(str(key), known)}")
    return values


def _data(module: ModuleType, path: Path) -> Any:
    """A path, or anything table-like."""
    if not hasattr(module, "DATA"):
        raise InputError(f"The study file {str(path)!r} lacks DATA: write DATA = 'FILE' or a function that returns it.")
    data = _value(module, "DATA", path)
    return path.parent / data if isinstance(data, str | Path) else data


def _images(module: ModuleType, path: Path) -> Images | None:
    return images_of(_value(module, "IMAGES", path)) if hasattr(module, "IMAGES") else None


def _value(module: ModuleType, name: str, path: Path) -> Any:
    """What a study file holds under a name, or what the function of this name returns."""
    value = getattr(module, name)
    if not callable(value):
        return value
    try:
        return value()
    except AutoMLError:
        raise
    except Exception as error:
        raise InputError(f"{name} in {str(path)!r} fails: {type(error).__name__}: {error}.") from error
