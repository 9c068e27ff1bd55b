"""Posing a problem whose images have a label for each pixel."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.given import no_table
from automl_nn.data.images.maps import Maps
from automl_nn.data.table import Role
from automl_nn.errors import DataError
from automl_nn.search.problems.images import part_images
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import Problem, checked_weights
from automl_nn.task.base import Label
from automl_nn.task.maps import encode_maps, map_task


def pose_maps(
    frame: pd.DataFrame,
    maps: Maps,
    images: Images,
    *,
    kind: str | None = None,
    metric: str | None = None,
    classes: tuple[Label, ...] | None = None,
    roles: Mapping[str, Role] | None = None,
    parting: Parting | None = None,
    weight: NDArray[Any] | None = None,
    seed: int = 0,
) -> Problem:
    """Read a problem from images and their maps.

    Args:
        frame: One row an image; it may hold nothing but what the images are parted by.
        maps: What is known of each pixel; images of which nothing is known are left out.
        images: The images.
        kind: `regression`, `binary` or `multilabel`; told from the numbers unless given.
        metric: Score that compares trials, over pixels; chosen by the task unless given.
        classes: Maps have none.
        roles: Columns have none.
        parting: How the images are parted.
        weight: Weight of each image `(n,)`, 0 or more.
        seed: Seed of the split.

    Raises:
        DataError: There are columns beside the images, or not as many rows as images.
        TargetError: The maps do not fit to the images, or hold nothing to learn.

    Example:
        >>> pixels = np.random.default_rng(0).integers(0, 256, size=(20, 6, 6), dtype=np.uint8)
        >>> problem = pose_maps(pd.DataFrame(index=range(20)), Maps.of(pixels / 1e4), Images.of(pixels))
        >>> problem.task.kind, problem.y.shape, problem.compared.y.shape
        ('regression', (20, 36), (144, 1))
    """
    del classes, roles
    parting = parting or Parting()
    _check_alone(frame, parting)
    form = images.form
    maps.check_beside(form.height, form.width, n=len(images))
    hashes = images.hashes
    known = np.isfinite(maps.values).any(axis=(1, 2, 3))
    labelled = np.where(known, 0.0, np.nan).astype(np.float32)[:, None]
    split = part_images(parting, frame, hashes, labelled, None, seed=seed)
    task = map_task(maps, split.train, kind=kind, metric=metric)
    of_maps = hashlib.blake2b(maps.values.tobytes(), digest_size=16).hexdigest()
    facts = "".join([fingerprint(frame) if frame.shape[1] else "", of_maps, *hashes])
    groups = None if parting.group is None else pd.factorize(frame[parting.group], use_na_sentinel=False)[0]
    return Problem(
        table=no_table(len(images)),
        task=task,
        y=encode_maps(task, maps),
        split=split,
        weight=None if weight is None else checked_weights(weight, n_rows=len(images)),
        fingerprint=hashlib.blake2b(facts.encode(), digest_size=16).hexdigest(),
        parting=parting,
        groups=None if groups is None else groups.astype(np.int64),
        images=images,
        maps=maps.form,
    )


def _check_alone(frame: pd.DataFrame, parting: Parting) -> None:
    beside = [name for name in frame.columns if name not in (parting.group, parting.time)]
    if beside:
        raise DataError(
            f"Maps are learned from images alone, but there is a column {beside[0]!r} beside them: leave it out, or "
            "part the images by it."
        )
