"""The file of a model: a zip of JSON and safetensors.

Nothing in it is ever executed, and every part is checked against its SHA-256 when it is read.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path

from automl_nn.errors import ModelFileError

MANIFEST, CHECKSUMS = "manifest.json", "checksums.json"


def write_archive(path: str | PathLike[str], parts: Mapping[str, bytes]) -> None:
    """Write the parts of a model into one file.

    Args:
        path: Where to; a model that is there is replaced once the new one is complete.
        parts: What each part holds, by its name; `MANIFEST` is one of them.

    Raises:
        ModelFileError: The file cannot be written, or it is there and no model.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_archive(f"{folder}/model.nn", {MANIFEST: b"{}"})
        ...     read_archive(f"{folder}/model.nn")
        {'manifest.json': b'{}'}
    """
    check_model_file(Path(path))
    checksums = json.dumps({name: checksum(content) for name, content in parts.items()}).encode()
    partial = Path(f"{path}.partial")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name, content in {**parts, CHECKSUMS: checksums}.items():
                archive.writestr(name, content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            partial.unlink(missing_ok=True)
        raise ModelFileError(f"The model cannot be written to {str(path)!r}: {error.strerror}.") from error


def read_archive(path: str | PathLike[str]) -> dict[str, bytes]:
    """The checked parts of a model, by their names.

    Raises:
        ModelFileError: The file is missing, truncated, changed, or no model at all.
    """
    parts, checksums = _unpacked(Path(path))
    for name, content in parts.items():
        if checksum(content) != checksums[name]:
            raise ModelFileError(f"{str(path)!r} was changed after it was written ({name}): write the model anew.")
    if MANIFEST not in parts:
        raise ModelFileError(f"{str(path)!r} has no {MANIFEST}: write the model anew.")
    return parts


def _unpacked(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The parts, and the checksums that they should have."""
    if not path.is_file():
        raise ModelFileError(
            f"There is no model file {str(path)!r}: write one by `automl-nn decide STUDY -o model.nn`."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            checksums: dict[str, str] = json.loads(archive.read(CHECKSUMS))
            return {name: archive.read(name) for name in checksums}, checksums
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(f"{str(path)!r} is no model file, or it is truncated: write the model anew.") from error


def check_model_file(path: Path) -> None:
    """Refuse to write over anything but a model, or into no folder.

    Raises:
        ModelFileError: A file of another kind is there, or the folder is not.
    """
    if not path.parent.is_dir():
        raise ModelFileError(f"The model cannot be written: there is no folder {str(path.parent)!r}, so make it first.")
    if not path.exists():
        return
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if MANIFEST in archive.namelist():
                return
    raise ModelFileError(f"{str(path)!r} is there and no model file: choose another name, or remove it.")


def checksum(content: bytes) -> str:
    """The SHA-256 of a part, as text."""
    return hashlib.sha256(content).hexdigest()
