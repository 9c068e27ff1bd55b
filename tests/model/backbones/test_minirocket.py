import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn.model.backbones import WHOLE
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.memory import Memory
from automl_nn.model.backbones.minirocket import N_KERNELS, MiniRocket, Plan
from automl_nn.model.build import build, model_space
from automl_nn.model.inputs import Inputs
from automl_nn.model.ridge import Answers, ridge
from automl_nn.model.stack import select
from automl_nn.space.draw import defaults

LENGTH = 40


@pytest.fixture
def windows():
    return np.random.default_rng(0).normal(size=(6, LENGTH, 3)).astype(np.float32)


def fitted(windows, *, k=1, seeds=(0,), n_features=840):
    length, d_in = windows.shape[1:]
    parts = replace(plain_parts(k=k, d_in=d_in), n_outputs=2)
    rocket = MiniRocket(d_in=d_in, length=length, n_features=n_features, parts=parts)
    rocket.answer(flat(windows), answers(len(windows)), generators=[torch.Generator().manual_seed(s) for s in seeds])
    return rocket


def answers(n_windows):
    return Answers(torch.eye(2)[torch.arange(n_windows) % 2], "classes", torch.zeros(1, 2))


def forgetful(rocket):
    """The same network as it is stored, without what it knows of its training windows."""
    rocket.memory = Memory()
    return rocket


def flat(windows):
    return torch.from_numpy(windows).reshape(1, -1, windows.shape[2])


def convolved(series, taps, dilation):
    """One kernel over one series of one channel, with zeros beyond its ends, step by step."""
    found = []
    for step in range(len(series)):
        places = [step + (tap - 4) * dilation for tap in range(9)]
        found.append(sum(w * series[at] for w, at in zip(taps, places, strict=True) if 0 <= at < len(series)))
    return np.array(found)


def test_features_are_those_of_a_plain_loop_over_kernels(windows):
    rocket = fitted(windows)
    found = rocket.shares(torch.from_numpy(windows), 0).numpy()
    column = 0
    for j, (dilation, n_biases) in enumerate(zip(rocket.plan.dilations, rocket.plan.n_biases, strict=True)):
        for number in range(n_biases):
            for kernel, chosen in enumerate(itertools.combinations(range(9), 3)):
                at = column + number * N_KERNELS + kernel
                bias = float(rocket.biases[0, at])
                channels = np.flatnonzero(rocket.channels[0, j, :, kernel].numpy())
                taps = [2 if tap in chosen else -1 for tap in range(9)]
                for window, share in zip(windows[:2], found[:2, at], strict=True):
                    z = sum(convolved(window[:, channel], taps, dilation) for channel in channels)
                    seen = z if (j + kernel) % 2 == 0 else z[4 * dilation : len(z) - 4 * dilation]
                    clear = np.abs(seen - bias) > 1e-4  # a threshold is a value of a training window
                    assert (seen[clear] > bias).sum() / len(seen) <= share + 1e-6
                    assert share <= (seen > bias - 1e-4).sum() / len(seen) + 1e-6
        column += n_biases * N_KERNELS
    assert column == found.shape[1]


def test_dilations_and_thresholds_are_those_of_the_paper():
    plan = Plan.of(length=150, n_features=10_000)
    assert plan.n_features == 9996
    assert 8 * max(plan.dilations) < 150 <= 8 * (max(plan.dilations) + 1)
    assert sum(plan.n_biases) == 119


def test_each_convolution_sums_some_channels(windows):
    channels = fitted(windows).channels
    assert set(channels.sum(2).unique().tolist()) == {1.0, 2.0, 3.0}


def test_thresholds_lie_among_the_values_of_training_windows(windows):
    shares = fitted(windows).shares(torch.from_numpy(windows), 0)
    assert 0.4 < float(shares.mean()) < 0.6


def test_the_thresholds_of_a_kernel_are_far_apart(windows):
    rocket = fitted(windows, n_features=10_000)
    for j, columns in enumerate(rocket._columns()):
        biases = rocket.biases[0, columns].view(-1, N_KERNELS)
        spread = rocket._convolved(torch.from_numpy(windows), 0, j).std((0, 1))
        if len(biases) > 1:
            assert float((biases.std(0) / spread).median()) > 0.4


