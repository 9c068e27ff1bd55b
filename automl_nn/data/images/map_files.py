"""Maps in files: found beside their images, checked against them, and brought to the size that networks read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageOps

from automl_nn.data.findings import Finding
from automl_nn.data.idx import read_npy
from automl_nn.data.images.arrays import ImageForm
from automl_nn.data.images.decode import each, header_of, opened, suffixes
from automl_nn.data.images.maps import Maps, Values
from automl_nn.errors import DataError

ARRAY = ".npy"
"""Ending of a map that is an array `(height, width)` or `(height, width, c)`."""

ENDINGS = ("", "_mask", "_map", "_label", "_seg", "_gt")
"""What may stand behind an image's name in that of its map, before the suffix."""

MAP_NAMES = ("map", "mask", "heatmap", "map_path", "mask_path")
"""Names of a column that says where maps lie."""

FULL = (255.0, 65535.0)
"""What stands for yes in a mask of bytes, or of 16 bits."""


def map_column(frame: pd.DataFrame) -> str | None:
    """The column that says where maps lie, by its name and by what it holds; None if there is none.

    Args:
        frame: One row an image.

    Example:
        >>> map_column(pd.DataFrame({"path": ["a.png"], "mask": ["a_mask.png"]}))
        'mask'
    """
    for name in frame.columns:
        values = frame[name].dropna()
        if str(name).lower() in MAP_NAMES and len(values) and all(_is_map(Path(str(value))) for value in values):
            return str(name)
    return None


