from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from automl_nn.model.backbones import IMAGES, MAPS
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.image import Convolution2d, ImageShape, views_of
from automl_nn.model.image_normalizations import IMAGE_NORMALIZATIONS
from automl_nn.model.initializers import INITIALIZERS
from automl_nn.model.network import evaluating
from automl_nn.model.normalizations import BatchNorm
from automl_nn.space.draw import defaults

SMALL = {
    "cnn": {"d_block": 4, "n_blocks": 2},
    "convnext": {"d_block": 4, "n_stages": 2, "n_blocks": 1},
    "map_unet": {"d_block": 4, "n_levels": 2},
}
TABLES = {**IMAGES, **MAPS}
SHAPE = ImageShape(3, 9, 12)
every_backbone = pytest.mark.parametrize("name", list(SMALL))
every_normalization = pytest.mark.parametrize("normalization", list(IMAGE_NORMALIZATIONS))


def backbone(name, *, k=1, seeds=(0,), shape=SHAPE, normalization="batch", **knobs):
    """A small backbone whose weights are drawn, those of zero included, network by network."""
    config = defaults({"normalization": IMAGE_NORMALIZATIONS.only(normalization)})["normalization"]
    parts = replace(
        plain_parts(k=k, d_in=1),
        normalization=lambda d: IMAGE_NORMALIZATIONS.make(config, k=k, d=d),
    )
    table = TABLES[name]
    made = table.make(**{**defaults(table.space), **SMALL[name], **knobs}, shape=shape, parts=parts)
    for i, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        for layer in made.modules():
            if isinstance(layer, Convolution2d):
                nn.init.normal_(layer.weight.data[i], std=layer.weight.shape[1] ** -0.5, generator=generator)
    return made


def images(n, *, shape=SHAPE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, n, shape.channels, shape.height, shape.width, generator=generator)


@every_backbone
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 12), (40, 70)])
def test_images_of_any_size_have_an_output_of_the_promised_shape(name, size):
    shape = ImageShape(1, *size)
    net = backbone(name, k=2, seeds=(0, 1), shape=shape, side=32)
    y = net(images(3, shape=shape))
    assert y.shape == ((2, 3, net.d_out) if name in IMAGES else (2, 3, net.d_out, *size))


@every_backbone
@every_normalization
def test_networks_of_a_stack_train_as_they_do_alone(name, normalization):
    stack = backbone(name, k=2, seeds=(3, 4), normalization=normalization)
    alone = backbone(name, seeds=(4,), normalization=normalization)
    for net in (stack, alone):
        net(images(5)).square().flatten(1).mean(1).sum().backward()
    for (path, one), both in zip(alone.named_parameters(), stack.parameters(), strict=True):
        torch.testing.assert_close(both.grad[1:], one.grad, msg=path, atol=1e-5, rtol=1e-3)


