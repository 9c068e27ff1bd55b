"""A stack of k networks: embeddings, a backbone, a head."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone
from automl_nn.model.embeddings import CategoryEmbedding, NumericEmbedding
from automl_nn.model.encoders import Inputs
from automl_nn.model.heads import Head
from automl_nn.model.normalizations import BatchNorm
from automl_nn.model.stack import Noise, select, take


@final
class Network(nn.Module):
    """A stack of k networks; `build` makes it.

    Args:
        embedding: For the numeric columns, which are the first of `dense`.
        n_numeric: How many they are.
        categories: For the codes.
        backbone: The hidden layers.
        head: From the last of them to the outputs.
        noise: The networks' sources of randomness in training.

    Shape:
        `dense` is `(k or 1, batch, d_in)`, `codes` `(k or 1, batch, n_codes)`; a leading dimension of 1 is shared by
        all networks. The output is `(k, batch, d_out)`.
    """

    def __init__(
        self,
        *,
        embedding: NumericEmbedding,
        n_numeric: int,
        categories: CategoryEmbedding,
        backbone: Backbone,
        head: Head,
        noise: Noise,
    ) -> None:
        super().__init__()
        self.n_numeric = n_numeric
        self.embedding, self.categories = embedding, categories
        self.backbone, self.head, self.noise = backbone, head, noise

    @property
    def k(self) -> int:
        """Number of networks."""
        return len(self.noise.generators)

    @property
    def generators(self) -> list[torch.Generator]:
        """The networks' own sources of randomness, from their seeds."""
        return self.noise.generators

    def forward(
        self, dense: Float[Tensor, "#k batch d_in"], codes: Int[Tensor, "#k batch n_codes"]
    ) -> Float[Tensor, "k batch d_out"]:
        output: Tensor = self.head(self.backbone(self.features(dense, codes)))
        return output

    def features(
        self, dense: Float[Tensor, "#k batch d_in"], codes: Int[Tensor, "#k batch n_codes"]
    ) -> Float[Tensor, "#k batch d_features"]:
        """What the backbone reads: embedded numbers, the other dense columns, vectors of the codes."""
        numbers, others = dense[..., : self.n_numeric], dense[..., self.n_numeric :]
        parts = [self.embedding(numbers), others]
        if codes.shape[-1]:
            parts.append(self.categories(codes))
        if parts[0] is numbers and len(parts) == 2:
            return dense
        k = max(len(part) for part in parts)
        return torch.cat([part.expand(k, -1, -1) for part in parts], dim=-1)

    @torch.no_grad()
    def predict(self, inputs: Inputs, *, batch_size: int = 4096) -> Float[Tensor, "k n_rows d_out"]:
        """Outputs of every network for every row, in evaluation mode.

        Args:
            inputs: Rows, on the network's device.
            batch_size: Rows at a time; the outputs do not depend on it.
        """
        with evaluating(self):
            batches = [self(batch.dense[None], batch.codes[None]) for batch in _batches(inputs, batch_size)]
        return torch.cat(batches, dim=1)

    def select(self, indices: Sequence[int]) -> "Network":
        """A copy with these networks only, in this order; each goes on with its own randomness."""
        return select(self, indices, k=self.k)

    def network_state(self, i: int) -> dict[str, Tensor]:
        """A copy of the state of network `i` alone, which a stack of one can load."""
        return {name: take(tensor, [i], k=self.k) for name, tensor in self.state_dict().items()}

    @torch.no_grad()
    def recalibrate(self, inputs: Inputs, *, batch_size: int = 4096) -> None:
        """Estimate the running statistics of batch normalization anew, with the weights as they are now.

        Args:
            inputs: Training rows.
            batch_size: Rows at a time; the statistics are averages over the batches, weighted by their rows.
        """
        norms = [module for module in self.modules() if isinstance(module, BatchNorm)]
        if not norms:
            return
        momenta, seen = [norm.momentum for norm in norms], 0
        with evaluating(self):
            for batch in _batches(inputs, batch_size):
                seen += len(batch)
                for norm in norms:
                    norm.train()
                    norm.momentum = len(batch) / seen
                self(batch.dense[None], batch.codes[None])
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, the former mode after it.

    Example:
        >>> layer = nn.Dropout()
        >>> with evaluating(layer):
        ...     layer.training
        False
        >>> layer.training
        True
    """
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def _batches(inputs: Inputs, batch_size: int) -> Iterator[Inputs]:
    """Consecutive rows; at least one batch, so that no rows give outputs of no rows."""
    for start in range(0, max(len(inputs), 1), batch_size):
        yield inputs[start : start + batch_size]
