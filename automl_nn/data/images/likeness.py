"""Which images look alike: near copies on both sides of a split, and classes that mirrored images are taken for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from automl_nn.data.findings import Finding
from automl_nn.data.images.arrays import Images
from automl_nn.data.parting.split import Split

HASH_SIDE = 8
"""Side of the grid whose neighbours a difference hash compares: 64 bits in each direction."""

LEAST_RISE = 0.02
"""Share of an image's range by which a cell is brighter than its neighbour, at least."""

MOST_BITS = 6
"""Bits of 128 in which the hashes of near copies differ, at most."""

LEAST_CORRELATION = 0.995
"""Correlation of the small forms of near copies, at least: plain images have like hashes without being alike."""

SMALL = 16
"""Side of the small grey form by which images are compared."""

MOST_CHOOSING, MOST_TRAINING = 2000, 20_000
"""Images of either part that are looked at, evenly spaced, where there are more."""

MOST_MIRRORED, LEAST_OF_CLASS = 1000, 10
"""Images that are mirrored, evenly spaced, and images that a class must have among them."""

LEAST_TAKEN = 0.3
"""Share of a class that is taken for another one when it is mirrored, above that of the images as they are."""

ROWS_AT_ONCE = 256


def small_forms(images: Images, rows: npt.NDArray[np.int64], *, height: int, width: int) -> npt.NDArray[np.float32]:
    """Grey means over the cells of a grid `(n, height, width)`; the nearest pixel where cells are smaller than one.

    Args:
        images: All images.
        rows: Which of them.
        height: Cells of the grid from top to bottom.
        width: Cells from left to right.

    Example:
        >>> images = Images.of(np.arange(16).reshape(1, 4, 4))
        >>> small_forms(images, np.array([0]), height=2, width=2).tolist()
        [[[2.5, 4.5], [10.5, 12.5]]]
    """
    found = np.empty((len(rows), height, width), dtype=np.float32)
    (tops, tall), (lefts, wide) = (_cells(size, n) for size, n in zip(images.shape[1:], (height, width), strict=True))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        grey = images.pixels[rows[start : start + ROWS_AT_ONCE]].mean(1, dtype=np.float32)
        sums = np.add.reduceat(np.add.reduceat(grey, tops, axis=1), lefts, axis=2)
        found[start : start + ROWS_AT_ONCE] = sums / (tall[:, None] * wide)
    return found


