import gc

import numpy as np
import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.testing import pytest_storages
from sqlalchemy.exc import OperationalError

from automl_nn.store.opening import open_storage
from automl_nn.store.optuna_storage import SafeRDBStorage
from automl_nn.store.retries import retried
from automl_nn.store.trial_rows import MANY_IDS
from automl_nn.store.urls import parse_url


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestOptunasOwnSuite(pytest_storages.StorageTestCase):
    """Optuna's tests of a storage: bare on PostgreSQL, behind the cache that studies use on SQLite."""

    @pytest.fixture(scope="class", autouse=True)
    def collected(self):
        """What they leave open is closed while its warnings are still ignored, not in the middle of another test."""
        yield
        gc.collect()

    @pytest.fixture
    def storage(self, url):
        storage = open_storage(url)
        yield storage if url.startswith("postgresql") else optuna.storages.get_storage(storage)
        storage.remove_session()
        storage.engine.dispose()


def objective(trial):
    x = trial.suggest_float("x", 1e-3, 1.0, log=True)
    if trial.suggest_categorical("kind", ("a", "b", None)) == "a":
        x += trial.suggest_int("n", 1, 10, step=3)
    trial.set_user_attr("attribute", {"a": [1, 2]})
    for step, value in enumerate((x, float("inf"), float("nan"), -x)):
        trial.report(value, step)
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    if trial.number % 5 == 4:
        raise ValueError("on purpose")
    return x


@pytest.fixture
def study(url):
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(study_name="study", storage=open_storage(url), sampler=sampler)
    study.optimize(objective, n_trials=20, catch=ValueError)
    study.enqueue_trial({"x": 0.5})
    yield study
    study._storage._backend.engine.dispose()


def test_reading_by_sql_gives_what_optunas_own_reading_gives(study):
    ours = study._storage._backend
    theirs = RDBStorage._get_trials(ours, study._study_id, None, set(), -1)
    got = ours._get_trials(study._study_id, None, set(), -1)
    for mine, expected in zip(got, theirs, strict=True):
        np.testing.assert_equal(mine.intermediate_values, expected.intermediate_values)
        assert mine.params == expected.params
        assert list(mine.params) == list(expected.params)
        assert mine.distributions == expected.distributions
        for name in ("_trial_id", "number", "state", "values", "datetime_start", "datetime_complete"):
            assert getattr(mine, name) == getattr(expected, name)
        assert (mine.user_attrs, mine.system_attrs) == (expected.user_attrs, expected.system_attrs)
        assert ours.get_trial(mine._trial_id).params == expected.params


@pytest.mark.parametrize("ids", [set(), {1, 3}, set(range(1, MANY_IDS + 10))])
def test_reading_the_rest_of_a_study_gives_what_optuna_gives(study, ids):
    ours = study._storage._backend
    first = ours._get_trials(study._study_id, None, set(), -1)[0]._trial_id
    ids = {first + i for i in ids}
    for above in (-1, first + 10, first + 1000):
        theirs = RDBStorage._get_trials(ours, study._study_id, None, ids, above)
        got = ours._get_trials(study._study_id, None, ids, above)
        assert [t.number for t in got] == [t.number for t in theirs if t._trial_id > above or t._trial_id in ids]


def test_the_same_search_runs_in_optunas_storage_and_ours(study):
    memory = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    memory.optimize(objective, n_trials=20, catch=ValueError)
    assert [t.params for t in study.trials[:20]] == [t.params for t in memory.trials]
    assert [t.state for t in study.trials[:20]] == [t.state for t in memory.trials]


def lost(code="connection reset"):
    return OperationalError("SELECT 1", {}, Exception(code))


@pytest.mark.slow
def test_a_server_that_comes_back_is_waited_for(postgres, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    engine = open_storage(postgres).engine
    outcomes = iter([lost(), lost(), "done"])

    def call():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retried(engine, call) == "done"
    engine.dispose()


def test_sqlite_is_not_asked_twice():
    asked = []

    def call():
        asked.append(1)
        raise lost("disk is full")

    with pytest.raises(OperationalError):
        retried(SafeRDBStorage(parse_url("sqlite://")).engine, call)
    assert asked == [1]


@pytest.mark.slow
def test_a_reply_that_got_lost_is_no_error(postgres, monkeypatch):
    storage = open_storage(postgres)
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    told = RDBStorage.set_trial_state_values

    def tell_and_lose_the_reply(self, *args):
        told(self, *args)
        monkeypatch.setattr(RDBStorage, "set_trial_state_values", told)
        raise lost()

    monkeypatch.setattr(RDBStorage, "set_trial_state_values", tell_and_lose_the_reply)
    study.tell(trial, 0.5)
    assert study.best_value == 0.5
    storage.engine.dispose()
