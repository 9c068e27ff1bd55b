"""What images are compared with: models of few pixels, the mean map, and pixels as an embedding."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import Maps
from automl_nn.model.images import ImageRows
from automl_nn.search.problems.images import pose_images
from automl_nn.search.problems.maps import pose_maps
from automl_nn.search.problems.parting import Parting
from automl_nn.search.references import fit
from automl_nn.search.references.fit import fit_references
from automl_nn.search.references.parts import ABSENT
from automl_nn.search.references.reference import Reference
from automl_nn.search.references.shrunk import Shrunk


@pytest.fixture(scope="module")
def digits():
    data = load_digits(n_class=3)
    return data.images[:200].astype(np.uint8), data.target[:200]


def fitted(problem):
    return {row.name: row for row in fit_references(problem, timeout=None, seed=0)}


def test_squares_hold_the_means_of_their_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 36, 18), dtype=np.uint8)
    images = ImageRows.of(Images.of(pixels))
    means = pixels.reshape(5, 3, 9, 4, 9, 2).mean((3, 5)).reshape(5, -1)
    told = Shrunk.of(images, most=256).read(images).numpy()
    np.testing.assert_allclose(told, (means - means.mean()) / means.std(), atol=1e-5)


def test_the_linear_model_of_images_is_that_of_scikit_learn(digits):
    images, y = digits
    problem = pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(images))
    row, (train, val) = fitted(problem)["linear"], (problem.split.train, problem.split.val)
    x = images.reshape(len(images), -1).astype(float)
    x = (x - x[train].mean()) / x[train].std()
    theirs = LogisticRegression(max_iter=300).fit(x[train], y[train]).predict_proba(x[val])
    np.testing.assert_allclose(problem.task.prediction(row.output.astype(np.float64)), theirs, atol=1e-3)


@pytest.mark.parametrize("folds", [1, 3])
def test_stored_references_repeat_their_outputs_from_images_and_what_stands_beside(digits, folds):
    images, y = digits
    beside = np.random.default_rng(0).normal(size=len(y))
    frame = pd.DataFrame({"beside": beside, "y": y})
    problem = pose_images(frame, ["y"], Images.of(images), parting=Parting(folds=folds))
    for row in fitted(problem).values():
        assert row.state == "complete"
        assert row.score > -0.5
        reference = Reference.from_bytes(row.payload)
        assert len(reference.models) == folds
        if folds == 1:
            val = problem.split.val
            output = reference.output(problem.table.take(val), images=problem.images.take(val))
            np.testing.assert_allclose(output, row.output, atol=1e-4)


def test_columns_beside_images_are_told_too():
    images, y = np.random.default_rng(0).integers(0, 256, (120, 4, 4), dtype=np.uint8), np.arange(120) % 2
    problem = pose_images(pd.DataFrame({"x": y * 3.0, "y": y}), ["y"], Images.of(images), kind="binary")
    assert all(row.metrics["roc_auc"] == 1.0 for row in fitted(problem).values())


def test_maps_are_compared_with_their_mean_and_with_zero():
    rng = np.random.default_rng(0)
    images, shape = rng.integers(0, 256, (30, 6, 5), dtype=np.uint8), rng.normal(size=(6, 5))
    heat = 0.01 * (2 + shape + rng.normal(size=(30, 6, 5)) / 10)
    heat[3, 2, 2] = np.nan
    problem = pose_maps(pd.DataFrame(index=range(30)), Maps.of(heat), Images.of(images))
    rows, (train, val) = fitted(problem), (problem.split.train, problem.split.val)
    assert list(rows) == ["mean map", "zero"]
    truth = Maps.of(heat).values[..., 0]
    of_mean = np.nanmean((truth[val] - np.nanmean(truth[train], axis=0)) ** 2)
    assert rows["mean map"].score == pytest.approx(-of_mean, rel=1e-4)
    assert rows["zero"].score == pytest.approx(-np.nanmean(truth[val] ** 2), rel=1e-4)
    again = Reference.from_bytes(rows["mean map"].payload).output(problem.table.take(val))
    np.testing.assert_allclose(again, rows["mean map"].output, atol=1e-6)


def test_masks_are_compared_with_the_share_of_each_pixel_in_every_fold():
    masks = np.zeros((30, 4, 4))
    masks[:, :2] = 1
    masks[0] = 1 - masks[0]
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4), dtype=np.uint8)
    parting = Parting(folds=3)
    rows = fitted(pose_maps(pd.DataFrame(index=range(30)), Maps.of(masks), Images.of(images), parting=parting))
    assert list(rows) == ["mean map"]
    assert rows["mean map"].metrics["roc_auc"] > 0.9


def test_embeddings_are_compared_with_the_pixels_themselves(digits):
    images, y = digits
    problem = pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(images), kind="embedding")
    (row,) = fitted(problem).values()
    assert (row.name, row.state) == ("pixels", "complete")
    assert row.metrics["recall_at_1"] > 0.9
    shown = torch.from_numpy(images[problem.split.val].reshape(len(problem.split.val), -1).astype(np.float32))
    ratio = torch.from_numpy(row.output).std() / shown.std()
    np.testing.assert_allclose(row.output - row.output.mean(), (shown - shown.mean()) * ratio, atol=1e-4)


def test_of_very_many_images_some_are_fitted_with_the_rarest_class_among_them(digits, monkeypatch):
    images, y = digits
    monkeypatch.setattr(fit, "MOST_IMAGES", 30)
    problem = pose_images(pd.DataFrame({"y": np.where(np.arange(200) < 6, 9, y)}), ["y"], Images.of(images))
    linear = fitted(problem)["linear"]
    assert linear.n_rows == 30
    assert linear.message == f"fitted to 30 of {len(problem.split.train)} rows, to save time"
    assert linear.output.min() > ABSENT
