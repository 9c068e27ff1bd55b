"""From a table to the two tensors that a network reads; fitted on training rows, saved with the network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from automl_nn.data.table import Table
from automl_nn.model.inputs import UNIT
from automl_nn.model.inputs import Inputs as Inputs
from automl_nn.model.scalers import Quantile, Robust, Scaler, Standard, scaler_from_json
from automl_nn.model.texts import TextEncoder, fit_texts
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Held, Integer

_MIN_COUNT = 2
_ROWS_AT_ONCE = 1 << 14

NUMBERS_AT_ONCE = 1 << 18
"""Rows whose numbers are scaled together."""


@final
@dataclass(frozen=True)
class Encoder:
    """A fitted encoder: plain arrays and strings, so that it can be stored as JSON.

    Args:
        scaler: Scales the numeric columns; missing values become 0, the middle.
        missing: Positions of the numeric columns that had missing values when fitted; each gets an indicator column.
        n_flags: Number of boolean columns; they become -1 and 1, 0 where missing.
        one_hot: Known levels of each category that becomes one column per level (a single column of -1 and 1 for two);
            None for a category that is embedded.
        embedded: Known levels of each category that becomes codes; None for the others.
        texts: What each text column becomes: numbers behind the scaled ones.

    Example:
        >>> table = Table.from_frame(pd.DataFrame({"size": [0.5, 1.5, 4.0], "ripe": [True, False, True]}))
        >>> encoder = ENCODERS.make({"name": "robust", "max_one_hot": 16}, table=table)
        >>> encoder.n_numeric, tuple(encoder.transform(table).dense.shape)
        (1, (3, 2))
    """

    scaler: Scaler
    n_numeric: int
    missing: tuple[int, ...]
    n_flags: int
    one_hot: tuple[tuple[str, ...] | None, ...]
    embedded: tuple[tuple[str, ...] | None, ...]
    texts: tuple[TextEncoder, ...] = ()

    @property
    def vocabularies(self) -> tuple[int, ...]:
        """Levels of each codes column, the one for missing, rare and unseen values included."""
        return tuple(len(levels) + 1 for levels in self.embedded if levels is not None)

    @property
    def d_dense(self) -> int:
        """Columns of `Inputs.dense`."""
        return self.n_numeric + sum(column.d_out for column in self.texts) + self._d_flags

    @property
    def _d_flags(self) -> int:
        widths = (_width(levels) for levels in self.one_hot if levels is not None)
        return len(self.missing) + self.n_flags + sum(widths)

    def transform(self, table: Table, *, texts: NDArray[np.float32] | None = None) -> Inputs:
        """Encode rows of the schema that the encoder was fitted on; levels it has not seen count as missing.

        Args:
            table: The rows.
            texts: What `written` returned for these rows, if that is known.
        """
        start = len(self.missing)
        flags = np.zeros((table.n_rows, self._d_flags), dtype=np.int8)
        scaled = self._scaled(table, gaps=flags[:, :start])
        if self.n_flags:
            _fill_flags(flags[:, start : start + self.n_flags], table)
        codes = self._levels(table.levels(), flags[:, start + self.n_flags :])
        if self.texts:
            scaled = np.hstack([scaled, written(table, self.texts) if texts is None else texts])
        return Inputs(
            torch.from_numpy(scaled),
            torch.from_numpy(codes),
            flags=torch.from_numpy(flags) if flags.shape[1] else None,
        )

    def _scaled(self, table: Table, *, gaps: NDArray[np.int8]) -> NDArray[np.float32]:
        """Scaled numbers, and in `gaps` where they are missing; in pieces, since float64 takes twice the room."""
        scaled = np.empty((table.n_rows, self.n_numeric), dtype=np.float32)
        for start in range(0, table.n_rows, NUMBERS_AT_ONCE):
            rows = slice(start, min(start + NUMBERS_AT_ONCE, table.n_rows))
            part = table if table.n_rows <= NUMBERS_AT_ONCE else table.take(np.arange(rows.start, rows.stop))
            numbers = part.numbers().to_numpy(np.float64)
            gaps[rows] = UNIT * np.isnan(numbers[:, list(self.missing)])
            scaled[rows] = self.scaler.transform(numbers)
        return scaled

    def _levels(self, levels: pd.DataFrame, one_hot: NDArray[np.int8]) -> NDArray[np.int64]:
        """Fill the one-hot columns and return the codes."""
        codes = np.zeros((len(levels), len(self.vocabularies)), dtype=np.int64)
        start = column = 0
        for (_, values), few, many in zip(levels.items(), self.one_hot, self.embedded, strict=True):
            if few is not None:
                _fill_one_hot(one_hot[:, start : start + _width(few)], _positions(values, few))
                start += _width(few)
            elif many is not None:
                codes[:, column] = _positions(values, many) + 1
                column += 1
        return codes

    def scaled_by(self, table: Table) -> "Encoder":
        """The same columns and levels, with numbers scaled as these rows tell: for the folds of a cross-validation."""
        return replace(self, scaler=type(self.scaler).fit(table.numbers().to_numpy(np.float64)))

    def to_json(self) -> dict[str, Any]:
        """The fitted state in plain JSON types."""
        return {
            "scaler": self.scaler.to_json(),
            "n_numeric": self.n_numeric,
            "missing": list(self.missing),
            "n_flags": self.n_flags,
            "one_hot": [None if levels is None else list(levels) for levels in self.one_hot],
            "embedded": [None if levels is None else list(levels) for levels in self.embedded],
            "texts": [column.to_json() for column in self.texts],
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Encoder":
        """The encoder that `to_json` described."""
        return cls(
            scaler=scaler_from_json(state["scaler"]),
            n_numeric=int(state["n_numeric"]),
            missing=tuple(state["missing"]),
            n_flags=int(state["n_flags"]),
            one_hot=_vocabularies(state["one_hot"]),
            embedded=_vocabularies(state["embedded"]),
            texts=tuple(TextEncoder.from_json(column) for column in state.get("texts", ())),
        )


def fit_text_columns(table: Table) -> tuple[TextEncoder, ...]:
    """What training rows tell of each text column.

    Args:
        table: Training rows.

    Example:
        >>> fit_text_columns(Table.from_frame({"age": [31, 47]}))
        ()
    """
    return tuple(fit_texts(texts.tolist()) for _, texts in table.texts().items())


def written(table: Table, columns: Sequence[TextEncoder]) -> NDArray[np.float32]:
    """What text columns become, side by side `(n_rows, d)`.

    Args:
        table: The rows.
        columns: An encoder for each text column.

    Example:
        >>> table = Table.from_frame({"note": ["all is well", "all is lost"]}, roles={"note": "text"})
        >>> written(table, fit_text_columns(table)).shape
        (2, 1)
    """
    texts = [column.tolist() for _, column in table.texts().items()]
    parts = [encoder.transform(own) for encoder, own in zip(columns, texts, strict=True)]
    return np.hstack([np.zeros((table.n_rows, 0), dtype=np.float32), *parts])


def fit_encoder(
    table: Table, *, scaler: type[Scaler], max_one_hot: int, texts: tuple[TextEncoder, ...] | None = None
) -> Encoder:
    """Fit an encoder to training rows.

    Args:
        table: Training rows.
        scaler: Kind of scaling of the numeric columns.
        max_one_hot: Categories with at most so many levels become one column per level; more are embedded, and their
            levels seen only once share the code of unseen ones.
        texts: What `fit_text_columns` returned, if that is known.

    Example:
        >>> table = Table.from_frame(pd.DataFrame({"size": [0.5, 1.5, 4.0]}))
        >>> fit_encoder(table, scaler=Robust, max_one_hot=16).n_numeric
        1
    """
    numbers = table.numbers().to_numpy(np.float64)
    counts = [values.value_counts(sort=False) for _, values in table.levels().items()]
    few = [len(count) <= max_one_hot for count in counts]
    return Encoder(
        scaler=scaler.fit(numbers),
        n_numeric=numbers.shape[1],
        missing=tuple(np.flatnonzero(np.isnan(numbers).any(axis=0)).tolist()),
        n_flags=sum(column.role == "boolean" for column in table.used),
        one_hot=tuple(_sorted(count.index) if a_few else None for count, a_few in zip(counts, few, strict=True)),
        embedded=tuple(
            None if a_few else _sorted(count.index[count >= _MIN_COUNT])
            for count, a_few in zip(counts, few, strict=True)
        ),
        texts=fit_text_columns(table) if texts is None else texts,
    )


def _sorted(levels: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, levels)))


def _vocabularies(state: list[list[str] | None]) -> tuple[tuple[str, ...] | None, ...]:
    return tuple(None if levels is None else tuple(levels) for levels in state)


def _width(levels: tuple[str, ...]) -> int:
    return 1 if len(levels) == 2 else len(levels)


def _positions(values: "pd.Series[Any]", levels: tuple[str, ...]) -> NDArray[np.intp]:
    """Position of each value among the levels; -1 for a missing or unknown one."""
    return pd.Index(levels, dtype=object).get_indexer(pd.Index(values, dtype=object))


def _fill_flags(columns: NDArray[np.int8], table: Table) -> None:
    """-1 for false, 1 for true, 0 where missing; some rows at a time, since all of them may be too many as floats."""
    for start in range(0, table.n_rows, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, table.n_rows))
        signs = UNIT * (2 * table.take(rows).flags().to_numpy(np.float32) - 1)
        columns[rows[0] : rows[-1] + 1] = np.rint(np.nan_to_num(signs, copy=False, nan=0.0))


def _fill_one_hot(columns: NDArray[np.int8], positions: NDArray[np.intp]) -> None:
    known = np.flatnonzero(positions >= 0)
    if columns.shape[1] == 1:
        columns[known, 0] = UNIT * (2 * positions[known] - 1)
    else:
        columns[known, positions[known]] = UNIT


_SPACE = {"max_one_hot": Held(Integer(4, 33, default=16, log=True, valid=(0, 1000)))}

ENCODERS: Options[Encoder] = Options(
    "encoder",
    {
        "robust": Option(partial(fit_encoder, scaler=Robust), _SPACE, source="arXiv:2407.04491"),
        "quantile": Option(partial(fit_encoder, scaler=Quantile), _SPACE, source="arXiv:2106.11959"),
        "standard": Option(partial(fit_encoder, scaler=Standard), _SPACE, source="scikit-learn, StandardScaler"),
    },
)
"""How a table becomes numbers: made from `max_one_hot` and a training `table`."""
