from automl_nn.errors import DivergedError
from automl_nn.store.claims import Worker
from automl_nn.store.overview import overviews
from automl_nn.store.records import EpochRow, Outcome
from automl_nn.store.schema import EpochTable

FLOATS = [column.name for column in EpochTable.__table__.columns if column.type.python_type is float]
EPOCH = dict.fromkeys(FLOATS, 0.5) | {"metrics": {}, "skipped": 0}


def begin(store, study_id, *, n_epochs):
    claim = store.claim(study_id, n_trials=None, worker=Worker.this())
    store.begin(claim, config={"train": {"n_epochs": 10}}, seed=0)
    for number in range(1, n_epochs + 1):
        store.report(claim, EpochRow(number=number, **EPOCH))
    return claim


def test_every_study_is_seen_with_what_it_is_and_how_it_stands(store):
    first = store.open_study("first", spec={"task": {"kind": "binary"}, "data": {"n_rows": 7}, "seed": 0})
    second = store.open_study("second", spec={"metric": "r2"})
    for score in (0.3, 0.9, 0.9):
        store.finish(begin(store, first, n_epochs=1), Outcome("complete", score, 2.0))
    store.finish(begin(store, first, n_epochs=1), Outcome("pruned", 0.99, 1.0))
    store.fail(begin(store, first, n_epochs=0), DivergedError("no"), seconds=1.0)
    begin(store, first, n_epochs=4)
    newest, oldest = store.read(overviews)
    assert (newest.study_id, newest.name, newest.n_trials, newest.best, newest.running) == (
        second,
        "second",
        0,
        None,
        (),
    )
    assert (oldest.task, oldest.data) == ({"kind": "binary"}, {"n_rows": 7})
    assert {state: n for state, n in oldest.counts.items() if n} == {
        **{"complete": 3, "pruned": 1, "failed": 1, "running": 1}
    }
    assert (oldest.best, oldest.best_number, oldest.seconds) == (0.9, 1, 8.0)
    (running,) = oldest.running
    assert (running.number, running.n_epochs, running.planned) == (5, 4, 10)
    assert running.seconds_left == 3.0  # six epochs of half a second


def test_nobody_can_tell_the_time_left_before_the_first_epoch(store):
    study_id = store.open_study("study", spec={})
    begin(store, study_id, n_epochs=0)
    (study,) = store.read(overviews)
    assert study.running[0].seconds_left is None
