"""Features centred and scaled as training rows say, for backbones that compute features of their own."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOST = 4.0
"""About the largest feature, in deviations: what lies further out is pressed together."""


@final
class Scale(nn.Module):
    """Each feature to mean 0 and deviation 1 over training rows; what lies far out is pressed together.

    Args:
        k: Number of networks.
        d: Number of features.

    Shape:
        Input `(k or 1, rows, d)`, output `(k, rows, d)`.

    Source:
        Pressing together: Holzmüller et al. (2024), arXiv:2407.04491.

    Example:
        >>> scale = Scale(k=1, d=1)
        >>> scale.fit(torch.tensor([[[1.0], [3.0]]]))
        >>> scale(torch.tensor([[[2.0], [1e9]]])).flatten().tolist()
        [0.0, 4.0]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, *, k: int, d: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(k, 1, d))
        self.register_buffer("deviation", torch.ones(k, 1, d))

    def forward(self, x: Float[Tensor, "#k rows d"]) -> Float[Tensor, "k rows d"]:
        scaled = (x - self.mean) / self.deviation
        return scaled * torch.rsqrt(1 + (scaled / MOST) ** 2)

    def fit(self, x: Float[Tensor, "#k rows d"]) -> None:
        """Learn means and deviations, in place; a feature that never varies is centred alone.

        Args:
            x: Training rows, perhaps none.
        """
        if x.shape[1]:
            self.mean.copy_(x.mean(1, keepdim=True).expand_as(self.mean))
            deviation = x.std(1, correction=0, keepdim=True)
            self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0).expand_as(self.deviation))
