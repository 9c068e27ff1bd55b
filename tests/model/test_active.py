"""Activation and dropout in one go are activation, then dropout."""

import jaxtyping
import pytest
import torch
from torch import Tensor

from automl_nn.model import active as module
from automl_nn.model.activations import ACTIVATIONS, mish
from automl_nn.model.active import active, mixed
from automl_nn.model.dropout import Dropout, DropoutKind, alpha, inverted, none
from automl_nn.model.stack import Activations, Noise


def dropout(*kinds: DropoutKind) -> Dropout:
    return Dropout(kinds, Noise([torch.Generator().manual_seed(i) for i in range(len(kinds))]))


def values() -> Tensor:
    wide = torch.linspace(-60.0, 100.0, 3 * 10 * 8, dtype=torch.float64)
    return wide.view(3, 10, 8).requires_grad_()


def followed(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = torch.autograd.grad((y * torch.arange(1.0, y.numel() + 1).view_as(y)).sum(), x)
    return y.detach(), gradient


@pytest.mark.parametrize("n_in_cache", [1, 24, 200, 2**16])
def test_pieces_of_any_size_give_what_activation_and_dropout_give(
    n_in_cache: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "N_IN_CACHE", n_in_cache)
    kinds, activation, x = (inverted(0.3), none(), inverted(0.7)), Activations([mish] * 3), values()
    y, gradient = followed(active(x, activation, dropout(*kinds)), x)
    expected, expected_gradient = followed(dropout(*kinds)(activation(x)), x)
    assert torch.equal(y, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("n_in_cache", [24, 2**16])
def test_units_may_be_mixed_with_what_came_in(n_in_cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "N_IN_CACHE", n_in_cache)
    kinds, activation, x = (inverted(0.3), none(), inverted(0.7)), Activations([mish] * 3), values()
    mix = torch.linspace(-0.5, 1.5, 24, dtype=torch.float64).view(3, 8).requires_grad_()
    ours = active(x, activation, dropout(*kinds), mix=mix)
    theirs = dropout(*kinds)(mixed(x, activation(x), mix))
    torch.testing.assert_close(ours, theirs)
    weights = torch.arange(1.0, x.numel() + 1).view_as(x)
    gradients = [torch.autograd.grad((y * weights).sum(), (x, mix)) for y in (ours, theirs)]
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("kind", [inverted(0.3), alpha(0.3), none()], ids=["inverted", "alpha", "none"])
def test_every_activation_goes_with_every_dropout(name: str, kind: DropoutKind) -> None:
    activation, x = Activations([ACTIVATIONS.make({"name": name})] * 2 + [torch.relu]), values()
    y, _ = followed(active(x, activation, dropout(kind, kind, kind)), x)
    expected, _ = followed(dropout(kind, kind, kind)(activation(x)), x)
    assert torch.equal(y, expected)


def test_nothing_is_dropped_in_evaluation() -> None:
    x = values()
    assert torch.equal(active(x, Activations([mish] * 3), dropout(*[inverted(0.5)] * 3).eval()), mish(x))


def test_shapes_are_checked_where_networks_are_tested():
    with pytest.raises(jaxtyping.TypeCheckError):
        mixed(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5), torch.zeros(2, 4))
