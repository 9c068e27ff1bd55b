"""Networks of tables for steps: each step is read alone, with what it is told of its whole series."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.model.backbones import mlp, tabm
from automl_nn.model.backbones.base import Backbone, Drawn, Fitted, Parts
from automl_nn.model.backbones.scale import Scale
from automl_nn.model.backbones.sequence import MAX_LENGTH
from automl_nn.model.numeric import PiecewiseLinear
from automl_nn.space.options import Option, Space
from automl_nn.space.ranges import Choice, Held, Integer


@final
class Told(Fitted, Drawn, Backbone):
    """The hidden layers of a table's network over what a step is told: see `automl_nn.model.views.View`.

    What a step is told may lie beyond any window, and is computed once, before the training. Each number is embedded by
    its place among its quantiles, as in tables.

    Args:
        make: Makes the hidden layers from the width of their input, `d_in`, and `parts`.
        n_bins: Most bins of a number.
        d_embedding: Width that each number becomes.
        direction: `both`, or `forward`: a step is told only of what came before it.
        length: Neighbouring steps that are drawn together in training; nothing else depends on it.
        parts: What stands between the layers.

    Shape:
        Input `(k or 1, batch, d_in)`; output as of the hidden layers.

    Source:
        Lags and rolling statistics are what gradient boosting of series is given; embeddings: arXiv:2203.05556.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> make, parts = partial(mlp.MLP, n_blocks=2, d_block=8), plain_parts(k=5, d_in=3)
        >>> net = Told(make, n_bins=4, d_embedding=2, direction="both", length=8, parts=parts)
        >>> net(torch.zeros(1, 7, 3)).shape
        torch.Size([5, 7, 8])
    """

    def __init__(
        self,
        make: Callable[..., Backbone],
        *,
        n_bins: int,
        d_embedding: int,
        direction: str,
        length: int,
        parts: Parts,
    ) -> None:
        n = sum(takewhile((1).__eq__, parts.features))  # the numbers; vectors of categories stand behind them
        features = (*[d_embedding] * n, *parts.features[n:])
        hidden = make(d_in=sum(features), parts=replace(parts, features=features))
        looks_back, n_members = direction == "forward", hidden.n_members
        super().__init__(d_out=hidden.d_out, n_members=n_members, looks_back=looks_back, window=length)
        self.scale = Scale(k=parts.k, d=n)
        self.embedding = PiecewiseLinear(k=parts.k, x=torch.zeros(0, n), n_bins=n_bins, d_embedding=d_embedding)
        self.hidden = hidden

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k rows d_out"]:
        numbers, others = x[..., : self.embedding.n_numeric], x[..., self.embedding.n_numeric :]
        embedded = self.embedding(self.scale(numbers))
        y: Tensor = self.hidden(torch.cat([embedded, others.expand(len(embedded), -1, -1)], dim=-1))
        return y

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "#k rows d_in"], *, generators: list[torch.Generator]) -> None:
        del generators
        numbers = x[..., : self.embedding.n_numeric]
        self.scale.fit(numbers)
        self.embedding.fit(self.scale(numbers)[0])

    def draw(self, i: int, *, gain: float, generator: torch.Generator) -> None:
        del gain
        self.embedding.reset(i, sigma=1.0, generator=generator)


def step_mlp(
    *,
    d_in: int,
    n_blocks: int,
    d_block: int,
    n_bins: int,
    d_embedding: int,
    direction: str,
    length: int,
    parts: Parts,
    statistics: str = "plain",
) -> Backbone:
    """A perceptron over what a step is told: see `Told`, `MLP` and, for `statistics`, `automl_nn.model.views.View`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> told = {"n_bins": 4, "d_embedding": 2, "direction": "both", "length": 8}
        >>> step_mlp(d_in=3, n_blocks=2, d_block=8, **told, parts=plain_parts(k=1, d_in=3)).d_out
        8
    """
    del d_in, statistics  # what is told stands in the input
    make = partial(mlp.MLP, n_blocks=n_blocks, d_block=d_block)
    return Told(make, n_bins=n_bins, d_embedding=d_embedding, direction=direction, length=length, parts=parts)


def step_tabm_mini(
    *,
    d_in: int,
    n_blocks: int,
    d_block: int,
    n_members: int,
    n_bins: int,
    d_embedding: int,
    direction: str,
    length: int,
    parts: Parts,
    statistics: str = "plain",
) -> Backbone:
    """TabM-mini over what a step is told: see `Told`, `TabM` and, for `statistics`, `automl_nn.model.views.View`.

    Example:
        >>> from automl_nn.model.backbones.base import plain_parts
        >>> told = {"n_bins": 4, "d_embedding": 2, "direction": "both", "length": 8}
        >>> step_tabm_mini(d_in=3, n_blocks=2, d_block=8, n_members=4, **told, parts=plain_parts(k=1, d_in=3)).n_members
        4
    """
    del d_in, statistics  # what is told stands in the input
    make = partial(tabm.tabm_mini, n_blocks=n_blocks, d_block=d_block, n_members=n_members)
    return Told(make, n_bins=n_bins, d_embedding=d_embedding, direction=direction, length=length, parts=parts)


_SPACE: Space = {
    "n_bins": Choice((8, 16, 32), default=16, also=Integer(1, 256, default=16)),
    "d_embedding": Held(Integer(2, 8, default=4, valid=(1, 256))),
    "direction": Choice(("both", "forward")),
    "statistics": Held(Choice(("relative", "plain"))),
    "length": Held(Integer(1, 64, default=8, valid=(1, MAX_LENGTH))),
}

MLP: Option[Backbone] = Option(step_mlp, {**mlp.OPTION.space, **_SPACE}, source="arXiv:2106.11959")
TABM_MINI: Option[Backbone] = Option(
    step_tabm_mini, {**tabm.MINI.space, **_SPACE}, source="arXiv:2410.24210, section 3.3"
)
