"""Maps in files: found beside their images, checked against them, brought to one size."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_nn.data.images.arrays import ImageForm
from automl_nn.data.images.folder import read_gallery
from automl_nn.data.images.map_files import map_column, read_maps
from automl_nn.errors import DataError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def cells(tmp_path, rng):
    """Four images of 8 x 6 pixels and their masks, in folders beside each other."""
    for name in ("images/a", "masks/a"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (8, 6, 3), dtype=np.uint8)).save(tmp_path / f"images/a/{number}.png")
        mask = 255 * (rng.random((8, 6)) < 0.5).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / f"masks/a/{number}_mask.png")
    return tmp_path


def gallery(cells, **told):
    return read_gallery(cells / "images", **{"maps": cells / "masks", **told})


def pixels(cells, number):
    return np.asarray(Image.open(cells / f"masks/a/{number}_mask.png"))


def one(file, image, *, height=8, width=6):
    """The values of the map of one image, in a size."""
    return read_maps([file], [image], ImageForm(3, height, width, "uint8"))[0].values[0, :, :, 0]


def test_masks_are_found_by_the_names_of_their_images_and_become_0_and_1(cells):
    read = gallery(cells)
    assert read.target == ()
    assert read.maps.form.is_flat
    for number in range(4):
        np.testing.assert_array_equal(read.maps.values[number, :, :, 0], pixels(cells, number) / 255)
    assert [finding.kind for finding in read.images.findings] == ["masks"]


def test_masks_among_the_images_are_no_images(cells):
    masks = (cells / "masks").rename(cells / "images" / "masks")
    assert len(read_gallery(cells / "images", maps=masks).images) == 4


def test_a_table_names_maps_where_they_are_known(cells):
    frame = pd.DataFrame({"path": [f"images/a/{n}.png" for n in range(4)], "patient": [0, 0, 1, 1]})
    frame["mask"] = [None, *(f"masks/a/{n}_mask.png" for n in range(1, 4))]
    (cells / "masks/a/0_mask.png").unlink()
    frame.to_csv(cells / "cells.csv", index=False)
    read = read_gallery(cells, cells / "cells.csv")
    assert read.frame.columns.tolist() == ["patient"]
    assert np.isnan(read.maps.values[0]).all()
    np.testing.assert_array_equal(read.maps.values[3, :, :, 0], pixels(cells, 3) / 255)
    assert map_column(pd.DataFrame({"mask": [0, 1]})) is None


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_quantities_are_read_as_they_are(cells, rng, suffix):
    values = rng.normal(size=(8, 6)).astype(np.float32)
    file = cells / f"heat{suffix}"
    if suffix == ".npy":
        np.save(file, values)
    else:
        Image.fromarray(values).save(file)
    np.testing.assert_array_equal(one(file, cells / "images/a/0.png"), values)


def test_smaller_maps_are_means_but_masks_and_gaps_stay_whole(cells, rng):
    image, file = cells / "images/a/0.png", cells / "heat.npy"
    heat = np.full((8, 6), 0.25, dtype=np.float32)
    heat[:, 3:] = 0.75
    np.save(file, heat)
    small = one(file, image, height=4, width=3)
    assert small[:, 0] == pytest.approx(0.25)
    assert ((small[:, 1] > 0.25) & (small[:, 1] < 0.75)).all()
    heat[0, 0] = np.nan
    np.save(file, heat)
    assert set(one(file, image, height=4, width=3)[1:].ravel().tolist()) == {0.25, 0.75}
    assert set(one(cells / "masks/a/0_mask.png", image, height=4, width=3).ravel().tolist()) == {0.0, 1.0}


def test_a_palette_is_read_by_the_number_of_its_colours(cells):
    image = Image.fromarray(np.tile([0, 1, 1], (8, 2)).astype(np.uint8), mode="L").convert("P")
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.save(cells / "palette.png")
    assert np.asarray(Image.open(cells / "palette.png")).max() == 1
    assert one(cells / "palette.png", cells / "images/a/0.png")[0].tolist() == [0, 1, 1, 0, 1, 1]


def _other_size(cells):
    Image.new("L", (6, 7)).save(cells / "masks/a/2_mask.png")
    return "is 7 x 6 pixels, but its image '2.png' is 8 x 6"


def _colours(cells):
    Image.new("RGB", (6, 8), "red").save(cells / "masks/a/2_mask.png")
    return "it has colours: save it in grey"


def _truncated(cells):
    file = cells / "masks/a/2_mask.png"
    file.write_bytes(file.read_bytes()[:60])
    return r"2_mask.png' cannot be used \("


def _no_map(cells):
    (cells / "masks/a/2_mask.png").unlink()
    return "has no map for 'a/2.png': name it like its image"


def _no_image(cells):
    (cells / "images/a/2.png").unlink()
    return "has no image for the map '2_mask.png'"


def _no_maps(cells):
    (cells / "masks").rename(cells / "elsewhere")
    (cells / "masks").mkdir()
    return "holds no maps"


def _no_folder(cells):
    (cells / "masks").rename(cells / "elsewhere")
    return "There is no folder"


def _twice(cells):
    Image.new("L", (6, 8)).save(cells / "masks/a/2_mask.bmp")
    return "are two maps of one name"


def _a_pickle(cells):
    (cells / "masks/a/2_mask.png").unlink()
    np.save(cells / "masks/a/2.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return r"2.npy' cannot be used \(.*is no array of numbers"


@pytest.mark.parametrize(
    "spoil", [_other_size, _colours, _truncated, _no_map, _no_image, _no_maps, _no_folder, _twice, _a_pickle]
)
def test_maps_that_do_not_fit_are_refused_in_a_sentence(cells, spoil):
    words = spoil(cells)
    with pytest.raises(DataError, match=words):
        gallery(cells)


@pytest.mark.parametrize(("spoil", "n_left"), [(_other_size, 4), (_truncated, 4), (_no_map, 3), (_no_image, 3)])
def test_they_may_be_left_out(cells, spoil, n_left):
    """A map that cannot be used is not known; the image stays."""
    spoil(cells)
    read = gallery(cells, skip_bad=True)
    assert len(read.images) == n_left
    assert int(np.isnan(read.maps.values).all(axis=(1, 2, 3)).sum()) == (n_left == 4)
