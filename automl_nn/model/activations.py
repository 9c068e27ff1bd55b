"""Activations: elementwise functions, and the gain that keeps variance 1 through them."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from automl_nn.model.cache import in_cache
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Held, Real

Activation = Callable[[Tensor], Tensor]
"""An elementwise function; equal knobs give the same object, by which neighbours in a stack are grouped."""


@cache
def leaky_relu(negative_slope: float = 0.01) -> Activation:
    """ReLU with a slope for negative inputs.

    Example:
        >>> leaky_relu(0.1)(torch.tensor([-1.0, 1.0])).tolist() == [-0.10000000149011612, 1.0]
        True
    """
    return partial(F.leaky_relu, negative_slope=negative_slope)


@cache
def elu(alpha: float = 1.0) -> Activation:
    """Exponential linear unit; `-alpha` is its limit on the left.

    Example:
        >>> torch.equal(elu()(torch.ones(1)), torch.ones(1))
        True
    """
    return partial(F.elu, alpha=alpha)


@final
class _Mish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if not ctx.needs_input_grad[0]:
            return in_cache(fill_mish, x, n_results=1)[0]
        y, slope = in_cache(fill_mish, x, n_results=2)
        ctx.save_for_backward(slope)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        slope: Tensor = ctx.saved_tensors[0]
        return gradient * slope


def fill_mish(x: Tensor, y: Tensor, slope: Tensor | None = None) -> None:
    """Fill `y` with Mish and, if asked for, `slope` with its slope."""
    e = torch.clamp(x, max=20.0, out=slope).exp_()
    h = torch.addcmul(e, e, e, value=0.5).add_(1)
    torch.addcdiv(x, x, h, value=-1, out=y)
    if slope is not None:
        slope.addcmul_(e, e)
        torch.addcmul(h, slope, x, value=-1, out=slope).div_(h)
        torch.addcdiv(x.new_ones(()), slope, h, value=-1, out=slope)


def mish(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Mish, `x * tanh(log(1 + exp(x)))`, in less than half the time of `torch.nn.functional.mish`.

    With `e = exp(x)` and `h = 1 + e + e^2 / 2` it is `x - x / h`, and its slope is `1 + (x (e + e^2) / h - 1) / h`: one
    exponential serves both directions.

    Source:
        Misra (2019), arXiv:1908.08681.

    Example:
        >>> x = torch.linspace(-30, 30, 601)
        >>> torch.allclose(mish(x), F.mish(x), atol=2e-6)
        True
    """
    y: Tensor = _Mish.apply(x)  # type: ignore[no-untyped-call]
    return y


def _fixed(function: Activation, source: str) -> Option[Activation]:
    return Option(lambda: function, source=source)


ACTIVATIONS: Options[Activation] = Options(
    "activation",
    {
        "relu": _fixed(F.relu, "Nair and Hinton (2010)"),
        "leaky_relu": Option(
            leaky_relu,
            {"negative_slope": Held(Real(0.001, 0.3, default=0.01, log=True, valid=(0.0, 1.0)))},
            source="Maas et al. (2013)",
        ),
        "elu": Option(elu, {"alpha": Held(Real(0.1, 2.0, default=1.0, valid=(0.01, 10.0)))}, source="arXiv:1511.07289"),
        "selu": _fixed(F.selu, "arXiv:1706.02515"),
        "gelu": _fixed(F.gelu, "arXiv:1606.08415"),
        "silu": _fixed(F.silu, "arXiv:1702.03118"),
        "mish": _fixed(mish, "arXiv:1908.08681"),
        "tanh": _fixed(torch.tanh, "LeCun et al. (1998)"),
        "sigmoid": _fixed(torch.sigmoid, "Rumelhart et al. (1986)"),
        "softplus": _fixed(F.softplus, "Dugas et al. (2001)"),
    },
)
"""Elementwise functions between the layers."""


@cache
def gain(activation: Activation) -> float:
    """The factor on the weights after which a unit's second moment stays 1: `1 / sqrt(E f(z)^2)` for normal z.

    Args:
        activation: An entry of `ACTIVATIONS`, made.

    Returns:
        The gain, found by quadrature: sqrt(2) for ReLU, 1 for SELU.

    Source:
        He et al. (2015), arXiv:1502.01852, Eq. 10, for any activation.

    Example:
        >>> round(gain(F.relu), 6) == round(math.sqrt(2), 6), round(gain(F.selu), 4)
        (True, 1.0)
    """
    z = torch.linspace(-12, 12, 24001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return 1 / math.sqrt(torch.trapezoid(activation(z).square() * density, z).item())
