"""Scores of embeddings: what stands first when rows are sorted by their distance to one of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

MOST_ROWS = 2048
"""Rows that are looked through; of more, every so-manieth one."""

QUERIES_AT_ONCE = 256
"""Rows whose distances to all others are in memory at a time."""


def recall_at(y: Array, embedding: Array, *, n: int) -> NDArray[np.float64]:
    """Whether one of the `n` nearest other rows is of the row's own class, 0 or 1.

    Args:
        y: Number of the class of each row `(n_rows, 1)`; NaN for a row that is no query, only found by others.
        embedding: Vectors of length 1 `(n_rows, d)`.
        n: Rows that are looked at.

    Returns:
        `(n_rows, 1)`, NaN for what is no query.

    Source:
        Jégou, Douze and Schmid (2011), doi:10.1109/TPAMI.2010.57.

    Example:
        >>> angle = np.array([0.0, 0.1, 0.3, 0.5])
        >>> embedding = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> recall_at(np.array([[0.0], [1.0], [0.0], [1.0]]), embedding, n=2).ravel().tolist()
        [1.0, 0.0, 0.0, 1.0]
    """
    found = [np.asarray(hits[:, :n].any(axis=1)) for hits in _hits(y, embedding)]
    return _of_queries(y, found)


def average_precisions(y: Array, embedding: Array) -> NDArray[np.float64]:
    """The mean, over the other rows of a row's class, of the precision among the rows up to each of them.

    Args:
        y: Number of the class of each row `(n_rows, 1)`; NaN for a row that is no query.
        embedding: Vectors of length 1 `(n_rows, d)`.

    Returns:
        `(n_rows, 1)`, NaN for what is no query.

    Example:
        >>> angle = np.array([0.0, 0.1, 0.3, 0.5])
        >>> embedding = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> average_precisions(np.array([[0.0], [1.0], [0.0], [1.0]]), embedding).ravel().round(2).tolist()
        [0.5, 0.33, 0.33, 0.5]
    """
    values = []
    for hits in _hits(y, embedding):
        precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
        values.append((precision * hits).sum(axis=1) / np.maximum(hits.sum(axis=1), 1))
    return _of_queries(y, values)


def queries(y: Array) -> NDArray[np.float32]:
    """The classes `(n_rows, 1)`, NaN where a row is no query: the only one of its class, or not looked at.

    Example:
        >>> queries(np.array([[0.0], [1.0], [0.0]])).ravel().tolist()
        [0.0, nan, 0.0]
    """
    looked = _looked_at(len(y))
    codes, places, counts = np.unique(y[looked, 0], return_inverse=True, return_counts=True)
    classes = np.full(y.shape, np.nan, dtype=np.float32)
    classes[looked, 0] = np.where(counts[places] > 1, codes[places], np.nan)
    return classes


def _looked_at(n_rows: int) -> slice:
    return slice(None, None, max(1, -(-n_rows // MOST_ROWS)))


def _of_queries(y: Array, values: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Values of the rows that are looked at, where they are queries."""
    result = np.full(y.shape, np.nan)
    result[_looked_at(len(y)), 0] = np.concatenate(values)
    return np.where(np.isnan(y), np.nan, result)


def _hits(y: Array, embedding: Array) -> Iterator[NDArray[np.bool_]]:
    """For some rows at a time, whether the other rows are of the same class, from the nearest to the farthest one."""
    looked = _looked_at(len(y))
    y, embedding = y[looked], embedding[looked]
    for start in range(0, len(y), QUERIES_AT_ONCE):
        rows = np.arange(start, min(start + QUERIES_AT_ONCE, len(y)))
        likeness = embedding[rows] @ embedding.T
        likeness[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(-likeness, axis=1, kind="stable")[:, 1:]
        yield y[order, 0] == y[rows]
