"""Image files, brought to one form by a stated rule and decoded once, into memory or into a file that is mapped."""

import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from automl_nn.data.findings import Finding
from automl_nn.data.images.arrays import ImageForm, Images, Pixels, mapped
from automl_nn.data.images.decode import Header, each, header_of, pixels_of
from automl_nn.data.scratch import scratch_folder
from automl_nn.errors import DataError

MAX_SIDE = 128
"""The longest side of an image, in pixels, unless another size is asked for."""

RAM_SHARE = 0.25
"""Share of the free memory that images may take; more are kept in a file and mapped."""

N_NAMED = 5
"""Files that a finding names."""

WAY_OUT = ", or leave it out by --skip-bad (`read_images(..., skip_bad=True)`)."


def read_images(
    paths: Sequence[Path],
    *,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    cache: Path | None = None,
) -> tuple[Images, npt.NDArray[np.int64]]:
    """Decode image files of any format, size and mode into one array.

    All are brought to one size: the median height and width, with at most 128 pixels on the longer side, unless a size
    is asked for; where sizes differ, each side is scaled on its own. Images are read as grey if all are, else in
    colour; what is transparent is laid over white; files of 16 bits or more keep their numbers if all are grey. Images
    are turned as their camera was held.

    Args:
        paths: The files.
        size: Height and width.
        skip_bad: Whether files that cannot be read are left out and named in a finding; else one of them is refused.
        cache: Folder that keeps what was decoded, to be mapped the next time. Unless given, images are kept in memory
            if they take less than a quarter of what is free, else in a temporary file.

    Returns:
        The images, and the positions of their paths.

    Raises:
        DataError: A file cannot be read, or none can.

    Example:
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (300, 200), "red").save(f"{folder}/red.png")
        ...     images, _ = read_images([Path(folder, "red.png")])
        >>> images.shape, images.findings[0].message
        ((3, 85, 128), 'Images have 200 x 300 pixels (height x width): all are scaled to 85 x 128.')
    """
    if not paths:
        raise DataError("There is no image file: name at least one.")
    found = list(each(header_of, paths))
    why = {number: header for number, header in enumerate(found) if isinstance(header, str)}
    headers = {number: header for number, header in enumerate(found) if isinstance(header, Header)}
    if not skip_bad or not headers:
        _refuse_bad(paths, why, way_out="." if skip_bad else WAY_OUT)
    form = common_form(list(headers.values()), size)
    images, broken = _decoded([paths[number] for number in headers], form, cache)
    if broken:
        numbers = list(headers)
        why |= {numbers[place]: reason for place, reason in broken.items()}
        if not skip_bad or len(why) == len(paths):
            _refuse_bad(paths, why, way_out="." if skip_bad else WAY_OUT)
        headers = {number: header for number, header in headers.items() if number not in why}
        images, _ = _decoded([paths[number] for number in headers], form, cache)
    findings = (*_what_was_done(list(headers.values()), form), *_what_was_left(paths, why))
    return replace(images, findings=findings), np.array(list(headers), dtype=np.int64)


def read_as(paths: Sequence[Path], form: ImageForm) -> Images:
    """Decode image files into the form that a model reads.

    Args:
        paths: The files.
        form: Size, channels and values.

    Raises:
        DataError: A file cannot be read.
    """
    images, broken = _decoded(paths, form, None)
    _refuse_bad(paths, broken, way_out=".")
    return images


def common_form(headers: Sequence[Header], size: tuple[int, int] | None) -> ImageForm:
    """One form for all images, by the rule that `read_images` states.

    Args:
        headers: What the files say.
        size: Height and width that are asked for.

    Example:
        >>> common_form([Header(400, 200, True, False), Header(402, 200, False, False)], None).shape
        (3, 128, 64)
    """
    height, width = size or _fitting(*np.median([header.size for header in headers], axis=0).tolist())
    if min(height, width) < 1:
        raise DataError(f"A size of {height} x {width} pixels is not possible: give height and width, 1 or more.")
    are_grey = all(header.is_grey for header in headers)
    are_deep = are_grey and any(header.is_deep for header in headers)
    return ImageForm(1 if are_grey else 3, height, width, "float32" if are_deep else "uint8")


def _fitting(height: float, width: float) -> tuple[int, int]:
    """A size in the same proportion that is not too large."""
    shrink = max(1.0, max(height, width) / MAX_SIDE)
    return max(1, round(height / shrink)), max(1, round(width / shrink))


