"""Small copies of the images that choose: kept with a study, so that its mistakes can be looked at later."""

from dataclasses import dataclass
from io import BytesIO
from math import isqrt
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
from PIL import Image

from automl_nn.data.images.arrays import Images
from automl_nn.errors import StorageError
from automl_nn.store.store import Store

if TYPE_CHECKING:
    from automl_nn.search.problems.problem import Problem

PART = "val_thumbnails"
"""Under which they are stored."""

MOST_VALUES = 2**19
"""Values of all thumbnails of a study together: half a megabyte, about as much in the database."""

LEAST_SIDE, MOST_SIDE = 16, 48
"""Pixels of a thumbnail's longer side: with fewer there would be nothing to see, so rather some images are left out."""

DARK = 128
"""Bytes all of which lie below this one are no photographs, but grey values up to 16, say: they are stretched, so that
there is something to see."""

Pixels = npt.NDArray[np.uint8]


@final
@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Small images, grey or in colour.

    Args:
        row_ids: The row of each `(n,)`.
        pixels: Values `(n, height, width, 1 or 3)`.

    Example:
        >>> images = Images.of(np.linspace(0, 1, 2 * 96 * 48).reshape(2, 96, 48))
        >>> thumbnails_of(images, np.array([0, 1])).pixels.shape
        (2, 48, 24, 1)
    """

    row_ids: npt.NDArray[np.int64]
    pixels: Pixels

    def __len__(self) -> int:
        return len(self.row_ids)

    def of_row(self, row_id: int) -> Pixels:
        """The image of a row that has one, in colour `(height, width, 3)`."""
        (place,) = np.flatnonzero(self.row_ids == row_id)[:1]
        pixels = self.pixels[place]
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def keep_thumbnails(store: Store, study_id: int, problem: "Problem") -> None:
    """Store small copies of the images that choose; nothing where there are none.

    Args:
        store: Where the study is kept.
        study_id: The study.
        problem: What is given.
    """
    if problem.images is not None:
        small = thumbnails_of(problem.images, problem.split.val)
        store.put_targets(study_id, row_ids=small.row_ids, y=small.pixels, part=PART)


def kept_thumbnails(store: Store, study_id: int) -> Thumbnails | None:
    """The small images of a study; None where none are kept.

    Args:
        store: Where the study is kept.
        study_id: The study.
    """
    try:
        row_ids, pixels = store.targets(study_id, part=PART)
    except StorageError:  # a study of an earlier version, or of no images
        return None
    return Thumbnails(row_ids, pixels.astype(np.uint8))


def thumbnails_of(images: Images, rows: npt.NDArray[np.int64]) -> Thumbnails:
    """Small copies of some images: of all rows if they have room, else of some, evenly spaced.

    Args:
        images: All images.
        rows: Which of them.
    """
    channels, height, width = images.shape
    n_colours = 3 if channels >= 3 else 1
    n_kept = min(len(rows), MOST_VALUES // (n_colours * LEAST_SIDE**2))
    kept = rows[np.linspace(0, len(rows) - 1, n_kept).astype(np.int64)]
    side = min(MOST_SIDE, isqrt(MOST_VALUES // (n_colours * max(n_kept, 1))))
    shrink = max(1.0, max(height, width) / side)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    values = images.pixels[kept][:, :n_colours].transpose(0, 2, 3, 1)
    is_stretched = values.dtype != np.uint8 or 0 < values.max(initial=0) < DARK
    shown = _as_bytes(values) if is_stretched else values
    return Thumbnails(kept, np.stack([_shrunk(image, size) for image in shown]))


def _as_bytes(values: npt.NDArray[Any]) -> Pixels:
    """Numbers of any range as bytes, the least one black and the greatest one white."""
    lowest, highest = float(values.min()), float(values.max())
    return np.asarray(np.rint((values - lowest) * (255 / max(highest - lowest, 1e-30))), dtype=np.uint8)


def _shrunk(image: Pixels, size: tuple[int, int]) -> Pixels:
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
    small = picture if picture.size == size else picture.resize(size, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).reshape(size[1], size[0], image.shape[2])


def png_of(pixels: Pixels) -> bytes:
    """A picture as a PNG file.

    Args:
        pixels: Values `(height, width, 3)`.

    Example:
        >>> png_of(np.zeros((2, 2, 3), dtype=np.uint8))[1:4]
        b'PNG'
    """
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return file.getvalue()