@every_backbone
@every_normalization
def test_the_gradient_reaches_every_parameter(name, normalization):
    net = backbone(name, normalization=normalization)
    y = net(images(5))
    (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    for path, parameter in net.named_parameters():
        assert (parameter.grad != 0).any(), path


@every_backbone
@every_normalization
def test_an_image_gets_the_same_output_alone_as_among_others(name, normalization):
    net, x = backbone(name, normalization=normalization), images(6)
    net(x)
    with evaluating(net):
        together = net(x)
        one_by_one = torch.cat([net(x[:, i : i + 1]) for i in range(6)], dim=1)
        turned = net(x.flip(1))
    torch.testing.assert_close(one_by_one, together, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(turned, together.flip(1), atol=1e-5, rtol=1e-4)


@every_backbone
def test_a_backbone_saves_and_loads_equal(name):
    net, other = backbone(name, seeds=(0,)), backbone(name, seeds=(1,))
    net(images(5))
    other.load_state_dict(net.state_dict())
    with evaluating(net), evaluating(other):
        assert torch.equal(net(images(4)), other(images(4)))


@every_backbone
def test_a_backbone_learns_32_images_by_heart(name):
    net, x = backbone(name, d_block=8), images(32)
    head = nn.Linear(net.d_out, 1)
    target = (torch.arange(32) % 2).float()
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(60):
        hidden = net(x)[0]
        output = head(hidden if name in IMAGES else hidden.mean((2, 3)))[:, 0]
        loss = functional.binary_cross_entropy_with_logits(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((output > 0) == (target > 0.5)).all()


@every_backbone
def test_a_backbone_in_bfloat16_stays_near_the_exact_one_and_is_exact_in_evaluation(name):
    exact, net, x = backbone(name), backbone(name), images(8)
    for layer in net.modules():
        if isinstance(layer, Convolution2d):
            layer.rounds = True
    y, rounded = exact(x).detach(), net(x).detach()
    assert rounded.dtype == y.dtype
    assert 0 < (rounded - y).square().mean() < 1e-3 * y.square().mean()
    net.load_state_dict(exact.state_dict())
    with evaluating(net), evaluating(exact):
        assert torch.equal(net(x), exact(x))


@every_backbone
def test_a_backbone_can_work_in_float64(name):
    net = backbone(name).double()
    assert net(images(3).double()).dtype == torch.float64


def test_residual_branches_start_as_nothing():
    for name in ("cnn", "convnext"):
        net = backbone(name)
        assert any(layer.zero for layer in net.modules() if isinstance(layer, Convolution2d))


def test_a_larger_image_is_shrunk_to_the_side_and_a_smaller_one_stays():
    assert ImageShape(1, 200, 100).shrunk(64) == ImageShape(1, 64, 32)
    assert ImageShape(1, 20, 10).shrunk(64) == ImageShape(1, 20, 10)
    assert ImageShape(1, 1000, 2).shrunk(64) == ImageShape(1, 64, 1)


@pytest.mark.parametrize(
    ("height", "width", "n_with_neighbours"), [(16, 16, 10), (15, 1, 8), (8, 8, 8), (5, 3, 5), (1, 1, 0)]
)
def test_a_single_pixel_has_no_weights_for_neighbours(height, width, n_with_neighbours):
    made = backbone("cnn", shape=ImageShape(1, height, width), n_blocks=3, n_residual=1)
    weights = [layer.weight.shape[1] for layer in made.modules() if isinstance(layer, Convolution2d)]
    d_in = [1, 4, 8, 8, 8, 16, 16, 16, 32, 32]
    assert weights == [(9 if i < n_with_neighbours else 1) * d for i, d in enumerate(d_in)]
    assert made(torch.zeros(1, 6, 1, height, width)).shape == (1, 6, 64)


def test_a_network_that_was_stored_with_weights_for_neighbours_of_a_single_pixel_is_loaded():
    shape = ImageShape(1, 1, 1)
    net, x = backbone("cnn", shape=shape).eval(), torch.randn(1, 6, 1, 1, 1)
    stored = {
        name: with_neighbours(weight) if weight.dim() == 3 else weight for name, weight in net.state_dict().items()
    }
    other = backbone("cnn", shape=shape, seeds=(1,)).eval()
    other.load_state_dict(stored)
    torch.testing.assert_close(other(x), net(x))


def with_neighbours(weight):
    return torch.cat([torch.randn_like(weight)] * 4 + [weight] + [torch.randn_like(weight)] * 4, dim=1)


@every_normalization
def test_a_normalization_equals_torchs(normalization):
    config = defaults({"normalization": IMAGE_NORMALIZATIONS.only(normalization)})["normalization"]
    layer = IMAGE_NORMALIZATIONS.make(config, k=2, d=16)
    x = torch.randn(2, 4, 5, 3, 16)
    nchw, eps = x[1].permute(0, 3, 1, 2), 1e-5
    expected = {
        "none": lambda: nchw,
        "batch": lambda: functional.batch_norm(nchw, None, None, training=True, eps=eps),
        "layer": lambda: functional.layer_norm(x[1], (16,), eps=eps).permute(0, 3, 1, 2),
        "rms": lambda: functional.rms_norm(x[1], (16,), eps=eps).permute(0, 3, 1, 2),
        "group": lambda: functional.group_norm(nchw, 8, eps=eps),
        "instance": lambda: functional.instance_norm(nchw, eps=eps),
    }[normalization]()
    torch.testing.assert_close(layer(x)[1].permute(0, 3, 1, 2), expected, atol=1e-5, rtol=1e-4)


def test_batch_norm_learns_its_statistics_from_all_pixels():
    layer = IMAGE_NORMALIZATIONS.make({"name": "batch", "eps": 1e-5}, k=1, d=3)
    x = 5 + torch.randn(1, 8, 4, 4, 3)
    for _ in range(200):
        layer(x)
    [inner] = [module for module in layer.modules() if isinstance(module, BatchNorm)]
    torch.testing.assert_close(inner.running_mean[0], x[0].mean((0, 1, 2)), atol=1e-3, rtol=1e-3)


def test_a_convolution_can_be_drawn_by_every_initializer():
    layer = Convolution2d(1, 3, 8, n_taps=3)
    for name in set(INITIALIZERS) - {"zeros"}:
        INITIALIZERS.make({"name": name}).fill(layer.weight.data[0], gain=1.0, generator=torch.Generator())
        assert 0.5 < layer.weight.data[0].std() * 27**0.5 < 2, name


def test_instance_normalization_of_a_single_pixel_leaves_it_something_to_say():
    layer = IMAGE_NORMALIZATIONS.make({"name": "instance", "eps": 1e-5}, k=1, d=8)
    x = torch.randn(1, 4, 1, 1, 8)
    torch.testing.assert_close(layer(x), functional.layer_norm(x, (8,)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["cnn", "convnext"])
@pytest.mark.parametrize("views", ["mirrored", "moved"])
def test_hidden_units_are_averaged_over_views_in_evaluation_only(name, views):
    one, averaged, x = backbone(name), backbone(name, views=views), images(5)
    assert torch.equal(one(x), averaged(x))
    with evaluating(one), evaluating(averaged):
        expected = torch.stack([one(view) for view in views_of(x, views)]).mean(0)
        torch.testing.assert_close(averaged(x), expected, atol=1e-5, rtol=1e-4)
        if views == "mirrored":
            torch.testing.assert_close(averaged(x.flip(-1)), averaged(x), atol=1e-5, rtol=1e-4)
