"""Trials that are drawn together and trained in one stack go the way that each would go alone."""

import logging
import time

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_breast_cancer

from automl_nn.search import attempt
from automl_nn.search.attempt import Attempt
from automl_nn.search.draws import shared_knobs
from automl_nn.search.encodings import Encodings
from automl_nn.search.events import EpochEnded, TrialEnded
from automl_nn.search.plan import Budget, Plan
from automl_nn.search.problems.problem import pose
from automl_nn.search.pruners import Pruner, make_pruner
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.search.spaces.portfolio import first_trials
from automl_nn.space.draw import defaults
from automl_nn.space.ranges import Choice
from automl_nn.store.trial_rows import N_EPOCHS
from automl_nn.study import Study
from automl_nn.train.loop import Training
from automl_nn.train.step import Stepper

FRAME = load_breast_cancer(as_frame=True).frame
QUICK = {"train.n_epochs": 6, "model.backbone.name": "mlp", "model.backbone.d_block": 16, "train.batch_size": 64}


@pytest.fixture
def encodings():
    return Encodings(pose(FRAME, ["target"]))


def configs_of(encodings, *settings):
    space = default_space(encodings.problem.task, n_rows=400)
    return [defaults(edit_space(space, QUICK | own)) for own in settings]


def scores(run, *, keep=None):
    """Scores of each epoch by trial; `keep` are the trials to go on with after the third one."""
    found = {}
    for progresses in run.epochs(seconds=60):
        for progress in progresses:
            found.setdefault(progress.trial, []).append(progress.row.score)
        if keep is not None and progresses[0].row.number == 3:
            run.keep(keep)
    return found


VARIED = (
    {"train.optimizer.lr": 1e-2},
    {"train.optimizer.name": "sgd", "train.clip.name": "norm"},
    {"model.dropout.rate": 0.3, "train.schedule.name": "cosine"},
    {"train.loss.name": "focal", "train.optimizer.lr": 1e-3},
)


def test_trials_in_a_stack_score_as_they_do_alone(encodings):
    configs = configs_of(encodings, *VARIED)
    stack = Attempt(encodings, configs, seeds=[1, 2, 3, 4])
    together = scores(stack)
    for i, config in enumerate(configs):
        alone = Attempt(encodings, [config], seeds=[i + 1])
        np.testing.assert_allclose(scores(alone)[0], together[i], rtol=1e-3)
        one, other = (run.outcome(trial, "complete", stopped=None) for run, trial in ((alone, 0), (stack, i)))
        assert one.best_epoch == other.best_epoch
        assert one.n_parameters == other.n_parameters
        np.testing.assert_allclose(one.output, other.output, rtol=1e-3, atol=1e-4)


def test_a_trial_that_is_taken_out_leaves_the_others_as_they_were(encodings):
    configs = configs_of(encodings, *VARIED)
    whole, cut = (Attempt(encodings, configs, seeds=[1, 2, 3, 4]) for _ in range(2))
    undisturbed, left = scores(whole), scores(cut, keep=[0, 3])
    assert [len(left[trial]) for trial in range(4)] == [6, 3, 3, 6]
    for trial in (0, 3):
        np.testing.assert_allclose(left[trial], undisturbed[trial], rtol=1e-4)
    assert (
        cut.outcome(1, "pruned", stopped="pruned").output.shape
        == whole.outcome(1, "complete", stopped=None).output.shape
    )


def test_a_network_that_breaks_down_fails_alone():
    settings = QUICK | {
        "train.optimizer.name": "sgd",
        "train.optimizer.lr": Choice((0.05, 1e20)),
        "train.clip.name": "none",
        "search.pruner": "none",
    }
    study = Study(FRAME, "target", settings=settings)
    events = list(study.events(n_trials=24, references=False))
    trials = study.leaderboard().set_index("number").sort_index()
    broken = trials["train.optimizer.lr"] == 1e20
    assert 0 < broken.sum() < 24
    assert set(trials.loc[broken, "failure"]) == {"DivergedError"}
    assert set(trials.loc[~broken, "state"]) == {"complete"}
    assert sorted(event.number for event in events if isinstance(event, TrialEnded)) == list(range(24))