def maps_below(folder: Path) -> dict[str, Path]:
    """The files of maps below a folder, by their paths from there without suffix.

    Raises:
        DataError: There is no such folder, it holds no maps, or two files of one name.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}: give the path of a folder with maps.")
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.rglob("*") if _is_map(path) and path.is_file()):
        if path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DataError(f"{found[name].name!r} and {path.name!r} are two maps of one name: remove one of them.")
        found[name] = path
    if not found:
        raise DataError(f"{str(folder)!r} holds no maps: give a folder with some, as .png, .tif or {ARRAY}.")
    return found


def maps_beside(
    images: Sequence[Path], folder: Path, maps: Path, *, skip_bad: bool
) -> tuple[list[Path], npt.NDArray[np.int64]]:
    """The map of each image, by its name: `maps/a/1.png` or `maps/a/1_mask.png` for `folder/a/1.jpg`.

    Args:
        images: Image files.
        folder: Where their paths begin.
        maps: Where those of the maps begin.
        skip_bad: Whether images without a map and maps without an image are left out; else one of them is refused.

    Returns:
        The maps, and the positions of their images.

    Raises:
        DataError: They do not fit to each other, and are not to be left out.
    """
    found = maps_below(maps)
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in images]
    known = [next((name + ending for ending in ENDINGS if name + ending in found), None) for name in names]
    lonely = [path for path, name in zip(images, known, strict=True) if name is None]
    left = sorted(set(found) - {name for name in known if name is not None})
    if len(lonely) == len(images) or (lonely and not skip_bad):
        raise DataError(
            f"{str(maps)!r} has no map for {lonely[0].relative_to(folder).as_posix()!r}{_and_more(lonely)}: name it "
            "like its image, or leave such images out by --skip-bad (skip_bad=True)."
        )
    if left and not skip_bad:
        raise DataError(
            f"{str(folder)!r} has no image for the map {found[left[0]].name!r}{_and_more(left)}: remove it, or leave "
            "such maps out by --skip-bad (skip_bad=True)."
        )
    kept = [place for place, name in enumerate(known) if name is not None]
    return [found[name] for name in known if name is not None], np.array(kept, dtype=np.int64)


def read_maps(
    files: Sequence[Path | None], images: Sequence[Path], form: ImageForm, *, skip_bad: bool = False
) -> tuple[Maps, tuple[Finding, ...]]:
    """Read maps and bring them to the size in which networks read their images.

    Grey images, palettes (by the number of the colour) and arrays are read as the numbers that they hold; colours are
    refused, unless all three are equal. Where all maps hold 0 and 255 alone, or 0 and 65535, they are masks of 0 and 1.
    Where sizes change, a mask, or a map with a gap, takes the nearest pixel, another one the mean of those around.

    Args:
        files: A map for each image; None where nothing is known.
        images: The images as they are on the disk, which have the same sizes.
        form: The size that they are brought to.
        skip_bad: Whether a map that cannot be used counts as not known, and is named; else it is refused.

    Raises:
        DataError: A map cannot be read, or is of another size than its image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     image, mask = Path(folder, "a.png"), Path(folder, "a_mask.png")
        ...     Image.new("RGB", (6, 4)).save(image)
        ...     Image.fromarray(np.eye(4, 6, dtype=np.uint8) * 255).save(mask)
        ...     maps, findings = read_maps([mask], [image], ImageForm(3, 2, 3, "uint8"))
        >>> maps.values[0, :, :, 0].tolist(), findings[0].message
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 'The maps hold 0 and 255 alone: they are read as masks, where 255 is yes.')
    """
    pairs = list(zip(files, images, strict=True))
    found = list(each(lambda pair: _values(*pair, form, nearest=True), pairs))
    why = {place: one for place, one in enumerate(found) if isinstance(one, str)}
    if why and (not skip_bad or len(why) == len(found)):
        first = min(why)
        others = f", nor can {len(why) - 1:,} others" if len(why) > 1 else ""
        raise DataError(
            f"The map {str(files[first])!r} cannot be used ({why[first]}){others}: mend it, or let what it shows count "
            "as not known by --skip-bad (skip_bad=True)."
        )
    full = _full(found)
    if full is None:
        found = list(each(lambda pair: _values(*pair, form, nearest=False), pairs))
    return _stacked(found, form, full), tuple(_told(files, why, full))


def _and_more(names: Sequence[object]) -> str:
    """How many there are beside the first one, which is named."""
    return f" and {len(names) - 1:,} more" if len(names) > 1 else ""


def _is_map(path: Path) -> bool:
    return path.suffix.lower() == ARRAY or path.suffix.lower() in suffixes()


def _values(file: Path | None, image: Path, form: ImageForm, *, nearest: bool) -> Values | None:
    """The numbers of a map `(height, width, c)` in the size of a form; None where there is no map."""
    if file is None:
        return None
    values = _numbers(file)
    own, size = (values.shape[0], values.shape[1]), header_of(image).size
    if own != size:
        raise ValueError(f"it is {own[0]} x {own[1]} pixels, but its image {image.name!r} is {size[0]} x {size[1]}")
    if own == (form.height, form.width):
        return values
    rule = Image.Resampling.NEAREST if nearest or np.isnan(values).any() else Image.Resampling.BILINEAR
    planes = [Image.fromarray(plane).resize((form.width, form.height), rule) for plane in values.transpose(2, 0, 1)]
    return np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=2)


def _numbers(file: Path) -> Values:
    if file.suffix.lower() == ARRAY:
        array = read_npy(file)
        if array.ndim not in (2, 3) or array.dtype.kind not in "buif":
            raise ValueError(f"it holds {array.dtype} of shape {array.shape}, not numbers (height, width)")
        return np.array(array.reshape(*array.shape[:2], -1), dtype=np.float32)
    with opened(file) as image:
        values = np.asarray(ImageOps.exif_transpose(image), dtype=np.float32)
        n_colours = len(image.getbands()) - image.has_transparency_data * (image.mode != "P")
    grey = values if values.ndim == 2 else values[..., 0]
    if values.ndim == 3 and (values[..., :n_colours] != grey[..., None]).any():
        raise ValueError("it has colours: save it in grey, or as .npy with the numbers of each pixel")
    return np.ascontiguousarray(grey[..., None])


def _full(found: Sequence[Any]) -> float | None:
    """What stands for yes, if the maps are masks; None if they hold other numbers."""
    seen: set[float] = set()
    for one in found:
        if isinstance(one, np.ndarray):
            seen |= set(np.unique(one[np.isfinite(one)])[:3].tolist())
        if len(seen) > 2:
            return None
    if seen <= {0.0, 1.0}:
        return 1.0
    return next((most for most in FULL if seen <= {0.0, most}), None)


def _stacked(found: Sequence[Any], form: ImageForm, full: float | None) -> Maps:
    """One array of all maps, with gaps where nothing is known."""
    known = [one for one in found if isinstance(one, np.ndarray)]
    if not known:
        raise DataError("No image has a map: name some.")
    depths = {one.shape[2] for one in known}
    if len(depths) > 1:
        raise DataError(f"The maps have {sorted(depths)} numbers a pixel: give all of them as many.")
    gap = np.full((form.height, form.width, depths.pop()), np.nan, dtype=np.float32)
    values = np.stack([one if isinstance(one, np.ndarray) else gap for one in found])
    values /= full or 1.0
    return Maps.of(values[..., 0] if values.shape[3] == 1 else values)


def _told(files: Sequence[Path | None], why: Mapping[int, str], full: float | None) -> list[Finding]:
    told = []
    if full in FULL:
        text = f"The maps hold 0 and {full:g} alone: they are read as masks, where {full:g} is yes."
        told.append(Finding("masks", "note", "", text))
    if why:
        shown = ", ".join(f"{files[place]!s} ({reason})" for place, reason in list(why.items())[:5])
        text = f"{len(why):,} of {len(files):,} maps cannot be used and count as not known: {shown}."
        told.append(Finding("unreadable maps", "warning", "", text))
    return told
