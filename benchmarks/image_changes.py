"""Changes of images as people write them: image by image with Pillow, as torchvision does, and what ours are called."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

Picture = Image.Image

STILL: Mapping[str, Any] = {
    "flip": "none",
    "shift": 0.0,
    "turn": 0.0,
    "zoom": 0.0,
    "colour": 0.0,
    "cutout": 0.0,
    "mixup": 0.0,
    "trivial": 0.0,
}

CHANGES: Mapping[str, Mapping[str, Any]] = {
    "none": STILL,
    "little": {**STILL, "shift": 0.08, "flip": "left_right"},
    "usual": {**STILL, "shift": 0.08, "flip": "left_right", "colour": 0.2, "cutout": 0.2},
    "all": {
        "flip": "left_right",
        "shift": 0.08,
        "turn": 10.0,
        "zoom": 0.1,
        "colour": 0.2,
        "cutout": 0.2,
        "mixup": 0.25,
        "trivial": 0.5,
    },
}
"""Knobs of `AUGMENTATION`. `little` is a usual set for small images without colour, `usual` with it;
`all` is the middle of what is searched, which trials have on average."""


class Changed(Dataset[tuple[Tensor, int]]):
    """Images changed, made tensors and normalized one by one.

    Args:
        x: Bytes, `(n, channels, height, width)` with 1 or 3 channels.
        y: The class of each.
        knobs: What is changed; all but `mixup`, which is of batches.
    """

    def __init__(self, x: NDArray[np.uint8], y: NDArray[Any], knobs: Mapping[str, Any]) -> None:
        self._images, self._y, self._knobs = x.transpose(0, 2, 3, 1).copy(), y, knobs
        self._mean, self._deviation = float(x.mean()) / 255, float(x.std()) / 255

    def __len__(self) -> int:
        return len(self._y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        pixels = self._images[i]
        image = self._changed(Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]))
        values = torch.from_numpy(np.array(image)).view(pixels.shape).permute(2, 0, 1).contiguous()
        values = values.float().div(255).sub_(self._mean).div_(self._deviation)
        return blanked(values, self._knobs["cutout"]) if self._knobs["cutout"] else values, int(self._y[i])

    def _changed(self, image: Picture) -> Picture:
        knobs = self._knobs
        if knobs["shift"]:
            image = moved(image, knobs["shift"])
        if knobs["flip"] == "left_right" and random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if knobs["turn"] or knobs["zoom"]:
            image = turned(image, signed(knobs["turn"]), 1 + signed(knobs["zoom"]))
        if knobs["colour"]:
            image = coloured(image, knobs["colour"])
        if random.random() < knobs["trivial"]:
            image = random.choice(TRIVIAL)(image, signed(1.0))
        return image


def signed(most: float) -> float:
    return random.uniform(-most, most)


def moved(image: Picture, share: float) -> Picture:
    """A part of the size of the image, somewhere in the image with a margin of zeros."""
    left, top = round(share * image.width), round(share * image.height)
    right, down = random.randint(0, 2 * left), random.randint(0, 2 * top)
    longer = ImageOps.expand(image, border=(left, top))
    return longer.crop((right, down, right + image.width, down + image.height))


def turned(image: Picture, degrees: float, zoom: float) -> Picture:
    """The image turned around its middle and enlarged."""
    angle, x, y = math.radians(degrees), image.width / 2, image.height / 2
    a, b = math.cos(angle) / zoom, math.sin(angle) / zoom
    return affine(image, (a, b, x - a * x - b * y, -b, a, y + b * x - a * y))


def affine(image: Picture, matrix: tuple[float, ...]) -> Picture:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def coloured(image: Picture, strength: float) -> Picture:
    """Another brightness, contrast and, where there are colours, saturation."""
    image = ImageEnhance.Brightness(image).enhance(1 + signed(strength))
    image = ImageEnhance.Contrast(image).enhance(1 + signed(strength))
    return image if image.mode == "L" else ImageEnhance.Color(image).enhance(1 + signed(strength))


def blanked(x: Tensor, share: float) -> Tensor:
    """A square somewhere in the image set to its mean."""
    height, width = x.shape[1:]
    half = max(1, round(share * min(height, width))) / 2
    top, left = random.randrange(height) - half, random.randrange(width) - half
    rows, columns = (slice(max(0, round(begin)), max(0, round(begin + 2 * half))) for begin in (top, left))
    x[:, rows, columns] = 0.0
    return x


def mixed(x: Tensor, y: Tensor, *, share: float, n_classes: int) -> tuple[Tensor, Tensor]:
    """Some images of a batch mixed with others, and their classes alike."""
    own = torch.where(torch.rand(len(x)) < share, 1 - 0.5 * torch.rand(len(x)), 1.0)
    other, classes = torch.randperm(len(x)), torch.nn.functional.one_hot(y, n_classes).float()
    by_image, by_label = own.view(-1, 1, 1, 1), own.view(-1, 1)
    return by_image * x + (1 - by_image) * x[other], by_label * classes + (1 - by_label) * classes[other]


TRIVIAL: tuple[Callable[[Picture, float], Picture], ...] = (
    lambda image, strength: affine(image, (1, 0.3 * strength, 0, 0, 1, 0)),
    lambda image, strength: affine(image, (1, 0, 0, 0.3 * strength, 1, 0)),
    lambda image, strength: affine(image, (1, 0, 0.2 * strength * image.width, 0, 1, 0)),
    lambda image, strength: affine(image, (1, 0, 0, 0, 1, 0.2 * strength * image.height)),
    lambda image, strength: turned(image, 30 * strength, 1.0),
    lambda image, strength: ImageEnhance.Brightness(image).enhance(1 + 0.9 * strength),
    lambda image, strength: ImageEnhance.Contrast(image).enhance(1 + 0.9 * strength),
    lambda image, strength: ImageEnhance.Color(image).enhance(1 + 0.9 * strength),
    lambda image, strength: ImageEnhance.Sharpness(image).enhance(1 + 0.9 * strength),
    lambda image, strength: ImageOps.posterize(image, round(6 - 4 * abs(strength))),
    lambda image, strength: ImageOps.solarize(image, round(255 * (1 - 0.5 * abs(strength)))),
)
"""The kinds of change of `automl_nn.train.augmentation.trivial`, each by a strength between -1 and 1."""
