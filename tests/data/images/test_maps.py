import numpy as np
import pytest

from automl_nn.data.images.maps import MOST_KEPT, MapForm, Maps, at_places, kept_places
from automl_nn.errors import TargetError


def test_maps_come_back_in_the_form_in_which_they_were_given():
    rng = np.random.default_rng(0)
    for shape in ((3, 4, 5), (3, 4, 5, 1), (3, 4, 5, 2)):
        y = rng.normal(size=shape).astype(np.float32)
        maps = Maps.of(y)
        np.testing.assert_array_equal(maps.form.shaped(maps.values.reshape(-1, maps.values.shape[3])), y)
        assert MapForm.from_json(maps.form.to_json()) == maps.form


def test_all_pixels_are_kept_of_few_and_a_fixed_share_of_many():
    np.testing.assert_array_equal(kept_places(10, 64), np.arange(64))
    kept = kept_places(1000, 4096)
    assert len(kept) == MOST_KEPT // 1000
    assert len(np.unique(kept)) == len(kept)
    np.testing.assert_array_equal(kept, kept_places(1000, 4096))


def test_rows_at_places_are_those_of_the_map():
    maps = Maps.of(np.arange(24).reshape(2, 3, 4))
    rows = at_places(maps.values.reshape(-1, 1), np.array([1, 11]), n_images=2)
    assert rows.ravel().tolist() == [1, 11, 13, 23]


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.zeros(5), "reshape them"),
        (np.zeros((2, 3, 3), dtype=object), "not as object"),
        (np.full((2, 3, 3), np.inf), "Map 0 holds a number that is infinite"),
        (np.full((2, 3, 3), np.nan), "No pixel of any map has a label"),
    ],
)
def test_what_are_no_maps_is_refused(y, problem):
    with pytest.raises(TargetError, match=problem):
        Maps.of(y)


def test_maps_of_another_size_or_number_than_their_images_are_refused():
    maps = Maps.of(np.zeros((5, 8, 6)))
    with pytest.raises(TargetError, match="The maps are 8 x 6 pixels, but their images are 16 x 12"):
        maps.check_beside(16, 12, n=5)
    with pytest.raises(TargetError, match="There are 6 images, but 5 maps"):
        maps.check_beside(8, 6, n=6)
