"""A fitted reference with all it needs to read a table: what is stored, and what may predict beside networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from automl_nn.data.table import Table
from automl_nn.errors import ModelFileError
from automl_nn.model.encoders import Encoder
from automl_nn.search.references.boosting import Boosting, fit_boosting
from automl_nn.search.references.linear import Linear, fit_linear
from automl_nn.train.trained import metadata, read_metadata

Model = Linear | Boosting

MODELS: Mapping[str, type[Linear] | type[Boosting]] = {"linear": Linear, "boosting": Boosting}
FITS: Mapping[str, Callable[..., Model]] = {"linear": fit_linear, "boosting": fit_boosting}


@final
@dataclass(frozen=True)
class Reference:
    """A linear model or boosted trees; their mean where the rows were parted several times.

    Args:
        name: Which of them.
        encoder: Reads a table.
        models: The models, as plain arrays; one of each fold.
    """

    name: str
    encoder: Encoder
    models: tuple[Model, ...]

    def output(self, table: Table, *, starts: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Outputs for the rows of a table `(n, d_out)`, read as those of a network.

        Args:
            table: The rows.
            starts: Where series begin, for networks that read them; here every row stands alone.
        """
        del starts
        inputs = self.encoder.transform(table)
        outputs = [model.output(inputs) for model in self.models]
        return np.asarray(np.mean(outputs, axis=0), dtype=np.float32)

    def to_bytes(self) -> bytes:
        """Arrays and description as one safetensors blob."""
        arrays = {
            f"{fold}.{name}": np.ascontiguousarray(array)
            for fold, model in enumerate(self.models)
            for name, array in model.arrays().items()
        }
        description = {"reference": self.name, "n_models": len(self.models), "encoder": self.encoder.to_json()}
        blob: bytes = save(arrays, metadata(description))
        return blob

    @staticmethod
    def from_bytes(blob: bytes) -> "Reference":
        """The reference that `to_bytes` stored.

        Raises:
            ModelFileError: The blob is truncated or is none of ours.
        """
        try:
            arrays, description = load(blob), read_metadata(blob)
            kind = MODELS[description["reference"]]
            models = (kind.from_arrays(_of_fold(arrays, fold)) for fold in range(description["n_models"]))
            return Reference(description["reference"], Encoder.from_json(description["encoder"]), tuple(models))
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelFileError(f"The stored reference cannot be read ({error}): write the model anew.") from error


def _of_fold(arrays: Mapping[str, NDArray[Any]], fold: int) -> dict[str, NDArray[Any]]:
    prefix = f"{fold}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
