"""Where `automl-nn predict` writes maps: all into one array, or one file for each image into a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from automl_nn.data.images.decode import header_of, suffixes
from automl_nn.data.images.folder import PATH
from automl_nn.data.images.map_files import ARRAY
from automl_nn.errors import DataError
from automl_nn.review.writing import written_whole

if TYPE_CHECKING:
    from automl_nn.predict.predictor import Predictor

PROBA = "_proba"
"""What stands behind the name of the probabilities of a mask."""

Planes = dict[str, npt.NDArray[Any]]


@final
@dataclass(frozen=True)
class Source:
    """The files that images come from.

    Args:
        names: What their maps are called, with the folders that they lie in.
        paths: Where they lie.
    """

    names: Sequence[Path]
    paths: Sequence[Path]


def source_of(predictor: "Predictor", rows: pd.DataFrame, file: Path, *, folder: Path | None) -> Source | None:
    """The files of the images that were read; None where they come from an array.

    Args:
        predictor: A model of images.
        rows: What it read; a column names the files.
        file: A folder of images, one of them, or a table that names some.
        folder: Where the paths in a table begin, if not in its own folder.
    """
    assert predictor.images is not None
    column = predictor.images.column or PATH
    if column not in rows.columns:
        return None
    if file.suffix.lower() in suffixes():
        return Source([Path(file.name)], [file])
    begin, names = folder or (file if file.is_dir() else file.parent), [Path(str(name)) for name in rows[column]]
    paths = [begin / name for name in names]
    if len({name.with_suffix("") for name in names}) < len(set(names)):  # a.png and a.jpg must not share a map
        names = [name.with_name(f"{name.name}.map") for name in names]
    return Source(names, paths)


def write_maps(predictor: "Predictor", outputs: npt.NDArray[Any], output: Path, *, source: Source | None) -> None:
    """Write what a model says of each pixel.

    Into one array: maps in the size in which networks read images; of masks also their probabilities, as
    `NAME_proba.npy`. Into a folder: a file for each image, of its name and in its size; quantities as .tif of 32 bits,
    masks as .png of 0 and 255, and their probabilities beside them as `NAME_proba.tif`.

    Args:
        predictor: A model of maps.
        outputs: What it said of the pixels.
        output: An array that ends in .npy, or a folder, which is made.
        source: The files of the images; without them, maps are numbered and stay in the size of the network.

    Raises:
        DataError: It cannot be written, or a map has several numbers a pixel and no place in an image.
    """
    planes = _planes(predictor, outputs)
    try:
        if output.suffix == ARRAY:
            for ending, maps in planes.items():
                with written_whole(output.with_name(f"{output.stem}{ending}{ARRAY}")) as partial:
                    np.save(partial, maps)
        else:
            _write_files(planes, output, source)
    except OSError as error:
        raise DataError(f"{str(output)!r} cannot be written: {error.strerror or error}.") from error


def _planes(predictor: "Predictor", outputs: npt.NDArray[Any]) -> Planes:
    """What is decided of each pixel, and of masks the probability of yes, by what stands behind the names of files."""
    from automl_nn.predict.words import in_words

    assert predictor.maps is not None
    decision, shaped = predictor.decision, predictor.maps.shaped
    decided = {"": shaped(in_words(decision.apply(outputs), task=predictor.task, decision=decision))}
    if predictor.task.kind == "regression":
        return decided
    probability = decision.probability(outputs)
    yes = probability[:, 1] if predictor.task.kind == "binary" else probability
    return decided | {PROBA: shaped(yes).astype(np.float32)}


def _write_files(planes: Planes, output: Path, source: Source | None) -> None:
    depth = next(iter(planes.values())).shape[3:]
    if depth not in ((), (1,)):
        raise DataError(
            f"These maps have {depth[0]} numbers a pixel, which no image holds: name an array, as in -o maps{ARRAY}."
        )
    for ending, maps in planes.items():
        for place, values in enumerate(maps.reshape(maps.shape[:3])):
            name = Path(f"{place:06}") if source is None else source.names[place]
            size = None if source is None else header_of(source.paths[place]).size
            _write_one(values, _below(output, name.with_name(f"{name.stem}{ending}")), size)


def _below(output: Path, name: Path) -> Path:
    """A place in a folder, whatever the name of an image says."""
    place = output.joinpath(*(part for part in name.parts if part not in (name.anchor, "..")))
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write_one(values: npt.NDArray[Any], place: Path, size: tuple[int, int] | None) -> None:
    is_mask = values.dtype.kind in "biu"
    image = Image.fromarray((255 * values).astype(np.uint8) if is_mask else values.astype(np.float32))
    if size is not None and size != values.shape:
        rule = Image.Resampling.NEAREST if is_mask else Image.Resampling.BILINEAR
        image = image.resize((size[1], size[0]), rule)
    image.save(f"{place}.png" if is_mask else f"{place}.tif")
