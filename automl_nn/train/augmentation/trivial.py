"""One random change of an image, of random strength: augmentation without a knob of its own."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from automl_nn.train.augmentation.warps import Warps, followed, shears, shifts, turns

Images = Float[Tensor, "batch channels height width"]
Strengths = Float[Tensor, " batch"]
"""Between -1 and 1, one for each image."""

MAX_SHEAR, MAX_SHIFT, MAX_DEGREES, MAX_COLOUR = 0.3, 0.2, 30.0, 0.9
"""What strength 1 means: slant and shift as shares of a side, turn, and change of contrast, colour and sharpness."""


def trivial_warps(kind: Tensor, strength: Strengths, *, size: tuple[int, int]) -> Warps:
    """The warps of the images whose kind of change is one.

    Args:
        kind: For each image, its place in `KINDS`.
        strength: For each image.
        size: Height and width of the images.

    Example:
        >>> kinds = torch.arange(len(KINDS))
        >>> changed = (trivial_warps(kinds, torch.ones(len(KINDS)), size=(8, 8)) != torch.eye(2, 3)).flatten(1).any(1)
        >>> [name for name, moved in zip(KINDS, changed.tolist()) if moved]
        ['shear_x', 'shear_y', 'shift_x', 'shift_y', 'turn']
    """
    own = {name: torch.where(kind == place, strength, 0.0) for place, name in enumerate(KINDS)}
    height, width = size
    slanted = shears(MAX_SHEAR * own["shear_x"], MAX_SHEAR * own["shear_y"])
    moved = shifts(MAX_SHIFT * width * own["shift_x"], MAX_SHIFT * height * own["shift_y"], size=size)
    turned = turns(MAX_DEGREES * own["turn"], torch.ones_like(strength), size=size)
    return followed(followed(slanted, moved), turned)


def trivial_colours(x: Images, kind: Tensor, strength: Strengths) -> Images:
    """The images, changed where their kind of change is one of values.

    Example:
        >>> x = torch.rand(2, 3, 4, 4)
        >>> y = trivial_colours(x, torch.tensor([0, KINDS.index("solarize")]), torch.ones(2))
        >>> torch.equal(y[0], x[0]), torch.equal(y[1], x[1])
        (True, False)
    """
    x = x.clone()
    for place, name in enumerate(KINDS):
        rows = (kind == place).nonzero().squeeze(1)
        if name in COLOURS and len(rows):
            x[rows] = COLOURS[name](x[rows], strength[rows].view(-1, 1, 1, 1))
    return x


def _brightness(x: Images, strength: Tensor) -> Images:
    return x + MAX_COLOUR * strength * x.std((1, 2, 3), keepdim=True)


def _blend(x: Images, other: Tensor, strength: Tensor) -> Images:
    """Away from the other image, or towards it."""
    return other + (1 + MAX_COLOUR * strength) * (x - other)


def _contrast(x: Images, strength: Tensor) -> Images:
    return _blend(x, x.mean((1, 2, 3), keepdim=True), strength)


def _saturation(x: Images, strength: Tensor) -> Images:
    return _blend(x, x.mean(1, keepdim=True), strength)


def _sharpness(x: Images, strength: Tensor) -> Images:
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return _blend(x, blurred, strength)


def _range(x: Images) -> tuple[Tensor, Tensor]:
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return low, (high - low).clamp_min(torch.finfo(x.dtype).tiny)


def _posterize(x: Images, strength: Tensor) -> Images:
    """Fewer grey values: from 64 down to 4."""
    (low, span), n = _range(x), 2 ** (6 - 4 * strength.abs()).round()
    return low + span * ((x - low) / span * (n - 1)).round() / (n - 1)


def _solarize(x: Images, strength: Tensor) -> Images:
    """The brightest values become dark ones."""
    low, span = _range(x)
    return torch.where(x > low + span * (1 - 0.5 * strength.abs()), 2 * low + span - x, x)


COLOURS: dict[str, Callable[[Images, Tensor], Images]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
}
"""Changes of values."""

KINDS = ("nothing", "shear_x", "shear_y", "shift_x", "shift_y", "turn", *COLOURS)
"""All changes, drawn alike often.

Source: Mueller and Hutter (2021), arXiv:2103.10158, without equalizing; strengths relative to each image's own values.
"""
