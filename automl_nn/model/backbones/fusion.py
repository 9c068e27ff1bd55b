"""An image beside a table: two branches that become one."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.model.backbones.image import ImageBackbone, ImageShape
from automl_nn.model.backbones.mlp import MLP
from automl_nn.model.normalizations import GroupNorm
from automl_nn.space.options import Option, Space
from automl_nn.space.ranges import Choice, Integer

EPS = 1e-5
"""Added to the variance of what a branch hands over."""


@final
class Blind(ImageBackbone):
    """Looks at no image: what stands beside it has to do alone.

    A search that begins with it knows within seconds what the columns are worth, and may mix such networks with others.

    Args:
        shape: The images.
        parts: What stands between the layers; nothing here.

    Shape:
        Input `(k, batch, channels, height, width)`, output `(k, batch, 1)`, all zero.
    """

    def __init__(self, *, shape: ImageShape, parts: Parts) -> None:
        super().__init__(d_out=1)
        del shape, parts

    def forward(self, x: Float[Tensor, "k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        return x.new_zeros(*x.shape[:2], 1)


BLIND: Option[Backbone] = Option(Blind, source="none: the columns beside images alone")

FUSION: Space = {
    "n_joint": Choice((0, 1), default=1, also=Integer(0, 8, default=1)),
    "d_joint": Integer(32, 256, default=128, log=True, valid=(1, 4096)),
}
"""Dense layers behind the branches, and their width."""


@final
class Fusion(nn.Module):
    """Puts what is known of an image beside what is known of its row of the table.

    The two branches come with scales of their own, and the larger one would drown the other. So each is brought to mean
    0 and variance 1 over its units before they stand side by side. What the table's branch reads is left as it is: its
    numbers are scaled by the encoder, and one-hot columns stay one-hot.

    Args:
        d_image: Width of what the image's branch hands over.
        table: The hidden layers of the table's branch.
        n_joint: Dense layers behind the branches; with none, either branch adds to the output by itself.
        d_joint: Their width.
        parts: What stands between them.

    Shape:
        Input `(k, batch, d_image)` and `(k or 1, batch, d_in)`, output `(k, batch, d_out)`.

    Source:
        Shi et al. (2021), arXiv:2111.02705, whose fusion of late features is a concatenation; the normalization of each
        branch is ours.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> parts = plain_parts(k=2, d_in=3)
        >>> table = MLP(d_in=3, n_blocks=1, d_block=4, parts=parts)
        >>> fusion = Fusion(d_image=6, table=table, n_joint=0, d_joint=8, parts=parts)
        >>> fusion(torch.randn(2, 5, 6), torch.randn(1, 5, 3)).shape
        torch.Size([2, 5, 10])
    """

    def __init__(self, *, d_image: int, table: Backbone, n_joint: int, d_joint: int, parts: Parts) -> None:
        super().__init__()
        self.table = table
        self.of_image = GroupNorm(k=parts.k, d=d_image, eps=EPS)
        self.of_table = GroupNorm(k=parts.k, d=table.d_out, eps=EPS)
        self.joint = MLP(d_in=d_image + table.d_out, n_blocks=n_joint, d_block=d_joint, parts=parts)
        self.d_out = self.joint.d_out

    def forward(
        self, image: Float[Tensor, "k batch d_image"], features: Float[Tensor, "#k batch d_in"]
    ) -> Float[Tensor, "k batch d_out"]:
        beside = self.table(features).expand(len(image), -1, -1)
        both = torch.cat([self.of_image(image), self.of_table(beside)], dim=-1)
        joint: Tensor = self.joint(both)
        return joint
