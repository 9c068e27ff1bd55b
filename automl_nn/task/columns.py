"""Target columns as numbers: names of classes and quantities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.errors import TargetError, preview
from automl_nn.task.base import Label


def as_label(value: Any) -> Label:
    """A value of a target column as the name of a class: a plain Python value, whole numbers as such.

    Example:
        >>> as_label(np.float64(1.0)), as_label(pd.Timestamp("2024-01-01"))
        (1, '2024-01-01 00:00:00')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def class_codes(column: pd.Series, classes: Sequence[Label]) -> NDArray[np.float32]:
    """Index of each value among the classes `(n, 1)`; NaN if missing.

    Args:
        column: Names of classes, one a row.
        classes: All names, in the order of their indices.

    Raises:
        TargetError: A value is none of the classes.

    Example:
        >>> class_codes(pd.Series(["no", None, "yes"]), ("no", "yes")).ravel().tolist()
        [0.0, nan, 1.0]
    """
    places = {name: code for code, name in enumerate(classes)}
    found, values = pd.factorize(column)
    known = [places.get(value, places.get(as_label(value))) for value in values]
    if None in known:
        raise TargetError(
            f"The target {column.name!r} holds {values[known.index(None)]!r}, which is none of its classes: "
            f"{preview(classes)}."
        )
    return np.array([*known, np.nan], dtype=np.float32)[found][:, None]  # a missing value has the last place, -1


def numeric_target(frame: pd.DataFrame, names: Sequence[str], kind: str) -> NDArray[np.float64]:
    """The target columns as float64 `(n, n_targets)`, NaN where missing.

    Args:
        frame: The target columns, perhaps beside others.
        names: Those that are read.
        kind: Kind of the task, for the message.

    Raises:
        TargetError: A value is not a number.
    """
    columns = []
    for name in names:
        numbers = pd.to_numeric(frame[name].astype(object), errors="coerce").astype("float64")
        bad = frame[name][numbers.isna() & frame[name].notna()]
        if len(bad):
            raise TargetError(
                f"A {kind} target must be numbers, but column {name!r} holds {bad.iloc[0]!r}: "
                "use task='multiclass', or name another column."
            )
        columns.append(numbers.to_numpy())
    return np.stack(columns, axis=1)
