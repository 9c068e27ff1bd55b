"""From a folder, or a table that names files, to images and a frame with a row for each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.findings import Finding
from automl_nn.data.idx import read_idx
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.decode import suffixes
from automl_nn.data.images.files import read_images
from automl_nn.data.images.map_files import map_column, maps_beside, read_maps
from automl_nn.data.images.maps import Maps
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
        maps: What is known of each pixel, if maps are given; they are what is to be predicted then.
    """

    frame: pd.DataFrame
    images: Images
    target: tuple[str, ...]
    maps: Maps | None = None


@final
@dataclass(frozen=True)
class _Listed:
    """Files of images, what is known of each of them, and the files of their maps, if there are any."""

    frame: pd.DataFrame
    paths: list[Path]
    target: tuple[str, ...]
    name: str = PATH
    maps: list[Path | None] | None = None
    findings: tuple[Finding, ...] = ()

    def take(self, rows: npt.NDArray[np.int64]) -> "_Listed":
        """These files only."""
        maps = None if self.maps is None else [self.maps[row] for row in rows]
        frame = self.frame.iloc[rows].reset_index(drop=True)
        return replace(self, frame=frame, paths=[self.paths[row] for row in rows], maps=maps)


def read_gallery(
    folder: Path,
    labels: Path | None = None,
    *,
    maps: Path | None = None,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    cache: Path | None = None,
) -> Gallery:
    """Read images with their labels, or with their maps.

    Args:
        folder: One with a folder for each class; or, with `labels`, one where the files lie; or one with a pair of idx
            files.
        labels: A CSV or Parquet file with a column of paths, from the folder, and a column for each label; or with a
            column of paths of maps, see `map_column`.
        maps: A folder with a map for each image, of the same name; see `read_maps`.
        size: Height and width to bring images to; see `read_images`.
        skip_bad: Whether files that cannot be read, rows without a file and files without a row are left out; else one
            of them is refused.
        cache: Folder that keeps what was decoded.

    Raises:
        DataError: There are no images, one class alone, or files and labels do not fit to each other.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}: give the path of a folder with images.")
    if labels is None and maps is None and _idx_files(folder):
        return _of_idx(folder)
    listed = _listed(folder, labels, maps, skip_bad=skip_bad)
    images, rows = read_images(listed.paths, size=size, skip_bad=skip_bad, cache=cache)
    images = replace(images, column=listed.name, findings=(*listed.findings, *images.findings))
    listed = listed.take(rows)
    if listed.maps is None:
        return Gallery(listed.frame, images, listed.target)
    of_pixels, findings = read_maps(listed.maps, listed.paths, images.form, skip_bad=skip_bad)
    return Gallery(listed.frame, replace(images, findings=(*images.findings, *findings)), (), of_pixels)


def _listed(folder: Path, labels: Path | None, maps: Path | None, *, skip_bad: bool) -> _Listed:
    """What is to be read of a folder."""
    if labels is not None:
        listed = _by_table(folder, labels, maps, skip_bad=skip_bad)
    elif maps is None:
        frame, paths = _by_class(folder)
        listed = _Listed(frame, paths, (CLASS,), findings=tuple(find_in_folder(folder, paths)))
    else:
        paths = [path for path in files_in(folder) if not path.resolve().is_relative_to(maps.resolve())]
        listed = _Listed(pd.DataFrame(index=pd.RangeIndex(len(paths))), paths, ())
    if maps is None:
        return listed
    found, rows = maps_beside(listed.paths, folder, maps, skip_bad=skip_bad)
    return replace(listed.take(rows), maps=list(found))


def _by_table(folder: Path, labels: Path, maps: Path | None, *, skip_bad: bool) -> _Listed:
    """The files that a table names."""
    whole = read_frame(labels)
    name = path_column(whole)
    frame, paths = _named(whole, name, folder, skip_bad=skip_bad)
    column = None if maps is not None else map_column(frame)
    named = None if column is None else [None if pd.isna(one) else folder / str(one) for one in frame[column]]
    known = [*paths, *(path for path in named or () if path is not None)]
    if maps is None:
        _refuse_left(folder, known, labels, skip_bad=skip_bad)
    target = tuple(str(other) for other in frame.columns) if column is None and maps is None else ()
    return _Listed(frame if column is None else frame.drop(columns=column), paths, target, name, named)


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
    return not hidden and path.suffix.lower() in suffixes() and not path.is_dir()  # a broken link is a bad file


def find_in_folder(folder: Path, read: Sequence[Path]) -> Iterator[Finding]:
    """What of a folder was not read: files of other kinds, and classes without an image.

    Args:
        folder: The folder.
        read: The files that were.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     _ = Path(name, "a.heic").write_text("")
        ...     print(next(find_in_folder(Path(name), [])).message)
        1 file has an ending that is none of an image (.heic) and is not read.
    """
    every = [path for path in folder.rglob("*") if not path.name.startswith(".")]
    others = [path.suffix.lower() or path.name for path in every if path.is_file() and not _is_image(path, folder)]
    if others:
        yield Finding("other files", "note", "", _of_other_kinds(others))
    filled = {path.relative_to(folder).parts[0] for path in read if path.is_relative_to(folder)}
    empty = sorted(path.name for path in every if path.is_dir() and path.parent == folder and path.name not in filled)
    if empty:
        yield Finding("empty folders", "warning", "", _without_image(empty))


def _of_other_kinds(endings: Sequence[str]) -> str:
    shown = ", ".join(sorted(set(endings))[:5])
    if len(endings) == 1:
        return f"1 file has an ending that is none of an image ({shown}) and is not read."
    return f"{len(endings):,} files have endings that are none of an image ({shown}) and are not read."


def _without_image(folders: Sequence[str]) -> str:
    if len(folders) == 1:
        return f"The folder {folders[0]!r} holds no image, so it is no class."
    return f"{len(folders):,} folders, such as {folders[0]!r}, hold no image, so they are no classes."


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
        DataError: A name is missing.
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
