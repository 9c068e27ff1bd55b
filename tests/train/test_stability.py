import numpy as np
import pytest
import torch

from automl_nn.train.stability import Bands, Skips


def test_each_five_steps_that_are_not_finite_in_a_row_halve_the_learning_rate():
    skips, finite = Skips(2), torch.ones(2)
    broken = torch.tensor([torch.nan, 1.0])
    for _ in range(4):
        skips.update(broken, finite)
    skips.update(finite, finite)
    assert skips.slowdown.tolist() == [1.0, 1.0]
    for _ in range(10):
        skips.update(finite, broken)
    assert skips.slowdown.tolist() == [0.25, 1.0]


def test_steps_that_a_clip_rule_leaves_out_make_no_network_slower():
    skips, finite = Skips(2), torch.ones(2)
    for _ in range(10):
        assert skips.update(finite, finite, left_out=torch.tensor([True, False])).tolist() == [1.0, 0.0]
    assert skips.slowdown.tolist() == [1.0, 1.0]


def test_a_dead_network_leaves_out_every_step():
    skips = Skips(2)
    skips.dead[1] = True
    assert skips.update(torch.ones(2), torch.ones(2)).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("loss", [torch.nan, torch.inf, -torch.inf])
def test_a_loss_that_is_not_finite_leaves_out_the_step(loss):
    assert Skips(1).update(torch.tensor([loss]), torch.ones(1)).tolist() == [1.0]


def test_a_spike_is_seen_and_does_not_move_the_band():
    rng = np.random.default_rng(0)
    values = np.exp(0.3 * rng.standard_normal((200, 2)))
    values[[100, 150], 1] = 40.0
    assert np.argwhere(Bands().outside(values)).tolist() == [[100, 1], [150, 1]]


def test_a_band_goes_on_from_one_epoch_to_the_next():
    values = np.exp(np.random.default_rng(0).standard_normal((120, 3)))
    pieces = Bands(factor=3.0)
    found = np.concatenate([pieces.outside(piece) for piece in np.split(values, [7, 40, 41])])
    np.testing.assert_array_equal(found, Bands(factor=3.0).outside(values))
    assert found.any()


def test_the_first_steps_are_no_spikes():
    values = np.ones((30, 1))
    values[[5, 25]] = 1e6
    assert np.flatnonzero(Bands(n_warm=20).outside(values)).tolist() == [25]


def test_gaps_are_no_spikes_and_do_not_hide_any():
    values = np.ones((60, 2))
    values[20:30, 0], values[:, 1] = np.nan, np.inf
    values[40, 0] = 100.0
    assert np.argwhere(Bands().outside(values)).tolist() == [[40, 0]]
