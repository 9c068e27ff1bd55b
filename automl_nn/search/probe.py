"""The few rows that a study keeps of its data: a model is checked by them when it is written."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.image import ImageForm, Images
from automl_nn.data.image_given import table_of
from automl_nn.data.maps import MapForm, kept_places
from automl_nn.data.table import Table

N_PROBE, N_IMAGE_PROBE, N_PROBE_STEPS = 32, 4, 2048
"""Rows, images, and steps of series, by which a model is checked when it is written."""


def probed(spec: Mapping[str, Any]) -> tuple[Table, Images | None]:
    """The rows by which a model is checked, and their images.

    Args:
        spec: What `Problem.spec` returned, perhaps out of a store.
    """
    form = ImageForm.from_json(spec["images"]) if "images" in spec else None
    images = None if form is None else Images.from_text(spec["image_probe"], form)
    frame = pd.DataFrame(spec["probe"])
    return table_of(frame, spec["schema"], n_rows=len(frame) if images is None else len(images)), images


def compared_places(spec: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """The pixels of each image by which trials are compared; None where rows are compared as a whole.

    Args:
        spec: What `Problem.spec` returned, perhaps out of a store.
    """
    return kept_places(spec["n_val"], MapForm.from_json(spec["maps"]).n_places) if "maps" in spec else None
