import json

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy import select, update

from automl_nn.data.findings import Finding
from automl_nn.errors import StorageError
from automl_nn.store.claims import MAX_ATTEMPTS, Worker
from automl_nn.store.records import EpochRow, Outcome, SpikeRow
from automl_nn.store.schema import RunTable
from automl_nn.store.specs import changes
from automl_nn.store.store import Store

ME = Worker.this()
DEAD = Worker(ME.host, ME.pid, ME.started - 1000.0)  # the number is in use again
ELSEWHERE = Worker("another machine", 1, 0.0)
SPEC = {"metric": "roc_auc", "data": {"fingerprint": "abc", "shape": (3, 2)}, "space": {"train.lr": "1e-4 to 1e-1"}}


@pytest.fixture
def study_id(store):
    return store.open_study("study", spec=SPEC)


def claim(store, study_id, worker=ME, n_trials=None):
    return store.claim(study_id, n_trials=n_trials, worker=worker)


def row(number, score=0.5, **changed):
    numbers = dict.fromkeys(
        ("train_loss", "val_loss", "train_score", "grad_norm_median", "grad_norm_p90", "grad_norm_max", "seconds"), 0.25
    )
    others = {"clipped": 0.0, "skipped": 0, "learning_rate": 1e-3, "rows_per_second": 1e4, "metrics": {}}
    return EpochRow(**{"number": number, "score": score} | numbers | others | changed)


def done(score=0.5, **changed):
    return Outcome(**{"state": "complete", "score": score, "seconds": 1.0} | changed)


def run_column(store, run_id, name):
    return store.read(
        lambda connection: connection.scalar(select(getattr(RunTable, name)).where(RunTable.id == run_id))
    )


def optuna_trial(store, claim):
    return store.optuna.get_trial(claim.trial_id)


def test_slots_are_trial_numbers_and_end_at_the_total(store, study_id):
    claims = [claim(store, study_id, n_trials=3) for _ in range(4)]
    assert [(c.slot, c.number, c.attempt) for c in claims[:3]] == [(0, 0, 1), (1, 1, 1), (2, 2, 1)]
    assert claims[3] is None


def test_a_failed_trial_counts_towards_the_total(store, study_id):
    store.fail(claim(store, study_id, n_trials=1), ValueError("no"), seconds=1.0)
    assert claim(store, study_id, n_trials=1) is None


def test_a_lower_total_leaves_later_slots_alone(store, study_id):
    claim(store, study_id)
    claim(store, study_id, DEAD)
    assert claim(store, study_id, n_trials=1) is None


def test_an_enqueued_trial_is_taken_before_a_new_one(store, study_id):
    study = optuna.load_study(study_name="study", storage=store.optuna)
    study.enqueue_trial({"x": 0.25})
    taken = [claim(store, study_id) for _ in range(2)]
    assert [c.number for c in taken] == [0, 1]
    assert optuna.trial.Trial(study, taken[0].trial_id).suggest_float("x", 0, 1) == 0.25


def test_the_slot_of_a_dead_worker_is_taken_over_with_its_parameters(store, study_id):
    first = claim(store, study_id, DEAD)
    study = optuna.load_study(study_name="study", storage=store.optuna)
    drawn = optuna.trial.Trial(study, first.trial_id).suggest_float("x", 0, 1)
    store.report(first, row(0, spikes=[SpikeRow(3, "loss", 9.0, [1, 2])]))
    second = claim(store, study_id)
    assert (second.run_id, second.trial_id, second.slot, second.attempt) == (first.run_id, first.trial_id, 0, 2)
    assert optuna.trial.Trial(study, second.trial_id).suggest_float("x", 0, 1) == drawn
    assert store.epochs(study_id).empty
    assert store.spikes(study_id).empty
    assert optuna_trial(store, second).intermediate_values == {}


def test_the_lowest_free_slot_comes_first(store, study_id):
    claims = [claim(store, study_id, worker) for worker in (ME, DEAD, DEAD)]
    store.release(claims[0])
    assert [claim(store, study_id).slot for _ in range(4)] == [0, 1, 2, 3]


def test_a_living_worker_keeps_its_slot(store, study_id):
    claim(store, study_id)
    expire(store)
    assert claim(store, study_id).slot == 1


def expire(store):
    store._write(lambda connection: connection.execute(update(RunTable).values(lease=RunTable.lease - 121.0)))


def test_a_worker_elsewhere_loses_its_slot_with_its_lease(store, study_id):
    theirs = claim(store, study_id, ELSEWHERE)
    assert claim(store, study_id).slot == 1
    expire(store)
    assert store.renew(theirs)
    assert claim(store, study_id).slot == 2
    expire(store)
    assert store.report(theirs, row(0))
    assert claim(store, study_id).slot == 3
    expire(store)
    assert claim(store, study_id).slot == 0


