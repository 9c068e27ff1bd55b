"""Pick some trials of a leaderboard: by state, by what they are made of, in another order."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import pandas as pd

from automl_nn.errors import InputError, did_you_mean
from automl_nn.store.frames import STATES

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
"""What a condition may compare by; longer signs stand before those that they begin with."""

_EQUAL = ("=", "!=")


@final
@dataclass(frozen=True)
class Condition:
    """What a column of the leaderboard must be.

    Args:
        column: The column: `score`, `seconds`, ... or the path of a knob.
        sign: One of `SIGNS`.
        value: What to compare with.

    Example:
        >>> trials = pd.DataFrame({"number": [0, 1], "train.batch_size": [32, 256]})
        >>> Condition("train.batch_size", ">=", 64).holds(trials).tolist()
        [False, True]
    """

    column: str
    sign: str
    value: Any

    def holds(self, trials: pd.DataFrame) -> "pd.Series[bool]":
        """For which trials it is true; for none where the value is missing.

        Raises:
            InputError: There is no such column, it holds numbers and the value is a word, or it holds words, which are
                neither greater nor less.
        """
        column, is_word = _column(trials, self.column), isinstance(self.value, str)
        if is_word and _is_numeric(column) and not pd.api.types.is_bool_dtype(column):
            raise InputError(f"{self.column!r} holds numbers, but is compared with {self.value!r}: give a number.")
        if self.sign not in _EQUAL and (is_word or not _is_numeric(column)):
            raise InputError(
                f"{self.column!r} is compared with {self.value!r}, but only numbers are greater or less: use = or !=."
            )
        values = column.astype(str) if is_word else column
        found: pd.Series[bool] = SIGNS[self.sign](values, self.value) & column.notna()
        return found


def pick(
    leaderboard: pd.DataFrame,
    *,
    states: Sequence[str] = (),
    conditions: Sequence[Condition] = (),
    sort: str | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Some rows of a leaderboard.

    Args:
        leaderboard: One row for each trial, best first.
        states: Trials in one of these; in any if there is none.
        conditions: What must hold of all of them.
        sort: A column to sort by, `-column` for the largest first; missing values come last. The order stays unless
            given.
        limit: Most rows.

    Raises:
        InputError: There is no such state or column.

    Example:
        >>> trials = pd.DataFrame({"number": [2, 0, 1], "state": ["complete", "complete", "failed"]})
        >>> pick(trials, states=["complete"], sort="number")["number"].tolist()
        [0, 2]
    """
    for state in states:
        if state not in STATES:
            raise InputError(f"Unknown state {state!r}. {did_you_mean(state, STATES)}")
    chosen = leaderboard[leaderboard["state"].isin(states)] if states else leaderboard
    for condition in conditions:
        chosen = chosen[condition.holds(chosen)]
    if sort is not None:
        name = sort.removeprefix("-")
        order = _column(chosen, name)
        if not _is_numeric(order):
            order = order.where(order.isna(), order.astype(str))
        chosen = chosen.loc[order.sort_values(ascending=name == sort, na_position="last", kind="stable").index]
    return chosen.head(limit) if limit is not None else chosen


def _column(trials: pd.DataFrame, name: str) -> pd.Series:
    if name not in trials.columns:
        raise InputError(f"Trials have no column {name!r}. {did_you_mean(name, map(str, trials.columns))}")
    return trials[name]


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.infer_objects())
