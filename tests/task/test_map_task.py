import numpy as np
import pytest

from automl_nn.data.images.maps import Maps
from automl_nn.errors import SpaceError, TargetError
from automl_nn.task.maps import encode_maps, map_task

TINY = (1e-3 + 1e-2 * np.random.default_rng(0).normal(size=(6, 4, 5, 2))).astype(np.float32)


def test_tiny_quantities_are_standardized_by_the_rows_that_train_and_come_back_in_their_unit():
    maps, train = Maps.of(TINY), np.arange(4)
    task = map_task(maps, train)
    y = encode_maps(task, maps)
    of_train = y[train].reshape(-1, 2)
    np.testing.assert_allclose(of_train.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(of_train.std(0), 1.0, atol=1e-5)
    np.testing.assert_allclose(maps.form.shaped(task.prediction(y.reshape(-1, 2))), TINY, atol=1e-7)


def test_pixels_without_a_label_do_not_count(rng):
    gaps = np.where(rng.random(TINY.shape) < 0.3, np.nan, TINY)
    task = map_task(Maps.of(gaps), np.arange(6))
    np.testing.assert_allclose(task.means, np.nanmean(gaps, axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(encode_maps(task, Maps.of(gaps))), np.isnan(gaps.reshape(6, -1)))


@pytest.mark.parametrize(("n_names", "kind"), [(1, "binary"), (2, "multilabel")])
def test_zeros_and_ones_are_masks(n_names, kind):
    maps = Maps.of(TINY[..., :n_names] > 0)
    task = map_task(maps, np.arange(6))
    assert task.kind == kind
    np.testing.assert_array_equal(encode_maps(task, maps), (TINY[..., :n_names] > 0).reshape(6, -1))
    assert map_task(maps, np.arange(6), kind="regression").kind == "regression"


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(TargetError, match="holds 0 at every pixel of the images that train"):
        map_task(Maps.of(np.concatenate([np.zeros((2, 3, 3)), np.ones((1, 3, 3))])), np.arange(2))
    with pytest.raises(TargetError, match="say task='regression'"):
        map_task(Maps.of(TINY), np.arange(6), kind="multilabel")
    with pytest.raises(TargetError, match="say task='multilabel'"):
        map_task(Maps.of(TINY > 0), np.arange(6), kind="binary")
    with pytest.raises(SpaceError, match="Maps are no multiclass task"):
        map_task(Maps.of(TINY > 0), np.arange(6), kind="multiclass")