def test_after_many_deaths_the_trial_fails_and_the_next_is_claimed(store, study_id):
    taken = [claim(store, study_id, DEAD) for _ in range(MAX_ATTEMPTS)]
    assert [c.attempt for c in taken] == list(range(1, MAX_ATTEMPTS + 1))
    following = claim(store, study_id)
    assert (following.slot, following.number) == (1, 1)
    assert optuna_trial(store, taken[0]).state == TrialState.FAIL
    failed = store.trials(study_id).iloc[0]
    assert failed["state"] == "failed"
    assert failed["message"] == f"the process died {MAX_ATTEMPTS} times in this trial"


def test_a_released_attempt_does_not_count_as_a_death(store, study_id):
    for _ in range(5):
        taken = claim(store, study_id)
        assert (taken.slot, taken.attempt) == (0, 1)
        assert store.release(taken)


def test_who_lost_a_trial_writes_nothing_more(store, study_id, caplog):
    lost = claim(store, study_id, DEAD)
    held = claim(store, study_id)
    assert not store.renew(lost)
    assert not store.begin(lost, config={}, seed=1)
    assert not store.report(lost, row(0))
    assert not store.fail(lost, ValueError("late"), seconds=1.0)
    assert not store.release(lost)
    assert not store.finish(lost, done(0.1))
    assert store.epochs(study_id).empty
    assert "taken over" in caplog.text
    assert store.finish(held, done(0.9))
    assert not store.finish(lost, done(0.1))
    assert optuna_trial(store, held).value == 0.9


def test_a_trial_ended_by_another_program_is_given_up(store, study_id):
    taken = claim(store, study_id)
    store.optuna.set_trial_state_values(taken.trial_id, TrialState.FAIL)
    assert not store.report(taken, row(0))
    assert claim(store, study_id).slot == 1
    assert list(store.trials(study_id)["state"]) == ["failed", "running"]


def test_claiming_with_the_same_token_gives_the_same_claim(store, study_id, monkeypatch):
    monkeypatch.setattr("automl_nn.store.claims.new_token", lambda: "token")
    assert claim(store, study_id) == claim(store, study_id)


def test_finishing_twice_is_no_error_and_changes_nothing(store, study_id):
    taken = claim(store, study_id)
    assert store.finish(taken, done(0.75))
    assert store.finish(taken, done(0.1))
    assert optuna_trial(store, taken).value == 0.75


@pytest.mark.parametrize(("state", "told"), [("complete", TrialState.COMPLETE), ("pruned", TrialState.PRUNED)])
def test_optuna_sees_the_same_end(store, study_id, state, told):
    taken = claim(store, study_id)
    store.report(taken, row(0, 0.5))
    store.finish(taken, done(0.5, state=state))
    trial = optuna_trial(store, taken)
    assert (trial.state, trial.value, trial.intermediate_values) == (told, 0.5, {0: 0.5})
    assert trial.datetime_start <= trial.datetime_complete
    assert trial.duration.total_seconds() < 60


@pytest.mark.parametrize("score", ["nan", "inf", "-inf"])
def test_a_complete_trial_must_have_a_finite_score(store, study_id, score):
    with pytest.raises(ValueError, match=f"finite score, but it is {score}"):
        store.finish(claim(store, study_id), done(float(score)))


def test_a_pruned_trial_without_a_score_has_no_value(store, study_id):
    taken = claim(store, study_id)
    store.finish(taken, done(float("nan"), state="pruned"))
    assert optuna_trial(store, taken).value is None


@pytest.mark.parametrize("score", [0.5, float("nan"), float("inf"), float("-inf")])
def test_a_report_is_what_optuna_would_have_stored(store, study_id, score):
    ours, theirs = claim(store, study_id), claim(store, study_id)
    store.report(ours, row(4, score))
    store.optuna.set_trial_intermediate_value(theirs.trial_id, 4, score)
    got, expected = (optuna_trial(store, c).intermediate_values for c in (ours, theirs))
    np.testing.assert_equal(got, expected)


def test_reporting_an_epoch_again_replaces_it(store, study_id):
    taken = claim(store, study_id)
    for score in (0.5, 0.75):
        store.report(taken, row(0, score, spikes=[SpikeRow(3, "loss", score, np.arange(2))]))
    assert list(store.epochs(study_id)["score"]) == [0.75]
    assert store.spikes(study_id)["value"].tolist() == [0.75]
    assert store.spikes(study_id)["row_ids"].tolist() == [[0, 1]]
    assert optuna_trial(store, taken).intermediate_values == {0: 0.75}


