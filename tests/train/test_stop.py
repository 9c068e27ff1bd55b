from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn.errors import BudgetError
from automl_nn.train.batches.rows import Fold
from automl_nn.train.loop import Training
from automl_nn.train.stop import Best, Patience


@pytest.fixture
def template(setting):
    return setting.fit([setting.config(n_epochs=1)] * 2)[0]


@pytest.fixture
def training(setting):
    return start(setting, [setting.config(n_epochs=8)] * 3)


def start(setting, configs):
    seeds = list(range(len(configs)))
    folds = [Fold(setting.train, setting.val)]
    return Training(setting.network(configs, seeds=seeds), folds, configs, task=setting.task, seeds=seeds)


def scored(template, *scores, candidates=(0, 1)):
    """Epochs with these scores of two networks, NaN for one that has failed."""
    for number, score in enumerate(scores, start=1):
        values = np.array(score, dtype=float)
        yield replace(template, number=number, score=values, alive=np.isfinite(values), candidates=candidates)


def test_each_network_has_a_patience_of_its_own(template):
    patience = Patience([2, 3])
    epochs = scored(template, (1, 1), (1, 2), (0, 2), (0, 2), (9, 2))
    assert [patience.stale(epoch) for epoch in epochs] == [[], [], [0], [0], [1]]


def test_places_count_among_the_networks_that_are_left(template):
    patience = Patience([1, 9, 1])
    first, second = scored(template, (1, 1), (0, 0), candidates=(1, 2))
    assert patience.stale(first) == []
    assert patience.stale(second) == [1]


def test_a_score_that_is_not_finite_is_no_better_one(template):
    patience = Patience([2, 2])
    epochs = scored(template, (1, np.nan), (1, np.nan), (1, np.nan))
    assert [patience.stale(epoch) for epoch in epochs] == [[], [1], [0, 1]]


def test_no_patience_is_refused():
    with pytest.raises(BudgetError, match="patience = 0"):
        Patience([3, 0])


def test_each_network_keeps_the_weights_of_its_own_best_epoch(setting, training):
    best, outputs, scores = Best(training), [], []
    for epoch in training.epochs():
        best.update(epoch)
        outputs.append(epoch.output)
        scores.append(epoch.score)
    np.testing.assert_array_equal(best.score, np.max(scores, axis=0))
    for i, number in enumerate(best.epoch):
        (state,) = best.states[i]
        alone = setting.network([setting.config()], seeds=[0])
        alone.load_state_dict(state)
        restored = alone.predict(setting.val.inputs).numpy()
        np.testing.assert_allclose(restored[0], outputs[number - 1][i], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(best.output[i], outputs[number - 1][i])


def test_what_is_kept_of_a_network_stays_when_it_is_taken_out(training):
    best = Best(training)
    for epoch in training.epochs():
        best.update(epoch)
        if epoch.number == 2:
            kept, score = best.states[0][0], best.score[0]
            before = {name: tensor.clone() for name, tensor in kept.items()}
            training.keep([1, 2])
    assert best.score[0] == score
    assert all(torch.equal(tensor, before[name]) for name, tensor in best.states[0][0].items())
    assert best.epoch[0] <= 2


def test_of_equal_scores_the_smaller_loss_wins(setting, template):
    best = Best(start(setting, [setting.config()] * 2))
    for number, losses in enumerate([(3.0, 3.0), (2.0, 4.0)], start=1):
        best.update(replace(template, number=number, score=np.ones(2), val_loss=np.array(losses)))
    assert best.epoch.tolist() == [2, 1]


def test_a_network_that_never_had_a_score_has_no_best_epoch(setting, template):
    best = Best(start(setting, [setting.config()] * 2))
    best.update(replace(template, score=np.array([np.nan, np.nan])))
    assert best.score.tolist() == [-np.inf, -np.inf]
    assert best.states == [[], []]