def difference_hashes(images: Images, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each cell of a small grey form is clearly brighter than its left neighbour, and its upper one `(n, 128)`.

    Scaling, compression and other brightness change few of these bits.

    Args:
        images: All images.
        rows: Which of them.

    Source:
        Krawetz (2013), "Kind of Like That", hackerfactor.com: the difference hash (dHash); both directions side by side
        are usual, the least difference is ours.

    Example:
        >>> pixels = np.random.default_rng(0).integers(0, 200, (1, 36, 36))
        >>> one, brighter = (difference_hashes(Images.of(x), np.array([0])) for x in (pixels, pixels + 50))
        >>> int((one != brighter).sum())
        0
    """
    across = small_forms(images, rows, height=HASH_SIDE, width=HASH_SIDE + 1)
    down = small_forms(images, rows, height=HASH_SIDE + 1, width=HASH_SIDE)
    return np.concatenate([_rises(across, axis=2), _rises(down, axis=1)], axis=1)


def _rises(small: npt.NDArray[np.float32], *, axis: int) -> npt.NDArray[np.bool_]:
    """Where cells are clearly brighter than the one before, along an axis `(n, 64)`; noise on a plain ground is not."""
    span = np.ptp(small, axis=(1, 2), keepdims=True)
    clearly: npt.NDArray[np.bool_] = np.diff(small, axis=axis) > LEAST_RISE * span
    return clearly.reshape(len(small), -1)


def find_near_copies(images: Images, split: Split) -> Iterator[Finding]:
    """Images that choose and nearly equal one that trains: saved anew, scaled, brighter, or a neighbour in a film.

    Two are near copies if their difference hashes differ in 6 of 128 bits at most and their small grey forms correlate
    by .995 or more. Equal images are always in one part, so they are none of these.

    Args:
        images: All images.
        split: Which of them train, and which choose.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pixels = rng.integers(0, 200, (6, 20, 20))
        >>> pixels[5] = pixels[0] + 3
        >>> for finding in find_near_copies(Images.of(pixels), Split(np.arange(4), np.array([4, 5]))):
        ...     print(finding.message.split(",")[0])
        1 of 2 images that choose nearly equal one that trains (such as 5 and 0
    """
    val, train = _evenly(split.val, MOST_CHOOSING), _evenly(split.train, MOST_TRAINING)
    pairs = _near(images, val, train)
    if not pairs:
        return
    first, second = pairs[0]
    yield Finding(
        "near copies",
        "warning",
        "",
        f"{len(pairs):,} of {len(val):,} images that choose nearly equal one that trains (such as {first} and {second},"
        f" counted from 0; at most {MOST_BITS} of 128 bits of their difference hashes differ): scores may be too good, "
        "so keep what belongs together in one part by a group.",
    )


def find_mirrors(images: Images, codes: npt.NDArray[Any], classes: Sequence[Any]) -> Iterator[Finding]:
    """Classes that look like another one when they are mirrored: there, flips as augmentation teach what is wrong.

    Each of up to 1,000 images and its mirror image is given the class of the image that looks most like it, itself left
    out.

    Args:
        images: The images.
        codes: Which of the classes each image is of `(n,)`; NaN where that is not known.
        classes: The classes.

    Example:
        >>> dark = np.arange(9.0) + np.random.default_rng(0).random((40, 9, 9))
        >>> pixels, codes = np.concatenate([dark, dark[..., ::-1] ** 2]), np.repeat([0, 1], 40)
        >>> for finding in find_mirrors(Images.of(pixels), codes, ["rising", "falling"]):
        ...     print(finding.message.split(":")[0])
        Mirrored left to right, 100 % of the images of 'rising' look most like one of 'falling' (0 % as they are)
    """
    known = np.flatnonzero(np.isfinite(codes))
    _, firsts = np.unique(images.hashes[known].astype(str), return_index=True)
    rows = _evenly(known[np.sort(firsts)], MOST_MIRRORED)
    y, small = codes[rows].astype(np.int64), small_forms(images, rows, height=SMALL, width=SMALL)
    if len(rows) < 2 * LEAST_OF_CLASS:
        return
    as_it_is = _taken_for(small, small, y, n_classes=len(classes))
    enough = (np.bincount(y, minlength=len(classes)) >= LEAST_OF_CLASS)[:, None]
    for axis, direction in ((2, "left to right"), (1, "upside down")):
        mirrored = _taken_for(np.flip(small, axis), small, y, n_classes=len(classes))
        change = np.where(enough & ~np.eye(len(classes), dtype=bool), mirrored - as_it_is, 0.0)
        own, other = (int(place) for place in np.unravel_index(int(change.argmax()), change.shape))
        if change[own, other] >= LEAST_TAKEN:
            shares = f"{100 * mirrored[own, other]:.0f} %", f"{100 * as_it_is[own, other]:.0f} %"
            yield Finding(
                "mirrors",
                "warning",
                "",
                f"Mirrored {direction}, {shares[0]} of the images of {classes[own]!r} look most like one of "
                f"{classes[other]!r} ({shares[1]} as they are): flips in this direction may teach what is wrong "
                "(train.augmentation.flip is none unless a search finds that they help).",
            )


def _cells(size: int, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the cells of a grid begin, and how many pixels each has."""
    edges = np.arange(n + 1) * size // n
    return edges[:-1], np.maximum(np.diff(edges), 1)


def _evenly(rows: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most so many of the rows, evenly spaced."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _directions(small: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Small forms whose products are correlations `(n, height * width)`; zero for images of one value."""
    flat = small.reshape(len(small), -1)
    centred = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6 * np.maximum(np.abs(flat).max(1, keepdims=True), 1e-12)))


def _near(images: Images, val: npt.NDArray[np.int64], train: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Rows that choose, each with the row that trains and looks most like it, if that is a near copy."""
    if not len(val) or not len(train):
        return []
    bits = 2.0 * difference_hashes(images, train).astype(np.float32) - 1
    likes = _directions(small_forms(images, train, height=SMALL, width=SMALL))
    pairs = []
    for start in range(0, len(val), ROWS_AT_ONCE):
        rows = val[start : start + ROWS_AT_ONCE]
        agree = (2.0 * difference_hashes(images, rows).astype(np.float32) - 1) @ bits.T
        alike = _directions(small_forms(images, rows, height=SMALL, width=SMALL)) @ likes.T
        alike[agree < bits.shape[1] - 2 * MOST_BITS] = -1.0
        best = alike.argmax(1)
        close = np.flatnonzero(alike[np.arange(len(rows)), best] >= LEAST_CORRELATION)
        pairs += [(int(rows[place]), int(train[best[place]])) for place in close]
    return pairs


def _taken_for(
    small: npt.NDArray[np.float32], others: npt.NDArray[np.float32], y: npt.NDArray[np.int64], *, n_classes: int
) -> npt.NDArray[np.float64]:
    """The share of each class whose nearest other image is of each class `(n_classes, n_classes)`."""
    alike = _directions(small) @ _directions(others).T
    np.fill_diagonal(alike, -np.inf)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (y, y[alike.argmax(1)]), 1.0)
    return np.asarray(counts / np.maximum(counts.sum(1, keepdims=True), 1.0))
