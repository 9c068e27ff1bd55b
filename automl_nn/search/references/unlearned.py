"""References that learn nothing, or a mean alone: maps that are the same for each image, and pixels as they are."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.model.encoders import Inputs
from automl_nn.search.references.parts import Array, Sample
from automl_nn.task.base import Task
from automl_nn.task.tasks import Regression


@final
@dataclass(frozen=True)
class SameMap:
    """One map for all images.

    Args:
        values: Outputs of each pixel `(n_places, d_out)`.

    Example:
        >>> import torch
        >>> two_images = Inputs(torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.int64))
        >>> SameMap(np.array([[1.0], [3.0]])).output(two_images).ravel().tolist()
        [1.0, 3.0, 1.0, 3.0]
    """

    values: Array

    def output(self, inputs: Inputs) -> Array:
        """Outputs for each pixel of each image `(n_rows * n_places, d_out)`."""
        return np.tile(self.values, (len(inputs), 1))

    @property
    def n_parameters(self) -> int:
        """Numbers of the map."""
        return self.values.size

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` takes."""
        return {"values": self.values}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> "SameMap":
        """The map that `arrays` described."""
        return SameMap(arrays["values"])


@final
@dataclass(frozen=True)
class AsTheyAre:
    """An embedding that is the columns themselves, so that images are alike whose pixels are.

    Example:
        >>> import torch
        >>> AsTheyAre().output(Inputs(torch.ones(1, 2), torch.zeros(1, 0, dtype=torch.int64))).tolist()
        [[1.0, 1.0]]
    """

    def output(self, inputs: Inputs) -> Array:
        """The columns `(n_rows, d_dense)`."""
        return inputs.dense.numpy().astype(np.float64)

    @property
    def n_parameters(self) -> int:
        """None."""
        return 0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """None."""
        return {}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> "AsTheyAre":
        """The same."""
        del arrays
        return AsTheyAre()


def fit_mean_map(sample: Sample, task: Task, *, vocabularies: tuple[int, ...]) -> SameMap:
    """What each pixel holds on average; 0 before scaling back, or even odds, where it is never known.

    Args:
        sample: Training images, whose labels are those of all pixels.
        task: What is asked of each pixel.
        vocabularies: Levels of the columns beside the images, of which there are none.

    Example:
        >>> import torch
        >>> no_columns = Inputs(torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.int64))
        >>> sample = Sample(no_columns, np.array([[0, 4], [2, np.nan]], dtype=np.float32))
        >>> fit_mean_map(sample, Regression(("heat",), "r2"), vocabularies=()).values.ravel().tolist()
        [1.0, 4.0]
    """
    del vocabularies
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of pixels that are never known
        means = task.prior_output(sample.y)
    return SameMap(np.nan_to_num(means).reshape(-1, task.d_out))


def fit_zero(sample: Sample, task: Task, *, vocabularies: tuple[int, ...]) -> SameMap:
    """Zero, in the unit of the targets, at each pixel.

    Args:
        sample: Training images, whose labels are those of all pixels.
        task: What is asked of each pixel; quantities.
        vocabularies: Levels of the columns beside the images, of which there are none.
    """
    del vocabularies
    assert isinstance(task, Regression)
    zero = -np.asarray(task.means) / np.asarray(task.scales)
    return SameMap(np.tile(zero, (sample.y.shape[1] // task.d_out, 1)))


def fit_nothing(sample: Sample, task: Task, *, vocabularies: tuple[int, ...]) -> AsTheyAre:
    """The columns as they are.

    Args:
        sample: Training rows.
        task: What is asked.
        vocabularies: Levels of the columns beside the images.
    """
    del sample, task, vocabularies
    return AsTheyAre()
