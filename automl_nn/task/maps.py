"""The task of maps: that of a table whose rows are pixels."""

import numpy as np
from numpy.typing import NDArray

from automl_nn.data.images.maps import Maps, Values
from automl_nn.errors import SpaceError, TargetError, did_you_mean
from automl_nn.task.base import Task
from automl_nn.task.tasks import Binary, Multilabel, Regression

KINDS = ("regression", "binary", "multilabel")
"""Kinds of task that maps may be."""


def map_task(maps: Maps, rows: NDArray[np.int64], *, kind: str | None = None, metric: str | None = None) -> Task:
    """What is asked about each pixel: yes or no where all numbers are 0 or 1, else quantities.

    Quantities are standardized by the pixels of the rows that train, so that targets of any size are learned alike,
    and are predicted in their unit.

    Args:
        maps: The maps.
        rows: The rows that train.
        kind: One of `KINDS`; told from the numbers unless given.
        metric: Score that compares trials, over pixels; the mean squared error for quantities, average precision for
            masks unless given.

    Raises:
        TargetError: A name has the same number at every pixel, or numbers other than 0 and 1 in a mask.
        SpaceError: The kind is none of maps.

    Example:
        >>> heat = np.linspace(0.0, 0.01, 48).reshape(3, 4, 4)
        >>> map_task(Maps.of(heat), np.arange(3)).kind, map_task(Maps.of(heat > 0.005), np.arange(3)).kind
        ('regression', 'binary')
    """
    names = maps.form.names
    kind = kind or ("regression" if not maps.are_binary else "binary" if len(names) == 1 else "multilabel")
    if kind not in KINDS:
        raise SpaceError(f"Maps are no {kind} task. {did_you_mean(kind, KINDS)}")
    known = maps.values[rows].reshape(-1, len(names))
    _refuse_constant(known, names)
    if kind == "regression":
        means, scales = (np.asarray(told(known, axis=0, dtype=np.float64)) for told in (np.nanmean, np.nanstd))
        return Regression(names, metric or "neg_mean_squared_error", tuple(means.tolist()), tuple(scales.tolist()))
    if not maps.are_binary:
        raise TargetError("A mask holds 0, 1 and NaN, but these maps hold other numbers: say task='regression'.")
    if kind == "binary" and len(names) > 1:
        raise TargetError(f"A binary map has one number a pixel, but these have {len(names)}: say task='multilabel'.")
    labels = Multilabel(names, metric or "average_precision")
    return labels if kind == "multilabel" else Binary(names, labels.metric, (0, 1))


def encode_maps(task: Task, maps: Maps) -> Values:
    """The labels of each image `(n, n_places * n_names)`: those of a pixel side by side, pixel after pixel.

    Example:
        >>> maps = Maps.of(np.array([[[1.0, 3.0]]]))
        >>> encode_maps(Regression(("map",), "r2", (2.0,), (1.0,)), maps).tolist()
        [[-1.0, 1.0]]
    """
    values = maps.values
    if isinstance(task, Regression):
        values = ((values - np.asarray(task.means)) / np.asarray(task.scales)).astype(np.float32)
    return values.reshape(len(values), -1)


def _refuse_constant(known: Values, names: tuple[str, ...]) -> None:
    for name, column in zip(names, known.T, strict=True):
        if np.isnan(column).all():
            raise TargetError(f"The map {name!r} has no label at any pixel of the images that train: leave it out.")
        if np.nanmax(column) - np.nanmin(column) < np.finfo(np.float32).tiny:
            raise TargetError(
                f"The map {name!r} holds {np.nanmin(column):g} at every pixel of the images that train, so there is "
                "nothing to learn: leave it out."
            )
