"""A trained network may be shown an image in several ways, and says the mean of what it says of each."""

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import Maps
from automl_nn.model.build import build
from automl_nn.model.images import ImageRows
from automl_nn.model.inputs import Inputs
from automl_nn.model.readings import moved
from automl_nn.search.problems.images import pose_images
from automl_nn.search.problems.maps import pose_maps
from automl_nn.search.spaces.images import image_space
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix

HEIGHT, WIDTH, D_OUT = 6, 9, 2
PIXELS = torch.randint(0, 255, (5, 1, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def network(says, **readings):
    """A small network for maps or for whole images, every weight of which is drawn."""
    images, y = Images.of(np.random.default_rng(0).integers(0, 255, (40, HEIGHT, WIDTH), np.uint8)), np.arange(40) % 2
    if says == "maps":
        problem = pose_maps(pd.DataFrame(index=range(40)), Maps.of(images.pixels[:, 0] / 1e4), images)
    else:
        problem = pose_images(pd.DataFrame({"y": y}), ["y"], images)
    space = fix(image_space(problem)["model"], "backbone.d_block", 4)
    for path, value in readings.items():
        space = fix(space, f"readings.{path}", value)
    made = build(
        [defaults(space)],
        inputs(PIXELS),
        n_numeric=0,
        vocabularies=(),
        d_out=D_OUT,
        output_bias=torch.zeros(1, D_OUT),
        seeds=[0],
    )
    for parameter in made.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return made


def inputs(pixels):
    n = len(pixels)
    images = ImageRows(pixels.contiguous(), torch.arange(n))
    return Inputs(torch.zeros(n, 0), torch.zeros(n, 0, dtype=torch.int64), images=images)


def maps(output):
    return output.view(len(PIXELS), HEIGHT, WIDTH, D_OUT)


@pytest.mark.parametrize(("flip", "axes"), [("left_right", (2,)), ("up_down", (1,)), ("both", (1, 2))])
def test_what_is_said_of_a_mirror_image_is_mirrored(flip, axes):
    whole, of_pixels = (network(says, name="mirrored", flip=flip) for says in ("wholes", "maps"))
    mirrored = inputs(PIXELS.flip([axis + 1 for axis in axes]))
    torch.testing.assert_close(whole.predict(mirrored), whole.predict(inputs(PIXELS)))
    there, back = maps(of_pixels.predict(mirrored)), maps(of_pixels.predict(inputs(PIXELS)))
    torch.testing.assert_close(there.flip(axes), back)
    once = maps(network("maps").predict(inputs(PIXELS)))
    assert not torch.allclose(back, once, atol=1e-3)


def test_of_moved_images_the_mean_is_said():
    once, often = (network("wholes", name=name) for name in ("once", "moved"))
    ways = moved(shift=0.06, shape=inputs(PIXELS).images.shape)
    alone = [once.predict(inputs(way.shown(PIXELS))) for way in ways]
    assert len(ways) == 5
    torch.testing.assert_close(often.predict(inputs(PIXELS)), torch.stack(alone).mean(0))


def test_a_pixel_of_a_map_counts_where_it_was_seen():
    once, often = (network("maps", name=name) for name in ("once", "moved"))
    ways = moved(shift=0.06, shape=inputs(PIXELS).images.shape)
    found, alone = maps(often.predict(inputs(PIXELS))), [maps(once.predict(inputs(way.shown(PIXELS)))) for way in ways]
    as_it_is, from_left, from_right, from_above, from_below = alone
    inside = [as_it_is[:, 2, 3], from_left[:, 2, 4], from_right[:, 2, 2], from_above[:, 3, 3], from_below[:, 1, 3]]
    torch.testing.assert_close(found[:, 2, 3], torch.stack(inside).mean(0))
    corner = [as_it_is[:, 0, 0], from_left[:, 0, 1], from_above[:, 1, 0]]
    torch.testing.assert_close(found[:, 0, 0], torch.stack(corner).mean(0))
