"""From a folder, or a table that names files, to images and a frame with a row for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd

from automl_nn.data.idx import read_idx
from automl_nn.data.image import Images
from automl_nn.data.image_decode import suffixes
from automl_nn.data.image_files import read_images
from automl_nn.data.read import read_frame
from automl_nn.errors import DataError

PATH, CLASS = "path", "class"
"""Columns of the frame that a folder becomes: where an image lies, and the folder that it lies in."""

PATH_NAMES = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img")
"""Names of a column that says where images lie, the likeliest first."""


@final
@dataclass(frozen=True)
class Gallery:
    """Images and what is known of them.

    Args:
        frame: One row an image, without the column of paths.
        images: The images.
        target: The columns to predict unless others are named.
    """

    frame: pd.DataFrame
    images: Images
    target: tuple[str, ...]


def read_gallery(
    folder: Path,
    labels: Path | None = None,
    *,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    cache: Path | None = None,
) -> Gallery:
    """Read images with their labels.

    Args:
        folder: One with a folder for each class; or, with `labels`, one where the files lie; or one with a pair of idx
            files.
        labels: A CSV or Parquet file with a column of paths, from the folder, and a column for each label.
        size: Height and width to bring images to; see `read_images`.
        skip_bad: Whether files that cannot be read, rows without a file and files without a row are left out; else one
            of them is refused.
        cache: Folder that keeps what was decoded.

    Raises:
        DataError: There are no images, one class alone, or files and labels do not fit to each other.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}: give the path of a folder with images.")
    if labels is None and _idx_files(folder):
        return _of_idx(folder)
    if labels is None:
        frame, paths = _by_class(folder)
        target: tuple[str, ...] = (CLASS,)
        name = PATH
    else:
        whole = read_frame(labels)
        name = path_column(whole)
        frame, paths = _named(whole, name, folder, skip_bad=skip_bad)
        target = tuple(str(column) for column in frame.columns)
        _refuse_left(folder, paths, labels, skip_bad=skip_bad)
    images, rows = read_images(paths, size=size, skip_bad=skip_bad, cache=cache)
    return Gallery(frame.iloc[rows].reset_index(drop=True), replace(images, column=name), target)


def files_in(folder: Path) -> list[Path]:
    """The image files below a folder, by their endings and in order; hidden ones are left out.

    Raises:
        DataError: There is none.
    """
    found = sorted(path for path in folder.rglob("*") if _is_image(path, folder))
    if not found:
        raise DataError(f"{str(folder)!r} holds no image files: give a folder with some, such as .png or .jpg.")
    return found


def path_column(frame: pd.DataFrame) -> str:
    """The column that says where images lie: one of a usual name, else the only one with endings of image files.

    Raises:
        DataError: There is none, or several could be it.

    Example:
        >>> path_column(pd.DataFrame({"age": [3], "picture": ["a/b.png"]}))
        'picture'
    """
    for name in PATH_NAMES:
        same = [str(column) for column in frame.columns if str(column).lower() == name]
        if same:
            return same[0]
    likely = [str(name) for name, column in frame.items() if _names_images(column)]
    if len(likely) != 1:
        several = f"columns {likely} could all be it" if likely else f"the columns are {list(frame.columns)}"
        raise DataError(f"No column says where the images lie: name it 'path' ({several}).")
    return likely[0]


def _names_images(column: "pd.Series[Any]") -> bool:
    values = column.dropna()
    return len(values) > 0 and all(isinstance(v, str) and Path(v).suffix.lower() in suffixes() for v in values)


def _is_image(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in suffixes() and path.is_file()


def _by_class(folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """The images of each folder below, whose name is their class."""
    paths = files_in(folder)
    loose = [path for path in paths if path.parent == folder]
    classes = [path.relative_to(folder).parts[0] for path in paths if path.parent != folder]
    if loose:
        beside = "beside its folders, which are the classes" if classes else "and no folders, which would be classes"
        raise DataError(
            f"{str(folder)!r} has images such as {loose[0].name!r} {beside}: move them, or give --labels FILE.csv."
        )
    if len(set(classes)) < 2:
        raise DataError(
            f"{str(folder)!r} has images of one class alone, {classes[0]!r}: give each class a folder, or --labels."
        )
    return pd.DataFrame({CLASS: classes}), paths


def _named(frame: pd.DataFrame, name: str, folder: Path, *, skip_bad: bool) -> tuple[pd.DataFrame, list[Path]]:
    """The rows of a table whose files exist, and these files."""
    if frame.shape[1] < 2:
        raise DataError(f"The labels have no column but {name!r}: add one for each label.")
    paths = paths_of(frame[name], folder)
    missing = [number for number, path in enumerate(paths) if not path.is_file()]
    if missing and not (skip_bad and len(missing) < len(paths)):
        others = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise DataError(
            f"Row {missing[0]} of the labels names {str(frame[name].iloc[missing[0]])!r}, but there is no such file in "
            f"{str(folder)!r}{others}: correct the path, or leave such rows out by --skip-bad (skip_bad=True)."
        )
    kept = np.setdiff1d(np.arange(len(paths)), missing)
    return frame.drop(columns=name).iloc[kept].reset_index(drop=True), [paths[number] for number in kept]


def paths_of(column: "pd.Series[Any]", folder: Path) -> list[Path]:
    """The files that a column names, from a folder.

    Raises:
        DataError: A name is missing, or occurs twice.
    """
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(f"Row {int(missing.argmax())} has no {column.name!r}: every row names its image.")
    return [folder / str(value) for value in column]


def _refuse_left(folder: Path, paths: Sequence[Path], labels: Path, *, skip_bad: bool) -> None:
    """Refuse files that no row names."""
    known = {path.resolve() for path in paths}
    left = [path for path in files_in(folder) if path.resolve() not in known]
    if left and not skip_bad:
        others = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        raise DataError(
            f"{str(labels)!r} has no row for {left[0].relative_to(folder).as_posix()!r}{others}: add one, whose label "
            "may be empty, or leave such files out by --skip-bad (skip_bad=True)."
        )


def _idx_files(folder: Path) -> dict[str, Path]:
    """The files of images and of labels in idx format; those for training, where there are others."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (not path.name.startswith("train"), path.name)):
        for kind, mark in ((PATH, "images-idx"), (CLASS, "labels-idx")):
            if mark in path.name.replace(".", "-"):
                found.setdefault(kind, path)
    return found


def _of_idx(folder: Path) -> Gallery:
    files = _idx_files(folder)
    if len(files) < 2:
        (one,) = files.values()
        raise DataError(f"{str(folder)!r} has {one.name!r} alone: images and labels in idx format come in two files.")
    images, labels = Images.of(read_idx(files[PATH])), read_idx(files[CLASS])
    if labels.shape != (len(images),):
        raise DataError(f"{str(folder)!r} has {len(images)} images, but labels of shape {labels.shape}: get it anew.")
    return Gallery(pd.DataFrame({CLASS: labels}), images, (CLASS,))
