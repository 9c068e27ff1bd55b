"""Images inside a network: which ones are read, and their values brought to mean 0 and deviation 1."""

import warnings
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from automl_nn.data.images.arrays import Images
from automl_nn.model.backbones.image import ImageShape
from automl_nn.space.options import Option, Options

PIXELS_AT_ONCE = 2**17
"""Pixels of all images that are read at a time when nothing is learned from them: more do not save time."""

N_MEASURED = 1024
"""Training images, at most, whose values are measured."""

N_AT_ONCE = 64
"""Images that are measured together: in double precision they take eight times the memory of bytes."""

LEAST_DEVIATION = 1e-3
"""Smallest deviation, as a share of the range of values, that is scaled to 1: a channel of one value stays as it is."""


@final
@dataclass(frozen=True)
class ImageRows:
    """Some images of a data set, none of which is copied before it is gathered.

    Args:
        whole: All images, uint8 or a floating type.
        rows: Which of them, in this order.

    Example:
        >>> images = ImageRows(torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2), torch.tensor([2, 0]))
        >>> images[torch.tensor([1])].gathered().flatten().tolist()
        [0, 1, 2, 3]
    """

    whole: Tensor
    rows: Int[Tensor, " n_rows"]

    @staticmethod
    def of(images: Images, rows: Int[Tensor, " n_rows"] | None = None) -> "ImageRows":
        """Images of a data set, in the memory that they already have.

        Args:
            images: The data set.
            rows: Which of them; all unless given.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the array may be one to be read only, which is all we do
            whole = torch.from_numpy(images.pixels)
        return ImageRows(whole, torch.arange(len(images)) if rows is None else rows)

    @staticmethod
    def none(shape: ImageShape) -> "ImageRows":
        """No image of this shape."""
        whole = torch.zeros(0, shape.channels, shape.height, shape.width, dtype=torch.uint8)
        return ImageRows(whole, torch.zeros(0, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | Tensor | NDArray[np.integer[Any]]) -> "ImageRows":
        return ImageRows(self.whole, self.rows[rows])

    @property
    def shape(self) -> ImageShape:
        """What each image looks like."""
        return ImageShape(*self.whole.shape[1:])

    def gathered(self) -> Tensor:
        """The images themselves, `(n_rows, channels, height, width)`."""
        last = self.whole.permute(0, 2, 3, 1)
        if last.is_contiguous():  # each image is copied in one piece
            return last.index_select(0, self.rows).permute(0, 3, 1, 2)
        return self.whole.index_select(0, self.rows)

    def at_once(self, n_rows: int) -> int:
        """At most so many rows, of which no more pixels come together than are good to read at a time."""
        return max(1, min(n_rows, PIXELS_AT_ONCE // (self.shape.height * self.shape.width)))

    def to(self, device: torch.device | str) -> "ImageRows":
        """The same images on another device."""
        return ImageRows(self.whole.to(device), self.rows.to(device))


@final
class PixelScale(nn.Module):
    """Brings each channel to mean 0 and deviation 1 by what the training images hold.

    It is part of the network and saved with it, so that whoever predicts hands over images as they were given in
    training, and cannot forget to scale them.

    Args:
        k: Number of networks.
        images: Training images, perhaps none.

    Shape:
        Input `(k or 1, batch, channels, height, width)` of any type, output the same in the network's floating type.

    Example:
        >>> images = ImageRows(torch.tensor([0, 100, 200], dtype=torch.uint8).view(3, 1, 1, 1), torch.arange(3))
        >>> PixelScale(1, images)(images.gathered()[None]).flatten().mul(1000).int().tolist()
        [-1224, 0, 1224]
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, k: int, images: ImageRows) -> None:
        super().__init__()
        mean, factor = _measured(images)
        self.register_buffer("mean", mean.expand(k, -1).clone())
        self.register_buffer("factor", factor.expand(k, -1).clone())

    def forward(self, x: Tensor) -> Float[Tensor, "k batch channels height width"]:
        k, n_channels = self.mean.shape
        mean, factor = (part.view(k, 1, n_channels, 1, 1) for part in (self.mean, self.factor))
        return (x.to(self.mean.dtype) - mean) * factor


@final
class RawPixels(nn.Module):
    """Hands on the values as they are: a control that shows what scaling is worth.

    Args:
        k: Number of networks.
        images: Training images, perhaps none.

    Example:
        >>> images = ImageRows(torch.full((1, 1, 1, 1), 200, dtype=torch.uint8), torch.arange(1))
        >>> RawPixels(2, images)(images.gathered()[None]).flatten().tolist()
        [200.0, 200.0]
    """

    factor: Tensor

    def __init__(self, k: int, images: ImageRows) -> None:
        super().__init__()
        del images
        self.register_buffer("factor", torch.ones(k, 1, 1, 1, 1))

    def forward(self, x: Tensor) -> Float[Tensor, "k batch channels height width"]:
        return x.to(self.factor.dtype) * self.factor


def scaled(*, k: int, images: ImageRows) -> nn.Module:
    """See `PixelScale`."""
    return PixelScale(k, images)


def raw(*, k: int, images: ImageRows) -> nn.Module:
    """See `RawPixels`."""
    return RawPixels(k, images)


PIXELS: Options[nn.Module] = Options(
    "pixels",
    {
        "scaled": Option(scaled, source="LeCun et al. (1998), Efficient BackProp, section 4.3"),
        "raw": Option(raw, source="none: values as they are"),
    },
).search("scaled")
"""What a network does first with images: made from the number of networks `k` and the training `images`."""


def _measured(images: ImageRows) -> tuple[Tensor, Tensor]:
    """The mean of each channel and one over its deviation, `(channels,)`."""
    if len(images) == 0:
        return torch.zeros(images.shape.channels), torch.ones(images.shape.channels)
    some = images[slice(None, None, max(1, len(images) // N_MEASURED))]
    origin = some[slice(0, 1)].gathered()[0, :, :1, 0].double()  # near the values, so that squares keep their digits
    parts = [some[slice(start, start + N_AT_ONCE)] for start in range(0, len(some), N_AT_ONCE)]
    shifted = (part.gathered().transpose(0, 1).flatten(1).double() - origin for part in parts)
    found = [(x.sum(1), x.square().sum(1), x.amin(1), x.amax(1)) for x in shifted]
    total, squares, low, high = (torch.stack(own) for own in zip(*found, strict=True))
    n = len(some) * some.shape.height * some.shape.width
    mean, span = total.sum(0) / n, high.amax(0) - low.amin(0)
    deviation = (squares.sum(0) / n - mean.square()).clamp(min=0.0).sqrt()
    factor = torch.where(deviation > LEAST_DEVIATION * span, 1 / deviation, torch.ones_like(deviation))
    return (mean + origin.squeeze(1)).float(), factor.float()
