"""Images of one size as one array, and the form in which a model has read them."""

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from automl_nn.data.findings import Finding
from automl_nn.errors import DataError

Pixels = npt.NDArray[Any]
"""Images `(n, channels, height, width)`, uint8 or float32."""

Kind = Literal["uint8", "float32"]

CHANNELS = (1, 3, 4)
"""Usual numbers of channels: what tells `(n, height, width, channels)` from `(n, channels, height, width)`."""

FAR = 10
"""So many times the range of training outside of it, values are taken to be in another unit."""

ROWS_AT_ONCE = 1024
"""Images that are looked at together, so that those on a disk do not all have to be in memory."""


@final
@dataclass(frozen=True, slots=True)
class ImageForm:
    """What a model reads: the size of its images, and between what their values lay where it was trained.

    Args:
        channels: 1 for grey, 3 for colour.
        height: Rows of pixels.
        width: Columns of pixels.
        kind: `uint8` for bytes, `float32` for other numbers.
        lowest: The least value.
        highest: The greatest value.
        column: Column of a table that names the files of images; None where images come as arrays.

    Example:
        >>> Images.of(np.zeros((2, 28, 28), dtype=np.uint8)).form
        ImageForm(channels=1, height=28, width=28, kind='uint8', lowest=0.0, highest=0.0, column=None)
    """

    channels: int
    height: int
    width: int
    kind: Kind
    lowest: float = 0.0
    highest: float = 255.0
    column: str | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    def check(self, images: "Images") -> "Images":
        """The images as the model reads them.

        Raises:
            DataError: Their size, channels or values are not those of training.

        Example:
            >>> form = Images.of(np.full((2, 8, 8), 200, dtype=np.uint8)).form
            >>> form.check(Images.of(np.ones((1, 8, 8)) * 7.0)).pixels.dtype
            dtype('uint8')
        """
        if images.pixels.shape[1:] != self.shape:
            raise DataError(
                f"The images are {_size_of(images.pixels.shape[1:])}, but the model was trained on "
                f"{_size_of(self.shape)}: bring them to that size."
            )
        pixels = images.pixels
        if len(pixels) and not self._is_in_the_unit(pixels):
            raise DataError(
                f"The images hold {pixels.dtype} from {pixels.min():g} to {pixels.max():g}, but the model was trained "
                f"on {self.kind} from {self.lowest:g} to {self.highest:g}: give them as they were in training."
            )
        return images if str(pixels.dtype) == self.kind else replace(images, pixels=pixels.astype(self.kind))

    def _is_in_the_unit(self, pixels: Pixels) -> bool:
        """Whether nothing says that values are on another scale than those of training."""
        if pixels.dtype == np.uint8:
            return self.kind == "uint8" or self.highest > 1
        if self.kind == "uint8":
            return _are_bytes(pixels) and (pixels.max() > 1 or self.highest <= 1)
        if self.highest > FAR and pixels.max() <= 1 and not _are_bytes(pixels):
            return False  # shares, where training had bytes or more
        reach = FAR * (self.highest - self.lowest)
        return bool(self.lowest - reach <= pixels.min() and pixels.max() <= self.highest + reach)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "ImageForm":
        """The form that `to_json` described."""
        return ImageForm(**stored)


@final
@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size, in memory or in a file that is mapped.

    Args:
        pixels: Values `(n, channels, height, width)`, uint8 or float32; perhaps a view of an array whose channels are
            its last axis.
        findings: What was odd about them when they were read.
        file: The `.npy` file that `pixels` maps; other processes map it, too.
        column: Column of a table that named their files; None where they come from no table.

    Example:
        >>> Images.of(np.zeros((5, 32, 24, 3), dtype=np.uint8)).pixels.shape
        (5, 3, 32, 24)
    """

    pixels: Pixels
    findings: tuple[Finding, ...] = ()
    file: Path | None = None
    column: str | None = None

    @staticmethod
    def of(X: Any) -> "Images":
        """Read images that are in memory.

        Args:
            X: An array `(n, height, width)`, `(n, height, width, channels)` or `(n, channels, height, width)`, or a
                sequence of such images of one size. Whole numbers from 0 to 255 are kept as bytes.

        Raises:
            DataError: It is none of them, there is no image, or a value is not finite.
        """
        if isinstance(X, Images):
            return X
        array = _stacked(X)
        if array.ndim not in (3, 4) or array.dtype.kind not in "buif":
            raise DataError(
                f"Images come as numbers (n, height, width), (n, height, width, channels) or (n, channels, height, "
                f"width), not as {array.dtype} of shape {array.shape}: reshape them, or name files."
            )
        if array.size == 0:
            raise DataError(f"The images have shape {array.shape}: give at least one, with a pixel.")
        return Images(_as_kind(_channels_first(array)))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @property
    def form(self) -> ImageForm:
        """Size and values."""
        parts = [self.pixels[rows] for rows in _pieces(len(self))]
        lowest, highest = min(float(part.min()) for part in parts), max(float(part.max()) for part in parts)
        kind: Kind = "uint8" if self.pixels.dtype == np.uint8 else "float32"
        return ImageForm(*self.shape, kind, lowest, highest, self.column)

    def take(self, rows: npt.ArrayLike) -> "Images":
        """These images, by position and in this order, in memory."""
        return replace(self, pixels=np.ascontiguousarray(self.pixels[np.asarray(rows)]), file=None)

    @cached_property
    def hashes(self) -> npt.NDArray[np.object_]:
        """A hash of the values of each image: equal images have equal ones `(n,)`.

        Example:
            >>> hashes = Images.of(np.array([0, 1, 0], dtype=np.uint8).reshape(3, 1, 1)).hashes
            >>> hashes[0] == hashes[2], hashes[0] == hashes[1]
            (True, False)
        """
        digests = [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in self.pixels]
        return np.array(digests, dtype=object)

    def to_text(self) -> str:
        """All values as a text, for a few small images; `from_text` brings them back."""
        return base64.b64encode(zlib.compress(np.ascontiguousarray(self.pixels).tobytes())).decode()

    @staticmethod
    def from_text(text: str, form: ImageForm) -> "Images":
        """The images of this form that `to_text` wrote.

        Example:
            >>> images = Images.of(np.arange(8).reshape(2, 2, 2))
            >>> bool((Images.from_text(images.to_text(), images.form).pixels == images.pixels).all())
            True
        """
        values = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=form.kind)
        return Images(values.reshape(-1, *form.shape).copy())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without what is in a file, which the other process maps for itself."""
        if self.file is not None:
            return mapped, (self.file, self.findings, self.column)
        if self.pixels.flags.c_contiguous:
            return Images, (self.pixels, self.findings, None, self.column)
        return _with_channels_last, (self.pixels.transpose(0, 2, 3, 1), self.findings, self.column)