def _decoded(paths: Sequence[Path], form: ImageForm, cache: Path | None) -> tuple[Images, dict[int, str]]:
    """The images, and why some could not be decoded."""
    name = None if cache is None else cache / f"{_key(paths, form)}.npy"
    if name is not None and name.is_file():
        return mapped(name), {}
    with ExitStack() as stack:
        pixels, file = _room((len(paths), *form.shape), form, cache, stack)

        def decode(number: int) -> None:
            pixels[number] = pixels_of(paths[number], form)

        broken = {number: why for number, why in enumerate(each(decode, range(len(paths)))) if why is not None}
        if file is None:
            return Images(pixels), broken
        return _in_file(pixels, file, None if broken else name, stack), broken


def _room(shape: tuple[int, ...], form: ImageForm, cache: Path | None, stack: ExitStack) -> tuple[Pixels, Path | None]:
    """An array for all images: in memory if that is little, else in a file that is mapped and goes with the stack."""
    n_bytes = int(np.prod(shape)) * np.dtype(form.kind).itemsize
    if cache is None and n_bytes <= RAM_SHARE * psutil.virtual_memory().available:
        return np.zeros(shape, dtype=form.kind), None
    folder = Path(tempfile.gettempdir()) if cache is None else cache
    try:
        folder = stack.enter_context(scratch_folder()) if cache is None else cache
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(suffix=".npy", dir=folder, delete=False) as opened:
            file = Path(opened.name)
        stack.callback(file.unlink, missing_ok=True)
        return np.lib.format.open_memmap(file, mode="w+", dtype=np.dtype(form.kind), shape=shape), file
    except OSError as error:
        raise DataError(
            f"The images take {n_bytes / 2**30:.3g} GiB, which {str(folder)!r} cannot hold ({error.strerror}): name "
            "another folder for them, or a smaller size."
        ) from error


def _in_file(pixels: Pixels, file: Path, name: Path | None, stack: ExitStack) -> Images:
    """Images in a file of this name; one without a name goes with them, and so does what the stack holds."""
    assert isinstance(pixels, np.memmap)
    pixels.flush()
    if name is not None:
        return mapped(file.replace(name))
    images = mapped(file)
    weakref.finalize(images.pixels, _remove, stack.pop_all(), os.getpid())
    return images


def _remove(stack: ExitStack, owner: int) -> None:
    if os.getpid() == owner:  # other processes map the file, too
        stack.close()


def _key(paths: Sequence[Path], form: ImageForm) -> str:
    """Names what was decoded: the files as they are now, and the form."""
    digest = hashlib.blake2b(repr(form).encode(), digest_size=12)
    for path in paths:
        state = path.stat()
        digest.update(f"{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _refuse_bad(paths: Sequence[Path], why: Mapping[int, str], *, way_out: str = WAY_OUT) -> None:
    if why:
        first = min(why)
        several = "files" if len(why) > 2 else "file"
        others = f", nor can {len(why) - 1:,} other {several}" if len(why) > 1 else ""
        raise DataError(f"{str(paths[first])!r} cannot be read ({why[first]}){others}: mend or remove it{way_out}")


def _what_was_done(headers: Sequence[Header], form: ImageForm) -> Iterator[Finding]:
    """How images were changed to be alike."""
    sizes = {header.size for header in headers}
    if sizes != {(form.height, form.width)}:
        least, most = (f"{size[0]} x {size[1]}" for size in (min(sizes), max(sizes)))
        have = f"{len(sizes):,} sizes, from {least} to {most}" if len(sizes) > 1 else least
        text = f"Images have {have} pixels (height x width): all are scaled to {form.height} x {form.width}."
        yield Finding("sizes", "note", "", text)
    n_grey = sum(header.is_grey for header in headers)
    if form.channels == 3 and n_grey:
        text = f"{n_grey:,} of {len(headers):,} images are grey, the others in colour: all are read in colour."
        yield Finding("channels", "warning", "", text)
    n_deep = sum(header.is_deep for header in headers)
    if 0 < n_deep < len(headers):
        text = f"{n_deep:,} of {len(headers):,} images have more than 8 bits a value: all are brought to one scale."
        yield Finding("depth", "warning", "", text)


def _what_was_left(paths: Sequence[Path], why: Mapping[int, str]) -> Iterator[Finding]:
    if why:
        shown = ", ".join(f"{paths[number].name!r} ({why[number]})" for number in sorted(why)[:N_NAMED])
        others = ", ..." if len(why) > N_NAMED else ""
        cannot = f"{len(why):,} of {len(paths):,} files cannot be read and are left out"
        yield Finding("unreadable", "warning", "", f"{cannot}: {shown}{others}.")
