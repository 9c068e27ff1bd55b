"""One image file of any format: what it says about itself, and its pixels in a given form."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, final

import numpy as np
from PIL import Image, ImageOps

from automl_nn.data.images.arrays import ImageForm, Pixels

T = TypeVar("T")
R = TypeVar("R")

MAX_PIXELS = 100_000_000
"""Pixels of the largest file that is opened: a small file can unpack to much more than fits into memory."""

UNSAFE = ("EPS", "PS", "PDF", "WMF", "BUFR", "GRIB", "HDF5", "FPX", "MIC")
"""Formats that Pillow reads by another program, or by a plugin that somebody else provides: they are refused."""

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held; from 5 on, height and width are exchanged."""

N_THREADS = 4
"""Files that are decoded at a time: the decoders of Pillow run beside each other."""


@final
@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its image before it is decoded.

    Args:
        height: Rows of pixels, as the image is meant to be seen.
        width: Columns of pixels.
        is_grey: Whether it has no colours.
        is_deep: Whether its values are of more than 8 bits.
    """

    height: int
    width: int
    is_grey: bool
    is_deep: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


@lru_cache
def formats() -> tuple[str, ...]:
    """The formats that are read: all of Pillow but those that need another program.

    Example:
        >>> "PNG" in formats(), "EPS" in formats()
        (True, False)
    """
    Image.init()
    return tuple(sorted(set(Image.OPEN) - set(UNSAFE)))


@lru_cache
def suffixes() -> frozenset[str]:
    """The endings of files that are images.

    Example:
        >>> ".jpg" in suffixes(), ".csv" in suffixes()
        (True, False)
    """
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in formats())


def header_of(path: Path) -> Header:
    """What a file says about its image.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large.
    """
    with opened(path) as image:
        turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        return Header(height, width, _is_deep(image) or image.mode in ("1", "L", "LA", "La"), _is_deep(image))


def pixels_of(path: Path, form: ImageForm) -> Pixels:
    """The pixels of a file in a form, `(channels, height, width)`, turned as the camera was held.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large.
    """
    with opened(path) as image:
        if image.format == "JPEG":
            longer = 2 * max(form.height, form.width)
            image.draft(None, (longer, longer))  # decodes no more than will be seen
        seen = _in_mode(ImageOps.exif_transpose(image), form)
    if seen.size != (form.width, form.height):
        seen = seen.resize((form.width, form.height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    values = np.asarray(seen, dtype=form.kind)
    if form.kind == "float32" and not np.isfinite(values).all():
        raise ValueError("it holds a value that is not finite")
    return values[None] if form.channels == 1 else values.transpose(2, 0, 1)


def each(read: Callable[[T], R], items: Sequence[T]) -> Iterator[R | str]:
    """What a reader returns of each item, in their order; or the reason why one cannot be read.

    Args:
        read: Reads one item.
        items: The items.

    Example:
        >>> list(each(header_of, [Path("nowhere.png")]))
        ['there is no such file']
    """

    def safe(item: T) -> R | str:
        try:
            return read(item)
        except FileNotFoundError:
            return "there is no such file"
        except Exception as error:  # a decoder may fail in any way on a file that was broken on purpose
            return _said(error)

    with warnings.catch_warnings(), ThreadPoolExecutor(N_THREADS) as pool:
        warnings.simplefilter("ignore")  # those of Pillow, of sizes and odd tags: sizes are checked here
        yield from pool.map(safe, items)


def _said(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return "it is no image of a known format" if "cannot identify" in text else text.splitlines()[0].rstrip(".")


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """An image whose pixels are not decoded yet.

    Args:
        path: Its file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large.
    """
    try:
        image = Image.open(path, formats=formats())
    except Image.DecompressionBombError as error:
        raise ValueError(f"it has more than {MAX_PIXELS:,} pixels") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"it has {image.width * image.height:,} pixels, more than {MAX_PIXELS:,}")
        yield image


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def _in_mode(image: Image.Image, form: ImageForm) -> Image.Image:
    """The image in the mode of a form: float for deep grey ones, else grey or colour; over white if transparent."""
    if form.kind == "float32":
        scale = 1.0 if _is_deep(image) else 257.0  # from 8 bits to 16
        return Image.fromarray(scale * np.asarray(image if _is_deep(image) else image.convert("L"), dtype=np.float32))
    if _is_deep(image):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        image = Image.fromarray((values / 257 if values.max() > 255 else values).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image.convert("L" if form.channels == 1 else "RGB")
