"""Embeddings of codes: vectors for the levels of categories."""

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


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