def test_a_stack_that_does_not_fit_into_memory_is_halved(monkeypatch, caplog):
    real = attempt.build

    def small_only(configs, *args, **kwargs):
        if len(configs) > 2:
            raise MemoryError("no room for so many")
        return real(configs, *args, **kwargs)

    monkeypatch.setattr(attempt, "build", small_only)
    study = Study(FRAME, "target", settings=QUICK)
    with caplog.at_level(logging.WARNING):
        study.tune(n_trials=17, references=False)
    assert "failed" not in set(study.leaderboard()["state"])
    assert "8 trials cannot be trained in one stack (MemoryError: no room for so many)" in caplog.text


def test_the_trials_of_a_cohort_share_what_decides_on_the_stack():
    study = Study(FRAME, "target", settings={"train.n_epochs": 1, "search.cohort": 4, "search.pruner": "none"})
    begin = 1 + -(-len(first_trials(study.space)) // 4) * 4  # the first cohort that is sampled as a whole
    study.tune(n_trials=begin + 8, references=False)
    trials = study.leaderboard().set_index("number").sort_index()
    shared = list(shared_knobs(defaults(study.space)))
    free = trials["train.optimizer.lr"]
    for first in (begin, begin + 4):
        own = trials.loc[first : first + 3]
        assert (own[shared].nunique(dropna=False) == 1).all()
        assert free.loc[own.index].nunique() == 4
    assert (trials.loc[[begin, begin + 4], shared].nunique(dropna=False) > 1).any()


def test_epochs_of_a_cohort_go_side_by_side():
    study = Study(FRAME, "target", settings=QUICK | {"search.pruner": "none", "train.patience": 100})
    epochs = [e for e in study.events(n_trials=17, references=False) if isinstance(e, EpochEnded) and e.number > 8]
    assert [event.number for event in epochs[:8]] == list(range(9, 17))
    assert {event.epoch for event in epochs[:8]} == {1}


class TrainingTime:
    """A clock that only training moves: 5 ms for each step, 20 ms for each evaluation."""

    def __init__(self, monkeypatch):
        self.now, step, judge = 0.0, Stepper.step, Training._judge
        for name in ("monotonic", "perf_counter"):
            monkeypatch.setattr(time, name, lambda: self.now)
        monkeypatch.setattr(Stepper, "step", lambda own, batch: self.passes(0.005) or step(own, batch))
        monkeypatch.setattr(Training, "_judge", lambda own: self.passes(0.02) or judge(own))

    def passes(self, seconds):
        self.now += seconds


def test_schedules_end_within_the_time(monkeypatch):
    settings = QUICK | {"train.n_epochs": 5000, "train.patience": 5000, "train.schedule.name": "cosine"}
    study, clock = Study(FRAME, "target", settings=settings), TrainingTime(monkeypatch)
    study.tune(timeout=2.0, references=False, refit=False)
    assert 1.5 < clock.now < 2.5
    trials, epochs = study.leaderboard(), study.epochs()
    assert set(trials.loc[trials["state"] != "free", "stopped"]) == {"timeout"}  # no time was left for the free ones
    first = epochs[epochs["trial"] == 0]
    assert trials.set_index("number").loc[0, "train.n_epochs"] < 5000
    assert first["learning_rate"].iloc[-1] < 0.5 * first["learning_rate"].max()


@pytest.mark.parametrize("n_epochs", [20, 5000])
def test_what_is_trained_again_is_so_within_the_time(monkeypatch, n_epochs):
    settings = QUICK | {"train.n_epochs": n_epochs, "train.patience": n_epochs}
    study, clock, begun = Study(FRAME, "target", settings=settings), TrainingTime(monkeypatch), time.time()
    monkeypatch.setattr(time, "time", lambda: begun + clock.now)
    *_, begun_again, ended = study.events(timeout=8.0, references=False)
    assert clock.now < 8.5
    assert 0 < ended.n_trials <= begun_again.n_trials <= begun_again.n_chosen
    searched, again = (study.predictor(refit=refit) for refit in (False, True))
    assert searched.output(FRAME).tolist() != again.output(FRAME).tolist()


@pytest.mark.parametrize(("asked", "trained"), [("auto", "bfloat16"), ("float32", "float32")])
def test_the_faster_precision_is_taken_where_it_is_open_and_noted(asked, trained, monkeypatch):
    paces = {"bfloat16": 1e-6}
    monkeypatch.setattr(Attempt, "may_round", True)
    monkeypatch.setattr(Attempt, "pace", lambda self, seconds, precision=None: paces.get(precision, 1e-5))
    study = Study(FRAME, "target", settings=QUICK | {"train.precision": asked})
    study.tune(n_trials=2, timeout=60.0, references=False)
    assert set(study.leaderboard()["train.precision"]) == {trained}


def test_a_plan_without_a_timeout_follows_from_the_slots_alone():
    plan = Plan(Budget(n_trials=None, timeout=1e9), largest=4)
    assert plan.cohort(0) == range(1)
    assert plan.cohort(1) == range(1, 2)  # nothing is known of the speed yet
    plan.note(1.0)
    assert plan.cohort(1) == range(1, 5)
    fixed = Plan(Budget(n_trials=10, timeout=None), largest=4)
    assert [fixed.cohort(slot) for slot in (1, 3, 5, 9)] == [range(1, 5), range(1, 5), range(5, 9), range(9, 10)]
    fixed.note(1e9)
    assert fixed.cohort(5) == range(5, 9)
    assert fixed.pacing(30, seconds_per_epoch=lambda _: 1e9).n_epochs == 30


def test_a_plan_shares_the_trials_among_workers():
    plan = Plan(Budget(n_trials=9, timeout=None, n_workers=2), largest=8)
    assert len(plan.cohort(1)) == 4


def test_a_plan_gives_a_stack_a_share_of_the_time():
    plan = Plan(Budget(n_trials=None, timeout=300.0), largest=8)
    assert plan.pacing(40, seconds_per_epoch=lambda _: 1.0).n_epochs == 40
    assert plan.pacing(400, seconds_per_epoch=lambda _: 1.0).n_epochs in (94, 95)
    assert plan.pacing(400, seconds_per_epoch=lambda _: 1e9).n_epochs == 1
    assert not plan.is_spent
    plan.note(3000.0)
    assert plan.is_spent
    assert len(plan.cohort(1)) == 1


def trial(number, values, *, n_epochs, schedule="coslog4", state=optuna.trial.TrialState.COMPLETE):
    made = optuna.trial.create_trial(
        state=state,
        value=max(values) if state == optuna.trial.TrialState.COMPLETE else None,
        params={"train.schedule.name": schedule},
        distributions={"train.schedule.name": optuna.distributions.CategoricalDistribution(["coslog4", "cosine"])},
        intermediate_values=dict(enumerate(values, start=1)),
        user_attrs={N_EPOCHS: n_epochs},
    )
    made.number = number
    return made


RIVALS = [trial(i, [i / 10, i / 10, i / 10, 1.0], n_epochs=15) for i in range(9)]


@pytest.mark.parametrize(("score", "is_pruned"), [(0.75, False), (0.65, False), (0.45, True), (0.0, True)])
def test_trials_outside_the_best_third_are_pruned(score, is_pruned):
    pruner = make_pruner("percentile")
    running = trial(9, [0.0, 0.0, score], n_epochs=15, state=optuna.trial.TrialState.RUNNING)
    assert pruner.is_due(3, n_epochs=15)
    assert pruner.prunes(running, RIVALS) is is_pruned


def test_trials_are_compared_at_one_share_of_their_epochs():
    """Twice as long a trial is compared after twice as many epochs."""
    running = trial(9, [0.0] * 5 + [0.75], n_epochs=30, state=optuna.trial.TrialState.RUNNING)
    assert not make_pruner("percentile").prunes(running, RIVALS)
    assert not make_pruner("percentile").is_due(3, n_epochs=30)
    late = trial(9, [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95], n_epochs=15, state=optuna.trial.TrialState.RUNNING)
    assert make_pruner("percentile").prunes(late, RIVALS)  # by then all others have 1.0


def test_only_trials_of_the_same_schedule_are_compared():
    running = trial(9, [0.0, 0.0, 0.0], n_epochs=15, schedule="cosine", state=optuna.trial.TrialState.RUNNING)
    assert not make_pruner("percentile").prunes(running, RIVALS)


def test_few_trials_prune_nobody():
    running = trial(9, [0.0, 0.0, 0.0], n_epochs=15, state=optuna.trial.TrialState.RUNNING)
    assert not Pruner(keep=1 / 3, n_startup=10).prunes(running, RIVALS)
    assert not make_pruner("none").is_due(3, n_epochs=15)
