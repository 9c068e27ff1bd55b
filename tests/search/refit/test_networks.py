from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl_nn.errors import BudgetError
from automl_nn.search.encodings import Encodings
from automl_nn.search.refit.networks import Again, refit, whole
from automl_nn.search.samplers import trial_seed
from automl_nn.study import Study

QUICK = {"train.n_epochs": 6, "model.backbone.d_block": 16, "model.backbone.n_blocks": 1}
CANCER = load_breast_cancer(as_frame=True).frame


@pytest.fixture(scope="module")
def study():
    return Study(CANCER, "target", settings=QUICK, storage="sqlite://").tune(n_trials=2, references=False)


@pytest.fixture(scope="module")
def encodings(study):
    return Encodings(whole(study.problem))


@pytest.fixture(scope="module")
def trial(study):
    return Again(0, study.store.config(int(study.leaderboard().loc[0, "run_id"])), seed=5, n_epochs=2)


def other(trial, *, lr):
    optimizer = {**trial.config["train"]["optimizer"], "lr": lr}
    return replace(trial, config={**trial.config, "train": {**trial.config["train"], "optimizer": optimizer}})


def outputs(study, made):
    return [[one.network.output(study.problem.table) for one in networks] for networks in made]


def test_all_rows_train(study):
    problem = whole(study.problem)
    assert sorted(problem.split.train) == list(range(len(CANCER)))
    assert problem.split.val.tolist() == study.problem.split.val.tolist()


def test_a_refit_of_several_seeds_is_each_seed_alone(study, encodings, trial):
    (together,) = refit(encodings, [trial], n_seeds=3)
    assert [one.seed for one in together] == [trial_seed(5, i) for i in range(3)]
    (first, second, _), (alone,) = (outputs(study, [made])[0] for made in (together, refit(encodings, [trial])[0]))
    np.testing.assert_allclose(first, alone, atol=1e-4)
    assert np.abs(first - second).max() > 1e-3


def test_trials_in_one_stack_end_where_each_of_them_does_alone(study, encodings, trial):
    trials = [replace(trial, n_epochs=3), replace(other(trial, lr=0.03), n_epochs=1, seed=6)]
    together = outputs(study, refit(encodings, trials))
    for own, one in zip(together, trials, strict=True):
        np.testing.assert_allclose(own, outputs(study, refit(encodings, [one]))[0], atol=1e-4)


def test_a_refit_trains_up_to_the_best_epoch_with_the_schedule_of_the_trial(study, encodings, trial):
    shorter = replace(trial, config={**trial.config, "train": {**trial.config["train"], "n_epochs": 2}})
    (few,), (at_its_end,) = outputs(study, [refit(encodings, [one])[0] for one in (trial, shorter)])
    assert np.abs(few - at_its_end).max() > 1e-3


def test_a_network_that_tells_what_it_has_learned_worse_than_its_trial_is_dropped(encodings, trial):
    kept, dropped = refit(encodings, [replace(trial, loss=10.0), replace(trial, loss=1e-3)])
    assert (len(kept), len(dropped)) == (1, 0)


def test_networks_that_take_too_long_are_dropped(encodings, trial):
    config = {**trial.config, "train": {**trial.config["train"], "n_epochs": 10**6}}
    trials = [replace(trial, config=config, n_epochs=n_epochs) for n_epochs in (10**6, 1)]
    assert [len(networks) for networks in refit(encodings, trials, seconds=60.0)] == [0, 1]


def test_a_refit_trains_at_least_one_network(encodings, trial):
    with pytest.raises(BudgetError, match="n_seeds = 0"):
        refit(encodings, [trial], n_seeds=0)
