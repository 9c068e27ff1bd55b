"""Images moved by whole pixels and mirrored, each in its own way: what needs no values between pixels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

Signs = Float[Tensor, " batch"]
"""-1 for the images that are mirrored, 1 for the others."""


def whole_moves(
    right: Float[Tensor, " batch"],
    down: Float[Tensor, " batch"],
    left_right: Signs,
    up_down: Signs,
    *,
    size: tuple[int, int],
) -> Int[Tensor, "batch pixels"]:
    """Which pixel of the old image is seen at each place of the new one, row by row.

    Beyond its edge an image is continued by its mirror image, as `warped` does.

    Args:
        right: Pixels to the right, rounded.
        down: Pixels down, rounded.
        left_right: Which images are mirrored at the upright axis, after the move.
        up_down: Which are mirrored at the level axis.
        size: Height and width of the images.

    Example:
        >>> one = torch.ones(1)
        >>> whole_moves(one, 0 * one, one, one, size=(1, 4)).tolist()
        [[0, 0, 1, 2]]
        >>> whole_moves(one, 0 * one, -one, one, size=(1, 4)).tolist()
        [[2, 1, 0, 0]]
    """
    height, width = size
    rows, columns = _line(down, up_down, n=height), _line(right, left_right, n=width)
    return (width * rows.unsqueeze(2) + columns.unsqueeze(1)).flatten(1)


def _line(move: Float[Tensor, " batch"], sign: Signs, *, n: int) -> Int[Tensor, "batch n"]:
    """The same for one direction, of `n` pixels."""
    place = torch.arange(n)
    seen = torch.where(sign.unsqueeze(1) < 0, n - 1 - place, place) - move.round().long().unsqueeze(1)
    inside = seen % (2 * n)
    return torch.minimum(inside, 2 * n - 1 - inside)


def moved(
    x: Float[Tensor, "batch channels height width"], places: Int[Tensor, "batch pixels"]
) -> Float[Tensor, "batch channels height width"]:
    """The pixels of each image that `whole_moves` chose.

    Example:
        >>> from automl_nn.train.augmentation.warps import flips, followed, shifts, warped
        >>> x, (a, b) = torch.rand(6, 3, 4, 5), 4 * torch.rand(2, 6) - 2
        >>> signs = torch.tensor([1.0, -1, 1, -1, 1, -1]), torch.tensor([1.0, 1, -1, -1, 1, 1])
        >>> warps = followed(shifts(a, b, size=(4, 5)), flips(*signs))
        >>> torch.allclose(moved(x, whole_moves(a, b, *signs, size=(4, 5))), warped(x, warps), atol=1e-5)
        True
    """
    every = places.unsqueeze(1).expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, every).view(x.shape)
