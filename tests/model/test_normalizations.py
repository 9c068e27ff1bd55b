import pytest
import torch
from torch import nn

from automl_nn.model.normalizations import NORMALIZATIONS
from automl_nn.space.draw import defaults

THEIRS = {
    "batch": nn.BatchNorm1d(32),
    "layer": nn.LayerNorm(32),
    "rms": nn.RMSNorm(32, eps=1e-5),
    "group": nn.GroupNorm(4, 32),
    "none": nn.Identity(),
}
every_normalization = pytest.mark.parametrize("name", list(NORMALIZATIONS))


def make(name, *, k, d=32, **knobs):
    config = defaults({"normalization": NORMALIZATIONS.only(name)})["normalization"]
    return NORMALIZATIONS.make({**config, **knobs}, k=k, d=d)


@every_normalization
@pytest.mark.parametrize("k", [1, 3])
def test_each_network_is_normalized_as_torch_does(name, k):
    ours, theirs = make(name, k=k), THEIRS[name].train()
    x = torch.randn(k, 50, 32) * 3 + 1
    for _ in range(3):
        y = ours(x)
    if name == "batch":
        theirs.reset_running_stats()
    for i in range(k):
        for _ in range(3):
            expected = theirs(x[i])
        torch.testing.assert_close(y[i], expected, atol=1e-5, rtol=1e-4)
        if name == "batch":
            torch.testing.assert_close(ours.running_var[i], theirs.running_var)
            torch.testing.assert_close(ours.running_mean[i], theirs.running_mean)
            torch.testing.assert_close(ours.eval()(x)[i], theirs.eval()(x[i]), atol=1e-5, rtol=1e-4)
            ours.train()
            theirs.train().reset_running_stats()


@every_normalization
def test_networks_have_scales_and_shifts_of_their_own(name):
    ours = make(name, k=2)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter[1] = 2.0
    x = torch.randn(1, 20, 32).expand(2, -1, -1)
    y = ours(x)
    shift = 2.0 if hasattr(ours, "shift") else 0.0
    factor = 1.0 if name == "none" else 2.0
    torch.testing.assert_close(y[1], factor * y[0] + shift, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["batch", "layer", "rms", "group"])
def test_eps_bounds_the_gain_of_small_units(name):
    x = torch.randn(2, 40, 32) * 1e-3
    assert make(name, k=2, eps=1e-1)(x).std() < 0.01 < 0.5 < make(name, k=2, eps=1e-8)(x).std()


@pytest.mark.parametrize(("d", "n_groups", "expected"), [(32, 8, 4), (64, 8, 8), (8, 8, 1), (1, 8, 1), (37, 4, 1)])
def test_groups_divide_the_width_into_eight_units_or_more(d, n_groups, expected):
    assert make("group", k=1, d=d, n_groups=n_groups).n_groups == expected


def test_batch_norm_takes_a_batch_of_one_by_its_running_statistics():
    norm, x = make("batch", k=2), torch.randn(2, 1, 32)
    torch.testing.assert_close(norm(x), norm.eval()(x))
