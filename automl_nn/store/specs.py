"""Studies by name, and what each was begun with: a resumed study must be given the same."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.study import StudyDirection
from sqlalchemy import Connection, bindparam, insert, select

from automl_nn.errors import StorageError, did_you_mean
from automl_nn.space.draw import flatten
from automl_nn.store.schema import StudyTable, plain, utc_now
from automl_nn.store.trial_rows import DIRECTIONS, STUDIES

N_SHOWN = 5
"""Changes that a refusal lists."""

FIRST = ("task", "data", "split", "seed", "space")
"""The parts of what a study was begun with, in the order in which their changes are listed; others follow."""

TOLD = ("probe", "image_probe", "step_seconds", "series_ids", "series_groups", "schema", "about")
"""What follows from the data and the split, is compared otherwise, or only helps to look at a study."""

TASK_SETTINGS = ("task.kind", "task.metric", "task.targets")
"""What of a task is said; the rest, such as its classes, is made of values of the labels."""


def open_study(connection: Connection, name: str, spec: Mapping[str, Any]) -> int:
    """Optuna's id of the study, made if there is none with this name; it maximizes.

    Raises:
        StorageError: The study was begun with something else, or not by automl_nn.
    """
    found = find(connection, name)
    if found is None:
        return _make(connection, name, spec)
    begun = connection.scalar(select(StudyTable.spec).where(StudyTable.study_id == found))
    if begun is None:
        raise StorageError(f"Study {name!r} was made by another program. Give the new search another --study-name.")
    changed = changes(begun, json.loads(json.dumps(plain(spec))))
    if changed:
        shown = ", ".join(changed[:N_SHOWN]) + (f" and {len(changed) - N_SHOWN} more" if changed[N_SHOWN:] else "")
        raise StorageError(
            f"Study {name!r} was begun with something else: {shown}. "
            "Resume it with what it was begun with, or give the new search another --study-name."
        )
    return found


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between what two studies were begun with, in words, by path; columns by name, values of data never.

    Example:
        >>> changes({"data": {"n_rows": 10}, "seed": 0}, {"data": {"n_rows": 12}, "metric": "r2"})
        ['data.n_rows: 10 -> 12', 'seed: 0 -> nothing', "metric: nothing -> 'r2'"]
        >>> changes({"schema": [{"name": "age", "role": "numeric"}]}, {"schema": []})
        ["schema.age: 'numeric' -> nothing"]
    """
    before, after = _comparable(old), _comparable(new)
    return [
        f"{path}: {_change(before, after, path)}"
        for path in sorted(before.keys() | after.keys(), key=_place)
        if path not in before or path not in after or before[path] != after[path]
    ]


def _comparable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """By path, without what follows from the data and the split or is only told; the schema as the columns' roles."""
    rest = {key: value for key, value in spec.items() if key not in TOLD}
    return flatten(rest) | {f"schema.{column['name']}": column["role"] for column in spec.get("schema", ())}


def _place(path: str) -> tuple[int, str]:
    part = path.partition(".")[0]
    return FIRST.index(part) if part in FIRST else len(FIRST), path


def _change(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> str:
    if path.startswith("task.") and path not in TASK_SETTINGS:  # learned from the labels
        return "changed"
    return f"{_shown(before, path)} -> {_shown(after, path)}"


def _shown(values: Mapping[str, Any], path: str, width: int = 60) -> str:
    text = repr(values[path]) if path in values else "nothing"
    return text if len(text) <= width else f"{text[: width - 3]}..."


_SPEC = select(StudyTable.spec).where(StudyTable.study_id == bindparam("study"))


def spec(connection: Connection, study_id: int) -> dict[str, Any]:
    """What a study was begun with."""
    return dict(connection.execute(_SPEC, {"study": study_id}).scalar_one())


def find(connection: Connection, name: str) -> int | None:
    """Optuna's id of the study with this name, or None."""
    return connection.scalar(select(STUDIES.c.study_id).where(STUDIES.c.study_name == name))


def study_names(connection: Connection) -> list[str]:
    """The names of automl_nn's studies, oldest first."""
    named = select(STUDIES.c.study_name).join(StudyTable, StudyTable.study_id == STUDIES.c.study_id)
    return list(connection.scalars(named.order_by(STUDIES.c.study_id)))


def study_id(connection: Connection, name: str) -> int:
    """Optuna's id of one of automl_nn's studies.

    Raises:
        StorageError: There is none with this name.
    """
    names = study_names(connection)
    if name not in names:
        known = did_you_mean(name, names) if names else "There are no studies yet: automl-nn tune begins one."
        raise StorageError(f"Unknown study {name!r}. {known}")
    return int(find(connection, name) or 0)


def study_name(connection: Connection, study_id: int) -> str | None:
    """The name of one of automl_nn's studies by Optuna's id; None if there is none."""
    named = select(STUDIES.c.study_name).join(StudyTable, StudyTable.study_id == STUDIES.c.study_id)
    return connection.scalar(named.where(STUDIES.c.study_id == study_id))


def _make(connection: Connection, name: str, spec: Mapping[str, Any]) -> int:
    made = insert(STUDIES).values(study_name=name).returning(STUDIES.c.study_id)
    made_id = int(connection.execute(made).scalar_one())
    connection.execute(insert(DIRECTIONS).values(study_id=made_id, objective=0, direction=StudyDirection.MAXIMIZE))
    connection.execute(insert(StudyTable).values(study_id=made_id, spec=dict(spec), created=utc_now()))
    return made_id
