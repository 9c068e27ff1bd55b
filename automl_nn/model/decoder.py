"""From what is known of a whole image back to a small form of it."""

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.image import Convolution2d, ImageShape, planes, planes_of
from automl_nn.model.stack import Linear

SHRINK = 4
"""How many times as long as those of the first map the sides of the last one are."""


@final
class Decoder(nn.Module):
    """Draws small images from hidden units: a dense layer says a coarse map, which is doubled and refined twice.

    The last layer starts at zero, which is the mean image where values are scaled: the first steps are not disturbed.

    Args:
        k: Number of networks.
        d_in: Width of the hidden units.
        d_block: Width of the maps.
        shape: The small images.
        seeds: One for each network: its weights are the same in any stack.

    Shape:
        Input `(k, batch, d_in)`, output `(k, batch, height, width, channels)`.

    Source:
        Masci et al. (2011), doi:10.1007/978-3-642-21735-7_7; doubled maps and convolutions in place of transposed ones
        as in Odena et al. (2016), doi:10.23915/distill.00003.

    Example:
        >>> decoder = Decoder(k=2, d_in=6, d_block=4, shape=ImageShape(3, 9, 5), seeds=[0, 1])
        >>> decoder(torch.randn(2, 7, 6)).shape
        torch.Size([2, 7, 9, 5, 3])
    """

    def __init__(self, *, k: int, d_in: int, d_block: int, shape: ImageShape, seeds: Sequence[int]) -> None:
        super().__init__()
        self._shape, self._coarse = shape, (-(-shape.height // SHRINK), -(-shape.width // SHRINK))
        self.first = Linear(k, d_in, self._coarse[0] * self._coarse[1] * d_block)
        self.middle = Convolution2d(k, d_block, d_block, n_taps=3)
        self.last = Convolution2d(k, d_block, shape.channels, n_taps=3, zero=True)
        for i, seed in enumerate(seeds):
            generator = torch.Generator().manual_seed(seed)
            for layer in (self.first, self.middle):
                layer.weight.data[i].normal_(0.0, (2 / layer.weight.shape[1]) ** 0.5, generator=generator)

    def forward(self, hidden: Float[Tensor, "k batch d_in"]) -> Float[Tensor, "k batch height width channels"]:
        coarse = F.relu(self.first(hidden)).view(*hidden.shape[:2], *self._coarse, -1)
        drawn: Tensor = self.last(_doubled(F.relu(self.middle(_doubled(coarse)))))
        return drawn[:, :, : self._shape.height, : self._shape.width]


def _doubled(x: Float[Tensor, "k batch h w d"]) -> Float[Tensor, "k batch twice_h twice_w d"]:
    return planes_of(F.interpolate(planes(x), scale_factor=2, mode="nearest"), k=len(x))
