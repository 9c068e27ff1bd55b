import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl_nn.errors import BudgetError, ModelFileError, StorageError
from automl_nn.predict.predictor import Predictor
from automl_nn.search.members import load_members
from automl_nn.search.problems.parting import Parting
from automl_nn.search.refit import refit, refit_trials, whole
from automl_nn.search.samplers import trial_seed
from automl_nn.study import Study

QUICK = {"train.n_epochs": 6, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame


@pytest.fixture
def study(tmp_path):
    storage = f"sqlite:///{tmp_path}/studies.db"
    return Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=3, references=False)


def outputs(predictor):
    return predictor.output(CANCER)


def test_all_rows_train(study):
    problem = whole(study.problem)
    assert sorted(problem.split.train) == list(range(len(CANCER)))
    assert problem.split.val.tolist() == study.problem.split.val.tolist()


def test_a_refit_of_several_seeds_is_each_seed_alone(study):
    config = study.store.config(int(study.leaderboard().loc[0, "run_id"]))
    together, seeds, _ = refit(study.problem, config, n_epochs=2, n_seeds=3, seed=5)
    assert seeds == [trial_seed(5, i) for i in range(3)]
    alone, _, _ = refit(study.problem, config, n_epochs=2, n_seeds=1, seed=5)
    table = study.problem.table
    np.testing.assert_allclose(together[0].output(table), alone[0].output(table), atol=1e-4)
    assert np.abs(together[0].output(table) - together[1].output(table)).max() > 1e-3


def test_a_refit_trains_up_to_the_best_epoch_with_the_schedule_of_the_trial(study):
    config = study.store.config(int(study.leaderboard().loc[0, "run_id"]))
    table = study.problem.table
    few, _, _ = refit(study.problem, config, n_epochs=2, n_seeds=1, seed=5)
    shorter = {**config, "train": {**config["train"], "n_epochs": 2}}
    other, _, _ = refit(study.problem, shorter, n_epochs=2, n_seeds=1, seed=5)
    assert np.abs(few[0].output(table) - other[0].output(table)).max() > 1e-3


def test_the_predictor_takes_refit_networks_where_there_are_some(study, tmp_path):
    before = study.predictor(trial=study.best_number)
    study.refit(n_seeds=2, trial=study.best_number)
    after = study.predictor(trial=study.best_number)
    assert len(after.networks) == 2
    assert after.weights == (0.5, 0.5)
    assert np.abs(outputs(after) - outputs(before)).max() > 1e-3
    np.testing.assert_array_equal(outputs(study.predictor(trial=study.best_number, refit=False)), outputs(before))
    after.save(tmp_path / "model.nn")
    np.testing.assert_array_equal(outputs(Predictor.load(tmp_path / "model.nn")), outputs(after))
    loaded = Study.load("study", storage=study.storage)
    np.testing.assert_array_equal(outputs(loaded.predictor(trial=study.best_number)), outputs(after))


def test_the_ensemble_is_refit_with_its_weights(study):
    weights = study.ensemble()
    study.refit(n_seeds=2)
    predictor = study.predictor()
    assert len(predictor.networks) == 2 * len(weights)
    assert sum(predictor.weights) == pytest.approx(1.0)
    assert predictor.weights[0] == pytest.approx(next(iter(weights.values())) / 2)


def test_an_ensemble_has_four_networks_in_all_at_least(study):
    for numbers, n_networks in (([0], 4), ([0, 1], 2), ([0, 1, 2], 2), ([0, 1, 2] * 2, 1)):
        refit_trials(study.store, study._id, study.problem, numbers)
        run = int(study.leaderboard().set_index("number").loc[numbers[0], "run_id"])
        assert len(study.store.refits(run)) == n_networks


@pytest.mark.slow
def test_two_workers_refit_what_one_does(study, monkeypatch):
    alone = outputs(study.refit(n_seeds=1).predictor())
    assert len(study.ensemble()) > 1
    monkeypatch.setattr("automl_nn.search.refit.refit", None)  # this process is to train none
    np.testing.assert_allclose(outputs(study.refit(n_seeds=1, n_workers=2).predictor()), alone, atol=1e-5)


def test_a_second_refit_takes_the_place_of_the_first(study):
    for n_seeds in (3, 1):
        study.refit(n_seeds=n_seeds, trial=study.best_number)
    assert len(study.predictor(trial=study.best_number).networks) == 1


def test_a_refit_that_is_not_what_was_stored_is_not_written(study):
    number = study.best_number
    study.refit(n_seeds=1, trial=number)
    run = int(study.leaderboard().set_index("number").loc[number, "run_id"])
    (row,) = study.store.refits(run)
    changed = type(row)(row.seed, row.n_epochs, row.seconds, row.probe + 1.0, row.payload)
    study.store.put_refits(run, [changed])
    with pytest.raises(ModelFileError, match="other outputs"):
        study.predictor(trial=number)


def test_a_refit_needs_the_data(study):
    with pytest.raises(StorageError, match="without its data"):
        Study.load("study", storage=study.storage).refit()
    with pytest.raises(BudgetError, match="n_seeds = 0"):
        study.refit(n_seeds=0)


def test_quantities_keep_their_unit(tmp_path):
    frame = load_diabetes(as_frame=True).frame
    study = Study(frame, "target", settings=QUICK, storage=f"sqlite:///{tmp_path}/s.db").tune(n_trials=1)
    predicted = study.refit(n_seeds=1).predictor().predict(frame)
    assert predicted.mean() == pytest.approx(frame["target"].mean(), rel=0.3)


def test_members_are_networks_and_references(study):
    study.tune(n_trials=3)
    loaded = load_members(study.store, study._id, {study.best_number: 0.25, "linear": 0.75}, refit=True)
    assert [type(member.model).__name__ for member in loaded] == ["Trained", "Reference"]
    assert [member.weight for member in loaded] == [0.25, 0.75]


def test_a_cross_validated_study_is_refit_and_honest(tmp_path):
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study(CANCER, "target", settings=QUICK, parting=Parting(folds=2), storage=storage).tune(n_trials=2)
    honest = study.honest_score()
    assert honest.best.interval[0] < honest.best.score < honest.best.interval[1]
    crossed = study.predictor(trial=study.best_number)
    assert len(crossed.networks) == 2
    assert len(study.refit(n_seeds=1, trial=study.best_number).predictor(trial=study.best_number).networks) == 1
    study.predictor(with_references=True)
