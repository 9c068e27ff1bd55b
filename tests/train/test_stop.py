import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn.errors import BudgetError
from automl_nn.train.loop import fit
from automl_nn.train.stop import Best, until_stale, within


@pytest.fixture
def template(setting):
    return setting.fit([setting.config(n_epochs=1)] * 2)[0]


def scored(template, *scores):
    """Epochs with these scores of two networks, NaN for one that has failed."""
    for number, score in enumerate(scores, start=1):
        values = np.array(score, dtype=float)
        yield replace(template, number=number, score=values, alive=np.isfinite(values))


def test_training_stops_when_no_network_gets_better(template):
    epochs = scored(template, (1, 1), (1, 2), (0, 2), (0, 2), (9, 9))
    assert [epoch.number for epoch in until_stale(epochs, 2)] == [1, 2, 3, 4]


def test_a_dead_network_does_not_keep_the_others_waiting(template):
    epochs = scored(template, (1, 1), (1, np.nan), (1, np.nan), (9, np.nan))
    assert [epoch.number for epoch in until_stale(epochs, 2)] == [1, 2, 3]


def test_time_ends_training_after_the_epoch_that_has_begun(template):
    endless = (replace(template, number=number) for number in itertools.count(1))
    assert [epoch.number for epoch in within(endless, 1e-9)] == [1]
    assert len(list(within(scored(template, (1, 1), (1, 1)), 60.0))) == 2


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_is_refused(seconds):
    with pytest.raises(BudgetError, match=str(seconds)):
        within([], seconds)


def test_no_patience_is_refused():
    with pytest.raises(BudgetError, match="patience = 0"):
        until_stale([], 0)


def test_each_network_gets_back_the_weights_of_its_own_best_epoch(setting):
    configs = [setting.config(n_epochs=8)] * 3
    network = setting.network(configs, seeds=[0, 1, 2])
    best, outputs, scores = Best(network), [], []
    for epoch in fit(network, setting.train, setting.val, configs, task=setting.task, seeds=[0, 1, 2]):
        best.update(epoch)
        outputs.append(epoch.output)
        scores.append(epoch.score)
    best.restore()
    np.testing.assert_array_equal(best.score, np.max(scores, axis=0))
    restored = network.predict(setting.val.inputs).numpy()
    for i, number in enumerate(best.epoch):
        np.testing.assert_allclose(restored[i], outputs[number - 1][i], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(best.output[i], outputs[number - 1][i])


def test_of_equal_scores_the_smaller_loss_wins(setting, template):
    network = setting.network([setting.config()] * 2, seeds=[0, 1])
    best = Best(network)
    for number, losses in enumerate([(3.0, 3.0), (2.0, 4.0)], start=1):
        best.update(replace(template, number=number, score=np.ones(2), val_loss=np.array(losses)))
    assert best.epoch.tolist() == [2, 1]


def test_a_network_that_never_had_a_score_keeps_its_weights(setting, template):
    network = setting.network([setting.config()] * 2, seeds=[0, 1])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    best = Best(network)
    best.update(replace(template, score=np.array([np.nan, np.nan])))
    best.restore()
    assert best.score.tolist() == [-np.inf, -np.inf]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
