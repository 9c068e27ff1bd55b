"""A fitted reference with all it needs to read a table: what is stored, and what may predict beside networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from automl_nn.data.images.arrays import Images
from automl_nn.data.table import Table
from automl_nn.errors import ModelFileError
from automl_nn.model.encoders import Encoder
from automl_nn.model.images import ImageRows
from automl_nn.model.views import View
from automl_nn.search.references.boosting import Boosting, fit_boosting
from automl_nn.search.references.linear import Linear, fit_linear
from automl_nn.search.references.shrunk import Shrunk
from automl_nn.search.references.unlearned import AsTheyAre, SameMap, fit_mean_map, fit_nothing, fit_zero
from automl_nn.train.trained import metadata, read_metadata

Model = Linear | Boosting | SameMap | AsTheyAre

MODELS: Mapping[str, type[Linear] | type[Boosting] | type[SameMap] | type[AsTheyAre]] = {
    "linear": Linear,
    "boosting": Boosting,
    "mean map": SameMap,
    "zero": SameMap,
    "pixels": AsTheyAre,
    "seasonal": Linear,
}
FITS: Mapping[str, Callable[..., Model]] = {
    "linear": fit_linear,
    "boosting": fit_boosting,
    "mean map": fit_mean_map,
    "zero": fit_zero,
    "pixels": fit_nothing,
}


@final
@dataclass(frozen=True)
class Reference:
    """A model that is no network; the mean of several where the rows were parted several times.

    Args:
        name: Which of them.
        encoder: Reads a table.
        models: The models, as plain arrays; one of each fold.
        view: How steps of series become rows; None where rows stand alone.
        shrunk: How images become columns; None where there are none, or nothing is read of them.
    """

    name: str
    encoder: Encoder
    models: tuple[Model, ...]
    view: View | None = None
    shrunk: Shrunk | None = None

    def output(
        self, table: Table, *, starts: NDArray[np.int64] | None = None, images: Images | None = None
    ) -> NDArray[np.float32]:
        """Outputs for the rows of a table `(n, d_out)`, read as those of a network.

        Args:
            table: The rows.
            starts: Where rows are steps of series: the row at which each series begins.
            images: The image of each row.
        """
        inputs = self.encoder.transform(table)
        if self.shrunk is not None and images is not None:
            inputs = self.shrunk.beside(inputs, ImageRows.of(images))
        if self.view is not None and starts is not None:
            view, inputs = self.view, replace(inputs, starts=torch.from_numpy(starts))
            outputs = [view.output(model, inputs) for model in self.models]
        else:
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
        description |= {} if self.view is None else {"view": self.view.to_json()}
        description |= {} if self.shrunk is None else {"shrunk": self.shrunk.to_json()}
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
            view = View.from_json(description["view"]) if "view" in description else None
            shrunk = Shrunk(**description["shrunk"]) if "shrunk" in description else None
            encoder = Encoder.from_json(description["encoder"])
            return Reference(description["reference"], encoder, tuple(models), view, shrunk)
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelFileError(f"The stored reference cannot be read ({error}): write the model anew.") from error


def _of_fold(arrays: Mapping[str, NDArray[Any]], fold: int) -> dict[str, NDArray[Any]]:
    prefix = f"{fold}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
