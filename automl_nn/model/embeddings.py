"""Embeddings: what numeric columns and codes become before the first dense layer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Held, Integer, Real


class NumericEmbedding(nn.Module, ABC):
    """Abstract: k maps of numeric columns.

    Args:
        d_out: Width of what the columns become together.
    """

    def __init__(self, *, d_out: int) -> None:
        super().__init__()
        self.d_out = d_out

    @abstractmethod
    def forward(self, x: Float[Tensor, "#k batch n_numeric"]) -> Float[Tensor, "#k batch d_out"]:
        """Embed numeric columns; an input of leading dimension 1 is shared by all networks."""

    @abstractmethod
    def reset(self, i: int, *, sigma: float, generator: torch.Generator) -> None:
        """Start the embedding of network `i`."""


@final
class Raw(NumericEmbedding):
    """The columns as they are.

    Example:
        >>> x = torch.ones(1, 3, 4)
        >>> Raw(k=2, n_numeric=4)(x) is x
        True
    """

    def __init__(self, *, k: int, n_numeric: int) -> None:
        super().__init__(d_out=n_numeric)
        del k

    def forward(self, x: Float[Tensor, "#k batch n_numeric"]) -> Float[Tensor, "#k batch n_numeric"]:
        return x

    def reset(self, i: int, *, sigma: float, generator: torch.Generator) -> None:
        del i, sigma, generator


@final
class Periodic(NumericEmbedding):
    """Each column `x` becomes `x` itself and a linear map of `cos(2 pi w x + b)` for learned frequencies `w`.

    Args:
        k: Number of networks.
        n_numeric: Number of columns.
        n_frequencies: Frequencies for each column.
        d_embedding: Width that each column becomes, `x` itself included.

    Source:
        Holzmüller et al. (2024), arXiv:2407.04491, the PBLD embedding; after Gorishniy et al. (2022), arXiv:2203.05556.

    Example:
        >>> Periodic(k=2, n_numeric=3, n_frequencies=16, d_embedding=4)(torch.ones(1, 5, 3)).shape
        torch.Size([2, 5, 12])
    """

    def __init__(self, *, k: int, n_numeric: int, n_frequencies: int, d_embedding: int) -> None:
        super().__init__(d_out=n_numeric * d_embedding)
        self._shape = (n_numeric, n_frequencies)
        self.frequency = nn.Parameter(torch.zeros(k, n_numeric * n_frequencies))
        self.phase = nn.Parameter(torch.zeros(k, n_numeric * n_frequencies))
        self.weight = nn.Parameter(torch.zeros(k, n_numeric, n_frequencies, d_embedding - 1))
        self.bias = nn.Parameter(torch.zeros(k, n_numeric * (d_embedding - 1)))

    def forward(self, x: Float[Tensor, "#k batch n_numeric"]) -> Float[Tensor, "k batch d_out"]:
        columns = x.mT.unsqueeze(-1)  # (k or 1, n_numeric, batch, 1): the linear maps are one batched product
        frequency, phase = (p.view(len(p), *self._shape).unsqueeze(2) for p in (self.frequency, self.phase))
        waves = torch.cos(torch.addcmul(phase, columns, frequency, value=2 * math.pi)) @ self.weight
        waves = waves + self.bias.view(*waves.shape[:2], 1, -1)
        columns = columns.expand(*waves.shape[:-1], 1)
        return torch.cat([columns, waves], dim=-1).transpose(1, 2).flatten(2)

    @torch.no_grad()
    def reset(self, i: int, *, sigma: float, generator: torch.Generator) -> None:
        """Frequencies are normal with deviation `sigma`, phases uniform, the linear map as in `torch.nn.Linear`."""
        bound = self._shape[1] ** -0.5
        self.frequency[i].normal_(0.0, sigma, generator=generator)
        self.phase[i].uniform_(-math.pi, math.pi, generator=generator)
        self.weight[i].uniform_(-bound, bound, generator=generator)
        self.bias[i].uniform_(-bound, bound, generator=generator)


def raw(*, k: int, n_numeric: int) -> NumericEmbedding:
    """The columns as they are; see `Raw`.

    Example:
        >>> raw(k=1, n_numeric=3).d_out
        3
    """
    return Raw(k=k, n_numeric=n_numeric)


def periodic(*, sigma: float, n_frequencies: int, d_embedding: int, k: int, n_numeric: int) -> NumericEmbedding:
    """Periodic embeddings; see `Periodic`. Without numeric columns there is nothing to embed.

    Args:
        sigma: Deviation of the frequencies at the start; each network of a stack has its own, given to `reset`.
        n_frequencies: Frequencies for each column.
        d_embedding: Width that each column becomes.
        k: Number of networks.
        n_numeric: Number of columns.

    Example:
        >>> periodic(sigma=0.1, n_frequencies=16, d_embedding=4, k=1, n_numeric=3).d_out
        12
    """
    del sigma
    if n_numeric == 0:
        return Raw(k=k, n_numeric=0)
    return Periodic(k=k, n_numeric=n_numeric, n_frequencies=n_frequencies, d_embedding=d_embedding)


NUMERIC_EMBEDDINGS: Options[NumericEmbedding] = Options(
    "embedding",
    {
        "none": Option(raw, source="none: the columns as they are"),
        "periodic": Option(
            periodic,
            {
                "sigma": Real(0.01, 10.0, default=0.1, log=True, valid=(1e-4, 100.0)),
                "n_frequencies": Held(Integer(8, 64, default=16, log=True, valid=(1, 1024))),
                "d_embedding": Held(Integer(2, 32, default=4, log=True, valid=(2, 256))),
            },
            source="arXiv:2407.04491, default; range of sigma from arXiv:2203.05556",
        ),
    },
)
"""What numeric columns become: made from their knobs, `k` and `n_numeric`."""


@final
class CategoryEmbedding(nn.Module):
    """Vectors for the levels of categories with many levels.

    All vectors of all networks are the rows of one parameter with a sparse gradient, so that a step costs what its
    batch costs, however many levels there are. The vector of missing, rare and unseen levels starts at zero.

    Args:
        k: Number of networks.
        vocabularies: Levels of each codes column.
        d_embedding: Width of a vector.

    Shape:
        Input `(k or 1, batch, n_codes)`, output `(k, batch, n_codes * d_embedding)`.

    Example:
        >>> embedding = CategoryEmbedding(k=2, vocabularies=(100, 30), d_embedding=8)
        >>> embedding(torch.zeros(1, 5, 2, dtype=torch.int64)).shape, embedding.weight.shape
        (torch.Size([2, 5, 16]), torch.Size([260, 8]))
    """

    first: Tensor

    def __init__(self, *, k: int, vocabularies: Sequence[int], d_embedding: int) -> None:
        super().__init__()
        self.d_out = len(vocabularies) * d_embedding
        self.n_levels = sum(vocabularies)
        self.weight = nn.Parameter(torch.zeros(k * self.n_levels, d_embedding))
        starts = torch.tensor([0, *vocabularies], dtype=torch.int64).cumsum(0)[:-1]
        self.register_buffer("first", starts.expand(k, 1, -1).clone(), persistent=False)

    def forward(self, codes: Int[Tensor, "#k batch n_codes"]) -> Float[Tensor, "k batch d_out"]:
        k = len(self.first)
        networks = torch.arange(k, device=codes.device).view(-1, 1, 1)
        rows = codes + self.first + self.n_levels * networks
        return F.embedding(rows, self.weight, sparse=True).flatten(2)

    @torch.no_grad()
    def reset(self, i: int, *, generator: torch.Generator) -> None:
        """Start the vectors of network `i` at random, about 1 long."""
        weight = self.weight[i * self.n_levels : (i + 1) * self.n_levels]
        weight.normal_(0.0, weight.shape[1] ** -0.5, generator=generator)
        weight[self.first[i, 0]] = 0.0
