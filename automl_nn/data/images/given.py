"""Rows whose images are given as arrays, as files, as a folder, or as a column that names files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from automl_nn.data.idx import read_idx, read_npy
from automl_nn.data.images.arrays import ImageForm, Images
from automl_nn.data.images.decode import suffixes
from automl_nn.data.images.files import read_as, read_images
from automl_nn.data.images.folder import PATH, files_in, path_column, paths_of
from automl_nn.data.read import as_frame, read_frame
from automl_nn.data.table import Table
from automl_nn.errors import DataError


def no_table(n_rows: int) -> Table:
    """Rows without any column: what stands beside images that stand alone.

    Example:
        >>> no_table(3).take([0, 2]).numbers().shape
        (2, 0)
    """
    return Table(pd.DataFrame(index=pd.RangeIndex(n_rows)), ())


def table_of(frame: pd.DataFrame, schema: Sequence[Mapping[str, str]], *, n_rows: int) -> Table:
    """Rows in the columns and roles of a known table, which may have no column.

    Args:
        frame: The rows.
        schema: What `Table.schema` returned.
        n_rows: Their number, which a frame without columns does not tell.

    Example:
        >>> table_of(pd.DataFrame(), [], n_rows=3).n_rows
        3
    """
    return Table.from_schema(frame, schema) if schema else no_table(n_rows)


def images_of(X: Any) -> Images:
    """Images to learn from.

    Args:
        X: An array as for `Images.of`, or a sequence of paths of image files.

    Raises:
        DataError: It is neither, or a file cannot be read.
    """
    return read_images(_paths(X))[0] if _are_paths(X) else Images.of(X)


def given_rows(
    data: Any, form: ImageForm, images: Any = None, *, folder: str | Path | None = None
) -> tuple[pd.DataFrame, Images]:
    """Rows to predict, and the image of each of them as a model reads it.

    Args:
        data: Images as for `images_of`, or their `.npy` or idx file; a folder, whose image files are read in the order
            of their names, whatever folders they lie in; or a table, or its CSV or Parquet file, of what stands beside
            the images.
        form: How the model reads images.
        images: Images as for `images_of`, if `data` is a table; unless given, a column of the table names their files.
        folder: Where the paths in a table begin; the folder of its file unless given.

    Returns:
        The table, with a column of paths where images are files, and the images.

    Raises:
        DataError: There are not as many images as rows, or they are not those that the model reads.

    Example:
        >>> import numpy as np
        >>> pixels = np.zeros((2, 8, 8), dtype=np.uint8)
        >>> frame, images = given_rows(pixels, Images.of(pixels).form)
        >>> len(frame), len(images)
        (2, 2)
    """
    if images is not None:
        return _beside(as_frame(data), form.check(_in_form(images, form)))
    if isinstance(data, str | Path):
        return _of_path(Path(data), form, folder)
    if isinstance(data, pd.DataFrame) or hasattr(data, "to_pandas"):
        return _of_table(as_frame(data), form, Path(folder or "."))
    found = form.check(_in_form(data, form))
    names = {PATH: [str(path) for path in data]} if _are_paths(data) else {}
    return pd.DataFrame(names, index=pd.RangeIndex(len(found))), found


def _in_form(X: Any, form: ImageForm) -> Images:
    return read_as(_paths(X), form) if _are_paths(X) else Images.of(X)


def _beside(frame: pd.DataFrame, images: Images) -> tuple[pd.DataFrame, Images]:
    if len(frame) != len(images):
        raise DataError(f"There are {len(images)} images, but {len(frame)} rows beside them: give one for each.")
    return frame, images


def _of_path(path: Path, form: ImageForm, folder: str | Path | None) -> tuple[pd.DataFrame, Images]:
    if path.is_dir():
        files = files_in(path)
        names = [file.relative_to(path).as_posix() for file in files]
        return pd.DataFrame({form.column or PATH: names}), read_as(files, form)
    if "-idx" in path.name or path.suffix == ".npy":
        found = form.check(Images.of(read_idx(path) if "-idx" in path.name else read_npy(path)))
        return pd.DataFrame(index=pd.RangeIndex(len(found))), found
    if path.suffix.lower() in suffixes():
        return pd.DataFrame({form.column or PATH: [str(path)]}), read_as([path], form)
    return _of_table(read_frame(path), form, Path(folder or path.parent))


def _of_table(frame: pd.DataFrame, form: ImageForm, folder: Path) -> tuple[pd.DataFrame, Images]:
    """Rows that name their images, whose paths begin at a folder."""
    name = form.column if form.column in frame.columns else path_column(frame)
    assert name is not None
    found = read_as(paths_of(frame[name], folder), form)
    return frame if name == form.column else frame.rename(columns={name: form.column or PATH}), found


def _are_paths(X: Any) -> bool:
    """Whether these are names of files."""
    if isinstance(X, str | Path | Images) or not hasattr(X, "__len__") or not len(X):
        return False
    return all(isinstance(one, str | Path) for one in X)


def _paths(X: Any) -> list[Path]:
    return [Path(one) for one in X]
