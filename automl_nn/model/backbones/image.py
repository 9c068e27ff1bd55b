"""What image backbones share: the shape of what they read, convolutions and normalizations of maps, early shrinking.

Inside a backbone a map is `(k, batch, height, width, d)`: the units of a pixel stand side by side, so that a pixel is a
row for everything that works on rows, and torch's convolutions see the layout `channels_last`, which is the fastest one
on processors and on GPUs with tensor cores.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.backbones.base import Backbone
from automl_nn.model.backbones.narrow import are_narrow, convolve_narrow
from automl_nn.model.backbones.tiny import are_tiny, convolve_tiny
from automl_nn.model.stack import apart, together
from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Held, Integer

SIDE: Space = {"side": Choice((32, 64), default=64, also=Integer(4, 1024, default=64))}
"""The longest side that the convolutions see, in pixels; larger images are shrunk first, smaller ones stay."""

VIEWS: Space = {"views": Held(Choice(("one", "mirrored", "moved")))}
"""Of which views of an image the hidden units are averaged in evaluation: see `views_of`."""


@final
@dataclass(frozen=True)
class ImageShape:
    """What every image of a data set looks like.

    Args:
        channels: 1 for grey, 3 for colours, and so on.
        height: In pixels.
        width: In pixels.

    Example:
        >>> ImageShape(3, 120, 160).shrunk(64)
        ImageShape(channels=3, height=48, width=64)
    """

    channels: int
    height: int
    width: int

    def shrunk(self, side: int) -> "ImageShape":
        """The shape with the longer side at most `side`, in the same proportion."""
        longer = max(self.height, self.width)
        if longer <= side:
            return self
        height, width = (max(1, round(size * side / longer)) for size in (self.height, self.width))
        return ImageShape(self.channels, height, width)


class ImageBackbone(Backbone):
    """Abstract: hidden layers that say one thing about a whole image."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        """Hidden units of each image."""


class ViewingBackbone(ImageBackbone):
    """Abstract: hidden layers whose units are averaged over views of an image in evaluation.

    Args:
        d_out: Width of what it hands to the head.
        views: Which views; see `views_of`.
    """

    def __init__(self, *, d_out: int, views: str) -> None:
        super().__init__(d_out=d_out)
        self._views = views

    def forward(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        if self.training or self._views == "one":
            return self.seen(x)
        views = views_of(x, self._views)
        together = self.seen(views.transpose(0, 1).flatten(1, 2))  # in one batch, so that statistics are of all views
        return together.view(len(together), len(views), x.shape[1], -1).mean(1)

    @abstractmethod
    def seen(self, x: Float[Tensor, "#k batch channels height width"]) -> Float[Tensor, "k batch d_out"]:
        """Hidden units of each image as it is."""


class MapBackbone(Backbone):
    """Abstract: hidden layers that say one thing about each pixel."""

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "#k batch channels height width"]
    ) -> Float[Tensor, "k batch d_out height width"]:
        """Hidden units of each pixel."""


def as_map(
    x: Float[Tensor, "k batch channels height width"], *, shape: ImageShape
) -> Float[Tensor, "k batch h w channels"]:
    """Images as the map that convolutions read, shrunk to `shape` by the mean over the pixels that fall together.

    Example:
        >>> x = torch.tensor([[[[[0.0, 2.0], [4.0, 6.0]]]]])
        >>> as_map(x, shape=ImageShape(1, 1, 2)).flatten().tolist()
        [2.0, 4.0]
    """
    images = x.flatten(0, 1)
    if tuple(images.shape[2:]) != (shape.height, shape.width):
        images = F.adaptive_avg_pool2d(images, (shape.height, shape.width))
    rows = images.permute(0, 2, 3, 1).flatten()  # flat in between, or one channel would have the strides of planes
    return rows.view(*x.shape[:2], shape.height, shape.width, shape.channels)


def views_of(x: Float[Tensor, "k batch c height width"], views: str) -> Float[Tensor, "n k batch c height width"]:
    """The views of images whose hidden units are averaged, the images themselves first.

    Args:
        x: The images.
        views: `one` for the images alone; `mirrored` with their mirror images; `moved` with the images moved by one
            pixel in each of four directions, which are continued by their last pixels.

    Source:
        Krizhevsky et al. (2012), section 4.1; a linear head makes the mean of the units the mean of the outputs.

    Example:
        >>> x = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 1, 3)
        >>> views_of(x, "mirrored").flatten(1).tolist()
        [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]
        >>> views_of(x, "moved")[1:3].flatten(1).tolist()
        [[1.0, 1.0, 2.0], [2.0, 3.0, 3.0]]
    """
    if views == "one":
        return x.unsqueeze(0)
    if views == "mirrored":
        return torch.stack([x, x.flip(-1)])
    height, width = x.shape[-2:]
    longer = F.pad(x.flatten(0, 1), (1, 1, 1, 1), mode="replicate").view(*x.shape[:-2], height + 2, width + 2)
    corners = ((1, 1), (1, 0), (1, 2), (0, 1), (2, 1))
    return torch.stack([longer[..., top : top + height, left : left + width] for top, left in corners])


def maxima(x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "k batch h w d"]:
    """The largest of each square of four pixels; a side of one pixel stays, the last pixel of an odd side goes.

    Example:
        >>> maxima(torch.arange(6.0).view(1, 1, 2, 3, 1)).flatten().tolist()
        [4.0]
    """
    size = [2 if side > 1 else 1 for side in x.shape[2:4]]
    return planes_of(F.max_pool2d(planes(x), size), k=len(x))


def pooled(x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "k batch twice_d"]:
    """Mean and maximum over the pixels of each image.

    Example:
        >>> pooled(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2, 1)).tolist()
        [[[2.0, 3.0]]]
    """
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=-1)


def planes(x: Float[Tensor, "k batch height width d"]) -> Float[Tensor, "images d height width"]:
    """A map in the order of dimensions that torch's layers read; a view."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def planes_of(x: Float[Tensor, "images d height width"], *, k: int) -> Float[Tensor, "k batch height width d"]:
    """The way back from `planes`."""
    rows = x.permute(0, 2, 3, 1)
    return rows.reshape(k, -1, *rows.shape[1:])


