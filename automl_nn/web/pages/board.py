"""The list of the trials of a study: sorted, filtered and cut into pages on the server, so that it works anywhere."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, final
from urllib.parse import urlencode

import pandas as pd

from automl_nn.review.tables import differences
from automl_nn.review.words import number
from automl_nn.review.worth.factors import knob_words
from automl_nn.space.ranges import Value
from automl_nn.store import looks
from automl_nn.store.store import Store

N_ROWS = 30
"""Trials on a page."""

COLUMNS = {
    "number": "trial",
    "state": "state",
    "score": "score",
    "best_epoch": "best epoch",
    "seconds": "time",
    "n_parameters": "parameters",
}
"""Columns that can be sorted by, and their heads."""

DESCENDING = ("score", "seconds", "n_parameters", "best_epoch")
"""Columns whose largest values come first when they are clicked."""

STATES = ("complete", "pruned", "failed", "running", "free")

MOST_TEXT = 100


@final
@dataclass(frozen=True)
class View:
    """Which trials to list, and in which order.

    Args:
        sort: One of `COLUMNS`.
        order: `asc` or `desc`.
        state: One of `STATES`; all if empty.
        text: What a trial's config or failure holds; anything if empty.
        page: From 1.
    """

    sort: str = "score"
    order: str = "desc"
    state: str = ""
    text: str = ""
    page: int = 1

    @staticmethod
    def of(query: Mapping[str, str]) -> "View":
        """The view of a query string; what makes no sense is left out.

        Example:
            >>> View.of({"sort": "seconds", "page": "-3", "state": "<b>"})
            View(sort='seconds', order='desc', state='', text='', page=1)
        """
        sort = query.get("sort", "score")
        sort = sort if sort in COLUMNS else "score"
        order = query.get("order", "")
        order = order if order in ("asc", "desc") else _first_order(sort)
        state, page = query.get("state", ""), query.get("page", "")
        return View(
            sort,
            order,
            state if state in STATES else "",
            query.get("text", "").strip()[:MOST_TEXT],
            int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 7 else 1,
        )

    def with_page(self, page: int) -> str:
        """The query string of another page."""
        return _query(replace(self, page=page))

    def sorted_by(self, column: str) -> str:
        """The query string after a click on the head of a column."""
        turned = {"asc": "desc", "desc": "asc"}[self.order]
        return _query(replace(self, sort=column, order=turned if column == self.sort else _first_order(column), page=1))

    def aria(self, column: str) -> str:
        """How a column is sorted, as screen readers are told."""
        return "none" if column != self.sort else {"asc": "ascending", "desc": "descending"}[self.order]


def _first_order(column: str) -> str:
    return "desc" if column in DESCENDING else "asc"


def _query(view: View) -> str:
    """What differs from the usual view."""
    usual = asdict(View(sort=view.sort, order=_first_order(view.sort)))
    changed = {key: value for key, value in asdict(view).items() if value != usual[key]}
    return "?" + urlencode(({"sort": view.sort} if view.sort != View().sort else {}) | changed)


@final
@dataclass(frozen=True)
class BoardRow:
    """A trial in the list.

    Args:
        number: Its number.
        state: How it stands.
        score: Its score, if it has one.
        best_epoch: The epoch whose weights were kept.
        seconds: Time that it took.
        n_parameters: Numbers that it trained.
        curve: The score of each epoch.
        changes: What it has set otherwise than trial 0: name and value.
        reason: Why it failed, or why it ended.
    """

    number: int
    state: str
    score: float | None
    best_epoch: int | None
    seconds: float | None
    n_parameters: int | None
    curve: tuple[float | None, ...]
    changes: tuple[tuple[str, str], ...]
    reason: str


@final
@dataclass(frozen=True)
class Board:
    """One page of the list.

    Args:
        view: What was asked for.
        rows: The trials.
        n_found: Trials that fit the filter.
        n_trials: All trials.
    """

    view: View
    rows: tuple[BoardRow, ...]
    n_found: int
    n_trials: int

    @property
    def n_pages(self) -> int:
        """Pages of the list; 1 if it is empty."""
        return max(1, -(-self.n_found // N_ROWS))

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns that can be sorted by, and their heads."""
        return COLUMNS

    @property
    def states(self) -> tuple[str, ...]:
        """The states that can be filtered by."""
        return STATES


def board(
    store: Store, study_id: int, runs: pd.DataFrame, view: View, *, ranks: Mapping[str, int] | None = None
) -> Board:
    """One page of the trials of a study.

    Args:
        store: Where the study is kept.
        study_id: The study.
        runs: One row for each of its trials, as `looks.runs` gives them.
        view: Which trials to list, and in which order.
        ranks: Which knobs to show first, by path; those without a rank come last.
    """
    found = runs if not view.state else runs[runs["state"] == view.state]
    if view.text:
        holding = store.read(lambda connection: looks.matching(connection, study_id, view.text))
        found = found[found["number"].isin(holding)]
    ordered = found.sort_values(view.sort, ascending=view.order == "asc", kind="stable", na_position="last")
    page = min(view.page, max(1, -(-len(ordered) // N_ROWS)))
    shown = ordered.iloc[(page - 1) * N_ROWS : page * N_ROWS]
    rows = _rows(store, study_id, shown, ranks or {})
    return Board(replace(view, page=page), rows, len(ordered), len(runs))


def _rows(store: Store, study_id: int, shown: pd.DataFrame, ranks: Mapping[str, int]) -> tuple[BoardRow, ...]:
    numbers, run_ids = ([int(value) for value in shown[name]] for name in ("number", "run_id"))
    configs = store.read(lambda connection: looks.configs(connection, study_id, [0, *numbers]))
    curves = store.read(lambda connection: looks.curves(connection, run_ids))
    plain = shown.astype(object).where(shown.notna(), None)
    return tuple(
        _row(row, _changes(configs.get(row["number"], {}), configs.get(0, {}), ranks), tuple(curves[row["run_id"]]))
        for row in plain.to_dict("records")
    )


def _changes(
    config: Mapping[str, Value], start: Mapping[str, Value], ranks: Mapping[str, int]
) -> tuple[tuple[str, str], ...]:
    changed = sorted(differences(start, config).items(), key=lambda change: ranks.get(change[0], len(ranks)))
    return tuple((knob_words(path), shown_value(value)) for path, value in changed)


def _row(row: Mapping[Any, Any], changes: tuple[tuple[str, str], ...], curve: tuple[float | None, ...]) -> BoardRow:
    return BoardRow(
        number=int(row["number"]),
        state=row["state"],
        score=row["score"],
        best_epoch=None if row["best_epoch"] is None else int(row["best_epoch"]),
        seconds=row["seconds"],
        n_parameters=None if row["n_parameters"] is None else int(row["n_parameters"]),
        curve=curve,
        changes=changes,
        reason=row["failure"] or row["stopped"] or "",
    )


def shown_value(value: Value | None) -> str:
    """A value of a knob for people.

    Example:
        >>> [shown_value(value) for value in (True, 0.00012345, "selu", None)]
        ['true', '0.0001234', 'selu', '-']
    """
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if value is None or isinstance(value, int | float) else value
