"""What a study keeps of its problem: how it goes on with the same one, and by which rows its models are checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.fingerprint import fingerprint
from automl_nn.data.images.arrays import ImageForm, Images
from automl_nn.data.images.given import table_of
from automl_nn.data.images.maps import MapForm, kept_places
from automl_nn.data.series.steps import Steps
from automl_nn.data.table import Table
from automl_nn.model.backbones.sequence import MAX_LENGTH
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.step_names import SERIES_GROUPS, SERIES_IDS, StepNames

N_PROBE, N_IMAGE_PROBE, N_PROBE_STEPS = 32, 4, 2048
"""Rows, images, and steps of series, by which a model is checked when it is written."""


def spec_of(problem: Problem) -> dict[str, Any]:
    """What must stay the same for a study to go on, as plain JSON values.

    Args:
        problem: What the study is begun with.

    Example:
        >>> from automl_nn.search.problems.problem import pose
        >>> problem = pose(pd.DataFrame({"x": [0.1, 0.5, 0.9] * 20, "y": [0, 0, 1] * 20}), ["y"])
        >>> sorted(spec_of(problem)), probed(spec_of(problem))[0].n_rows
        (['data', 'probe', 'schema', 'split', 'task'], 12)
    """
    steps, images, maps = problem.steps, problem.images, problem.maps
    return {
        "task": problem.task.to_json(),
        "schema": problem.table.schema(),
        "data": {
            "fingerprint": problem.fingerprint,
            "weight": _weights(problem),
            "n_rows": problem.table.n_rows,
        },
        "split": problem.parting.to_json(),
        "probe": _probe(problem),
        **({} if steps is None else _series(steps, problem.groups)),
        **({} if images is None else _pictures(images, problem.split.val[: _n_probe(problem)])),
        **({} if maps is None else {"maps": maps.to_json(), "n_val": len(problem.split.val)}),
    }


def probed(spec: Mapping[str, Any]) -> tuple[Table, Images | None]:
    """The rows by which a model is checked, and their images.

    Args:
        spec: What `spec_of` returned, perhaps out of a store.
    """
    form = ImageForm.from_json(spec["images"]) if "images" in spec else None
    images = None if form is None else Images.from_text(spec["image_probe"], form)
    frame = pd.DataFrame(spec["probe"])
    return table_of(frame, spec["schema"], n_rows=len(frame) if images is None else len(images)), images


def compared_places(spec: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """The pixels of each image by which trials are compared; None where rows are compared as a whole.

    Args:
        spec: What `spec_of` returned, perhaps out of a store.
    """
    return kept_places(spec["n_val"], MapForm.from_json(spec["maps"]).n_places) if "maps" in spec else None


def _weights(problem: Problem) -> str | None:
    return None if problem.weight is None else fingerprint(pd.DataFrame({"weight": problem.weight}))


def _series(steps: Steps, groups: NDArray[Any] | None) -> dict[str, Any]:
    names = StepNames.of(steps)
    return {
        "series": steps.columns.to_json(),
        "step_seconds": steps.seconds,
        **({} if names is None else {SERIES_IDS: names.to_json()}),
        **({} if groups is None else {SERIES_GROUPS: groups[steps.starts].tolist()}),
    }


def _pictures(images: Images, rows: NDArray[Any]) -> dict[str, Any]:
    return {"images": images.form.to_json(), "image_probe": images.take(rows).to_text()}


def _probe(problem: Problem) -> dict[str, list[Any]]:
    """The first few rows that choose."""
    n_rows = _n_probe(problem) if problem.steps is None else _n_steps(problem.steps, problem.split.val)
    frame = problem.table.take(problem.split.val[:n_rows]).frame.astype(object)
    rows = frame.where(frame.notna(), None).to_dict("list")
    return {str(name): [_plain(value) for value in values] for name, values in rows.items()}


def _n_probe(problem: Problem) -> int:
    return min(N_PROBE if problem.images is None else N_IMAGE_PROBE, len(problem.folds[0].val))


def _n_steps(steps: Steps, val: NDArray[Any]) -> int:
    """Steps of the first stretch that chooses, so many that its first windows are those of training."""
    ends = [*steps.stretches(val).tolist(), len(val)]
    return int(min(ends[1], N_PROBE_STEPS if steps.columns.per_step else MAX_LENGTH))


def _plain(value: Any) -> Any:
    """A cell as JSON holds it without loss."""
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
