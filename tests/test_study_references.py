"""References in a study: beside the trials, never among them, and in the model only where that is asked for."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_linnerud, load_wine

from automl_nn.estimator import AutoMLClassifier, AutoMLRegressor
from automl_nn.predict.predictor import Predictor
from automl_nn.search.events import ReferenceEnded, TrialStarted
from automl_nn.study import Study

QUICK = {"train.n_epochs": 2, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture
def study(storage):
    return Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=2)


def test_references_come_first_and_are_no_trials(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage)
    events = list(study.events(n_trials=2))
    assert [type(event) for event in events[:3]] == [ReferenceEnded, ReferenceEnded, TrialStarted]
    assert len(study.leaderboard()) == len(study.optuna_study.trials) == 2
    assert study.references()["name"].tolist() == ["boosting", "linear"]
    assert not any(isinstance(event, ReferenceEnded) for event in study.events(n_trials=3))


def test_references_change_nothing_about_the_trials(study, tmp_path):
    other = Study(CANCER, "target", settings=QUICK, storage=f"sqlite:///{tmp_path}/other.db")
    other.tune(n_trials=2, references=False)
    assert other.references().empty
    pd.testing.assert_series_equal(other.leaderboard()["score"], study.leaderboard()["score"])


def test_references_join_the_ensemble_only_if_asked(study):
    assert not {"linear", "boosting"} & set(study.ensemble())
    together = study.ensemble(with_references=True)
    assert "linear" in together  # two epochs of a small network are no match for it
    assert sum(together.values()) == pytest.approx(1.0)


def test_the_model_with_references_repeats_the_stored_outputs(study, tmp_path):
    stored, _ = study.validation(with_references=True)
    decision = study.decide(maximize="f1", with_references=True)
    study.predictor(decision, with_references=True).save(tmp_path / "model.nn")
    loaded = Predictor.load(tmp_path / "model.nn")
    val = CANCER.iloc[study.problem.split.val]
    np.testing.assert_allclose(loaded.output(val), stored, atol=1e-4)
    with zipfile.ZipFile(tmp_path / "model.nn") as archive:
        names = archive.namelist()
    assert any(name.startswith("reference-") for name in names)
    assert all(name.endswith((".json", ".safetensors")) for name in names)


@pytest.mark.parametrize(
    ("frame", "target"),
    [
        (load_wine(as_frame=True).frame, "target"),
        (load_diabetes(as_frame=True).frame, "target"),
        (load_linnerud(as_frame=True).frame, ["Weight", "Waist", "Pulse"]),
    ],
    ids=["multiclass", "regression", "several targets"],
)
def test_every_kind_of_task_has_references_and_an_honest_score(frame, target, storage):
    study = Study(frame, target, settings=QUICK, storage=storage).tune(n_trials=2)
    assert set(study.references()["state"]) == {"complete"}
    honest = study.honest_score()
    assert honest.best.interval[0] <= honest.best.score <= honest.best.interval[1]
    assert set(honest.references) == {"linear", "boosting"}
    study.predictor(with_references=True)


def test_the_honest_score_names_trials_by_number(study):
    honest = study.honest_score()
    assert honest.within_noise[0] == study.best_number
    assert honest.simplest in honest.within_noise
    assert study.honest_score() == honest
    assert study.verdict().startswith("The networks are ")
    assert study.verdict(trial=study.best_number).startswith("The networks are ")


def test_the_honest_score_with_references_is_no_worse(study):
    alone, together = study.honest_score(), study.honest_score(with_references=True)
    assert together.best == alone.best
    assert together.deployed.score >= alone.deployed.score


def test_an_estimator_may_let_the_references_join():
    X, y = CANCER.drop(columns="target"), CANCER["target"]
    common = {"n_trials": 1, "settings": QUICK, "random_state": 0}
    alone = AutoMLClassifier(**common).fit(X, y)
    together = AutoMLClassifier(**common, with_references=True).fit(X, y)
    assert {type(model).__name__ for model in alone.predictor_.networks} == {"Trained"}
    assert "Reference" in {type(model).__name__ for model in together.predictor_.networks}
    regressor = AutoMLRegressor(**common, with_references=True).fit(X, X["mean area"])
    assert regressor.score(X, X["mean area"]) > 0.9
