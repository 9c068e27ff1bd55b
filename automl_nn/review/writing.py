"""Files that are whole or not there: what is written appears under its name when it is complete."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from automl_nn.errors import DataError

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip, so that equal content makes equal files."""


def check_new(path: Path, *, force: bool) -> None:
    """Refuse to write over a file or into a folder that holds something.

    Args:
        path: What shall be written.
        force: Whether to write nevertheless.

    Raises:
        DataError: It is there already, or the folder that it is to lie in is not.

    Example:
        >>> check_new(Path("report.html"), force=False)
    """
    if not path.parent.is_dir():
        raise DataError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}, so make it first.")
    if force:
        return
    if path.is_file():
        raise DataError(f"{str(path)!r} is there already: name another file, or write over it with --force.")
    if path.is_dir() and any(path.iterdir()):
        raise DataError(f"The folder {str(path)!r} is not empty: name another one, or write into it with --force.")


def write_file(path: Path, content: bytes) -> None:
    """Write a file; whoever reads it meanwhile sees the old one or the new one.

    Raises:
        DataError: It cannot be written.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_file(folder / "report.html", b"<p>")
        >>> [file.name for file in folder.iterdir()]
        ['report.html']
    """
    with written_whole(path) as partial:
        partial.write_bytes(content)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """An empty file beside `path` to write to, which takes its place when the block ends, and goes if it fails.

    What is no plain file, such as a pipe or `/dev/null`, is written to as it is.

    Raises:
        DataError: It cannot be written.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with written_whole(folder / "rows.csv") as partial:
        ...     _ = partial.write_text("x")
        >>> (folder / "rows.csv").read_text()
        'x'
    """
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder: name a file.")
    try:
        if path.exists() and not path.is_file():
            yield path
            return
        place = path.resolve()  # what a link leads to
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=place.suffix)
        os.close(handle)
        try:
            yield Path(name)
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def write_files(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made if need be; or into one file if the path ends in .zip.

    Args:
        path: The folder or the .zip file.
        files: The content of each file by its name.

    Raises:
        DataError: They cannot be written.
    """
    if path.suffix.lower() == ".zip":
        write_file(path, _zipped(files))
        return
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {str(path)!r} cannot be made: {error.strerror or error}.") from error
    for name, content in files.items():
        write_file(path / name, content)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name, EPOCH), content, ZIP_DEFLATED)
    return buffer.getvalue()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
