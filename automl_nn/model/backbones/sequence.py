"""What sequence backbones share: the length of a window, and a dense layer over neighbouring steps."""

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.stack import LEAST_ROUNDED, apart, can_round, together
from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Integer

MAX_LENGTH = 4096
"""Steps of the longest window."""

LENGTH: Space = {"length": Choice((64, 128, 256), default=128, also=Integer(8, MAX_LENGTH, default=128))}
"""Steps of a window; a search puts lengths that suit the data in its place."""


@final
class Convolution(nn.Module):
    """A dense layer over steps at equal distances, the step itself in their middle or at their end.

    Windows are continued by zeros. It is torch's convolution, network after network: the units of a step stand side by
    side, which is the layout `channels_last`, so nothing is copied or turned around it. Its weights `(k, n_taps * d_in,
    d_out)` are drawn by the initializers of dense layers.

    Args:
        k: Number of networks.
        d_in: Width of the input.
        d_out: Width of the output.
        length: Steps of a window.
        n_taps: Steps that are seen at once, odd.
        dilation: Distance between them.
        looks_back: Whether the step itself is the last one of them.

    While `rounds` is set, large products in training round what they read and return to bfloat16, where the processor
    can.

    Shape:
        Input `(k or 1, n_windows * length, d_in)`, output `(k, n_windows * length, d_out)`.

    Source:
        Waibel et al. (1989), doi:10.1109/29.21701; dilation as in van den Oord et al. (2016), arXiv:1609.03499.

    Example:
        >>> layer = Convolution(1, 1, 1, length=4, n_taps=3)
        >>> _ = layer.weight.data.copy_(torch.tensor([[[1.0], [0.0], [10.0]]]))
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
        self.zero, self.factor, self.rounds = False, 1.0, False
        self.weight = nn.Parameter(torch.zeros(k, n_taps * d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(k, d_out))
        self.register_load_state_dict_pre_hook(_rename_dense)  # type: ignore[no-untyped-call]
        self._length, self._n_taps, self._dilation, self._looks_back = length, n_taps, dilation, looks_back
        n_before = n_taps - 1 if looks_back else n_taps // 2
        n_seen = min(n_before, (length - 1) // dilation)  # taps further away lie beyond every window
        self._reach = n_seen * dilation
        self._taps = slice(n_before - n_seen, None if looks_back else n_before + n_seen + 1)

    def forward(self, x: Float[Tensor, "#k rows d_in"]) -> Float[Tensor, "k rows d_out"]:
        dtype = torch.bfloat16 if self._is_rounded(x) else self.weight.dtype
        weight, bias = self.weight.to(dtype), self.bias.to(dtype)
        k, rows = len(weight), apart(x.to(dtype))
        own = zip(rows if len(rows) == k else rows * k, apart(weight), apart(bias), strict=True)
        return together([self._one(*parts) for parts in own]).to(self.weight.dtype)

    def product(self, x: Float[Tensor, "rows d_in"], i: int) -> Float[Tensor, "rows d_out"]:
        """What the weights of network `i` make of its input, without a bias."""
        return self._one(x, self.weight[i], None)

    def _is_rounded(self, x: Float[Tensor, "#k rows d_in"]) -> bool:
        is_large = x.shape[1] * self.weight[0].numel() >= LEAST_ROUNDED
        return self.rounds and self.training and is_large and can_round(x.device)

    def _one(
        self, x: Float[Tensor, "rows d_in"], weight: Float[Tensor, "_ d_out"], bias: Tensor | None
    ) -> Float[Tensor, "rows d_out"]:
        windows = x.reshape(-1, 1, self._length, x.shape[1])
        if self._looks_back:
            windows = F.pad(windows, (0, 0, self._reach, 0))
        taps = weight.view(self._n_taps, -1, weight.shape[1])[self._taps].permute(2, 1, 0).unsqueeze(2)
        reach, distance = (0, 0 if self._looks_back else self._reach), (1, self._dilation)
        y = F.conv2d(windows.permute(0, 3, 1, 2), taps, bias, padding=reach, dilation=distance)
        return y.permute(0, 2, 3, 1).reshape(len(x), -1)


def _rename_dense(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: object) -> None:
    """Let networks be loaded that were stored when the weights were those of a layer called `dense`."""
    del module, rest
    for name in ("weight", "bias"):
        if f"{prefix}dense.{name}" in state:
            state[prefix + name] = state.pop(f"{prefix}dense.{name}")


def pooled(x: Float[Tensor, "k rows d"], *, length: int) -> Float[Tensor, "k rows twice_d"]:
    """Mean and maximum over the steps of each window, at each of its steps.

    Example:
        >>> pooled(torch.tensor([[[1.0], [3.0]]]), length=2).tolist()
        [[[2.0, 3.0], [2.0, 3.0]]]
    """
    windows = x.reshape(len(x), -1, length, x.shape[2])
    seen = torch.cat([windows.mean(2), windows.amax(2)], dim=-1)
    return seen.repeat_interleave(length, dim=1)
