"""Optuna's trials by plain SQL: what its object-relational mapper does, ten to thirty times faster."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, or_, select

TRIALS: Table = models.TrialModel.__table__
PARAMS: Table = models.TrialParamModel.__table__
VALUES: Table = models.TrialValueModel.__table__
REPORTS: Table = models.TrialIntermediateValueModel.__table__
USER_ATTRS: Table = models.TrialUserAttributeModel.__table__
SYSTEM_ATTRS: Table = models.TrialSystemAttributeModel.__table__
STUDIES: Table = models.StudyModel.__table__
DIRECTIONS: Table = models.StudyDirectionModel.__table__

N_EPOCHS = "n_epochs"
"""Under which a trial's number of epochs stands among its user attributes."""

MANY_IDS = 500
"""More trials than this are not listed one by one: a statement takes a limited number of values."""

parse_distribution: Callable[[str], BaseDistribution] = lru_cache(maxsize=4096)(json_to_distribution)
"""A distribution from its JSON; thousands of trials share a few."""


def read_trial(connection: Connection, trial_id: int) -> FrozenTrial:
    """One trial.

    Raises:
        KeyError: There is none with this id, as Optuna says it.
    """
    trials = _read(connection, TRIALS.c.trial_id == trial_id)
    if not trials:
        raise KeyError(models.NOT_FOUND_MSG)
    return trials[0]


def read_trials(connection: Connection, study_id: int, *, above: int, ids: Collection[int]) -> list[FrozenTrial]:
    """The trials of a study in the order of their ids.

    Args:
        connection: Where to read.
        study_id: Optuna's id of the study.
        above: Only trials with a larger id, ...
        ids: ... and these.

    Raises:
        KeyError: There is no such study.
    """
    if connection.scalar(select(STUDIES.c.study_id).where(STUDIES.c.study_id == study_id)) is None:
        raise KeyError(models.NOT_FOUND_MSG)
    of_study = TRIALS.c.study_id == study_id
    if len(ids) > MANY_IDS:
        return [trial for trial in _read(connection, of_study) if trial._trial_id > above or trial._trial_id in ids]
    return _read(connection, and_(of_study, or_(TRIALS.c.trial_id > above, TRIALS.c.trial_id.in_(ids))))


def _read(connection: Connection, where: ColumnElement[bool]) -> list[FrozenTrial]:
    trials = connection.execute(select(TRIALS).where(where).order_by(TRIALS.c.trial_id)).all()
    if not trials:
        return []
    params, distributions = _params(connection.execute(_children(PARAMS, where).order_by(PARAMS.c.param_id)))
    values = _grouped(connection, VALUES, where, _value)
    reports = _grouped(connection, REPORTS, where, _report)
    user_attrs = _grouped(connection, USER_ATTRS, where, _attribute)
    system_attrs = _grouped(connection, SYSTEM_ATTRS, where, _attribute)
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=[value for _, value in sorted(values[row.trial_id].items())] or None,
            datetime_start=_local(row.datetime_start),
            datetime_complete=_local(row.datetime_complete),
            params=params[row.trial_id],
            distributions=distributions[row.trial_id],
            user_attrs=user_attrs[row.trial_id],
            system_attrs=system_attrs[row.trial_id],
            intermediate_values=reports[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in trials
    ]


def _children(table: Table, where: ColumnElement[bool]) -> Select[Any]:
    return select(table).join(TRIALS, TRIALS.c.trial_id == table.c.trial_id).where(where)


def _grouped(
    connection: Connection, table: Table, where: ColumnElement[bool], entry: Callable[[Row[Any]], tuple[Any, Any]]
) -> dict[int, dict[Any, Any]]:
    by_trial: dict[int, dict[Any, Any]] = defaultdict(dict)
    for row in connection.execute(_children(table, where)):
        key, value = entry(row)
        by_trial[row.trial_id][key] = value
    return by_trial


def _params(
    rows: Iterable[Row[Any]],
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, BaseDistribution]]]:
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    distributions: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
    for row in rows:
        distribution = parse_distribution(row.distribution_json)
        params[row.trial_id][row.param_name] = distribution.to_external_repr(row.param_value)
        distributions[row.trial_id][row.param_name] = distribution
    return params, distributions


def _value(row: Row[Any]) -> tuple[int, float]:
    return row.objective, models.TrialValueModel.stored_repr_to_value(row.value, row.value_type)


def _report(row: Row[Any]) -> tuple[int, float]:
    value = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(
        row.intermediate_value, row.intermediate_value_type
    )
    return row.step, value


def _attribute(row: Row[Any]) -> tuple[str, Any]:
    return row.key, json.loads(row.value_json)


def _local(time: datetime | None) -> datetime | None:
    """Optuna stores UTC and shows the local time, both without a zone."""
    return time and time.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