def test_a_failure_keeps_what_was_wrong(store, study_id):
    taken = claim(store, study_id)
    with pytest.raises(ZeroDivisionError) as caught:
        divide("lost \x00 \ud800 at step 7" + "." * 5000)
    store.fail(taken, caught.value, seconds=2.5)
    failed = store.trials(study_id).iloc[0]
    assert (failed["failure"], failed["seconds"]) == ("ZeroDivisionError", 2.5)
    assert failed["message"].startswith("lost ")
    assert len(failed["message"]) == 2000
    assert run_column(store, taken.run_id, "traceback").endswith("...\n")
    assert optuna_trial(store, taken).state == TrialState.FAIL


def divide(message):
    raise ZeroDivisionError(message)


def test_trials_have_a_column_for_every_knob(store, study_id):
    configs = [{"train": {"lr": 0.1, "loss": {"name": "focal", "gamma": 2.0}}}, {"train": {"lr": np.float32(0.5)}}]
    for seed, config in enumerate(configs):
        taken = claim(store, study_id)
        store.begin(taken, config=config, seed=2**62 + seed, data_fingerprint="abc", n_parameters=2**40)
        store.finish(taken, done(seed, best_epoch=3, stopped="patience", peak_memory_mb=12.5))
    frame = store.trials(study_id)
    assert frame["train.lr"].tolist() == [0.1, 0.5]
    assert frame["train.loss.name"].tolist()[0] == "focal"
    assert frame["train.loss.gamma"].isna().tolist() == [False, True]
    assert frame["seed"].tolist() == [2**62, 2**62 + 1]
    assert frame["n_parameters"].tolist() == [2**40, 2**40]
    assert frame["best_epoch"].tolist() == [3, 3]
    versions = run_column(store, 1, "versions")
    assert versions["numpy"] == np.__version__


