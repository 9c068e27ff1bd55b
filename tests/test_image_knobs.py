"""No knob of images does nothing: another value, the same seed, another training curve."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from automl_nn.data.images.arrays import Images
from automl_nn.search.encodings import Encodings
from automl_nn.search.knobs import knob_cases, training_curve
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.images import image_space
from automl_nn.space.draw import defaults, flatten

SMALL = {
    "model.backbone.d_block": 8,
    "model.backbone.n_blocks": 2,
    "model.backbone.n_stages": 2,
    "train.batch_size": 8,
    "train.n_epochs": 2,
}
"""Quick."""

OURS = ("model.backbone", "model.normalization", "model.pixels", "model.readings", "train.augmentation")
"""Knobs that only images have; `test_knobs.py` has the others."""

WITHOUT_WEIGHTS = "pretrained"


@cache
def encodings():
    """40 images, larger than the smaller side to which they may be shrunk, whose brightness is their label."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    pixels = rng.integers(0, 200, (40, 36, 34, 3)) + 20 * y[:, None, None, None] * rng.random((40, 36, 34, 1))
    return Encodings(pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(pixels.astype(np.uint8))))


@cache
def space():
    """What is searched for such images."""
    return image_space(encodings().problem)


@cache
def curve(settings):
    """Loss and score of each epoch under these settings."""
    edited = edit_space(space(), {"model.recipe": "free", **dict(settings)})
    known = flatten(defaults(edited)).keys() - dict(settings).keys()
    config = defaults(edit_space(edited, {path: value for path, value in SMALL.items() if path in known}))
    return training_curve(encodings(), config).tolist()


def cases():
    for case in knob_cases(space(), starts=SMALL):
        has_weights = WITHOUT_WEIGHTS not in case.held.values()
        if case.path.startswith(OURS) and has_weights:
            held = [str(name) for path, name in case.held.items() if path != "model.recipe"]
            values = tuple(value for value in case.values if value != WITHOUT_WEIGHTS)
            yield pytest.param(replace(case, values=values), id="-".join([*held, case.path]))


@pytest.mark.slow
@pytest.mark.parametrize("case", list(cases()))
def test_every_value_of_a_knob_of_images_has_a_training_curve_of_its_own(case):
    settings = [frozenset((dict(case.held) | {case.path: value}).items()) for value in case.values]
    curves = [curve(setting) for setting in settings]
    for i, one in enumerate(curves):
        assert one not in curves[:i], f"{case.path} = {case.values[i]!r} trains like {case.values[curves.index(one)]!r}"


def test_the_knobs_of_images_are_found():
    paths = {case.values[0].path for case in cases()}
    assert {"model.backbone.n_residual", "model.backbone.n_taps", "train.augmentation.mixup"} <= paths
