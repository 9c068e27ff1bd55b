import pandas as pd
import pytest

from automl_nn.store import looks
from automl_nn.store.claims import Worker
from automl_nn.store.records import EpochRow, Outcome, SpikeRow

NORMS = {"grad_norm_median": 1.0, "grad_norm_p90": 2.0, "grad_norm_max": 3.0}
LOSSES = {"train_loss": 0.5, "val_loss": 0.6, "train_score": 0.7}
REST = {"clipped": 0.0, "skipped": 0, "learning_rate": 0.1, "seconds": 1.0, "rows_per_second": 10.0}
NAMES = ("selu", "relu", "é%_!", "relu")


@pytest.fixture
def study_id(store):
    """A study of four trials; the last one failed, and another study has one, too."""
    other, study_id = store.open_study("other", spec={}), store.open_study("mine", spec={})
    for owner, name in [(other, "selu"), *((study_id, name) for name in NAMES)]:
        claim = store.claim(owner, n_trials=None, worker=Worker.this())
        store.begin(claim, config={"model": {"activation": {"name": name}}}, seed=claim.number)
        for number in (1, 2):
            spikes = [SpikeRow(4, "loss", 9.0, [1, 2]), SpikeRow(3, "norm", 8.0, [2])] if number == 2 else []
            metrics = {"val": {"roc_auc": 0.1 * number}}
            row = EpochRow(number, score=0.1 * number, metrics=metrics, **LOSSES, **NORMS, **REST, spikes=spikes)
            store.report(claim, row)
        if claim.number == 3:
            store.fail(claim, ValueError("100 % wrong"))
        else:
            store.finish(claim, Outcome(state="complete", score=0.1 * claim.number, seconds=1.0))
    return study_id


def look(store, of, *given):
    """What a query of this module gives."""
    return store.read(lambda connection: of(connection, *given))


def test_runs_are_those_of_the_frame_of_trials(store, study_id):
    runs, trials = look(store, looks.runs, study_id), store.trials(study_id)
    shared = [name for name in runs if name in trials]
    assert {"number", "state", "score", "run_id", "failure"} <= set(shared)
    pd.testing.assert_frame_equal(runs[shared], trials[shared])


def test_configs_are_read_for_the_trials_asked_for_however_many(store, study_id, monkeypatch):
    monkeypatch.setattr(looks, "MANY_NUMBERS", 2)
    found = look(store, looks.configs, study_id, [3, 0, 2, 99])
    assert found == {number: {"model.activation.name": NAMES[number]} for number in (0, 2, 3)}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("selu", {0}),
        ("RELU", {1, 3}),
        ("é%_!", {2}),
        ("100 %", {3}),
        ("valueerror", {3}),
        ("1_0", set()),
        ("1%0", set()),
        ("'; --", set()),
    ],
)
def test_a_text_is_looked_for_as_it_is(store, study_id, text, numbers):
    assert look(store, looks.matching, study_id, text) == numbers


def test_epochs_and_spikes_are_those_of_one_run(store, study_id):
    run = look(store, looks.run, study_id, 1)
    epochs, spikes = look(store, looks.epochs, run["run_id"]), look(store, looks.spikes, run["run_id"])
    whole = store.epochs(study_id)
    expected = whole[whole["trial"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(epochs, expected[list(epochs)])
    assert spikes[["epoch", "step", "kind"]].to_numpy().tolist() == [[2, 3, "norm"], [2, 4, "loss"]]
    assert look(store, looks.n_epochs, study_id) == len(whole)
    assert look(store, looks.curves, [run["run_id"]]) == {run["run_id"]: [0.1, 0.2]}


def test_a_run_knows_its_neighbours(store, study_id):
    assert look(store, looks.run, study_id, 4) is None
    assert look(store, looks.neighbours, study_id, 0) == (None, 1)
    assert look(store, looks.neighbours, study_id, 3) == (2, None)
