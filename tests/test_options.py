"""What every alternative of every table keeps, however it came into its table."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping

import optuna
import pytest

import automl_nn
from automl_nn.search.spaces.default import default_space
from automl_nn.space.draw import defaults, flatten, starts, suggest
from automl_nn.space.edit import fix
from automl_nn.space.options import Bundles, Option, Options
from automl_nn.space.ranges import Held, Integer, Range, Real
from automl_nn.task.tasks import TASKS, Binary, Embedding, Multiclass, Multilabel, Regression, SoftLabels

POSED = (
    Binary(("y",), "average_precision"),
    Multiclass(("y",), "neg_log_loss", ("a", "b", "c")),
    Multilabel(("y", "z"), "roc_auc"),
    SoftLabels(("y", "z"), "neg_log_loss"),
    Regression(("y",), "r2"),
    Embedding(("y",), "recall_at_1", ("a", "b")),
)
SPACES = {task.kind: default_space(task, n_rows=1000) for task in POSED}


def modules():
    """Every module of the package but the migrations, which only Alembic can run."""
    for found in pkgutil.walk_packages(automl_nn.__path__, "automl_nn.", onerror=raise_again):
        if "migrations" not in found.name:
            yield importlib.import_module(found.name)


def raise_again(name):
    raise


def tables_in(value):
    """The tables that a value holds, at any depth."""
    if isinstance(value, Options):
        yield value
        yield from (table for option in value.values() for table in tables_in(option.space))
    elif isinstance(value, Bundles):
        yield from tables_in(value.bundles)
    elif isinstance(value, Mapping):
        yield from (table for part in value.values() for table in tables_in(part))


def ranges_in(value):
    """The ranges that a value holds, at any depth."""
    if isinstance(value, Range):
        yield value
    elif isinstance(value, Mapping | Option):
        parts = value.space if isinstance(value, Option) else value
        yield from (found for part in parts.values() for found in ranges_in(part))


def all_tables():
    """Each table once: those with a name in a module, and those that a space is made of."""
    tables = [table for module in modules() for named in vars(module).values() for table in tables_in(named)]
    tables += tables_in(SPACES)
    unique = {(table.kind, *table): table for table in reversed(tables)}
    return list(unique.values())


TABLES = all_tables()
WHOLE = [pytest.param(table, id=f"{table.kind}-{'-'.join(table)}") for table in TABLES]
CASES = [pytest.param(table[name], id=f"{table.kind}-{name}") for table in TABLES for name in table]
CASES = list({case.id: case for case in CASES}.values())


def test_the_tables_are_found():
    kinds = {table.kind for table in TABLES}
    assert {"activation", "backbone", "encoder", "initializer", "loss", "normalization", "optimizer"} <= kinds


def test_every_kind_of_task_has_a_space():
    assert set(SPACES) == set(TASKS)


@pytest.mark.parametrize("option", CASES)
def test_every_knob_is_a_parameter_of_its_maker(option):
    assert set(option.space) <= set(inspect.signature(option.make).parameters)


@pytest.mark.parametrize("option", CASES)
def test_the_defaults_replay(option):
    trial = optuna.trial.FixedTrial(starts(option.space))
    assert suggest(trial, option.space) == defaults(option.space)


@pytest.mark.parametrize("option", CASES)
def test_every_knob_accepts_its_own_default(option):
    for path, value in flatten(defaults(option.space)).items():
        assert flatten(defaults(fix(option.space, path, value)))[path] == value


@pytest.mark.parametrize("option", CASES)
def test_a_search_starts_inside_the_range_it_searches(option):
    for searched in ranges_in(option):
        inner = searched.range if isinstance(searched, Held) else searched
        if isinstance(inner, Integer | Real):
            assert inner.low <= inner.default <= inner.high


@pytest.mark.parametrize("option", CASES)
def test_an_option_names_its_source(option):
    assert option.source


@pytest.mark.parametrize("table", WHOLE)
def test_a_table_starts_with_an_option_that_it_searches(table):
    assert table.default in table.searched
    assert set(table.searched) <= set(table)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_space_can_be_drawn_from_and_every_draw_replays(space):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(100):
        trial = study.ask()
        config = suggest(trial, space)
        assert suggest(optuna.trial.FixedTrial(trial.params), space) == config


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_first_trial_of_a_space_is_its_defaults(space):
    study = optuna.create_study()
    study.enqueue_trial(starts(space))
    assert suggest(study.ask(), space) == defaults(space)
