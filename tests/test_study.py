import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_linnerud, load_wine

from automl_nn.decide.choose import decide
from automl_nn.decide.decision import Decision
from automl_nn.decide.goal import Goal
from automl_nn.errors import BudgetError, DataError, NoTrialError, SpaceError, SplitError, StorageError, TargetError
from automl_nn.predict.predictor import Predictor
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.study_spec import spec_of
from automl_nn.space.ranges import Choice
from automl_nn.store.store import Store
from automl_nn.study import Study

QUICK = {"train.n_epochs": 3, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame


def soft_labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    shares = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "p": shares[:, 0], "q": shares[:, 1], "r": shares[:, 2]}
    )


def labels_with_gaps():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    labels = (x[:, :2] > 0).astype(float)
    labels[rng.random(labels.shape) < 0.3] = np.nan
    return pd.DataFrame(np.hstack([x, labels]), columns=["a", "b", "c", "u", "v"])


CASES = {
    "binary": (CANCER, "target"),
    "multiclass": (load_wine(as_frame=True).frame, "target"),
    "multilabel": (labels_with_gaps(), ["u", "v"]),
    "soft": (soft_labels(), ["p", "q", "r"]),
    "regression": (load_diabetes(as_frame=True).frame, "target"),
    "several targets": (load_linnerud(as_frame=True).frame, ["Weight", "Waist", "Pulse"]),
}


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path}/studies.db"


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_every_kind_of_task_goes_the_whole_way(case, storage, tmp_path):
    frame, target = case
    study = Study(frame, target, settings=QUICK, storage=storage).tune(n_trials=2)
    predictor = study.predictor()
    predictor.save(tmp_path / "model.nn")
    loaded = Predictor.load(tmp_path / "model.nn")
    rows = frame.drop(columns=target).sample(20, random_state=0, ignore_index=True)
    pd.testing.assert_frame_equal(loaded.predict_frame(rows), predictor.predict_frame(rows))
    assert len(loaded.predict_frame(rows)) == 20


def test_a_loaded_study_decides_like_the_one_that_trained(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=2)
    loaded = Study.load("study", storage=storage)
    assert loaded.decide(cost=(1, 20)) == study.decide(cost=(1, 20))
    assert loaded.best_score == study.best_score
    rows = CANCER.head()
    np.testing.assert_array_equal(loaded.predictor().predict(rows), study.predictor().predict(rows))


def test_a_stored_decision_reads_back(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=1)
    decision = study.decide(maximize="f2")
    stored = study.store.decisions(study.store.study_id("study"))
    assert len(stored) == 1
    assert Decision.from_json(decision.to_json()) == decision


def test_the_outputs_of_the_model_are_those_that_were_stored(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=2)
    stored, _ = study.validation()
    val = CANCER.iloc[study.problem.split.val]
    np.testing.assert_allclose(study.predictor().output(val), stored, atol=1e-4)


def test_one_trial_or_all_together(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=3)
    weights = study.ensemble()
    assert sum(weights.values()) == pytest.approx(1.0)
    expected = sum(weight * study.validation(trial)[0] for trial, weight in weights.items())
    np.testing.assert_allclose(study.validation()[0], expected)


def test_n_trials_is_the_total(storage):
    for _ in range(2):
        study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=2)
    assert len(study.leaderboard()) == 2
    assert len(Study(CANCER, "target", settings=QUICK, storage=storage).tune(n_trials=3).leaderboard()) == 3


def test_a_study_may_be_kept_in_memory_by_one_worker():
    study = Study(CANCER, "target", settings=QUICK, storage="sqlite://")
    with pytest.raises(StorageError, match="the other 1 of 2 do not find it: name a file"):
        study.tune(n_trials=1, n_workers=2)
    assert study.tune(n_trials=1, references=False).leaderboard()["state"].tolist() == ["complete"]
    assert study.predictor().predict(CANCER).shape == (len(CANCER),)


