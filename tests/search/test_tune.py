import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl_nn.errors import BudgetError
from automl_nn.search.attempt import Attempt
from automl_nn.search.events import EpochEnded, TrialEnded, TrialStarted
from automl_nn.search.ledger import N_MODELS
from automl_nn.search.plan import Budget, Clock
from automl_nn.search.tune import MAX_FAILURES, MAX_PUT_OFF
from automl_nn.study import Study

QUICK = {"train.n_epochs": 4, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame
DIVERGE = QUICK | {"train.optimizer.name": "sgd", "train.optimizer.lr": 100.0, "train.clip.name": "none"}


def events_of(settings, *, frame=CANCER, **budget):
    study = Study(frame, "target", settings=settings)
    return study, list(study.events(**budget, references=False))


def test_events_tell_the_story_of_each_trial():
    _, events = events_of(QUICK, n_trials=2)
    for number in (0, 1):
        kinds = [type(event) for event in events if event.number == number]
        assert kinds == [TrialStarted, *[EpochEnded] * (len(kinds) - 2), TrialEnded]
    assert [event.n_done for event in events if isinstance(event, TrialEnded)] == [1, 2]


def test_the_best_of_a_trial_is_its_best_epoch():
    study, _ = events_of(QUICK, n_trials=3)
    epochs = study.epochs()
    for trial in study.leaderboard().to_dict("records"):
        own = epochs[epochs["trial"] == trial["number"]].set_index("epoch")["score"]
        assert trial["score"] == own.max()
        assert own.loc[trial["best_epoch"]] == own.max()


def test_the_score_is_that_of_the_stored_outputs():
    study, _ = events_of(QUICK, n_trials=2)
    output, y = study.validation(study.best_number)
    assert study.task.score(y, output) == pytest.approx(study.best_score, abs=1e-6)


def test_only_the_best_networks_are_kept():
    study, _ = events_of(QUICK | {"train.n_epochs": 1}, n_trials=N_MODELS + 3)
    runs = study.store.runs_with_model(study.store.study_id("study"))
    assert runs == study.leaderboard()["run_id"].head(N_MODELS).tolist()


def test_bad_trials_are_pruned():
    settings = QUICK | {"train.n_epochs": 12, "train.patience": 100, "train.optimizer.name": "adamw"}
    study, events = events_of(settings | {"search.pruner": "median"}, n_trials=17)
    pruned = [event for event in events if isinstance(event, TrialEnded) and event.state == "pruned"]
    assert pruned
    assert study.epochs().groupby("trial").size().loc[pruned[0].number] < 12


def test_no_pruner_prunes_nothing():
    study, _ = events_of(QUICK | {"search.pruner": "none"}, n_trials=12)
    assert "pruned" not in set(study.leaderboard()["state"])


def test_a_failed_trial_is_data_and_the_study_goes_on(monkeypatch):
    from automl_nn.search import attempt

    real = attempt.build

    def sometimes(configs, *args, seeds, **kwargs):
        if any(seed % 2 for seed in seeds):
            raise MemoryError("no memory for this one")
        return real(configs, *args, seeds=seeds, **kwargs)

    monkeypatch.setattr(attempt, "build", sometimes)
    study, events = events_of(QUICK, n_trials=6)
    trials = study.leaderboard().set_index("number")
    failed = trials[trials["seed"] % 2 == 1]
    assert 0 < len(failed) < 6
    assert set(failed["state"]) == {"failed"}
    assert set(failed["failure"]) == {"MemoryError"}
    assert {e.reason for e in events if isinstance(e, TrialEnded) and e.state == "failed"} == {
        "MemoryError: no memory for this one"
    }


def test_a_study_of_failures_alone_ends_early():
    settings = DIVERGE | {"model.backbone.name": "mlp", "train.schedule.name": "constant", "train.loss.name": "mse"}
    study = Study(load_diabetes(as_frame=True).frame, "target", settings=settings | {"search.cohort": 1})
    events = study.events(timeout=120)
    with pytest.raises(Exception, match="Every trial"):
        list(events)
    assert len(study.leaderboard()) == MAX_FAILURES


def test_a_timeout_cuts_a_trial_short_and_keeps_its_best():
    study, _ = events_of(QUICK | {"train.n_epochs": 100_000, "train.patience": 100_000}, timeout=1.0)
    trial = study.leaderboard().iloc[0]
    assert (trial["state"], trial["stopped"]) == ("complete", "timeout")
    assert np.isfinite(trial["score"])


def test_budgets_are_checked():
    with pytest.raises(BudgetError, match="needs a limit"):
        Budget(None, None)
    with pytest.raises(BudgetError, match="n_trials = 0"):
        Budget(0, None)
    with pytest.raises(BudgetError, match="timeout = nan"):
        Budget(None, float("nan"))


def test_a_trial_without_time_for_two_epochs_is_given_back_if_there_is_another(monkeypatch):
    monkeypatch.setattr(Attempt, "pace", lambda self, seconds, precision=None: 1e9)
    study, _ = events_of(QUICK | {"train.patience": 1, "search.cohort": 1}, timeout=60.0)
    assert study.leaderboard()["state"].value_counts().to_dict() == {"complete": 1, "free": MAX_PUT_OFF}
    study.tune(n_trials=2)
    assert study.leaderboard()["state"].value_counts().to_dict() == {"complete": 2, "free": MAX_PUT_OFF - 1}


def test_a_clock_without_a_timeout_is_never_over():
    assert not Clock(None).is_over
    assert Clock(1e-9).is_over


def test_a_trial_that_begins_in_the_last_moment_is_trained_for_an_epoch(monkeypatch):
    monkeypatch.setattr(Clock, "left", 1e-3)
    study, _ = events_of(QUICK, timeout=60.0, refit=False)
    trials = study.leaderboard()
    assert trials["state"].tolist() == ["complete"]
    assert trials["train.n_epochs"].tolist() == [1]


def test_a_trial_that_diverges_keeps_its_last_epoch():
    frame = load_diabetes(as_frame=True).frame
    study = Study(frame, "target", settings=DIVERGE | {"train.schedule.name": "constant", "train.loss.name": "mse"})
    with pytest.raises(Exception, match="not finite"):
        study.tune(n_trials=1)
    trial, epochs = study.leaderboard().iloc[0], study.epochs()
    assert trial["failure"] == "DivergedError"
    assert epochs["skipped"].iloc[-1] > 0


def test_a_long_epoch_is_cut_short_by_the_timeout():
    frame = CANCER.sample(60_000, replace=True, random_state=0)
    study, _ = events_of({"train.batch_size": 8, "model.backbone.d_block": 256}, frame=frame, timeout=1.0)
    assert study.leaderboard()["stopped"].tolist() == ["timeout"]
    epoch = study.epochs().iloc[0]
    assert epoch["seconds"] * epoch["rows_per_second"] < len(study.problem.split.train)
