"""Maps: a number for each pixel of an image, such as a heat map or a mask."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.errors import TargetError

Values = npt.NDArray[np.float32]

MOST_KEPT = 2**17
"""Pixels, over all images that choose, by which trials are compared and that are stored of each of them."""


@final
@dataclass(frozen=True)
class MapForm:
    """The size of the maps that a model gives.

    Args:
        height: Rows of pixels.
        width: Columns of pixels.
        names: Name of each number of a pixel.
        is_flat: Whether maps were given as `(n, height, width)`, without an axis for the names.

    Example:
        >>> form = MapForm(2, 3, ("heat",), is_flat=True)
        >>> form.n_places, form.shaped(np.arange(12.0)).shape
        (6, (2, 2, 3))
    """

    height: int
    width: int
    names: tuple[str, ...]
    is_flat: bool = False

    @property
    def n_places(self) -> int:
        """Pixels of a map."""
        return self.height * self.width

    def shaped(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Pixels, image after image and row after row, as maps in the form in which maps were given.

        Args:
            pixels: `(n * n_places,)` or `(n * n_places, d)`.
        """
        maps = pixels.reshape(-1, self.height, self.width, 1 if pixels.ndim == 1 else pixels.shape[1])
        return maps[..., 0] if self.is_flat and maps.shape[3] == 1 else maps

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self) | {"names": list(self.names)}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "MapForm":
        """The form that `to_json` described."""
        return MapForm(**{**stored, "names": tuple(stored["names"])})


@final
@dataclass(frozen=True, eq=False)
class Maps:
    """What is known of each pixel of some images.

    Args:
        values: Numbers `(n, height, width, n_names)`; NaN where a pixel has no label.
        form: Their size.

    Example:
        >>> maps = Maps.of(np.zeros((5, 8, 6)))
        >>> maps.values.shape, maps.form.is_flat
        ((5, 8, 6, 1), True)
    """

    values: Values
    form: MapForm

    @staticmethod
    def of(y: npt.ArrayLike, *, names: tuple[str, ...] | None = None) -> "Maps":
        """Read maps.

        Args:
            y: `(n, height, width)` or `(n, height, width, n_names)`; NaN where a pixel has no label.
            names: Name of each number of a pixel; `map`, or `map0`, `map1`, ... unless given.

        Raises:
            TargetError: They are no such numbers, one is infinite, or there is no label at all.
        """
        array = np.asarray(y)
        if array.ndim not in (3, 4) or array.dtype.kind not in "buif" or array.size == 0:
            raise TargetError(
                f"Maps come as numbers (n, height, width) or (n, height, width, c), not as {array.dtype} of shape "
                f"{array.shape}: reshape them."
            )
        values = np.ascontiguousarray(array.reshape(*array.shape[:3], -1), dtype=np.float32)
        _check(values)
        several = values.shape[3] > 1
        own = names or (tuple(f"map{i}" for i in range(values.shape[3])) if several else ("map",))
        if len(own) != values.shape[3]:
            raise TargetError(f"The maps have {values.shape[3]} numbers a pixel, but {len(own)} names: give one each.")
        return Maps(values, MapForm(values.shape[1], values.shape[2], own, is_flat=array.ndim == 3))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def are_binary(self) -> bool:
        """Whether all known numbers are 0 or 1."""
        return bool(((self.values == 0) | (self.values == 1) | np.isnan(self.values)).all())

    def check_beside(self, height: int, width: int, *, n: int) -> None:
        """Refuse maps that do not fit to their images.

        Args:
            height: Rows of pixels of the images.
            width: Columns of pixels of the images.
            n: Number of images.

        Raises:
            TargetError: There are not as many maps as images, or they are of another size.

        Example:
            >>> Maps.of(np.zeros((5, 8, 6))).check_beside(8, 6, n=5)
        """
        if len(self) != n:
            raise TargetError(f"There are {n} images, but {len(self)} maps: give one for each image.")
        if (self.form.height, self.form.width) != (height, width):
            raise TargetError(
                f"The maps are {self.form.height} x {self.form.width} pixels, but their images are {height} x {width}: "
                "bring both to one size."
            )


def kept_places(n_images: int, n_places: int) -> npt.NDArray[np.int64]:
    """Which pixels of each image stand for all of them, ascending: always the same ones, drawn at random.

    A map is many numbers, of which neighbours tell the same. Trials are compared, and stored, by as many pixels as a
    table of a hundred thousand rows has.

    Args:
        n_images: Images that choose.
        n_places: Pixels of each.

    Example:
        >>> len(kept_places(10, 64)), len(kept_places(1000, 1024))
        (64, 131)
    """
    n_kept = min(n_places, max(1, MOST_KEPT // max(n_images, 1)))
    return np.sort(np.random.default_rng(0).permutation(n_places)[:n_kept])


def at_places(output: npt.NDArray[Any], places: npt.NDArray[np.int64] | None, *, n_images: int) -> npt.NDArray[Any]:
    """Outputs of some pixels of each image.

    Args:
        output: One row a pixel, image after image `(n_images * n_places, d)`.
        places: Which pixels; None for all rows, whatever they are.
        n_images: Number of images.

    Example:
        >>> at_places(np.arange(6).reshape(6, 1), np.array([0, 2]), n_images=2).ravel().tolist()
        [0, 2, 3, 5]
    """
    if places is None:
        return output
    return output.reshape(n_images, -1, output.shape[1])[:, places].reshape(-1, output.shape[1])


def _check(values: Values) -> None:
    infinite = np.isinf(values).any(axis=(1, 2, 3))
    if infinite.any():
        raise TargetError(f"Map {int(infinite.argmax())} holds a number that is infinite: mend it, or put NaN there.")
    if np.isnan(values).all():
        raise TargetError("No pixel of any map has a label: give at least some numbers.")
