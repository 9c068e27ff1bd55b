"""Activation and dropout in one go: fewer passes over memory, and one number kept for each unit instead of two."""

from collections.abc import Iterator
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from automl_nn.model.activations import fill_mish, mish
from automl_nn.model.cache import N_IN_CACHE
from automl_nn.model.dropout import Dropout
from automl_nn.model.stack import Activations


@final
class _MishDropout(torch.autograd.Function):
    """Mish, perhaps mixed with the identity by a factor for each unit, then dropout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mix: Tensor | None, bits: Tensor, threshold: Tensor, scale: Tensor) -> Tensor:
        y, slope, kept = torch.empty_like(x), torch.empty_like(x), x.new_empty(0)
        bend = torch.empty_like(x) if mix is not None else None
        for networks, rows in _pieces(x):
            own, own_y, own_slope = x[networks, rows], y[networks, rows], slope[networks, rows]
            fill_mish(own, own_y, own_slope)
            kept = torch.ge(bits[networks, rows], threshold[networks], out=kept.resize_(own.shape))
            kept.mul_(scale[networks])
            if mix is not None and bend is not None:
                _mix(own, own_y, own_slope, mix=mix[networks].unsqueeze(1), bend=bend[networks, rows]).mul_(kept)
            own_y.mul_(kept)
            own_slope.mul_(kept)
        ctx.save_for_backward(slope, bend)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slope, bend = ctx.saved_tensors
        of_mix = None if bend is None else (gradient * bend).sum(1)
        return gradient * slope, of_mix, None, None, None


def _mix(x: Tensor, y: Tensor, slope: Tensor, *, mix: Tensor, bend: Tensor) -> Tensor:
    """Replace `y` and `slope` by those of the mixture with the identity, and return how far `y` bends from it."""
    torch.sub(y, x, out=bend)
    torch.addcmul(x, bend, mix, out=y)
    slope.sub_(1).mul_(mix).add_(1)
    return bend


def _pieces(x: Float[Tensor, "k rows d"]) -> Iterator[tuple[slice, slice]]:
    """Neighbouring networks, or rows of one network, that stay in the cache."""
    k, n_rows, d = x.shape
    if x.is_cuda:
        yield slice(k), slice(n_rows)
        return
    n_networks, n_at_a_time = max(1, N_IN_CACHE // max(1, n_rows * d)), max(1, N_IN_CACHE // max(1, d))
    for network in range(0, k, n_networks):
        for row in range(0, n_rows, n_at_a_time):
            yield slice(network, network + n_networks), slice(row, row + n_at_a_time)


def mixed(
    x: Float[Tensor, "k batch d"], y: Float[Tensor, "k batch d"], mix: Float[Tensor, "k d"]
) -> Float[Tensor, "k batch d"]:
    """`x + mix (y - x)`, by a factor for each unit.

    Example:
        >>> mixed(torch.zeros(1, 1, 2), torch.ones(1, 1, 2), torch.tensor([[1.0, 0.5]])).tolist()
        [[[1.0, 0.5]]]
    """
    return torch.lerp(x, y, mix.unsqueeze(1))


def active(
    x: Float[Tensor, "k batch d"],
    activation: Activations,
    dropout: Dropout,
    *,
    mix: Float[Tensor, "k d"] | None = None,
) -> Float[Tensor, "k batch d"]:
    """`dropout(activation(x))`; for Mish in training, where both cost most, in three quarters of the time or less.

    Args:
        x: What a dense layer, or its normalization, put out.
        activation: The networks' activations.
        dropout: The networks' dropout.
        mix: How much of the activation each unit has, beside the identity; all of it unless given.

    Example:
        >>> from automl_nn.model.dropout import inverted
        >>> from automl_nn.model.stack import Noise
        >>> def drop() -> Dropout:
        ...     return Dropout([inverted(0.5)], Noise([torch.Generator().manual_seed(0)]))
        >>> x, activation = torch.randn(1, 5, 8), Activations([mish])
        >>> torch.equal(active(x, activation, drop()), drop()(activation(x)))
        True
    """
    y: Tensor
    if activation.shared is not mish or not dropout.is_plain:
        y = activation(x)
        y = dropout(y if mix is None else mixed(x, y, mix))
        return y
    x = x.contiguous()
    y = _MishDropout.apply(x, mix, dropout.noise.bits(x), dropout.threshold, dropout.scale)  # type: ignore[no-untyped-call]
    return y
