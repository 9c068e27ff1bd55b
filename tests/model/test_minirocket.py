import itertools

import numpy as np
import pytest
import torch

from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.minirocket import N_KERNELS, MiniRocket, Plan
from automl_nn.model.stack import select

LENGTH = 40


@pytest.fixture
def windows():
    return np.random.default_rng(0).normal(size=(6, LENGTH, 3)).astype(np.float32)


def fitted(windows, *, k=1, seeds=(0,), n_features=840):
    length, d_in = windows.shape[1:]
    rocket = MiniRocket(d_in=d_in, length=length, n_features=n_features, d_block=4, parts=plain_parts(k=k, d_in=d_in))
    rocket.fit(flat(windows), generators=[torch.Generator().manual_seed(seed) for seed in seeds])
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


def test_a_network_of_a_stack_is_the_same_alone(windows):
    both, alone = fitted(windows, k=2, seeds=(3, 4)), fitted(windows, seeds=(4,))
    torch.testing.assert_close(both(flat(windows))[1:], alone(flat(windows)))


def test_a_window_is_the_same_alone_and_all_its_steps_are(windows):
    rocket = fitted(windows)
    together = rocket(flat(windows)).view(6, LENGTH, 4)
    torch.testing.assert_close(rocket(flat(windows[2:3])).view(LENGTH, 4), together[2])
    torch.testing.assert_close(together[:, :1].expand(-1, LENGTH, -1), together)


def test_directions_are_the_principal_ones(windows):
    scores = fitted(windows)(flat(windows)).view(6, LENGTH, 4)[:, 0]
    torch.testing.assert_close(scores[:, 0].std(correction=0), torch.tensor(1.0), atol=1e-4, rtol=0)
    covariance = scores.T @ scores
    torch.testing.assert_close(covariance, covariance.diag().diag(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", [8, 9, 16, 1000])
def test_windows_of_any_length_are_taken(length):
    series = np.random.default_rng(0).normal(size=(2, length, 1)).astype(np.float32)
    assert bool(fitted(series, n_features=84).forward(flat(series)).isfinite().all())


def test_rows_may_be_none_where_a_stored_network_is_made(windows):
    assert fitted(windows[:0]).basis.abs().sum() == 0


def test_what_is_remembered_is_what_would_be_computed_and_is_computed_once(windows, monkeypatch):
    rocket, fresh = (fitted(windows, k=3, seeds=(3, 4, 5)) for _ in range(2))
    with rocket.memory.open():
        rocket(flat(windows))
    torch.testing.assert_close(rocket(flat(windows)), fresh(flat(windows)))
    chosen = select(rocket, [2, 0], k=3)
    torch.testing.assert_close(chosen(flat(windows[::-1].copy())), fresh(flat(windows[::-1].copy()))[[2, 0]])
    monkeypatch.setattr(MiniRocket, "shares", None)
    assert len(chosen(flat(windows[2:4]))) == 2


def test_a_network_that_predicts_keeps_nothing(windows):
    rocket = fitted(windows)
    rocket(flat(windows))
    assert not rocket.memory._known