@final
class Convolution2d(nn.Module):
    """A dense layer over squares of neighbouring pixels, network after network; images are continued by zeros.

    Its weights `(k, n_taps * n_taps * d_in / n_groups, d_out)` are drawn by the initializers of dense layers.

    Args:
        k: Number of networks.
        d_in: Width of the input.
        d_out: Width of the output.
        n_taps: Pixels on a side of the square, odd.
        stride: Distance between the squares, in pixels.
        n_groups: Parts of the units that see only their like; `d_in` parts make it depthwise.
        zero: Start with weights of zero, as the last layer of a residual branch does.

    While `rounds` is set, it reads and returns bfloat16 in training.

    Shape:
        Input `(k or 1, batch, height, width, d_in)`, output `(k, batch, h, w, d_out)`: sides by `stride`, rounded up.

    Source:
        LeCun et al. (1989), doi:10.1162/neco.1989.1.4.541.

    Example:
        >>> layer = Convolution2d(2, 3, 4, n_taps=3)
        >>> _ = layer.weight.data.normal_()
        >>> x = torch.randn(2, 5, 8, 6, 3)
        >>> weight = layer.weight[1].view(3, 3, 3, 4).permute(3, 2, 0, 1)
        >>> one = F.conv2d(x[1].permute(0, 3, 1, 2), weight, padding=1).permute(0, 2, 3, 1)
        >>> torch.allclose(layer(x)[1], one, atol=1e-5)
        True
    """

    def __init__(
        self, k: int, d_in: int, d_out: int, *, n_taps: int, stride: int = 1, n_groups: int = 1, zero: bool = False
    ) -> None:
        super().__init__()
        self.zero, self.factor, self.rounds = zero, 1.0, False
        self._n_taps, self._stride, self._n_groups = n_taps, stride, n_groups
        self._is_plain = stride == n_groups == 1
        self.weight = nn.Parameter(torch.zeros(k, n_taps * n_taps * d_in // n_groups, d_out))
        self.bias = nn.Parameter(torch.zeros(k, d_out))
        self.register_load_state_dict_pre_hook(_leave_out_neighbours)  # type: ignore[no-untyped-call]

    def forward(self, x: Float[Tensor, "#k batch height width d_in"]) -> Float[Tensor, "k batch h w d_out"]:
        dtype = torch.bfloat16 if self.rounds and self.training else self.weight.dtype
        k, maps = len(self.weight), apart(x.to(dtype))
        own = zip(maps if len(maps) == k else maps * k, apart(self.weight), apart(self.bias.to(dtype)), strict=True)
        return together([self._one(*parts) for parts in own])

    def product(self, x: Float[Tensor, "batch height width d_in"], i: int) -> Float[Tensor, "pixels d_out"]:
        """What the weights of network `i` make of its input, without a bias, pixel by pixel."""
        return self._one(x, self.weight[i], None).flatten(0, 2)

    def _one(
        self, x: Float[Tensor, "batch height width d_in"], weight: Float[Tensor, "_ d_out"], bias: Tensor | None
    ) -> Float[Tensor, "batch h w d_out"]:
        if self._is_plain and are_tiny(x, n_taps=self._n_taps):
            tiny = convolve_tiny(x, weight, n_taps=self._n_taps)
            return tiny if bias is None else tiny + bias
        squares = weight.to(x.dtype).view(self._n_taps, self._n_taps, -1, weight.shape[1]).permute(3, 2, 0, 1)
        squares = squares.contiguous(memory_format=torch.channels_last)  # once, or each way does it again
        if self._is_plain and bias is not None and x.dtype == torch.bfloat16 and are_narrow(x, n_taps=self._n_taps):
            return convolve_narrow(x, squares, bias)
        reach = self._n_taps // 2
        y = F.conv2d(x.permute(0, 3, 1, 2), squares, bias, stride=self._stride, padding=reach, groups=self._n_groups)
        return y.permute(0, 2, 3, 1)


def _leave_out_neighbours(module: Convolution2d, state: dict[str, Tensor], prefix: str, *rest: object) -> None:
    """Let networks be loaded that were stored when a single pixel still had weights for its neighbours."""
    del rest
    weight, (_, n_rows, d_out) = state.get(f"{prefix}weight"), module.weight.shape
    if weight is not None and weight.shape[1] == 9 * n_rows:
        state[f"{prefix}weight"] = weight.view(-1, 9, n_rows, d_out)[:, 4]
