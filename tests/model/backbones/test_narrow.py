"""Slopes of narrow maps are those of torch's convolutions."""

import pytest
import torch
import torch.nn.functional as F

from automl_nn.model.backbones.image import Convolution2d
from automl_nn.model.backbones.narrow import convolve_narrow


@pytest.mark.parametrize(
    ("batch", "height", "width", "n_taps"), [(64, 3, 3, 3), (5, 4, 7, 3), (19, 7, 2, 5), (1, 1, 1, 3), (2, 3, 40, 3)]
)
def test_slopes_are_those_of_torch(batch, height, width, n_taps):
    torch.manual_seed(0)
    shapes = (batch, 4, height, width), (6, 4, n_taps, n_taps), (6,)
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    weights = torch.randn(batch, 6, height, width, dtype=torch.float64)
    expected = torch.autograd.grad((F.conv2d(*given, padding=n_taps // 2) * weights).sum(), given)
    x, squares, bias = given
    y = convolve_narrow(x.permute(0, 2, 3, 1), squares, bias)
    found = torch.autograd.grad((y.permute(0, 3, 1, 2) * weights).sum(), given)
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other)


def test_only_narrow_maps_that_are_rounded_have_images_side_by_side():
    layer, wide, narrow = Convolution2d(2, 32, 4, n_taps=3), torch.randn(2, 3, 14, 14, 32), torch.randn(2, 3, 7, 7, 32)
    assert not uses_it(layer(wide))
    assert not uses_it(layer(narrow))
    layer.rounds = True
    assert uses_it(layer(narrow))
    assert not uses_it(layer(wide))
    strided = Convolution2d(2, 32, 4, n_taps=3, stride=2)
    strided.rounds = True
    assert not uses_it(strided(narrow))


def uses_it(y):
    waiting = [y.grad_fn]
    while waiting:
        step = waiting.pop()
        if "NarrowConvolution" in step.name():
            return True
        waiting += [before for before, _ in step.next_functions if before is not None]
    return False
