"""Augmentation: the images of a step changed at random, all at once, each in its own way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Real
from automl_nn.task.base import Family
from automl_nn.train.augmentation.moves import moved, whole_moves
from automl_nn.train.augmentation.trivial import KINDS, trivial_colours, trivial_warps
from automl_nn.train.augmentation.warps import flips, followed, shifts, turns, warped
from automl_nn.train.losses.entropy import class_shares
from automl_nn.train.losses.stack_loss import Targets, n_places

FLIPS = ("none", "left_right", "up_down", "both")

Images = Float[Tensor, "batch channels height width"]

Look = Callable[[Images], Images]
"""Images as they are seen from elsewhere."""

AUGMENTATION: Space = {
    "flip": Choice(FLIPS),
    "shift": Real(0.0, 0.15, default=0.08, valid=(0.0, 0.5)),
    "turn": Real(0.0, 20.0, default=0.0, valid=(0.0, 180.0)),
    "zoom": Real(0.0, 0.2, default=0.0, valid=(0.0, 0.9)),
    "colour": Real(0.0, 0.4, default=0.0, valid=(0.0, 1.0)),
    "cutout": Real(0.0, 0.4, default=0.0, valid=(0.0, 1.0)),
    "mixup": Real(0.0, 0.5, default=0.0, valid=(0.0, 1.0)),
    "trivial": Real(0.0, 1.0, default=0.0, valid=(0.0, 1.0)),
}
"""Knobs of `Augmentation`. Images are not mirrored unless the search finds that it helps: a mirrored digit is none.

