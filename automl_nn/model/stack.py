"""A stack: k networks side by side, every tensor with the k networks along its first dimension.

The rule that the rest of the package relies on: the first dimension of each parameter and buffer is `k` times
something, network by network. So networks can be taken out of a stack without knowing what the tensors mean.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from automl_nn.model.activations import Activation

LEAST_ROUNDED = 2**21
"""Multiplications per network under which rounding what a product reads costs more time than it saves."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class PerNetwork(ABC):
    """Abstract: a module that keeps something other than tensors for each network."""

    @abstractmethod
    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only, in this order; their tensors have been taken already."""


@final
class _Rounded(torch.autograd.Function):
    """The product of a dense layer, whose factors are rounded while they are read; sums are in float32.

    A stack of one goes through products of two matrices: in bfloat16, the batched ones are up to four times slower.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _rounded(x, weight)[0].add_(bias.unsqueeze(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, _rounded(x.mT, gradient)[0], gradient.sum(1)
        of_x, of_weight = _rounded(gradient, weight.mT, x.mT, gradient)
        return of_x, of_weight, gradient.sum(1)


def _rounded(*factors: Tensor) -> list[Tensor]:
    """The products of the first and the second, the third and the fourth ... of batches of matrices."""
    on_cuda = factors[0].is_cuda
    products: Any = torch.backends.cuda.matmul if on_cuda else torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = "tf32" if on_cuda else "bf16"
    try:
        return [_product(a, b) for a, b in zip(factors[::2], factors[1::2], strict=True)]
    finally:
        products.fp32_precision = before


def _product(a: Tensor, b: Tensor) -> Tensor:
    return torch.mm(a[0], b[0]).unsqueeze(0) if len(a) == 1 else torch.bmm(a, b)


def can_round(device: torch.device) -> bool:
    """Whether layers of torch read bfloat16 fast here: a processor that cannot is far slower than in float32.

    Example:
        >>> can_round(torch.device("meta"))
        False
    """
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def dense(
    x: Float[Tensor, "#k batch d_in"],
    weight: Float[Tensor, "k d_in d_out"],
    bias: Float[Tensor, "k d_out"],
    *,
    rounds: bool = False,
) -> Float[Tensor, "k batch d_out"]:
    """`x @ weight + bias` of each network, as one batched product; an input of leading dimension 1 is shared.

    Args:
        x: Rows.
        weight: Matrices.
        bias: Added to each row.
        rounds: Whether large products may round x, weight and gradients to bfloat16 (TF32 on a GPU).

    Example:
        >>> dense(torch.ones(1, 2, 3), torch.ones(2, 3, 1), torch.tensor([[0.0], [1.0]])).flatten().tolist()
        [3.0, 3.0, 4.0, 4.0]
    """
    if x.shape[0] != weight.shape[0]:
        x = x.expand(weight.shape[0], -1, -1)
    if rounds and x.shape[1] * weight[0].numel() >= LEAST_ROUNDED:
        y: Tensor = _Rounded.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return y
    return torch.baddbmm(bias.unsqueeze(1), x, weight)


@final
class Linear(nn.Module):
    """k dense layers as one batched product.

    Args:
        k: Number of networks.
        d_in: Width of the input.
        d_out: Width of the output.
        zero: Start with weights of zero, as the last layer of a residual branch does; such layers are left out of
            initialization.

    While `rounds` is set, products in training may round what they read; see `dense`.

    Shape:
        Input `(k or 1, batch, d_in)`; one of leading dimension 1 is shared by all networks. Output `(k, batch, d_out)`.

    Example:
        >>> Linear(5, 3, 2)(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 2])
    """

    def __init__(self, k: int, d_in: int, d_out: int, *, zero: bool = False) -> None:
        super().__init__()
        self.zero, self.factor, self.rounds = zero, 1.0, False
        self.weight = nn.Parameter(torch.zeros(k, d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(k, d_out))

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        return dense(x, self.weight, self.bias, rounds=self.rounds and self.training)

    def product(self, x: Float[Tensor, "batch d_in"], i: int) -> Float[Tensor, "batch d_out"]:
        """What the weights of network `i` make of its input, without a bias."""
        return x @ self.weight[i]


@final
class Activations(nn.Module, PerNetwork):
    """The activation of each network; neighbours with the same one share a call.

    Args:
        activations: One for each network.

    Example:
        >>> stack = Activations([torch.relu, torch.relu, torch.tanh])
        >>> stack(-torch.ones(3, 1, 1)).ravel().round(decimals=2).tolist()
        [0.0, 0.0, -0.7599999904632568]
    """

    def __init__(self, activations: Sequence[Activation]) -> None:
        super().__init__()
        self._activations = tuple(activations)
        self._runs = _runs(self._activations)

    @property
    def shared(self) -> Activation | None:
        """The activation of all networks; None where they have several."""
        return self._runs[0][0] if len(self._runs) == 1 else None

    def forward(self, x: Float[Tensor, "k *rows d"]) -> Float[Tensor, "k *rows d"]:
        if len(self._runs) == 1:
            return self._runs[0][0](x)
        parts = torch.split(x, [length for _, length in self._runs])
        return torch.cat([activation(part) for (activation, _), part in zip(self._runs, parts, strict=True)])

    def keep(self, indices: Sequence[int]) -> None:
        self._activations = tuple(self._activations[i] for i in indices)
        self._runs = _runs(self._activations)


def _runs(activations: Sequence[Activation]) -> tuple[tuple[Activation, int], ...]:
    return tuple((activation, len(list(run))) for activation, run in groupby(activations))


@final
class Noise(nn.Module, PerNetwork):
    """A source of randomness for each network, so that a network draws in a stack what it would draw alone.

    Args:
        generators: One for each network.

    Example:
        >>> one, two = (torch.Generator().manual_seed(0) for _ in range(2))
        >>> bits = Noise([one, two]).bits(torch.zeros(2, 3, 5))
        >>> torch.equal(bits[0], bits[1])
        True
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.generators = list(generators)

    def bits(self, x: Float[Tensor, "k batch d"]) -> Tensor:
        """Uniform whole numbers of 8 bits in the shape of `x`, from -128 to 127.

        Eight are read off each 64-bit draw, in a fourteenth of the time of drawing as many Bernoulli variables.
        """
        n = x[0].numel()
        draws = torch.empty(x.shape[0], -(-n // 8), dtype=torch.int64, device=x.device)
        for generator, draw in zip(self._on(x.device), draws, strict=True):
            draw.random_(-(2**63), None, generator=generator)
        return draws.view(torch.int8)[:, :n].reshape(x.shape)

    def keep(self, indices: Sequence[int]) -> None:
        self.generators = [self.generators[i].clone_state() for i in indices]

    def _on(self, device: torch.device) -> list[torch.Generator]:
        """The generators, started anew from their seeds where the stack has moved to another device."""
        if self.generators[0].device.type != device.type:
            seeds = [generator.initial_seed() for generator in self.generators]
            self.generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        return self.generators


def apart(x: Float[Tensor, "k *shape"]) -> tuple[Tensor, ...]:
    """What each network has of a tensor; gradients come back in one piece, and without a copy where there is one.

    Example:
        >>> [own.shape for own in apart(torch.zeros(2, 3, 4))]
        [torch.Size([3, 4]), torch.Size([3, 4])]
    """
    return (x.squeeze(0),) if len(x) == 1 else x.unbind()


def together(own: Sequence[Tensor]) -> Float[Tensor, "k *shape"]:
    """The way back from `apart`."""
    return own[0].unsqueeze(0) if len(own) == 1 else torch.stack(list(own))


def select(stack: ModuleT, indices: Sequence[int], *, k: int) -> ModuleT:
    """A copy of a stack of `k` networks with these networks only, in this order.

    Args:
        stack: A module in which the first dimension of each tensor is `k` times something.
        indices: Which networks; one may be taken twice.
        k: Networks in `stack`.

    Example:
        >>> layer = Linear(5, 3, 2)
        >>> torch.equal(select(layer, [4, 1], k=5).weight, layer.weight[[4, 1]])
        True
    """
    chosen = copy.deepcopy(stack)
    for module in chosen.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            taken = take(parameter.detach(), indices, k=k)
            setattr(module, name, nn.Parameter(taken, requires_grad=parameter.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, take(buffer, indices, k=k))
        if isinstance(module, PerNetwork):
            module.keep(indices)
    return chosen


def take(tensor: Tensor, indices: Sequence[int], *, k: int) -> Tensor:
    """The parts of these networks of a tensor whose first dimension is `k` times something, as a copy.

    Example:
        >>> take(torch.arange(6), [2, 0], k=3).tolist()
        [4, 5, 0, 1]
    """
    return tensor.reshape(k, len(tensor) // k, *tensor.shape[1:])[list(indices)].flatten(0, 1)


def part(stack: ModuleT, first: int, last: int, *, k: int) -> ModuleT:
    """The neighbouring networks from `first` to before `last` as a stack of their own, which shares their tensors.

    Args:
        stack: A module in which the first dimension of each tensor is `k` times something.
        first: The first network.
        last: The network after the last one.
        k: Networks in `stack`.

    Example:
        >>> layer = Linear(5, 3, 2)
        >>> with torch.no_grad():
        ...     _ = part(layer, 1, 3, k=5).weight.fill_(7.0)
        >>> layer.weight[:, 0, 0].tolist()
        [0.0, 7.0, 7.0, 0.0, 0.0]
    """
    chosen = select(stack, range(first, last), k=k)
    for module, whole in zip(chosen.modules(), stack.modules(), strict=True):
        for name, tensor in [*whole.named_parameters(recurse=False), *whole.named_buffers(recurse=False)]:
            size = len(tensor) // k
            own = tensor.detach()[first * size : last * size]
            setattr(module, name, nn.Parameter(own, requires_grad=False) if isinstance(tensor, nn.Parameter) else own)
    return chosen