def test_hidden_units_of_new_windows_are_what_ridge_regression_says(windows):
    rocket = fitted(windows)
    found = ridge(rocket.shares(torch.from_numpy(windows), 0), answers(6))
    new = torch.from_numpy(windows[:, ::-1].copy())
    expected = rocket.shares(new, 0) @ found.weight + found.bias
    said = rocket(new.reshape(1, -1, 3)).view(6, LENGTH, 2)
    torch.testing.assert_close(said, expected.unsqueeze(1).expand_as(said))


def test_a_training_window_is_told_what_would_be_said_without_it(windows):
    rocket = fitted(windows)
    left_out = ridge(rocket.shares(torch.from_numpy(windows), 0), answers(6)).left_out
    torch.testing.assert_close(rocket(flat(windows)).view(6, LENGTH, 2)[:, 0], left_out)
    assert not torch.allclose(forgetful(rocket)(flat(windows)).view(6, LENGTH, 2)[:, 0], left_out)


def test_windows_with_an_answer_are_found_among_many_without(monkeypatch):
    """Series are twice as long as windows, and have a label at their last step alone."""
    monkeypatch.setattr("automl_nn.model.build.N_ANSWERED", 6)
    n_series, size = 6, 16
    inputs = Inputs(
        torch.randn(n_series * size, 1, generator=torch.Generator().manual_seed(0)),
        torch.zeros(n_series * size, 0, dtype=torch.int64),
        starts=torch.arange(0, n_series * size, size),
    )
    y = torch.full((n_series * size, 1), torch.nan)
    y[size - 1 :: size] = torch.arange(n_series).unsqueeze(1) % 2
    config = defaults({**model_space(), "backbone": WHOLE})
    config |= {"backbone": {"name": "minirocket", "length": size // 2, "n_features": 84}}
    asked = {"n_numeric": 1, "vocabularies": (), "d_out": 1, "output_bias": torch.zeros(1, 1), "seeds": [0]}
    network = build([config], inputs, **asked, answers=Answers(y, "labels", torch.zeros(1, 1)))
    assert float(network.predict(inputs).std()) > 0


def test_a_network_of_a_stack_is_the_same_alone(windows):
    both, alone = fitted(windows, k=2, seeds=(3, 4)), fitted(windows, seeds=(4,))
    torch.testing.assert_close(both(flat(windows))[1:], alone(flat(windows)))
    torch.testing.assert_close(forgetful(both)(flat(windows))[1:], forgetful(alone)(flat(windows)))


def test_a_window_is_the_same_alone_and_all_its_steps_are(windows):
    rocket = forgetful(fitted(windows))
    together = rocket(flat(windows)).view(6, LENGTH, 2)
    torch.testing.assert_close(rocket(flat(windows[2:3])).view(LENGTH, 2), together[2])
    torch.testing.assert_close(together[:, :1].expand(-1, LENGTH, -1), together)


@pytest.mark.parametrize("length", [8, 9, 16, 1000])
def test_windows_of_any_length_are_taken(length):
    series = np.random.default_rng(0).normal(size=(2, length, 1)).astype(np.float32)
    assert bool(fitted(series, n_features=84).forward(flat(series)).isfinite().all())


def test_what_is_remembered_is_what_would_be_computed_and_is_computed_once(windows, monkeypatch):
    rocket, fresh = (forgetful(fitted(windows, k=3, seeds=(3, 4, 5))) for _ in range(2))
    with rocket.memory.open():
        rocket(flat(windows))
    torch.testing.assert_close(rocket(flat(windows)), fresh(flat(windows)))
    chosen = select(rocket, [2, 0], k=3)
    torch.testing.assert_close(chosen(flat(windows[::-1].copy())), fresh(flat(windows[::-1].copy()))[[2, 0]])
    monkeypatch.setattr(MiniRocket, "shares", None)
    assert len(chosen(flat(windows[2:4]))) == 2


def test_a_network_that_predicts_keeps_nothing(windows):
    rocket = forgetful(fitted(windows))
    rocket(flat(windows))
    assert not rocket.memory._known
