"""Cross-validation in the stack: a trial has a network for each fold, and every row chooses once."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from automl_nn.data.parting.split import Split
from automl_nn.errors import SplitError
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.parting import FEW_ROWS, Parting
from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.space.draw import defaults
from automl_nn.study import Study
from automl_nn.train.trained import several_from_bytes

FRAME = load_breast_cancer(as_frame=True).frame
QUICK = {"train.n_epochs": 4, "model.backbone.name": "mlp", "model.backbone.d_block": 16, "train.batch_size": 64}


def problem_of(frame=FRAME, **parting):
    return pose(frame, ["target"], parting=Parting(**({"folds": 3} | parting)))


def attempt_of(problem, *settings):
    space = default_space(problem.task, n_rows=400)
    configs = [defaults(edit_space(space, QUICK | own)) for own in settings or ({},)]
    return Attempt(Encodings(problem), configs, seeds=list(range(len(configs))))


def finished(attempt, trial=0):
    list(attempt.epochs(seconds=60))
    return attempt.outcome(trial, "complete", stopped=None)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_every_row_chooses_once_and_never_where_it_trains(load):
    problem = problem_of(load(as_frame=True).frame)
    assert len(problem.folds) == 3
    assert sorted(problem.split.val) == list(range(problem.table.n_rows))
    for fold in problem.folds:
        assert not set(fold.train) & set(fold.val)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_diabetes])
def test_a_row_is_predicted_by_the_network_that_has_not_seen_it(load):
    problem = problem_of(load(as_frame=True).frame)
    outcome = finished(attempt_of(problem, {}, {"train.optimizer.lr": 1e-2}), 1)
    networks = several_from_bytes(outcome.payload)
    expected = [
        network.output(problem.table.take(fold.val)) for network, fold in zip(networks, problem.folds, strict=True)
    ]
    np.testing.assert_allclose(outcome.output, np.concatenate(expected), atol=1e-4)
    assert problem.task.score(problem.y[problem.split.val], outcome.output) == pytest.approx(outcome.score, rel=1e-5)


def test_labels_of_a_fold_that_chooses_change_nothing_of_its_network():
    """With one epoch, so that no best one is chosen, and other labels in one fold."""
    problem = problem_of()
    y = problem.y.copy()
    rows = problem.folds[0].val
    y[rows] = 1 - y[rows]
    one, other = (finished(attempt_of(replace(problem, y=labels), {"train.n_epochs": 1})) for labels in (problem.y, y))
    np.testing.assert_allclose(one.output[: len(rows)], other.output[: len(rows)], atol=1e-6)
    assert not np.allclose(one.output[len(rows) :], other.output[len(rows) :], atol=1e-2)


def test_values_of_a_fold_that_chooses_do_not_move_the_scale():
    problem = problem_of()
    for encoded, fold in zip(Encodings(problem).of({"name": "robust", "max_one_hot": 8}), problem.folds, strict=True):
        dense = encoded.fold.train.inputs.dense[:, :30]
        assert dense.median(dim=0).values.abs().max() < 0.05  # the scale of these rows, not of all
        assert len(encoded.fold.val) == len(fold.val)


def test_folds_in_a_stack_train_as_single_splits_do():
    problem = problem_of()
    space = default_space(problem.task, n_rows=400)
    config = defaults(edit_space(space, QUICK | {"train.n_epochs": 1}))
    together = finished(Attempt(Encodings(problem), [config], seeds=[7])).output
    for place, fold in enumerate(problem.folds):
        single = replace(problem, split=Split(fold.train, fold.val))
        alone = finished(Attempt(Encodings(single), [config], seeds=[7 + place])).output
        own, together = together[: len(fold.val)], together[len(fold.val) :]
        np.testing.assert_allclose(own, alone, rtol=1e-3, atol=1e-4)


def test_trials_with_folds_in_a_stack_score_as_they_do_alone():
    problem, settings = problem_of(), ({"train.optimizer.lr": 1e-2}, {"model.dropout.rate": 0.3}, {"model.gain": 2.0})
    space = default_space(problem.task, n_rows=400)
    configs = [defaults(edit_space(space, QUICK | own)) for own in settings]
    stack = Attempt(Encodings(problem), configs, seeds=[5, 6, 7])
    list(stack.epochs(seconds=60))
    for i, config in enumerate(configs):
        alone = finished(Attempt(Encodings(problem), [config], seeds=[5 + i]))
        np.testing.assert_allclose(
            stack.outcome(i, "complete", stopped=None).output, alone.output, rtol=1e-3, atol=1e-3
        )


def test_a_study_of_folds_decides_on_all_rows_and_predicts_with_all_networks(tmp_path):
    study = Study(FRAME, "target", settings=QUICK, parting=Parting(folds=3)).tune(n_trials=3, references=False)
    output, y = study.validation(study.best_number)
    assert output.shape == (569, 1)
    assert sorted(study.store.targets(study.store.study_id("study"))[0]) == list(range(569))
    assert study.task.score(y, output) == pytest.approx(study.best_score, rel=1e-5)
    predictor = study.predictor(study.decide(maximize="f1", trial=study.best_number), trial=study.best_number)
    assert len(predictor.predict(FRAME)) == 569
    predictor.save(tmp_path / "model.nn")
    assert np.mean(predictor.predict(FRAME) == FRAME["target"]) > 0.9


def test_groups_stay_whole_in_folds():
    frame = FRAME.assign(patient=np.arange(len(FRAME)) // 4)
    problem = problem_of(frame, group="patient")
    for fold in problem.folds:
        assert not set(frame["patient"].iloc[fold.train]) & set(frame["patient"].iloc[fold.val])


def test_few_rows_are_crossed_where_nobody_says_otherwise():
    assert len(problem_of(folds=None).folds) == 5
    many = FRAME.sample(6 * FEW_ROWS, replace=True, random_state=0, ignore_index=True)
    assert len(problem_of(many, folds=None).folds) == 1
    rare = many.assign(target=[1] * 300 + [0] * (len(many) - 300))
    assert len(problem_of(rare, folds=None).folds) == 5
    timed = FRAME.assign(day=range(569))
    assert len(problem_of(timed, folds=None, time="day").folds) == 1


def test_folds_that_are_impossible_are_refused():
    with pytest.raises(SplitError, match="folds = 0"):
        problem_of(folds=0)
    with pytest.raises(SplitError, match="time 'day'"):
        problem_of(FRAME.assign(day=pd.date_range("2024-01-01", periods=569)), time="day")
