import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl_nn.errors import BudgetError, DivergedError, ModelFileError, StorageError
from automl_nn.predict.predictor import Predictor
from automl_nn.search.members import load_members
from automl_nn.search.problems.parting import Parting
from automl_nn.search.refit import plan, trials
from automl_nn.search.refit.trials import chosen, refit_trials
from automl_nn.study import Study

QUICK = {"train.n_epochs": 6, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame


@pytest.fixture
def study(tmp_path):
    storage = f"sqlite:///{tmp_path}/studies.db"
    return Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=3, references=False)


def outputs(predictor):
    return predictor.output(CANCER)


def test_the_predictor_takes_refit_networks_beside_those_of_the_search(study, tmp_path):
    before = study.predictor(trial=study.best_number)
    study.refit(n_seeds=2, trial=study.best_number)
    after = study.predictor(trial=study.best_number)
    assert len(after.networks) == 3  # that of the search, too
    assert after.weights == pytest.approx((1 / 3, 1 / 3, 1 / 3))
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
    assert len(predictor.networks) == 3 * len(weights)
    assert sum(predictor.weights) == pytest.approx(1.0)
    assert predictor.weights[0] == pytest.approx(next(iter(weights.values())) / 3)


def test_a_second_refit_takes_the_place_of_the_first(study):
    for n_seeds in (3, 1):
        study.refit(n_seeds=n_seeds, trial=study.best_number)
    assert len(study.predictor(trial=study.best_number).networks) == 2


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
    assert len(study.refit(n_seeds=1, trial=study.best_number).predictor(trial=study.best_number).networks) == 3
    study.predictor(with_references=True)


def n_refits(study, number):
    return len(study.store.refits(int(study.leaderboard().set_index("number").loc[number, "run_id"])))


def test_what_it_takes_is_read_from_the_store(study):
    board, epochs = study.leaderboard().set_index("number"), study.epochs()
    for number, again in zip([2, 0], chosen(study.store, study.study_id, [2, 0]), strict=True):
        assert again.run_id == board.loc[number, "run_id"]
        assert again.n_epochs == board.loc[number, "best_epoch"]
        own = epochs[epochs["trial"] == number].iloc[: again.n_epochs]
        assert again.seconds == pytest.approx(own["seconds"].sum())
        assert again.loss == own["val_loss"].iloc[-1]


def test_an_ensemble_has_four_networks_in_all_at_least(study):
    for numbers, n_networks in (([0], 4), ([0, 1], 2), ([0, 1, 2], 2), ([0, 1, 2] * 2, 1)):
        refit_trials(study.store, study.study_id, study.problem, chosen(study.store, study.study_id, numbers))
        assert n_refits(study, numbers[0]) == n_networks


@pytest.mark.slow
def test_two_workers_refit_what_one_does(study, monkeypatch):
    alone = outputs(study.refit(n_seeds=1).predictor())
    here, of_jobs = [], trials._of_jobs
    monkeypatch.setattr(plan, "START_SECONDS", 0.0)
    monkeypatch.setattr(trials, "_of_jobs", lambda *given, **asked: here.append(given[2]) or of_jobs(*given, **asked))
    np.testing.assert_allclose(outputs(study.refit(n_seeds=1, n_workers=2).predictor()), alone, atol=1e-5)
    n_here = sum(len(job) for jobs in here for job in jobs)
    assert 0 < n_here < len(study.ensemble())


def test_nothing_is_stored_when_the_time_is_over(study):
    again = chosen(study.store, study.study_id, [0, 1])
    assert refit_trials(study.store, study.study_id, study.problem, again, timeout=-1.0) == []
    assert n_refits(study, 0) == 0


def test_a_stack_that_cannot_be_trained_again_costs_the_others_nothing(study, monkeypatch, caplog):
    fit, again = trials.refit, chosen(study.store, study.study_id, [0, 1])

    def without_memory(encodings, job, **asked):
        if job[0].run_id == again[0].run_id:
            raise MemoryError("no memory")
        return fit(encodings, job, **asked)

    monkeypatch.setattr(trials, "refit", without_memory)
    assert refit_trials(study.store, study.study_id, study.problem, again) == [again[1].run_id]
    assert "1 trials cannot be trained again (MemoryError: no memory)" in caplog.text
    with pytest.raises(DivergedError, match="predict with those of the search"):
        study.refit(trial=0)
    assert n_refits(study, 0) == 0


@pytest.fixture
def timed(tmp_path):
    def tune(**asked):
        study = Study(CANCER, "target", settings=QUICK, storage=f"sqlite:///{tmp_path}/{time.time()}.db", **asked)
        return study, list(study.events(n_trials=3, timeout=600.0, references=False))

    return tune


def test_a_search_with_a_time_limit_trains_again_what_it_has_chosen(timed):
    study, events = timed()
    members = [number for number in study.ensemble() if isinstance(number, int)]
    assert [n_refits(study, number) > 0 for number in members] == [True] * len(members)
    begun, ended = events[-2:]
    assert begun.n_trials == begun.n_chosen == ended.n_trials == len(members)
    assert 0 < begun.seconds < 600.0
    assert np.abs(outputs(study.predictor()) - outputs(study.predictor(refit=False))).max() > 1e-3
    kept = [study.store.refits(run)[0].seed for run in study.leaderboard()["run_id"] if study.store.refits(int(run))]
    study.tune(n_trials=3, timeout=600.0, references=False)
    again = [study.store.refits(run)[0].seed for run in study.leaderboard()["run_id"] if study.store.refits(int(run))]
    assert again == kept


def test_nothing_is_trained_again_where_folds_choose_or_nobody_wants_it(timed, study):
    crossed, _ = timed(parting=Parting(folds=2))
    assert n_refits(crossed, crossed.best_number) == 0
    assert n_refits(study, study.best_number) == 0  # no time limit, so that the same line gives the same networks
    study.tune(n_trials=4, timeout=600.0, references=False, refit=False)
    assert n_refits(study, study.best_number) == 0