def test_epochs_have_a_column_for_every_metric(store, study_id):
    metrics = {"train": {"roc_auc": 1.0}, "val": {"roc_auc": 0.75, "mcc": float("nan")}}
    for _ in range(2):
        taken = claim(store, study_id)
        for number in (1, 0):
            store.report(taken, row(number, metrics=metrics))
    frame = store.epochs(study_id)
    assert frame[["trial", "epoch"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert frame["val.roc_auc"].tolist() == [0.75] * 4
    assert frame["val.mcc"].isna().all()


def test_frames_of_an_empty_study_are_empty(store, study_id):
    for frame in (store.trials, store.epochs, store.spikes, store.decisions, store.findings):
        assert frame(study_id).empty


def test_studies_count_their_trials_by_state(store, study_id):
    store.open_study("empty", spec={})
    store.finish(claim(store, study_id), done(0.5))
    store.finish(claim(store, study_id), done(0.75))
    store.finish(claim(store, study_id), done(0.9, state="pruned"))
    claim(store, study_id)
    frame = store.studies().set_index("name")
    columns = ["complete", "pruned", "failed", "running", "free"]
    assert frame.loc["study", columns].tolist() == [2, 1, 0, 1, 0]
    assert frame.loc["empty", columns].tolist() == [0] * 5
    assert frame.loc["study", ["metric", "best"]].tolist() == ["roc_auc", 0.75]


def test_outputs_and_labels_come_back_in_float32(store, study_id):
    rng = np.random.default_rng(0)
    output, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    y[3, 1] = np.nan
    ids = rng.permutation(50) + 2**40
    taken = claim(store, study_id)
    store.put_targets(study_id, row_ids=ids, y=y)
    store.put_targets(study_id, row_ids=ids, y=y)
    store.finish(taken, done(output=output))
    got_ids, got_y = store.targets(study_id)
    np.testing.assert_array_equal(got_ids, ids)
    np.testing.assert_array_equal(got_y, y.astype(np.float32))
    np.testing.assert_array_equal(store.predictions(taken.run_id), output.astype(np.float32))


def test_labels_without_ids_are_refused(store, study_id):
    with pytest.raises(ValueError, match="2 row ids do not fit 3 rows"):
        store.put_targets(study_id, row_ids=[0, 1], y=np.zeros((3, 1)))


def test_only_the_best_networks_are_kept(store, study_id):
    taken = [claim(store, study_id) for _ in range(5)]
    for one, score in zip(taken, (0.5, 0.9, 0.7, 0.9, 0.9), strict=True):
        store.finish(one, done(score, payload=bytes([one.slot])))
    other = store.open_study("other", spec={})
    kept = claim(store, other)
    store.finish(kept, done(0.0, payload=b"other"))
    store.keep_models(study_id, 2)
    assert store.model(taken[1].run_id) == b"\x01"
    assert store.model(taken[3].run_id) == b"\x03"
    for gone in (0, 2, 4):
        with pytest.raises(StorageError, match="only the best"):
            store.model(taken[gone].run_id)
    assert store.model(kept.run_id) == b"other"


def test_what_is_not_stored_is_said(store, study_id):
    with pytest.raises(StorageError, match="no stored outputs"):
        store.predictions(1)
    with pytest.raises(StorageError, match="no stored labels"):
        store.targets(study_id, part="test")


def test_decisions_come_back_oldest_first(store, study_id):
    taken = claim(store, study_id)
    spec = {"cost": {"fp": 1, "fn": 50}}
    store.add_decision(study_id, run_id=taken.run_id, spec=spec, result={"f1": np.float64(0.5)}, threshold=0.25)
    store.add_decision(study_id, run_id=None, spec={}, result={"n": float("nan")}, utility=-1.5)
    frame = store.decisions(study_id)
    assert frame["spec"].tolist() == [spec, {}]
    assert frame["result"].tolist() == [{"f1": 0.5}, {"n": None}]
    assert frame["threshold"].tolist()[0] == 0.25
    assert frame["trial"].isna().tolist() == [False, True]


def test_findings_are_replaced(store, study_id):
    store.put_findings(
        study_id, [Finding("leak", "warning", "age", "It knows."), Finding("scale", "note", "", "Small.")]
    )
    assert store.findings(study_id)["kind"].tolist() == ["leak", "scale"]
    store.put_findings(study_id, [])
    assert store.findings(study_id).empty


def test_deleting_a_study_in_optuna_deletes_our_rows(store, study_id):
    taken = claim(store, study_id)
    store.report(taken, row(0))
    store.put_targets(study_id, row_ids=[0], y=[[1.0]])
    optuna.delete_study(study_name="study", storage=store.optuna)
    assert store.study_names() == []
    assert run_column(store, taken.run_id, "id") is None


def test_a_study_is_resumed_with_what_it_was_begun_with(store, study_id):
    again = json.loads(json.dumps(SPEC))
    assert store.open_study("study", spec=again) == study_id
    assert store.open_study("study", spec=SPEC) == study_id
    assert store.spec(study_id) == again
    assert store.study_id("study") == study_id


def test_a_changed_spec_is_refused_with_what_changed(store, study_id):
    changed = {**SPEC, "metric": "mcc", "data": {"fingerprint": "xyz", "shape": (3, 2)}}
    with pytest.raises(StorageError) as refusal:
        store.open_study("study", spec=changed)
    said = str(refusal.value)
    assert "data.fingerprint: 'abc' -> 'xyz', metric: 'roc_auc' -> 'mcc'" in said
    assert "shape" not in said
    assert "--study-name" in said


def test_changes_are_told_by_column_and_without_values_of_the_data():
    def spec(seed, classes, **roles):
        schema = [{"name": name, "role": role, "reason": ""} for name, role in roles.items()]
        task = {"kind": "binary", "classes": classes}
        return {"probe": {"age": classes}, "schema": schema, "seed": seed, "task": task, "space": {"lr": str(seed)}}

    old = spec(0, ["ill", "well"], age="numeric", town="category", who="numeric")
    new = spec(1, ["ann", "bob"], age="numeric", who="dropped")
    assert changes(old, new) == [
        "task.classes: changed",
        "seed: 0 -> 1",
        "space.lr: '0' -> '1'",
        "schema.town: 'category' -> nothing",
        "schema.who: 'numeric' -> 'dropped'",
    ]
    assert changes(old, {**old, "probe": {}}) == []


def test_a_study_of_another_program_is_refused(store):
    optuna.create_study(study_name="theirs", storage=store.optuna)
    with pytest.raises(StorageError, match="another program"):
        store.open_study("theirs", spec={})


def test_an_unknown_study_is_guessed(store, study_id):
    with pytest.raises(StorageError, match=r"Did you mean 'study'\?"):
        store.study_id("studdy")


def test_without_studies_the_way_to_one_is_named(store):
    with pytest.raises(StorageError, match="automl-nn tune"):
        store.study_id("study")


def test_the_study_maximizes(store, study_id):
    study = optuna.load_study(study_name="study", storage=store.optuna)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    for score in (0.5, 0.9, 0.7):
        store.finish(claim(store, study_id), done(score))
    assert study.best_trial.number == 1


def test_a_second_store_sees_everything(store, study_id, url):
    taken = claim(store, study_id)
    store.finish(taken, done(0.5, output=np.ones((2, 1))))
    with Store(url) as other:
        assert other.predictions(taken.run_id).tolist() == [[1.0], [1.0]]
        assert other.trials(study_id).equals(store.trials(study_id))
