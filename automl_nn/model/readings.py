"""How a trained network reads an image: as it is, or mirrored or moved as well, whose outputs are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from automl_nn.model.backbones.image import ImageShape
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Held, Real


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """One way to show an image: moved by whole pixels, then mirrored; as it is unless something else is said.

    Args:
        left_right: Whether it is mirrored at the upright axis.
        up_down: Whether it is mirrored at the level axis.
        right: Pixels by which it is moved to the right, fewer than it has columns.
        down: Pixels by which it is moved down, fewer than it has rows.
    """

    left_right: bool = False
    up_down: bool = False
    right: int = 0
    down: int = 0

    def shown(self, images: Tensor) -> Tensor:
        """Images `(..., height, width)` in this way; beyond its edge an image is continued by its mirror image.

        Example:
            >>> image = torch.arange(4).view(1, 4)
            >>> Reading(right=1).shown(image).tolist(), Reading(left_right=True, right=1).shown(image).tolist()
            ([[1, 0, 1, 2]], [[2, 1, 0, 1]])
        """
        height, width = images.shape[-2:]
        rows = _shown(height, self.down, mirrored=self.up_down).to(images.device)
        columns = _shown(width, self.right, mirrored=self.left_right).to(images.device)
        return images.index_select(-2, rows).index_select(-1, columns)

    def undone(
        self, maps: Float[Tensor, "*some height width"]
    ) -> tuple[Float[Tensor, "*some height width"], Bool[Tensor, "height width"]]:
        """Maps of images shown in this way as maps of the images as they are, and which pixels were seen.

        Example:
            >>> maps, seen = Reading(left_right=True, right=1).undone(torch.tensor([[2.0, 1.0, 0.0, 9.0]]))
            >>> maps[seen].tolist(), seen.tolist()
            ([0.0, 1.0, 2.0], [[True, True, True, False]])
        """
        height, width = maps.shape[-2:]
        rows, in_rows = _undone(height, self.down, mirrored=self.up_down)
        columns, in_columns = _undone(width, self.right, mirrored=self.left_right)
        seen = (in_rows[:, None] & in_columns).to(maps.device)
        return maps.index_select(-2, rows.to(maps.device)).index_select(-1, columns.to(maps.device)), seen


def mean_map(
    maps: Sequence[Float[Tensor, "*some height width"]], readings: Sequence[Reading]
) -> Float[Tensor, "*some height width"]:
    """The mean of the maps of several readings; a pixel counts in those that saw it.

    Args:
        maps: One for each reading, as the network said it of the image that it was shown.
        readings: How the image was shown; as it is, once at least.

    Example:
        >>> image, readings = torch.arange(12.0).view(3, 4), moved(shift=0.3, shape=ImageShape(1, 3, 4))
        >>> torch.equal(mean_map([reading.shown(image) for reading in readings], readings), image)
        True
    """
    undone = [reading.undone(own) for reading, own in zip(readings, maps, strict=True)]
    total = torch.stack([torch.where(seen, own, 0.0) for own, seen in undone]).sum(0)
    return total / torch.stack([seen for _, seen in undone]).sum(0)


def once(*, shape: ImageShape) -> tuple[Reading, ...]:
    """The image as it is."""
    del shape
    return (Reading(),)


def mirrored(*, flip: str, shape: ImageShape) -> tuple[Reading, ...]:
    """The image and its mirror images.

    Args:
        flip: In which direction: `left_right`, `up_down` or `both`, which is four readings.
        shape: The images.
    """
    del shape
    ways = {"left_right": ((True, False),), "up_down": ((False, True),), "both": _MIRRORS}[flip]
    return Reading(), *(Reading(left_right, up_down) for left_right, up_down in ways)


def moved(*, shift: float, shape: ImageShape) -> tuple[Reading, ...]:
    """The image, and moved to each of four sides.

    Args:
        shift: How far, as a share of each side; a pixel at least, where a side has two.
        shape: The images.

    Example:
        >>> [(reading.right, reading.down) for reading in moved(shift=0.04, shape=ImageShape(1, 8, 50))]
        [(0, 0), (2, 0), (-2, 0), (0, 1), (0, -1)]
    """
    right, down = (min(max(1, round(shift * side)), side - 1) for side in (shape.width, shape.height))
    sideways = [Reading(right=way * right) for way in (1, -1)]
    return Reading(), *sideways, *(Reading(down=way * down) for way in (1, -1))


_MIRRORS = ((True, False), (False, True), (True, True))


def _shown(n: int, move: int, *, mirrored: bool) -> Int[Tensor, " n"]:
    """Which of `n` places stands at each of them."""
    places = (torch.arange(n) - move).abs()
    places = n - 1 - (n - 1 - places).abs()
    return places.flip(0) if mirrored else places


def _undone(n: int, move: int, *, mirrored: bool) -> tuple[Int[Tensor, " n"], Bool[Tensor, " n"]]:
    """Where each of `n` places was shown, and whether it was."""
    places = torch.arange(n) + move
    seen = (places >= 0) & (places < n)
    places = places.clamp(0, n - 1)
    return n - 1 - places if mirrored else places, seen


READINGS: Options[tuple[Reading, ...]] = Options(
    "readings",
    {
        "once": Option(once, source="none: the image as it is"),
        "mirrored": Option(
            mirrored,
            {"flip": Held(Choice(("left_right", "up_down", "both")))},
            source="doi:10.1145/3065386, section 4.1",
        ),
        "moved": Option(
            moved,
            {"shift": Held(Real(0.02, 0.1, default=0.06, valid=(0.0, 0.5)))},
            source="arXiv:2404.00498, section 3.5",
        ),
    },
).search("once")
"""How often a network reads an image once it is trained: made from the `shape` of the images.

A search reads once unless told otherwise, since each reading takes as long as the first."""
