"""Images moved, turned and bent, a batch at once: one affine map of the plane for each image."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Warps = Float[Tensor, "batch 2 3"]
"""From a place in the new image to the place in the old one that is seen there, both between -1 and 1."""


def no_warps(n_images: int) -> Warps:
    """Leave images as they are.

    Example:
        >>> no_warps(1).tolist()
        [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    return torch.eye(2, 3).repeat(n_images, 1, 1)


def flips(left_right: Float[Tensor, " batch"], up_down: Float[Tensor, " batch"]) -> Warps:
    """Mirror the images that have a -1, and leave those that have a 1.

    Example:
        >>> flips(torch.tensor([-1.0]), torch.tensor([1.0])).tolist()
        [[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    warps = no_warps(len(left_right))
    warps[:, 0, 0], warps[:, 1, 1] = left_right, up_down
    return warps


def shifts(right: Float[Tensor, " batch"], down: Float[Tensor, " batch"], *, size: tuple[int, int]) -> Warps:
    """Move images by whole pixels.

    Args:
        right: Pixels to the right, rounded.
        down: Pixels down, rounded.
        size: Height and width of the images.

    Example:
        >>> x = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
        >>> warped(x, shifts(torch.tensor([1.2]), torch.tensor([0.0]), size=(1, 4))).flatten().tolist()
        [1.0, 1.0, 2.0, 3.0]
    """
    warps = no_warps(len(right))
    warps[:, 0, 2], warps[:, 1, 2] = -2 * right.round() / size[1], -2 * down.round() / size[0]
    return warps


def turns(degrees: Float[Tensor, " batch"], zoom: Float[Tensor, " batch"], *, size: tuple[int, int]) -> Warps:
    """Turn images around their middle and enlarge them.

    Args:
        degrees: Clockwise.
        zoom: Factor on lengths; below 1 the image becomes smaller.
        size: Height and width of the images: a turn keeps lengths in pixels.

    Example:
        >>> x = torch.arange(9.0).view(1, 1, 3, 3)
        >>> warps = turns(torch.tensor([90.0]), torch.tensor([1.0]), size=(3, 3))
        >>> torch.allclose(warped(x, warps), x.rot90(-1, (2, 3)), atol=1e-5)
        True
    """
    angle, ratio = degrees * math.pi / 180, size[0] / size[1]
    warps = torch.zeros(len(degrees), 2, 3)
    warps[:, 0, 0] = warps[:, 1, 1] = angle.cos() / zoom
    warps[:, 0, 1], warps[:, 1, 0] = angle.sin() * ratio / zoom, -angle.sin() / (ratio * zoom)
    return warps


def shears(along_x: Float[Tensor, " batch"], along_y: Float[Tensor, " batch"]) -> Warps:
    """Slant images.

    Args:
        along_x: How far rows are moved against each other, as a share of the width at the edge.
        along_y: The same for columns.

    Example:
        >>> shears(torch.tensor([0.5]), torch.tensor([0.0])).tolist()
        [[[1.0, 0.5, 0.0], [0.0, 1.0, 0.0]]]
    """
    warps = no_warps(len(along_x))
    warps[:, 0, 1], warps[:, 1, 0] = along_x, along_y
    return warps


def followed(first: Warps, then: Warps) -> Warps:
    """One warp after the other.

    Example:
        >>> there = shifts(torch.tensor([3.0]), torch.tensor([1.0]), size=(8, 8))
        >>> back = shifts(torch.tensor([-3.0]), torch.tensor([-1.0]), size=(8, 8))
        >>> torch.equal(followed(there, back), no_warps(1))
        True
    """
    linear = first[:, :, :2] @ then[:, :, :2]
    moved = first[:, :, :2] @ then[:, :, 2:] + first[:, :, 2:]
    return torch.cat([linear, moved], dim=2)


def warped(
    x: Float[Tensor, "batch channels height width"], warps: Warps
) -> Float[Tensor, "batch channels height width"]:
    """The images, seen through warps; beyond its edge an image is continued by its mirror image.

    Example:
        >>> x = torch.rand(2, 3, 4, 5)
        >>> torch.allclose(warped(x, no_warps(2)), x, atol=1e-6)
        True
    """
    grid = F.affine_grid(warps.to(x), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