def _with_channels_last(array: Pixels, findings: tuple[Finding, ...], column: str | None) -> Images:
    return Images(array.transpose(0, 3, 1, 2), findings, None, column)


def mapped(file: Path, findings: tuple[Finding, ...] = (), column: str | None = None) -> Images:
    """Images in a `.npy` file, whose pages are read when they are needed.

    Args:
        file: As `np.save` writes it, `(n, channels, height, width)`; nothing in it is ever executed.
        findings: What was odd about the images.
        column: Column of a table that named their files.

    Raises:
        DataError: The file is no such array.
    """
    try:
        pixels = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{str(file)!r} holds no images ({error}): remove it, so that it is made anew.") from error
    if pixels.ndim != 4 or str(pixels.dtype) not in ("uint8", "float32"):
        raise DataError(f"{str(file)!r} holds {pixels.dtype} of shape {pixels.shape}, no images: remove it.")
    return Images(pixels, findings, file, column)


def _stacked(X: Any) -> npt.NDArray[Any]:
    if isinstance(X, np.ndarray) and X.dtype != object:
        return np.asarray(X)  # a mapped one as one like others, which processes can share
    if not isinstance(X, Sequence | np.ndarray) or isinstance(X, str):
        X = np.asarray(X)
        return np.asarray(X)
    images = [np.asarray(image) for image in X]
    for number, image in enumerate(images):
        if image.shape != images[0].shape:
            raise DataError(
                f"Image {number} has shape {image.shape}, but image 0 has {images[0].shape}: bring all to one size and "
                "number of channels."
            )
    return np.stack(images) if images else np.zeros((0, 1, 1))


def _channels_first(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The axis of channels is the one with a usual number of them, else the shorter one; the last if both are equal."""
    if array.ndim == 3:
        return array[:, None]
    second, last = array.shape[1], array.shape[3]
    is_second = second < last if (second in CHANNELS) == (last in CHANNELS) else second in CHANNELS
    return array if is_second else array.transpose(0, 3, 1, 2)


def _as_kind(array: npt.NDArray[Any]) -> Pixels:
    """Bytes where values are whole numbers of a byte by their type, else float32; not copied if they are already."""
    if not (array.flags.c_contiguous or array.transpose(0, 2, 3, 1).flags.c_contiguous):
        array = np.ascontiguousarray(array)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b" or (array.dtype.kind in "ui" and _are_bytes(array)):
        return array.astype(np.uint8)
    pixels = array.astype(np.float32, copy=False)
    for rows in _pieces(len(pixels)):
        odd = ~np.isfinite(pixels[rows]).all(axis=(1, 2, 3))
        if odd.any():
            image = rows.start + int(odd.argmax())
            raise DataError(f"Image {image} holds a value that is not finite: leave the image out, or mend it.")
    return pixels


def _are_bytes(array: npt.NDArray[Any]) -> bool:
    """Whether all values are whole numbers from 0 to 255."""
    parts = (array[rows] for rows in _pieces(len(array)))
    return all(part.min() >= 0 and part.max() <= 255 and bool((part == np.rint(part)).all()) for part in parts)


def _pieces(n: int) -> list[slice]:
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE)]


def _size_of(shape: Sequence[int]) -> str:
    """Height, width and channels in words."""
    channels, height, width = shape
    return f"{height} x {width} pixels with {channels} channel{'' if channels == 1 else 's'}"
