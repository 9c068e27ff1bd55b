"""Find the ink of a digit among scribbles, pixel by pixel: `automl-nn tune studies/digit_maps.py`.

The maps are tiny numbers, of size 1e-2: they are standardized for training and predicted in their unit.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it; the scribbles are
    ours.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

N_IMAGES, SIDE = 600, 20


@cache
def scenes() -> tuple[NDArray[Any], NDArray[Any]]:
    """A digit somewhere among short lines, and its ink alone, from 0 to 1e-2 `(n, 20, 20)`."""
    rng, digits = np.random.default_rng(0), load_digits().images[:N_IMAGES]
    ink, lines = np.zeros((N_IMAGES, SIDE, SIDE)), np.zeros((N_IMAGES, SIDE, SIDE))
    for number, digit in enumerate(digits):
        top, left = rng.integers(0, SIDE - 8, 2)
        ink[number, top : top + 8, left : left + 8] = digit
        for row, column in rng.integers(0, SIDE - 4, (12, 2)):
            lines[number, row, column : column + 4] = rng.integers(4, 16)
    return np.maximum(ink, lines).astype("uint8"), ink / 16 * 1e-2


def pixels() -> NDArray[Any]:
    """The images."""
    return scenes()[0]


def maps() -> NDArray[Any]:
    """What is asked of each pixel."""
    return scenes()[1]


IMAGES = pixels
MAPS = maps
TASK = {"metric": "correlation"}
SPACE = {"model.backbone.d_block": 8}
BUDGET = {"n_trials": 5, "timeout": 300}
