"""What a model that knows no neighbours is told of an image: the means of a few squares of it."""

from dataclasses import asdict, dataclass, replace
from math import isqrt
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from automl_nn.model.backbones.image import ImageShape
from automl_nn.model.images import ImageRows
from automl_nn.model.inputs import Inputs

MOST_NUMBERS = {"linear": 256, "boosting": 64}
"""Numbers of an image, at most, that a reference is told: 16 x 16 if it is grey; trees take long over each of them."""

IMAGES_AT_ONCE = 512
"""Images that are averaged together."""


@final
@dataclass(frozen=True)
class Shrunk:
    """How images become columns: each is parted into squares, and the mean of each channel in each of them is told.

    Args:
        height: Squares below each other.
        width: Squares beside each other.
        mean: Mean of all values, which becomes 0.
        deviation: Their standard deviation, which becomes 1.

    Example:
        >>> images = ImageRows(torch.tensor([[[[0, 0, 4, 4]] * 2]], dtype=torch.uint8), torch.arange(1))
        >>> Shrunk(1, 2, mean=2.0, deviation=2.0).read(images).tolist()
        [[-1.0, 1.0]]
    """

    height: int
    width: int
    mean: float
    deviation: float

    @staticmethod
    def of(images: ImageRows, *, most: int) -> "Shrunk":
        """As fine as a number of columns allows, scaled by what these images hold.

        Args:
            images: Some of those that train.
            most: Columns.
        """
        height, width = squares(images.shape, most=most)
        plain = Shrunk(height, width, mean=0.0, deviation=1.0)
        values = plain.read(images).double()
        return replace(plain, mean=float(values.mean()), deviation=float(values.std(correction=0)) or 1.0)

    def read(self, images: ImageRows) -> Float[Tensor, "n_rows n_numbers"]:
        """The columns of images.

        Args:
            images: Which ones.
        """
        pieces = [self._means(images[rows].gathered()) for rows in _pieces(len(images))]
        return (torch.cat(pieces) - self.mean) / self.deviation

    def beside(self, inputs: Inputs, images: ImageRows) -> Inputs:
        """Rows with the columns of their images behind their own ones.

        Args:
            inputs: What is known of the rows besides.
            images: The image of each of them.
        """
        return Inputs(torch.cat([inputs.dense, self.read(images)], dim=1), inputs.codes)

    def _means(self, x: Tensor) -> Float[Tensor, "n_rows n_numbers"]:
        return adaptive_avg_pool2d(x.float(), (self.height, self.width)).flatten(1)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


def squares(shape: ImageShape, *, most: int) -> tuple[int, int]:
    """How many squares an image is parted into, below and beside each other.

    Args:
        shape: What it looks like.
        most: Numbers of all channels together.

    Example:
        >>> squares(ImageShape(1, 28, 28), most=256), squares(ImageShape(3, 32, 8), most=256)
        ((16, 16), (9, 8))
    """
    side = max(1, isqrt(most // shape.channels))
    return min(side, shape.height), min(side, shape.width)


def _pieces(n: int) -> list[slice]:
    return [slice(start, start + IMAGES_AT_ONCE) for start in range(0, max(n, 1), IMAGES_AT_ONCE)]
