"""Maps of a few pixels as dense layers: values and slopes are those of torch's convolutions."""

import pytest
import torch
import torch.nn.functional as F

from automl_nn.model.backbones import image
from automl_nn.model.backbones.image import Convolution2d


@pytest.mark.parametrize(("height", "width", "n_taps"), [(1, 1, 3), (2, 2, 3), (1, 2, 3), (1, 3, 5), (1, 1, 1)])
def test_values_and_slopes_are_those_of_torch(height, width, n_taps):
    torch.manual_seed(0)
    layer, x = drawn(n_taps), torch.randn(2, 5, height, width, 4, dtype=torch.float64, requires_grad=True)
    given = [x, *layer.parameters()]
    expected = torch.stack([by_torch(layer, x, i, n_taps=n_taps) for i in range(2)])
    weights = torch.randn_like(expected)
    torch.testing.assert_close(layer(x), expected)
    slopes = zip(*(torch.autograd.grad((y * weights).sum(), given) for y in (layer(x), expected)), strict=True)
    for own, other in slopes:
        torch.testing.assert_close(own, other)


def test_only_maps_whose_pixels_see_each_other_are_dense(monkeypatch):
    seen = []
    monkeypatch.setattr(image, "convolve_tiny", lambda x, *args, **kwargs: seen.append(x.shape) or x)
    for height, width, stride in [(1, 1, 1), (2, 2, 1), (3, 1, 1), (2, 3, 1), (8, 8, 1), (2, 2, 2)]:
        Convolution2d(1, 4, 4, n_taps=3, stride=stride)(torch.ones(1, 6, height, width, 4))
    assert seen == [(6, 1, 1, 4), (6, 2, 2, 4)]


def drawn(n_taps):
    layer = Convolution2d(2, 4, 6, n_taps=n_taps).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


def by_torch(layer, x, i, *, n_taps):
    squares = layer.weight[i].view(n_taps, n_taps, 4, 6).permute(3, 2, 0, 1)
    return F.conv2d(x[i].permute(0, 3, 1, 2), squares, layer.bias[i], padding=n_taps // 2).permute(0, 2, 3, 1)
