"""What goes to standard output: a report as tables for people or as JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TextIO, final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from automl_nn.review.words import number

UNLIMITED = 10_000
"""Width of a line that is not written to a terminal, in characters."""

JOINED = 100
"""Entries share one line up to so many characters."""


@final
class Format(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"


def show(report: Mapping[str, Any] | Sequence[Mapping[str, Any]], form: Format, *, file: TextIO | None = None) -> None:
    """Write a report.

    Args:
        report: Plain values, lists and dictionaries of them, or a list of such dictionaries for rows.
        form: Tables or JSON.
        file: Where to; standard output unless given.

    Example:
        >>> show({"score": float("nan"), "trials": 3}, Format.json)
        {
          "score": null,
          "trials": 3
        }
    """
    file = file or sys.stdout
    if form is Format.json:
        print(json.dumps(finite(report), indent=2, allow_nan=False, default=str), file=file)
        return
    console = Console(file=file)
    if not console.is_terminal:
        console = Console(file=file, width=UNLIMITED)
    with console.capture() as text:
        for part in _parts(report):
            console.print(part)
    print("\n".join(line.rstrip() for line in text.get().splitlines()), file=file)


def finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {str(key): finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _parts(report: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Table]:
    if not isinstance(report, Mapping):
        return [_rows("", report or [{"": "none"}])]
    tables = {key: value for key, value in report.items() if _is_table(value)}
    facts = {key: value for key, value in report.items() if key not in tables and value not in ([], {})}
    grid = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        grid.add_row(Text(key), Text(_words(value, lines=True)))
    return ([grid] if facts else []) + [_table(key, value) for key, value in tables.items()]


def _is_table(value: Any) -> bool:
    entries = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return bool(entries) and all(isinstance(entry, Mapping) for entry in entries)


def _table(title: str, value: Any) -> Table:
    if not isinstance(value, Mapping):
        return _rows(title, value)
    names = dict.fromkeys(name for column in value.values() for name in column)
    return _rows(title, [{"": name} | {key: column.get(name) for key, column in value.items()} for name in names])


def _rows(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False)
    names = dict.fromkeys(name for row in rows for name in row)
    shown = [name for name in names if any(row.get(name) not in (None, "", {}, []) for row in rows)]
    for name in shown:
        is_long = any(isinstance(row.get(name), Mapping) for row in rows)
        table.add_column(Text(str(name)), no_wrap=is_long, overflow="ellipsis" if is_long else "fold")
    for row in rows:
        table.add_row(*(Text(_words(row.get(name))) for name in shown))
    return table


def _together(value: Any) -> str:
    """A value beside others of its kind: one of several entries stands in brackets."""
    return f"({_words(value)})" if isinstance(value, list | tuple) else _words(value)


def _words(value: Any, *, lines: bool = False) -> str:
    """A value on one line; what would be long has one line for each entry if `lines` is true."""
    if isinstance(value, Mapping):
        value = [f"{key}={_together(entry)}" for key, entry in value.items()]
    if isinstance(value, list | tuple):
        texts = [_words(entry) for entry in value]
        return ("\n" if lines and sum(map(len, texts)) > JOINED else ", ").join(texts)
    if isinstance(value, float):
        return number(value)
    return "-" if value is None else str(value)
