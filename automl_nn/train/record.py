"""What the steps of one epoch were like, as arrays."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from automl_nn.train.stability import Bands, Spike, SpikeKind
from automl_nn.train.step import Step

MAX_SPIKES = 10
"""Spikes kept per network and epoch; a broken network would fill the store with them."""

N_AT_ONCE = 64
"""Steps that are kept as they come."""


@final
@dataclass(frozen=True)
class Record:
    """The steps of one epoch, `(n_steps, k)` each; the fields are those of `Step`."""

    loss: Float[np.ndarray, "n_steps k"]
    norm: Float[np.ndarray, "n_steps k"]
    divisor: Float[np.ndarray, "n_steps k"]
    skip: Bool[np.ndarray, "n_steps k"]
    rate: Float[np.ndarray, "n_steps k"]

    @staticmethod
    def of(steps: Iterator[Step]) -> "Record":
        """Take the steps and bring them from the device, all at once.

        Few of them are kept as they come: tensors of a few bytes that stay would part the memory that steps take
        again and again.
        """
        pieces = iter(lambda: list(islice(steps, N_AT_ONCE)), [])
        loss, norm, divisor, skip, rate = torch.cat([_stacked(piece) for piece in pieces], dim=1).cpu().numpy()
        return Record(loss, norm, divisor, skip > 0, rate)

    @property
    def broken(self) -> Bool[np.ndarray, "n_steps k"]:
        """Where the loss or the gradient norm was not finite; what is left out elsewhere was too far out."""
        return np.asarray(~np.isfinite(self.loss + self.norm))

    def norms(self) -> dict[str, NDArray[np.float64]]:
        """Median, 90th percentile and maximum of the gradient norms that were finite."""
        norm = np.where(self.broken, np.nan, self.norm)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
            median, p90, largest = np.nanquantile(norm, [0.5, 0.9, 1.0], axis=0)
        return {"grad_norm_median": median, "grad_norm_p90": p90, "grad_norm_max": largest}

    def clipped(self) -> NDArray[np.float64]:
        """Share of the steps taken whose gradient was clipped."""
        n_taken = np.maximum((~self.skip).sum(0), 1)
        return np.asarray(((self.divisor > 1) & ~self.skip).sum(0) / n_taken)

    def spikes(
        self,
        bands: Mapping[SpikeKind, Bands],
        *,
        alive: NDArray[np.bool_],
        row_ids: Callable[[int, int], NDArray[np.int64]],
    ) -> tuple[Spike, ...]:
        """The steps outside their bands, or not finite, of the networks that were alive.

        Args:
            bands: The bands of `loss` and `norm`; they move on by these steps.
            alive: Which networks count.
            row_ids: From network and step to the ids of the rows in that batch.
        """
        values: dict[SpikeKind, NDArray[np.float64]] = {"loss": self.loss, "norm": self.norm}
        wild = {kind: band.outside(values[kind]) & ~self.broken for kind, band in bands.items()}
        wild["norm"] = wild.get("norm", False) | (self.skip & ~self.broken)
        wild["not finite"] = self.skip & self.broken
        values["not finite"] = np.where(np.isfinite(self.loss), self.norm, self.loss)
        return tuple(
            Spike(i, step, kind, float(values[kind][step, i]), row_ids(i, step))
            for kind, outside in wild.items()
            for i in np.flatnonzero(alive).tolist()
            for step in np.flatnonzero(outside[:, i])[:MAX_SPIKES].tolist()
        )


def _stacked(steps: Sequence[Step]) -> Float[Tensor, "n_fields n_steps k"]:
    """The fields of some steps, in their order."""
    return torch.stack([torch.stack([getattr(step, field.name).double() for step in steps]) for field in fields(Step)])
