import inspect

import numpy as np
import pytest
import torch

from automl_nn.train.clipping import CLIPS, ClipByNorm, ClipByQuantile, ClipByZScore, ClipRule, SkipFarOut


def make(name: str, *, k: int) -> ClipRule:
    knobs = {knob: torch.full((k,), range_.start).double() for knob, range_ in CLIPS[name].space.items()}
    return CLIPS.make({"name": name, **knobs})


def norms(n_steps: int, *, k: int = 1) -> torch.Tensor:
    return torch.rand(n_steps, k, generator=torch.Generator().manual_seed(0)).exp()


@pytest.mark.parametrize("name", CLIPS)
def test_every_knob_is_a_parameter_of_its_maker(name):
    option = CLIPS[name]
    assert set(option.space) <= set(inspect.signature(option.make).parameters)
    assert option.source


@pytest.mark.parametrize("name", CLIPS)
def test_a_network_is_clipped_by_its_own_norms_alone(name):
    history = norms(60, k=3) * torch.tensor([1.0, 100.0, 0.01])
    stack, alone = make(name, k=3), [make(name, k=1) for _ in range(3)]
    for norm in history:
        together = stack.limit(norm)
        torch.testing.assert_close(
            together, torch.cat([rule.limit(own[None]) for rule, own in zip(alone, norm, strict=True)])
        )


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("wild", [torch.nan, torch.inf])
def test_a_norm_that_is_not_finite_is_not_remembered(name, wild):
    disturbed, plain = make(name, k=1), make(name, k=1)
    for step, norm in enumerate(norms(80)):
        if step % 7 == 3:
            disturbed.limit(torch.tensor([wild]))
        torch.testing.assert_close(disturbed.limit(norm), plain.limit(norm))
    spike = torch.tensor([1e4])
    torch.testing.assert_close(disturbed.limit(spike), plain.limit(spike))


@pytest.mark.parametrize("name", [name for name in CLIPS if name != "none"])
def test_a_spike_is_clipped(name):
    rule = make(name, k=1)
    for norm in norms(50):
        rule.limit(norm)
    assert float(rule.limit(torch.tensor([1e4]))) < 3


def test_a_quantile_is_that_of_the_last_norms():
    rule = ClipByQuantile(q=torch.tensor([0.75]), window=20, n_free=5)
    history = norms(60)[:, 0]
    for step, norm in enumerate(history):
        limit = float(rule.limit(norm[None]))
        recent = history[max(0, step - 20) : step].numpy()
        expected = np.quantile(recent, 0.75, method="inverted_cdf") if step >= 5 else np.inf
        assert limit == pytest.approx(expected)


def test_a_quantile_of_gradients_that_were_zero_leaves_no_step_out():
    rule = ClipByQuantile(q=torch.tensor([0.5]), n_free=5)
    limits = [float(rule.limit(torch.zeros(1))) for _ in range(20)]
    assert min(limits) > 0
    assert max(limits[5:]) < 1e-30


def test_clipping_by_norm_is_that_of_torch():
    gradient = torch.tensor([3.0, 4.0])
    parameter = torch.zeros(2)
    parameter.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_([parameter], 1.0)
    norm = gradient.norm()[None]
    limit = ClipByNorm(max_norm=torch.tensor([1.0])).limit(norm)
    torch.testing.assert_close(gradient / (norm / limit), parameter.grad, atol=1e-5, rtol=1e-5)


def test_a_z_score_lets_ordinary_norms_through_and_brings_wild_ones_near_the_mean():
    rule = ClipByZScore(z=torch.tensor([2.5]), n_free=25)
    history = norms(200)
    limits = torch.stack([rule.limit(norm) for norm in history])
    mean, deviation = history.mean(), history.std()
    assert (limits >= history).all()
    assert abs(float(rule.limit(torch.tensor([100.0]))) - mean) < deviation


def test_a_step_is_left_out_that_is_far_above_the_last_norms_and_no_other():
    rule, history = SkipFarOut(z=torch.tensor([3.0]), window=20, n_free=5), norms(60)[:, 0]
    for step, norm in enumerate(history):
        norm = 9.0 * norm if step in (3, 30, 50) else norm
        recent = history[max(0, step - 20) : step].clone()
        is_left_out = float(rule.limit(norm[None])) == 0
        for spike in (3, 30, 50):
            if step - 20 <= spike < step:
                recent[spike - max(0, step - 20)] *= 9.0
        assert is_left_out == (step >= 5 and bool(norm > recent.mean() + 3 * recent.std(correction=0)))


def test_norms_that_stay_large_are_soon_let_through():
    rule = SkipFarOut(z=torch.tensor([6.0]))
    for norm in norms(200):
        rule.limit(norm)
    limits = [float(rule.limit(torch.tensor([1e3]))) for _ in range(20)]
    n_left_out = limits.count(0.0)
    assert limits == [0.0] * n_left_out + [torch.inf] * (20 - n_left_out)
    assert 1 <= n_left_out < 1 + 128 / 36
