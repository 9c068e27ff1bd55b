"""Near copies across a split, and classes that mirrored images are taken for."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from automl_nn.data.images import likeness
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.likeness import difference_hashes, find_mirrors, find_near_copies, small_forms
from automl_nn.data.parting.split import Split
from automl_nn.search.problems.images import pose_images


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def scenes(rng):
    """Twelve smooth images of 40 x 30 pixels, each of its own."""
    coarse = rng.integers(0, 200, (12, 5, 4), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((30, 40), Image.Resampling.BICUBIC)) for one in coarse])


def saved_anew(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def smaller(image):
    return np.asarray(Image.fromarray(image).resize((20, 27)).resize((30, 40)))


def brighter(image):
    return (image // 2 + 60).astype(np.uint8)


def found(first, second):
    """How many of the second images nearly equal one of the first ones."""
    both = Images.of(np.concatenate([first, second]))
    split = Split(np.arange(len(first)), np.arange(len(first), len(both)))
    said = [finding.message for finding in find_near_copies(both, split)]
    return int(said[0].split(" of ")[0]) if said else 0


@pytest.mark.parametrize("change", [saved_anew, smaller, brighter])
def test_images_that_were_changed_a_little_are_near_copies(scenes, change):
    assert found(scenes, np.stack([change(image) for image in scenes])) == 12


def test_other_images_and_plain_ones_are_none(scenes, rng):
    assert found(scenes[:6], scenes[6:]) == 0
    plain = np.full((4, 40, 30), 255, dtype=np.uint8)
    assert found(plain, plain - 1) == 0
    assert found(scenes, np.flip(scenes, 2)) == 0


def test_images_are_looked_at_piece_by_piece_with_the_same_result(scenes, monkeypatch):
    changed = np.stack([saved_anew(image) for image in scenes])
    monkeypatch.setattr(likeness, "ROWS_AT_ONCE", 5)
    assert found(scenes, changed) == 12


def test_small_forms_are_means_of_cells_whatever_the_size(rng):
    pixels = rng.random((3, 2, 10, 7))
    small = small_forms(Images.of(pixels), np.array([2, 0]), height=3, width=2)
    np.testing.assert_allclose(small[0, 0, 1], pixels[2, :, :3, 3:].mean(), rtol=1e-5)
    assert small_forms(Images.of(pixels), np.arange(3), height=16, width=16).shape == (3, 16, 16)


def test_hashes_do_not_depend_on_brightness_and_contrast(rng):
    pixels = rng.random((4, 30, 30))
    rows = np.arange(4)
    first, second = (difference_hashes(Images.of(x), rows) for x in (pixels, 3 * pixels + 7))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (4, 128)


def test_digits_are_not_to_be_mirrored():
    digits = load_digits()
    said = find_mirrors(Images.of(digits.images), digits.target.astype(float), list(range(10)))
    assert [finding.message.split(",")[0] for finding in said] == ["Mirrored left to right", "Mirrored upside down"]


def test_what_is_the_same_in_a_mirror_may_be_mirrored(rng):
    """Blobs of two sizes, anywhere."""
    y, (rows, columns) = np.arange(200) % 2, np.mgrid[:16, :16]
    centres = rng.uniform(4, 11, (200, 2, 1, 1))
    squares = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    images = Images.of(squares < np.where(y, 16, 5)[:, None, None])
    assert list(find_mirrors(images, y.astype(float), ["small", "large"])) == []


def test_a_few_images_and_unlabelled_ones_tell_nothing(rng):
    images = Images.of(rng.random((30, 6, 6)))
    assert list(find_mirrors(images, np.where(np.arange(30) < 15, np.nan, 0.0), ["a", "b"])) == []
    assert list(find_mirrors(images, np.full(30, np.nan), ["a", "b"])) == []


def test_a_problem_tells_both(scenes):
    """Each image twice, a little brighter: some pairs are torn whatever the split."""
    pixels = np.concatenate([scenes, scenes + 2, scenes[:, :, ::-1], scenes[:, :, ::-1] + 2])
    problem = pose_images(pd.DataFrame({"y": np.repeat([0, 1], 24)}), ["y"], Images.of(pixels))
    assert {"near copies", "mirrors"} <= {finding.kind for finding in problem.findings}
