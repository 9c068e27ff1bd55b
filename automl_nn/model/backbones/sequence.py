"""What sequence backbones share: the length of a window, and a dense layer over neighbouring steps."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.stack import Linear
from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Integer

MAX_LENGTH = 4096
"""Steps of the longest window."""

LENGTH: Space = {"length": Choice((64, 128, 256), default=128, also=Integer(8, MAX_LENGTH, default=128))}
"""Steps of a window; a search puts lengths that suit the data in its place."""


@final
class Convolution(nn.Module):
    """A dense layer over steps at equal distances, the step itself in their middle or at their end.

    Windows are continued by zeros.

    It is one batched product over shifted copies: it stacks as dense layers do, and its weights `(k, n_taps * d_in,
    d_out)` are drawn by the same initializers.

    Args:
        k: Number of networks.
        d_in: Width of the input.
        d_out: Width of the output.
        length: Steps of a window.
        n_taps: Steps that are seen at once, odd.
        dilation: Distance between them.
        looks_back: Whether the step itself is the last one of them.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Waibel et al. (1989), doi:10.1109/29.21701; dilation as in van den Oord et al. (2016), arXiv:1609.03499.

    Example:
        >>> layer = Convolution(1, 1, 1, length=4, n_taps=3)
        >>> _ = layer.dense.weight.data.copy_(torch.tensor([[[1.0], [0.0], [10.0]]]))
        >>> layer(torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])).flatten().tolist()
        [20.0, 31.0, 42.0, 3.0]
    """

    def __init__(
        self,
        k: int,
        d_in: int,
        d_out: int,
        *,
        length: int,
        n_taps: int,
        dilation: int = 1,
        looks_back: bool = False,
    ) -> None:
        super().__init__()
        self.dense = Linear(k, n_taps * d_in, d_out)
        n_before = n_taps - 1 if looks_back else n_taps // 2
        self._length, self._reach = length, [(tap - n_before) * dilation for tap in range(n_taps)]

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        k, n_rows, d_in = x.shape
        windows = x.reshape(k, -1, self._length, d_in)
        shifted = torch.cat([_shifted(windows, by) for by in self._reach], dim=-1)
        output: Tensor = self.dense(shifted.view(k, n_rows, -1))
        return output


def pooled(x: Float[Tensor, "k rows d"], *, length: int) -> Float[Tensor, "k rows twice_d"]:
    """Mean and maximum over the steps of each window, at each of its steps.

    Example:
        >>> pooled(torch.tensor([[[1.0], [3.0]]]), length=2).tolist()
        [[[2.0, 3.0], [2.0, 3.0]]]
    """
    windows = x.reshape(len(x), -1, length, x.shape[2])
    seen = torch.cat([windows.mean(2), windows.amax(2)], dim=-1)
    return seen.repeat_interleave(length, dim=1)


def _shifted(windows: Float[Tensor, "k n length d"], by: int) -> Float[Tensor, "k n length d"]:
    """What lies `by` steps later at each step; zeros beyond the window."""
    length = windows.shape[2]
    if by == 0 or abs(by) >= length:
        return windows if by == 0 else torch.zeros_like(windows)
    kept = windows[:, :, max(by, 0) : length + min(by, 0)]
    return nn.functional.pad(kept, (0, 0, max(-by, 0), max(by, 0)))
