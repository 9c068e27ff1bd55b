"""Embeddings of numeric columns: what they become before the first dense layer."""

import math
from abc import ABC, abstractmethod
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Held, Integer, Real

N_SAMPLE = 16_384
"""Training rows whose quantiles are the borders of bins."""

ROWS_OF_BIN, LEAST_BINS, MOST_BINS, MOST_PLACES = 200, 32, 256, 2048
"""Rows for each bin of a column, bins of a column at least and at most, and bins of all columns together."""

BUFFERS = ("lower", "slope", "floor", "ceiling")
"""What is known of each bin."""

Numbers = Float[Tensor, "n_rows n_numeric"]


class NumericEmbedding(nn.Module, ABC):
    """Abstract: k maps of numeric columns.

    Args:
        n_numeric: Number of columns.
        d_embedding: Width of what each of them becomes.
    """

    def __init__(self, *, n_numeric: int, d_embedding: int) -> None:
        super().__init__()
        self.n_numeric, self.d_embedding = n_numeric, d_embedding

    @property
    def d_out(self) -> int:
        """Width of what the columns become together."""
        return self.n_numeric * self.d_embedding

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
        >>> Raw(n_numeric=4)(x) is x
        True
    """

    def __init__(self, *, n_numeric: int) -> None:
        super().__init__(n_numeric=n_numeric, d_embedding=1)

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
        super().__init__(n_numeric=n_numeric, d_embedding=d_embedding)
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


@final
class PiecewiseLinear(NumericEmbedding):
    """Each column becomes a linear map of itself plus one of its place among the column's quantiles.

    The place of `x` is a vector with an entry for each bin between neighbouring quantiles: 1 for bins below `x`, 0 for
    bins above it, the share that is passed for its own. So the embedding is piecewise linear in `x`, with bends where
    the data are. The second map starts at zero.

    Args:
        k: Number of networks.
        x: Training rows, from whose quantiles the bins come.
        n_bins: Most bins of a column, see `borders`.
        d_embedding: Width that each column becomes.

    Source:
        Gorishniy et al. (2022), arXiv:2203.05556, Eq. 1 and section 3.2.1, with quantile bins; the linear map beside
        it, and no activation, as version B of the package `rtdl_num_embeddings` of the same authors. There the first
        and the last bin go on to infinity; here for once their width, so that a narrow one does not shout at new rows.

    Example:
        >>> x = torch.linspace(0, 1, 9).unsqueeze(1)
        >>> embedding = PiecewiseLinear(k=1, x=x, n_bins=4, d_embedding=3)
        >>> embedding.places(torch.tensor([[[0.375], [2.0]]])).squeeze().tolist()
        [[1.0, 0.5, 0.0, 0.0], [1.0, 1.0, 1.0, 2.0]]
    """

    lower: Tensor
    slope: Tensor
    floor: Tensor
    ceiling: Tensor

    def __init__(self, *, k: int, x: Numbers, n_bins: int, d_embedding: int) -> None:
        n_numeric = x.shape[1]
        super().__init__(n_numeric=n_numeric, d_embedding=d_embedding)
        for name, value in zip(BUFFERS, _bins(x, n_bins), strict=True):
            self.register_buffer(name, value.expand(k, n_numeric, 1, n_bins).clone())
        self.weight = nn.Parameter(torch.zeros(k, n_numeric, n_bins, d_embedding))
        self.slopes = nn.Parameter(torch.zeros(k, n_numeric * d_embedding))
        self.bias = nn.Parameter(torch.zeros(k, n_numeric * d_embedding))

    def fit(self, x: Numbers) -> None:
        """Take the bins from other training rows, for all networks, in place."""
        for name, value in zip(BUFFERS, _bins(x, self.lower.shape[3]), strict=True):
            self.get_buffer(name).copy_(value)

    def places(self, x: Float[Tensor, "#k batch n_numeric"]) -> Float[Tensor, "k n_numeric batch n_bins"]:
        """The place of each number among the bins of its column."""
        shares = (x.mT.unsqueeze(-1) - self.lower) * self.slope
        return shares.clamp_(self.floor, self.ceiling)

    def forward(self, x: Float[Tensor, "#k batch n_numeric"]) -> Float[Tensor, "k batch d_out"]:
        bent = self.places(x) @ self.weight
        slopes, bias = (p.view(len(bent), self.n_numeric, 1, -1) for p in (self.slopes, self.bias))
        straight = torch.addcmul(bias, x.mT.unsqueeze(-1), slopes)
        return (straight + bent).transpose(1, 2).flatten(2)

    @torch.no_grad()
    def reset(self, i: int, *, sigma: float, generator: torch.Generator) -> None:
        """The linear map of the column itself is as in `torch.nn.Linear` of width 1 to `d_embedding`."""
        del sigma
        bound = self.d_embedding**-0.5
        self.slopes[i].uniform_(-bound, bound, generator=generator)
        self.bias[i].uniform_(-bound, bound, generator=generator)


def _bins(x: Numbers, n_bins: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lower border, slope, floor and ceiling of each bin, `(n_numeric, 1, n_bins)`; a bin that is not there is 0."""
    lower, slope, floor = (torch.zeros(x.shape[1], 1, n_bins) for _ in range(3))
    ceiling = torch.ones_like(lower)
    sample = x[:: -(-max(len(x), 1) // N_SAMPLE)].cpu().double().numpy()
    for column, values in enumerate(sample.T):
        found = torch.from_numpy(borders(values, n_bins)).float().unique_consecutive()  # type: ignore[no-untyped-call]
        n = len(found) - 1
        if n > 0:
            lower[column, 0, :n], slope[column, 0, :n] = found[:-1], 1 / found.diff()
            floor[column, 0, 0], ceiling[column, 0, n - 1] = -1.0, 2.0
    return lower, slope, floor, ceiling


def borders(values: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Quantiles that part values into bins; a value so frequent that it fills several bins counts as one bin's.

    Without that rule, a column of mostly zeros would have nearly all of its bins there, and none for its other values.

    Args:
        values: Values of a column, none missing.
        n_bins: Number of bins.

    Returns:
        At most `n_bins + 1` borders, ascending, from the smallest value to the largest; equal ones stand for less bins.

    Example:
        >>> borders(np.array([0.0] * 97 + [1.0, 2.0, 3.0]), 2).tolist()
        [0.0, 0.0, 3.0]
    """
    distinct, counts = np.unique(values, return_counts=True)
    counted = np.minimum(counts, max(len(values) // n_bins, 1))
    last = counted.cumsum() - 1
    places = np.stack([last - counted + 1, last], axis=1).ravel()
    wanted = np.linspace(0, places[-1] if len(places) else 0, n_bins + 1)
    return np.interp(wanted, places, distinct.repeat(2)) if len(places) else np.zeros(0)


def raw(*, k: int, x: Numbers) -> NumericEmbedding:
    """The columns as they are; see `Raw`.

    Example:
        >>> raw(k=1, x=torch.zeros(0, 3)).d_out
        3
    """
    del k
    return Raw(n_numeric=x.shape[1])


def periodic(*, sigma: float, n_frequencies: int, d_embedding: int, k: int, x: Numbers) -> NumericEmbedding:
    """Periodic embeddings; see `Periodic`. Without numeric columns there is nothing to embed.

    Args:
        sigma: Deviation of the frequencies at the start; each network of a stack has its own, given to `reset`.
        n_frequencies: Frequencies for each column.
        d_embedding: Width that each column becomes.
        k: Number of networks.
        x: Training rows.

    Example:
        >>> periodic(sigma=0.1, n_frequencies=16, d_embedding=4, k=1, x=torch.zeros(0, 3)).d_out
        12
    """
    del sigma
    n_numeric = x.shape[1]
    if n_numeric == 0:
        return Raw(n_numeric=0)
    return Periodic(k=k, n_numeric=n_numeric, n_frequencies=n_frequencies, d_embedding=d_embedding)


def piecewise_linear(*, n_bins: int, d_embedding: int, k: int, x: Numbers) -> NumericEmbedding:
    """Piecewise-linear embeddings; see `PiecewiseLinear`. Without numeric columns there is nothing to embed.

    Args:
        n_bins: Most bins of a column.
        d_embedding: Width that each column becomes.
        k: Number of networks.
        x: Training rows, from whose quantiles the bins come.

    Example:
        >>> piecewise_linear(n_bins=8, d_embedding=12, k=1, x=torch.rand(50, 3)).d_out
        36
    """
    if x.shape[1] == 0:
        return Raw(n_numeric=0)
    return PiecewiseLinear(k=k, x=x, n_bins=n_bins, d_embedding=d_embedding)


def numeric_embeddings(*, n_rows: int = 0, n_numeric: int = 0) -> Options[NumericEmbedding]:
    """What numeric columns become: made from their knobs, `k` and the training rows `x`.

    Bins are `ROWS_OF_BIN` rows wide at the start, within `LEAST_BINS` to `MOST_BINS`: where rows are many, finer ones
    tell more. Of wide tables they are fewer, since each step computes all of them: `MOST_PLACES` for a row.

    Args:
        n_rows: Rows that train.
        n_numeric: Numeric columns.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> space = {"embedding": numeric_embeddings(n_rows=26_000, n_numeric=6)}
        >>> defaults(space)["embedding"]
        {'name': 'piecewise', 'n_bins': 130, 'd_embedding': 8}
    """
    most = min(MOST_BINS, MOST_PLACES // max(n_numeric, 1))
    n_bins = max(LEAST_BINS, min(most, n_rows // ROWS_OF_BIN))
    return Options(
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
            "piecewise": Option(
                piecewise_linear,
                {
                    "n_bins": Integer(4, 2 * n_bins, default=n_bins, log=True, valid=(1, 1024)),
                    "d_embedding": Held(Integer(4, 32, default=8, log=True, valid=(1, 256))),
                },
                source="arXiv:2203.05556; ranges within those of arXiv:2410.24210",
            ),
        },
        default="piecewise",
    )


NUMERIC_EMBEDDINGS = numeric_embeddings()
"""The same where the number of rows is not known."""
