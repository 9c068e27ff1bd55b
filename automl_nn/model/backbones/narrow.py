"""Convolutions of narrow maps in bfloat16 on a processor: slopes of weights from several images side by side."""

from typing import Any, final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

N_COLUMNS = 32
"""Pixels that the tile unit of a processor (AMX) multiplies at once; a row of fewer takes as long."""

D_WORTH = 32
"""Below this width of the input, weights are so few that copies cost more than they save."""


def are_narrow(x: Float[Tensor, "batch height width d_in"], *, n_taps: int) -> bool:
    """Whether so few pixels are in a row that images side by side save more than their copies cost.

    Example:
        >>> small, large = torch.empty(64, 7, 7, 32), torch.empty(64, 14, 14, 32)
        >>> are_narrow(small, n_taps=3), are_narrow(large, n_taps=3)
        (True, False)
    """
    width, d_in = x.shape[2:]
    return not x.is_cuda and d_in >= D_WORTH and _n_beside(width, reach=n_taps // 2) > 2


def convolve_narrow(
    x: Float[Tensor, "batch height width d_in"],
    squares: Float[Tensor, "d_out d_in n_taps n_taps"],
    bias: Float[Tensor, " d_out"],
) -> Float[Tensor, "batch height width d_out"]:
    """A convolution of stride 1 and an odd number of taps over images that are continued by zeros.

    oneDNN sums the slope of the weights over one row of one image at a time, and rows of 3 or 7 pixels leave most of a
    tile empty. So rows of several images stand side by side in that sum, with zeros between them.

    Example:
        >>> x, squares = torch.ones(5, 3, 3, 2), torch.ones(1, 2, 3, 3, requires_grad=True)
        >>> y = convolve_narrow(x, squares, torch.zeros(1))
        >>> y[0, ..., 0].tolist()
        [[8.0, 12.0, 8.0], [12.0, 18.0, 12.0], [8.0, 12.0, 8.0]]
        >>> y.sum().backward()
        >>> squares.grad[0, 0].tolist()
        [[20.0, 30.0, 20.0], [30.0, 45.0, 30.0], [20.0, 30.0, 20.0]]
    """
    y: Tensor = _NarrowConvolution.apply(x, squares, bias)  # type: ignore[no-untyped-call]
    return y


@final
class _NarrowConvolution(torch.autograd.Function):
    """The way there is torch's; the way back adds up the weights' slope over several images at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, squares: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, squares)
        return F.conv2d(_planes(x), squares, bias, padding=squares.shape[-1] // 2).permute(0, 2, 3, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, squares = ctx.saved_tensors
        reach = squares.shape[-1] // 2
        of_x = _slopes(slope, x, squares, wanted=(True, False, False))[0]
        slope, x = (_side_by_side(maps, gap=reach) for maps in (slope, x))
        _, of_squares, of_bias = _slopes(slope, x, squares, wanted=(False, True, True))
        return of_x.permute(0, 2, 3, 1), of_squares, of_bias


def _n_beside(width: int, *, reach: int) -> int:
    return max(1, N_COLUMNS // (width + reach))


def _side_by_side(x: Tensor, *, gap: int) -> Tensor:
    """Rows of images next to each other, `gap` zeros behind each: (fewer, height, columns, d)."""
    batch, height, width, d = x.shape
    n = _n_beside(width, reach=gap)
    whole, rest = divmod(batch, n)
    rows = x.new_zeros(whole + bool(rest), height, n, width + gap, d)
    rows[:whole, :, :, :width] = x[: whole * n].view(whole, n, height, width, d).transpose(1, 2)
    if rest:
        rows[whole, :, :rest, :width] = x[whole * n :].transpose(0, 1)
    return rows.view(len(rows), height, -1, d)


def _slopes(slope: Tensor, x: Tensor, squares: Tensor, *, wanted: tuple[bool, bool, bool]) -> tuple[Any, Any, Any]:
    """Of input, squares and bias; None where it is not wanted."""
    reach, ones = 2 * [squares.shape[-1] // 2], [1, 1]
    asked = [len(squares)], ones, reach, ones, False, [0, 0], 1, wanted
    of_x, of_squares, of_bias = torch.ops.aten.convolution_backward(_planes(slope), _planes(x), squares, *asked)
    return of_x, of_squares, of_bias


def _planes(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)
