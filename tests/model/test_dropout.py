import pytest
import torch

from automl_nn.model.dropout import DROPOUTS, Dropout, alpha, inverted, none
from automl_nn.model.stack import Noise, select


def dropout(*kinds):
    return Dropout(kinds, Noise([torch.Generator().manual_seed(seed) for seed in range(len(kinds))]))


@pytest.mark.parametrize("kind", [none(), inverted(0.0), inverted(0.3), inverted(0.95), alpha(0.3)])
def test_dropout_keeps_the_mean_and_drops_at_its_rate(kind):
    x = torch.randn(1, 20_000, 10, generator=torch.Generator().manual_seed(9))
    y, kind = dropout(kind)(x), kind.rounded()
    assert abs(y.mean().item()) < 0.03
    dropped = y == kind.fill if kind.rate else torch.zeros_like(y, dtype=torch.bool)
    assert abs(dropped.float().mean().item() - kind.rate) < 0.01
    torch.testing.assert_close(y[~dropped], kind.scale * x[~dropped] + kind.shift)


def test_alpha_dropout_keeps_the_moments_that_torch_keeps():
    z = torch.nn.functional.selu(torch.randn(1, 40_000, 10, generator=torch.Generator().manual_seed(9)))
    y = dropout(alpha(0.2))(z)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.std().item() - 1) < 0.02
    theirs = torch.nn.functional.alpha_dropout(z, 0.2, training=True)
    torch.testing.assert_close(y.unique()[:1], theirs.unique()[:1], atol=1, rtol=0)
    assert abs(alpha(0.2).fill - theirs.view(-1).mode().values.item()) < 1e-5


def test_each_network_has_its_rate():
    y = dropout(inverted(0.5), none(), inverted(0.1))(torch.ones(3, 5_000, 4))
    shares = (y == 0).float().mean(dim=(1, 2))
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.0, 0.1]), atol=0.02, rtol=0)
    assert torch.equal(y[1], torch.ones(5_000, 4))


def test_nothing_is_dropped_in_evaluation_or_at_rate_zero():
    x = torch.ones(2, 3, 4)
    assert dropout(inverted(0.5), alpha(0.5)).eval()(x) is x
    assert dropout(inverted(0.0), none())(x) is x


def test_what_is_dropped_passes_no_gradient():
    x = torch.ones(1, 100, 4, requires_grad=True)
    y = dropout(alpha(0.4))(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    kind = alpha(0.4).rounded()
    torch.testing.assert_close(gradient, torch.where(y == kind.fill, 0.0, kind.scale))


def test_dropout_fades_to_multiples_of_each_rate():
    layer = dropout(inverted(0.4), alpha(0.4), none())
    layer.fade([0.5, 0.0, 0.3])
    y = layer(torch.ones(3, 20_000, 4))
    assert abs((y[0] == 0).float().mean().item() - 0.2) < 0.01
    assert (y[1:] == 1).all()
    layer.fade([1.0, 1.0, 1.0])
    assert torch.equal(layer.scale, dropout(inverted(0.4), alpha(0.4), none()).scale)


def test_networks_that_stay_fade_from_their_own_rates():
    stack = torch.nn.ModuleList([dropout(inverted(0.1), inverted(0.4))])
    chosen = select(stack, [1], k=2)[0]
    chosen.fade([0.5])
    torch.testing.assert_close(chosen.scale.flatten(), torch.tensor([1 / (1 - 51 / 256)]))


def test_masks_differ_between_steps_and_layers():
    layer = dropout(inverted(0.5))
    assert not torch.equal(layer(torch.ones(1, 50, 4)), layer(torch.ones(1, 50, 4)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (3, 7, 11)])
def test_noise_is_uniform_over_8_bits_in_any_shape(shape):
    noise = Noise([torch.Generator().manual_seed(seed) for seed in range(shape[0])])
    bits = torch.stack([noise.bits(torch.empty(shape)) for _ in range(2_000)])
    assert bits.shape == (2_000, *shape)
    assert (bits.double().mean(dim=0) / 2**7).abs().max() < 0.07
    assert ((bits >= 0).double().mean(dim=0) - 0.5).abs().max() < 0.07


def test_every_kind_takes_its_knobs():
    for name in DROPOUTS:
        knobs = dict.fromkeys(DROPOUTS[name].space, 0.2)
        assert DROPOUTS.make({"name": name, **knobs}).rate == (0.2 if knobs else 0.0)
