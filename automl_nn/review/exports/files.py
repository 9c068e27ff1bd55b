"""A study as tables in files that any program reads."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from automl_nn.review.tables import records
from automl_nn.store.store import Store


def study_tables(store: Store, study_id: int) -> dict[str, pd.DataFrame]:
    """All that is stored about a study, but for outputs and networks, by the name of the table.

    Args:
        store: Where the study is kept.
        study_id: The study.

    Example:
        >>> store = Store("sqlite://")
        >>> sorted(study_tables(store, store.open_study("empty", spec={})))
        ['decisions', 'epochs', 'failures', 'findings', 'references', 'spikes', 'trials']
    """
    trials = store.trials(study_id).drop(columns="run_id")
    failures = trials[trials["state"] == "failed"]
    return {
        "trials": trials,
        "epochs": store.epochs(study_id).drop(columns="run_id"),
        "failures": failures[["number", "failure", "message", "seconds", "attempt"]],
        "spikes": store.spikes(study_id),
        "references": store.references(study_id),
        "decisions": store.decisions(study_id).drop(columns="run_id"),
        "findings": store.findings(study_id),
    }


def as_csv(table: pd.DataFrame) -> bytes:
    r"""A table as CSV in UTF-8: empty where a value is missing, JSON where it is a list or a dictionary.

    Example:
        >>> as_csv(pd.DataFrame({"a": [1.5, None], "b": [[1, 2], None]})).decode()
        'a,b\n1.5,"[1, 2]"\n,\n'
    """
    plain = table.map(lambda value: json.dumps(value) if isinstance(value, dict | list) else value)
    return plain.to_csv(index=False, lineterminator="\n").encode()


def as_json(table: pd.DataFrame) -> bytes:
    """A table as a list of JSON objects; null where a value is missing.

    Example:
        >>> as_json(pd.DataFrame({"a": [1.5, None]})).decode()
        '[{"a": 1.5}, {"a": null}]'
    """
    return json.dumps([_plain(row) for row in records(table)], allow_nan=False, default=str).encode()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with null for an infinity, which JSON has no number for."""
    return {k: None if isinstance(v, float) and v - v != 0 else v for k, v in row.items()}


FORMS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": as_csv, "json": as_json}
"""How a table becomes a file, by the file's ending."""


def table_files(tables: Mapping[str, pd.DataFrame], *forms: str) -> dict[str, bytes]:
    r"""Every table in every form, by the name of its file.

    Args:
        tables: What `study_tables` returned.
        forms: Which of `FORMS`.

    Example:
        >>> table_files({"trials": pd.DataFrame({"number": [0]})}, "csv", "json")
        {'trials.csv': b'number\n0\n', 'trials.json': b'[{"number": 0}]'}
    """
    return {f"{name}.{form}": FORMS[form](table) for form in forms for name, table in tables.items()}
