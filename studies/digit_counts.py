"""Count the digits on a canvas, and the even ones among them: `automl-nn tune studies/digit_counts.py`.

Two quantities of each image are asked for at once; each is standardized for training and predicted in its unit.

Source:
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, as scikit-learn bundles it; the canvas is
    ours.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits

N_IMAGES, N_PLACES, SIDE = 800, 9, 8


@cache
def scenes() -> tuple[NDArray[Any], NDArray[Any]]:
    """Up to nine digits in a square `(n, 24, 24)`, and how many there are, and how many of them are even `(n, 2)`."""
    rng, data = np.random.default_rng(0), load_digits()
    drawn = rng.integers(0, len(data.target), (N_IMAGES, N_PLACES))
    is_there = rng.random((N_IMAGES, N_PLACES)) < rng.random((N_IMAGES, 1))
    squares = (data.images[drawn] * is_there[..., None, None]).reshape(N_IMAGES, 3, 3, SIDE, SIDE)
    is_even = is_there & (data.target[drawn] % 2 == 0)
    canvas = squares.transpose(0, 1, 3, 2, 4).reshape(N_IMAGES, 3 * SIDE, 3 * SIDE)
    return canvas.astype("uint8"), np.stack([is_there.sum(1), is_even.sum(1)], axis=1)


def read() -> pd.DataFrame:
    """How many `digits` are on each image, and how many `even` ones."""
    return pd.DataFrame(scenes()[1].astype(float), columns=["digits", "even"])


def pixels() -> NDArray[Any]:
    """The images."""
    return scenes()[0]


DATA = read
IMAGES = pixels
TASK = {"target": ["digits", "even"], "kind": "regression"}
SPACE = {"train.augmentation.flip": "none"}
BUDGET = {"n_trials": 10, "timeout": 300}
