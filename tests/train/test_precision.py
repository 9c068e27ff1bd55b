import pytest
import torch

from automl_nn.model.stack import LEAST_ROUNDED, Linear, _Rounded, dense
from automl_nn.train.precision import set_precision

K, BATCH, WIDTH = 3, 256, 128


def layer(k=K):
    generator = torch.Generator().manual_seed(0)
    linear = Linear(k, WIDTH, WIDTH)
    linear.weight.data.normal_(0.0, WIDTH**-0.5, generator=generator)
    linear.bias.data.normal_(generator=generator)
    return linear


def rows(k=K):
    return torch.randn(k, BATCH, WIDTH, generator=torch.Generator().manual_seed(1))


def gradients(linear, x):
    x = x.clone().requires_grad_()
    y = linear(x)
    y.square().mean().backward()
    return y.detach(), x.grad, linear.weight.grad, linear.bias.grad


def test_rounded_products_are_large_enough_to_be_rounded():
    assert BATCH * WIDTH**2 >= LEAST_ROUNDED


@pytest.mark.parametrize("k", [1, K])
def test_rounded_products_and_their_gradients_are_near_those_in_float32(k):
    exact, near = layer(k), layer(k)
    assert set_precision(near, "bfloat16") == torch.float32
    for right, found in zip(gradients(exact, rows(k)), gradients(near, rows(k)), strict=True):
        assert found.dtype == torch.float32
        assert (found - right).abs().max() < 0.02 * right.abs().max()


def test_a_network_is_rounded_in_a_stack_as_alone():
    stack, alone = layer(), layer(1)
    alone.weight.data, alone.bias.data = stack.weight.data[1:2].clone(), stack.bias.data[1:2].clone()
    set_precision(stack, "bfloat16")
    set_precision(alone, "bfloat16")
    torch.testing.assert_close(stack(rows())[1:2], alone(rows()[1:2]), atol=1e-5, rtol=1e-5)


def test_gradients_of_rounded_products_are_those_of_the_formula():
    generator = torch.Generator().manual_seed(2)
    shapes = ((2, 3, 4), (2, 4, 5), (2, 5))
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(_Rounded.apply, inputs)
    torch.testing.assert_close(_Rounded.apply(*inputs), dense(*inputs))


def test_evaluation_is_in_float32():
    linear = layer()
    right = linear(rows())
    set_precision(linear, "bfloat16")
    torch.testing.assert_close(linear.eval()(rows()), right, atol=0, rtol=0)


def test_the_process_goes_on_in_float32_after_a_rounded_product():
    before = torch.backends.mkldnn.matmul.fp32_precision
    linear = layer()
    set_precision(linear, "bfloat16")
    gradients(linear, rows())
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    set_precision(linear, "float32")
    torch.testing.assert_close(linear(rows()), layer()(rows()), atol=0, rtol=0)