Source: Jordan (2024), arXiv:2404.00498 (flip, shift, cutout at short trainings); Zhang et al. (2018), arXiv:1710.09412
(mixup); DeVries and Taylor (2017), arXiv:1708.04552 (cutout); Mueller and Hutter (2021), arXiv:2103.10158 (trivial).
"""


@final
@dataclass(frozen=True)
class Augmentation:
    """Changes the images of a step, and their labels where these belong to places or are mixed.

    Args:
        flip: In which direction images are mirrored, every second one.
        shift: Furthest move, as a share of each side.
        turn: Largest turn to either side, in degrees.
        zoom: Largest change of size; .2 is from .8 to 1.2 times.
        colour: Largest change of contrast, brightness (in deviations of the image) and saturation.
        cutout: Side of a square that is blanked, as a share of the shorter side.
        mixup: Share of images that another one of the batch is mixed into; the labels are mixed alike.
        trivial: Share of images that go through one more change, of random kind and strength.
        family: How the task reads outputs.
        d_out: Number of output columns.

    Example:
        >>> still = {knob: 0.0 for knob in AUGMENTATION if knob != "flip"}
        >>> mirror = Augmentation(flip="left_right", **still, family="labels", d_out=1)
        >>> x = torch.arange(8, dtype=torch.uint8).view(4, 1, 1, 2)
        >>> y, _ = mirror(x, Targets(torch.zeros(4, 1)), torch.Generator().manual_seed(0))
        >>> y.view(4, 2).tolist()
        [[1.0, 0.0], [3.0, 2.0], [5.0, 4.0], [6.0, 7.0]]
    """

    flip: str
    shift: float
    turn: float
    zoom: float
    colour: float
    cutout: float
    mixup: float
    trivial: float
    family: Family
    d_out: int

    def __call__(self, x: Tensor, targets: Targets, generator: torch.Generator) -> tuple[Images, Targets]:
        """Change a batch.

        Args:
            x: Images of any type, as they are given, `(batch, channels, height, width)`.
            targets: Their labels, perhaps one for each place of the image.
            generator: Draws each image's changes.
        """
        x = x if x.is_floating_point() else x.to(torch.float32)
        kind = torch.where(_draw(len(x), generator) < self.trivial, _kinds(len(x), generator), 0)
        strength = 2 * _draw(len(x), generator) - 1
        if self._moves:
            look = self._look(x, kind, strength, generator)
            x, targets = look(x), self._with_places(targets, look, size=(x.shape[2], x.shape[3]))
        if self.colour > 0:
            x = _coloured(x, self.colour, generator)
        if self.trivial > 0:
            x = trivial_colours(x, kind.to(x.device), strength.to(x))
        if self.cutout > 0:
            x = _cut_out(x, self.cutout, generator)
        return self._mixed(x, targets, generator) if self.mixup > 0 else (x, targets)

    @property
    def _moves(self) -> bool:
        return self.flip != "none" or max(self.shift, self.turn, self.zoom, self.trivial) > 0

    def _look(self, x: Tensor, kind: Tensor, strength: Tensor, generator: torch.Generator) -> Look:
        """From where each image is seen."""
        n, size = len(x), (x.shape[2], x.shape[3])
        turned = None
        if self.turn > 0 or self.zoom > 0:
            zoom = 1 + self.zoom * _signed(n, generator)
            turned = turns(self.turn * _signed(n, generator), zoom, size=size)
        right, down = torch.zeros(n), torch.zeros(n)
        if self.shift > 0:
            right, down = (self.shift * side * _signed(n, generator) for side in reversed(size))
        sideways, upwards = (_draw(n, generator).sub(0.5).sign() for _ in range(2))
        mirrored = (
            sideways if self.flip in ("left_right", "both") else torch.ones(n),
            upwards if self.flip in ("up_down", "both") else torch.ones(n),
        )
        if turned is None and self.trivial == 0:
            return partial(moved, places=whole_moves(right, down, *mirrored, size=size).to(x.device))
        warps = trivial_warps(kind, strength, size=size)
        warps = warps if turned is None else followed(warps, turned)
        return partial(warped, warps=followed(followed(warps, shifts(right, down, size=size)), flips(*mirrored)))

    def _with_places(self, targets: Targets, look: Look, *, size: tuple[int, int]) -> Targets:
        """The labels of pixels, seen as the pixels are."""
        if n_places(targets.y, d_out=self.d_out, family=self.family) == 1:
            return targets
        weight = targets.weight
        if weight is not None and weight.shape[1] > 1:
            weight = (_seen(weight, look, size=size) > 0.99).to(weight) * weight.amax(1, keepdim=True)
        return Targets(_seen(targets.y, look, size=size), weight)

    def _mixed(self, x: Images, targets: Targets, generator: torch.Generator) -> tuple[Images, Targets]:
        """Each image mixed with its neighbour in the batch, the larger share its own."""
        mixes = _draw(len(x), generator) < self.mixup
        own = torch.where(mixes, 1 - 0.5 * _draw(len(x), generator), 1.0).to(x).unsqueeze(1)
        y = class_shares(targets.y, d_out=self.d_out) if self.family == "classes" else targets.y
        mixed = torch.lerp(y.roll(1, 0), y, own.to(y))
        other = own.view(-1, 1, 1, 1)
        if targets.weight is None:
            return torch.lerp(x.roll(1, 0), x, other), Targets(mixed)
        known = (targets.weight > 0) & ((targets.weight.roll(1, 0) > 0) | (own == 1))
        return torch.lerp(x.roll(1, 0), x, other), Targets(mixed, targets.weight * known)


def augmentation(config: Mapping[str, Any], *, family: Family, d_out: int) -> Augmentation | None:
    """What a train config asks to be done to images; None where they stay as they are.

    Args:
        config: A train config.
        family: How the task reads outputs.
        d_out: Number of output columns.

    Example:
        >>> still = {knob: 0.0 for knob in AUGMENTATION} | {"flip": "none"}
        >>> augmentation({"augmentation": still}, family="labels", d_out=1) is None
        True
    """
    knobs = config.get("augmentation", {})
    if not any(value not in (0, "none") for value in knobs.values()):
        return None
    return Augmentation(**knobs, family=family, d_out=d_out)


def _draw(n: int, generator: torch.Generator) -> Float[Tensor, " n"]:
    return torch.rand(n, generator=generator)


def _signed(n: int, generator: torch.Generator) -> Float[Tensor, " n"]:
    return 2 * _draw(n, generator) - 1


def _kinds(n: int, generator: torch.Generator) -> Tensor:
    return torch.randint(1, len(KINDS), (n,), generator=generator)


def _seen(places: Float[Tensor, "batch d"], look: Look, *, size: tuple[int, int]) -> Float[Tensor, "batch d"]:
    """What is said of each pixel, row by row and column by column, where pixels are seen from elsewhere."""
    planes = places.view(len(places), *size, -1).permute(0, 3, 1, 2)
    return look(planes).permute(0, 2, 3, 1).reshape(places.shape)


def _coloured(x: Images, strength: float, generator: torch.Generator) -> Images:
    contrast, brightness, saturation = (strength * _signed(len(x), generator).view(-1, 1, 1, 1).to(x) for _ in range(3))
    mean = x.mean((1, 2, 3), keepdim=True)
    apart = x - mean
    length = torch.linalg.vector_norm(apart.flatten(1), dim=1)  # `std` takes many times as long
    deviation = (length / (x[0].numel() - 1) ** 0.5).view(-1, 1, 1, 1)
    of_all_channels = mean + brightness * deviation - (1 + contrast) * saturation * apart.mean(1, keepdim=True)
    return torch.addcmul(of_all_channels, apart, (1 + contrast) * (1 + saturation))


def _cut_out(x: Images, share: float, generator: torch.Generator) -> Images:
    """A square somewhere in each image replaced by the image's mean."""
    height, width = x.shape[2:]
    side = max(1, round(share * min(height, width)))
    inside = [
        ((torch.arange(size) - (_draw(len(x), generator) * size).floor().unsqueeze(1)).abs() * 2 < side).to(x.device)
        for size in (height, width)
    ]
    square = (inside[0].unsqueeze(2) & inside[1].unsqueeze(1)).unsqueeze(1)
    return torch.where(square, x.mean((2, 3), keepdim=True), x)