def test_a_timeout_ends_the_search(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage).tune(timeout=0.5)
    assert len(study.leaderboard()) >= 1


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": QUICK | {"train.n_epochs": 4}},
        {"metric": "roc_auc"},
        {"seed": 1},
        {"data": CANCER.iloc[:-1]},
        {"parting": Parting(val_share=0.3)},
        {"roles": {"mean radius": "dropped"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_study_is_refused_with_what_changed(changed, storage):
    given = {"data": CANCER, "target": "target", "settings": QUICK, "storage": storage}
    Study(**given).tune(n_trials=1)
    with pytest.raises(StorageError) as caught:
        Study(**(given | changed)).tune(n_trials=2)
    assert "study" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(Study.load("study", storage=storage).leaderboard()) == 1


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"target": "tarqet"}, TargetError, "Did you mean 'target'"),
        ({"target": "mean radius", "task": "binary"}, TargetError, "needs 2 classes"),
        ({"metric": "r2"}, SpaceError, "does not score a binary task"),
        ({"task": "binry"}, SpaceError, "Did you mean 'binary'"),
        ({"settings": {"model.activation.name": "rellu"}}, SpaceError, "Did you mean 'relu'"),
        ({"settings": {"model.initializer.name": "zeros"}}, SpaceError, "with the same weights"),
        ({"settings": {"train.batch_sice": 1}}, SpaceError, "Did you mean 'batch_size'"),
        ({"parting": Parting(group="patient")}, DataError, "no column 'patient'"),
        ({"parting": Parting(min_positives=500)}, SplitError, ""),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(given, error, message, tmp_path):
    storage = f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(error) as caught:
        Study(**({"data": CANCER, "target": "target", "storage": storage} | given))
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("budget", [{"n_trials": 0}, {"timeout": 0}, {"n_trials": -1}, {"n_workers": 0}])
def test_an_empty_budget_is_refused(budget, storage, tmp_path):
    with pytest.raises(BudgetError):
        Study(CANCER, "target", settings=QUICK, storage=storage).tune(**budget)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_study_is_not_made(storage, tmp_path):
    with pytest.raises(StorageError, match="no database"):
        Study.load("study", storage=storage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [Store.existing, lambda storage: Study.load("study", storage=storage)])
def test_reading_makes_no_tables(read, storage, tmp_path):
    (tmp_path / "studies.db").touch()
    with pytest.raises(StorageError, match="holds no studies"):
        read(storage)
    assert (tmp_path / "studies.db").stat().st_size == 0


def test_a_study_whose_trials_all_fail_says_why(storage):
    settings = QUICK | {"train.optimizer.name": "sgd", "train.optimizer.lr": 10.0, "train.clip.name": "none"}
    frame = CANCER.copy()
    frame["mean radius"] *= 1e30
    study = Study(load_diabetes(as_frame=True).frame, "target", settings=settings, storage=storage)
    with pytest.raises(NoTrialError, match="finite"):
        study.tune(n_trials=2)
    trials = study.leaderboard()
    assert trials["state"].tolist() == ["failed", "failed"]
    assert trials["message"].str.contains("finite").all()


def test_a_range_may_take_a_knobs_place(storage):
    study = Study(CANCER, "target", settings=QUICK | {"train.batch_size": Choice((32, 64))}, storage=storage)
    assert set(study.tune(n_trials=3).leaderboard()["train.batch_size"]) <= {32, 64}


def test_rows_without_a_label_take_no_part(storage):
    frame = CANCER.assign(target=CANCER["target"].astype(float))
    frame.loc[::3, "target"] = np.nan
    split = Study(frame, "target", storage=storage).problem.split
    used = np.concatenate([split.train, split.val])
    assert sorted(used) == np.flatnonzero(frame["target"].notna()).tolist()


def test_groups_stay_together_and_are_no_feature(storage):
    frame = CANCER.assign(patient=np.arange(len(CANCER)) // 4)
    problem = Study(frame, "target", parting=Parting(group="patient"), storage=storage).problem
    train, val = (set(frame["patient"].iloc[rows]) for rows in (problem.split.train, problem.split.val))
    assert not train & val
    assert "patient" not in [column.name for column in problem.table.columns]


def test_decisions_draw_groups_as_a_whole_and_shift_the_base_rate(storage):
    frame = CANCER.sort_values("target").reset_index(drop=True)
    frame = frame.assign(patient=np.arange(len(frame)) // 20)
    study = Study(frame, "target", settings=QUICK, parting=Parting(group="patient"), storage=storage).tune(n_trials=1)
    loaded = Study.load("study", storage=storage)
    stored = loaded.store.targets(loaded._id, part="val_groups")[1]
    assert stored.tolist() == study.problem.groups[study.problem.split.val].tolist()
    output, y = loaded.validation()
    alone, together = decide(study.task, output, y, goal=Goal("f1")), loaded.decide(maximize="f1")
    assert together.cuts[0].interval != alone.cuts[0].interval
    rare = loaded.decide(maximize="f1", prevalence=0.05)
    assert rare.probability(output)[:, 1].mean() < together.probability(output)[:, 1].mean()


@pytest.mark.slow
def test_two_workers_share_the_trials(storage):
    study = Study(CANCER, "target", settings=QUICK, storage=storage)
    own = study.problem
    study.tune(n_trials=6, n_workers=2)
    assert sorted(study.leaderboard()["number"]) == list(range(6))
    assert spec_of(study.problem) == spec_of(own)
    assert not np.shares_memory(study.problem.y, own.y)  # both workers read one file, and neither holds a copy
