"""Images made of scikit-learn's digits, for what a class alone does not ask: several on a canvas, pairs, halves."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Array = NDArray[Any]

N_COLLAGES = 1500

N_KNOWN, N_EACH, NOISE = 50, 20, 30.0
"""Numbers that train out of 100, images of each, and how much grey is added to them at random."""


def digits() -> tuple[Array, Array]:
    found = load_digits()
    return (found.images * 15).astype(np.uint8), found.target


def collages(*, seed: int, side: int, most: int, n: int = N_COLLAGES) -> tuple[Array, Array, Array]:
    """Some digits on a canvas: images, heat of size 0.01 at their middles, and which digits there are."""
    found, rng = load_digits(), np.random.default_rng(seed)
    images = np.zeros((n, side, side), dtype=np.uint8)
    heat = np.zeros((n, side, side), dtype=np.float32)
    labels = np.zeros((n, 10), dtype=np.float32)
    y, x = np.mgrid[:side, :side]
    for image, warm, label in zip(images, heat, labels, strict=True):
        for _ in range(rng.integers(0, most + 1)):
            i, (row, column) = rng.integers(len(found.images)), rng.integers(0, side - 8, 2)
            square = image[row : row + 8, column : column + 8]
            np.maximum(square, (found.images[i] * 15).astype(np.uint8), out=square)
            away = (y - row - 3.5) ** 2 + (x - column - 3.5) ** 2
            np.maximum(warm, 0.01 * np.exp(-away / 4.5), out=warm)
            label[found.target[i]] = 1
    return images, heat, labels


def numbers(*, seed: int) -> dict[str, tuple[Array, Array]]:
    """Two digits side by side, whose number is their class; half of the numbers, and half of the digits, train."""
    (images, digit), rng = digits(), np.random.default_rng(seed)
    trains = rng.random(len(digit)) < 0.5
    known = rng.permutation(100) < N_KNOWN

    def drawn(classes: Array, pool: Array, n_each: int) -> tuple[Array, Array]:
        y = np.repeat(classes, n_each)
        sides = [images[[rng.choice(np.flatnonzero(pool & (digit == d))) for d in of]] for of in (y // 10, y % 10)]
        X = np.concatenate(sides, axis=2) * (10 / 15) + NOISE
        return np.clip(X + rng.normal(0, NOISE, X.shape), 0, 255).astype(np.uint8), y

    return {
        "train": drawn(np.flatnonzero(known), trains, N_EACH),
        "known numbers": drawn(np.flatnonzero(known), ~trains, N_EACH // 2),
        "new numbers": drawn(np.flatnonzero(~known), ~trains, N_EACH // 2),
    }


def beside_columns() -> tuple[Array, pd.DataFrame, Array]:
    """The upper half of each digit as an image, the means of the lower one's rows and columns as a table."""
    found = load_digits()
    lower = found.images[:, 4:]
    beside = pd.DataFrame(np.concatenate([lower.mean(1), lower.mean(2)], axis=1)).add_prefix("mean")
    return (found.images[:, :4] * 15).astype(np.uint8), beside, found.target
