"""Study files: Python files that say what to search, in DATA, TASK, SPACE and BUDGET."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, final

import pandas as pd

from automl_nn.data.read import as_frame, read_frame
from automl_nn.errors import AutoMLError, InputError, did_you_mean

TASK_KEYS = (
    *("target", "kind", "metric", "classes", "roles", "group", "time", "gap", "val_share", "min_positives"),
    "folds",
    *("series_id", "per_step", "horizon"),
)
BUDGET_KEYS = ("n_trials", "timeout", "n_workers")


@final
@dataclass(frozen=True)
class StudyFile:
    """What a study file holds.

    Args:
        frame: The data, one row an example.
        task: Values for the keys of `TASK_KEYS`.
        space: From a knob's path to a value, a range or a table.
        budget: Values for the keys of `BUDGET_KEYS`.
    """

    frame: pd.DataFrame
    task: Mapping[str, Any]
    space: Mapping[str, Any]
    budget: Mapping[str, Any]


def read_study_file(path: Path) -> StudyFile:
    """Run a study file and take what it defines.

    `DATA` is a path (from the file's folder), a table, or a function without arguments that returns one of them; `TASK`
    names at least the target; `SPACE` and `BUDGET` may be left out.

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
    if "target" not in task:
        raise InputError(f"TASK in {str(path)!r} names no target: write TASK = {{'target': 'COLUMN'}}.")
    space, budget = _mapping(module, "SPACE"), _mapping(module, "BUDGET", known=BUDGET_KEYS)
    return StudyFile(_frame(module, path), task, space, budget)


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


def _frame(module: ModuleType, path: Path) -> pd.DataFrame:
    if not hasattr(module, "DATA"):
        raise InputError(f"The study file {str(path)!r} lacks DATA: write DATA = 'FILE' or a function that returns it.")
    data = _called(module.DATA, path) if callable(module.DATA) else module.DATA
    return read_frame(path.parent / data) if isinstance(data, str | Path) else as_frame(data)


def _called(function: Any, path: Path) -> Any:
    try:
        return function()
    except AutoMLError:
        raise
    except Exception as error:
        raise InputError(f"DATA in {str(path)!r} fails: {type(error).__name__}: {error}.") from error
