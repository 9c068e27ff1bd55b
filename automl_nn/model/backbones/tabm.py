"""TabM: many perceptrons that share almost all of their weights."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.active import active
from automl_nn.model.backbones.base import DEPTH_AND_WIDTH, Backbone, Drawn, Parts
from automl_nn.model.stack import Linear
from automl_nn.space.options import Option, Space
from automl_nn.space.ranges import Held, Integer


@final
class TabM(Backbone):
    """Each network is `n_members` perceptrons with the same matrices, told apart by factors on what enters and leaves.

    Member j computes `s_j * ((r_j * x) W + b) + c_j` in each layer; W and b are shared. The members of a network see
    the same rows, are trained on the mean of their losses, and predict the mean of their probabilities. In the mini
    form, only the first `r_j` is there.

    Args:
        d_in: Width of the input.
        n_blocks: Number of blocks of dense layer, normalization, activation, dropout.
        d_block: Width of each block.
        n_members: Perceptrons in each network.
        mini: Whether members differ by the first factors only.
        parts: What stands between the dense layers.

    Shape:
        Input `(k or 1, batch, d_in)`, output `(k, n_members * batch, d_out)`, the rows of each member together.

    Source:
        Gorishniy et al. (2025), arXiv:2410.24210, sections 3.3 and 3.4; Wen et al. (2020), arXiv:2002.06715. The shared
        bias `b` is ours; at the start, when s is 1 and c is 0, it changes nothing.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> parts = plain_parts(k=5, d_in=3)
        >>> TabM(d_in=3, n_blocks=2, d_block=8, n_members=4, mini=True, parts=parts)(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 28, 8])
    """

    def __init__(self, *, d_in: int, n_blocks: int, d_block: int, n_members: int, mini: bool, parts: Parts) -> None:
        widths = [d_in] + [d_block] * n_blocks
        super().__init__(d_out=widths[-1], n_members=n_members)
        self.first = Members(parts.k, n_members, d_in, chunks=parts.features)
        self.dense = nn.ModuleList(Linear(parts.k, before, d_block) for before in widths[:-1])
        self.norms = nn.ModuleList(parts.normalization(d_block) for _ in range(n_blocks))
        own = 0 if mini else n_blocks
        self.entering = nn.ModuleList(Members(parts.k, n_members, d_block) for _ in range(own - 1))
        self.leaving = nn.ModuleList(Members(parts.k, n_members, d_block, shifts=True) for _ in range(own))
        self.activation, self.dropout = parts.activation, parts.dropout

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k rows d_out"]:
        x = self.first(x.unsqueeze(1)).flatten(1, 2)
        for block, (dense, norm) in enumerate(zip(self.dense, self.norms, strict=True)):
            x = self._own(self.entering, block - 1, x)
            x = self._own(self.leaving, block, dense(x))
            x = active(norm(x), self.activation, self.dropout)
        return x

    def _own(self, members: nn.ModuleList, place: int, x: Float[Tensor, "k rows d"]) -> Float[Tensor, "k rows d"]:
        """What the members make of their rows, each on its own; nothing where they have no factors."""
        if not 0 <= place < len(members):
            return x
        own: Tensor = members[place](x.view(len(x), self.n_members, -1, x.shape[2]))
        return own.flatten(1, 2)


@final
class Members(Drawn):
    """Factors of each member on the columns of its rows.

    Args:
        k: Number of networks.
        n_members: Members of each network.
        d: Width.
        chunks: Widths of the neighbouring columns that start with the same random factor, such as those of one embedded
            feature; all factors start at 1 unless given.
        shifts: Whether there is something to add, too.

    Example:
        >>> Members(2, 4, 3)(torch.ones(2, 1, 5, 3)).shape
        torch.Size([2, 4, 5, 3])
    """

    def __init__(self, k: int, n_members: int, d: int, *, chunks: tuple[int, ...] = (), shifts: bool = False) -> None:
        super().__init__()
        self._chunks = torch.tensor(chunks, dtype=torch.int64)
        self.factor = nn.Parameter(torch.ones(k, n_members * d))
        self.shift = nn.Parameter(torch.zeros(k, n_members * d)) if shifts else None
        self._shape = (n_members, 1, d)

    def forward(self, x: Float[Tensor, "#k #members batch d"]) -> Float[Tensor, "k members batch d"]:
        factor = self.factor.view(-1, *self._shape)
        return x * factor if self.shift is None else torch.addcmul(self.shift.view(-1, *self._shape), x, factor)

    @torch.no_grad()
    def draw(self, i: int, *, gain: float, generator: torch.Generator) -> None:
        """Normal factors where features are embedded, random signs where each is one column."""
        del gain
        if len(self._chunks) == 0:
            return
        drawn = torch.randn(self._shape[0], len(self._chunks), generator=generator)
        if bool((self._chunks == 1).all()):
            drawn = drawn.sign()
        self.factor[i] = drawn.repeat_interleave(self._chunks, dim=1).flatten()


def tabm(*, d_in: int, n_blocks: int, d_block: int, n_members: int, parts: Parts) -> Backbone:
    """TabM with factors in every layer; see `TabM`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> tabm(d_in=3, n_blocks=2, d_block=8, n_members=4, parts=plain_parts(k=1, d_in=3)).n_members
        4
    """
    return TabM(d_in=d_in, n_blocks=n_blocks, d_block=d_block, n_members=n_members, mini=False, parts=parts)


def tabm_mini(*, d_in: int, n_blocks: int, d_block: int, n_members: int, parts: Parts) -> Backbone:
    """TabM whose members differ by factors on the input only; see `TabM`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> tabm_mini(d_in=3, n_blocks=2, d_block=8, n_members=4, parts=plain_parts(k=1, d_in=3)).n_members
        4
    """
    return TabM(d_in=d_in, n_blocks=n_blocks, d_block=d_block, n_members=n_members, mini=True, parts=parts)


_SPACE: Space = {**DEPTH_AND_WIDTH, "n_members": Held(Integer(4, 32, default=8, log=True, valid=(1, 1024)))}

OPTION: Option[Backbone] = Option(tabm, _SPACE, source="arXiv:2410.24210")
MINI: Option[Backbone] = Option(tabm_mini, _SPACE, source="arXiv:2410.24210, section 3.3")
