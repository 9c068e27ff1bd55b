"""Contact sheets: the images that are kept of a study, and which of them are shown with which words."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import MapForm, Maps, kept_places
from automl_nn.results.stored import StoredResults
from automl_nn.review.images.contact import Judged
from automl_nn.review.images.thumbnails import (
    LEAST_SIDE,
    MOST_SIDE,
    MOST_VALUES,
    Thumbnails,
    kept_thumbnails,
    thumbnails_of,
)
from automl_nn.study import Study
from automl_nn.task.tasks import Binary, Embedding, Multiclass, Multilabel, Regression
from automl_nn.web.pages.errors import errors_page
from automl_nn.web.report import report, report_html

FEW = {"train.n_epochs": 2, "model.backbone.d_block": 8}


def numbered(n, height=4, width=3):
    """Images whose values are all the number of their row."""
    pixels = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, height, width, 1))
    return Thumbnails(np.arange(n) + 100, pixels)


def judged(task, output, y, **others):
    output, y = np.asarray(output, dtype=float), np.asarray(y, dtype=float)
    ids = np.arange(len(y)) + 100
    return Judged(task, output, y, ids, others.pop("thumbnails", numbered(len(y))), **others)


@pytest.mark.parametrize("shape", [(900, 1, 8, 8), (300, 3, 100, 40), (5000, 1, 20, 20), (40, 4, 64, 64), (9, 2, 5, 5)])
def test_thumbnails_keep_their_proportion_and_take_little_room(shape, rng):
    images = Images(rng.integers(0, 256, shape, dtype=np.uint8))
    small = thumbnails_of(images, np.arange(shape[0]))
    height, width = small.pixels.shape[1:3]
    assert small.pixels.size <= MOST_VALUES * 1.1
    assert max(height, width) <= min(MOST_SIDE, max(shape[2:]))
    assert max(height, width) >= min(LEAST_SIDE, max(shape[2:]))
    assert height / width == pytest.approx(shape[2] / shape[3], rel=0.1)
    assert small.pixels.shape[3] == (3 if shape[1] >= 3 else 1)
    assert len(np.unique(small.row_ids)) == len(small)


def test_small_images_are_kept_as_they_are_and_other_numbers_become_bytes(rng):
    pixels = rng.integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    np.testing.assert_array_equal(thumbnails_of(Images(pixels), np.array([3])).pixels[0], pixels[3].transpose(1, 2, 0))
    deep = thumbnails_of(Images(pixels.astype(np.float32) * 1e4 - 3e5), np.arange(5)).pixels
    np.testing.assert_allclose(deep.transpose(0, 3, 1, 2), pixels, atol=2)


def test_values_that_would_all_be_black_are_stretched():
    counts = Images(np.array([0, 8, 16], dtype=np.uint8).reshape(1, 1, 1, 3))
    assert thumbnails_of(counts, np.array([0])).pixels.ravel().tolist() == [0, 128, 255]


def test_the_most_confident_mistakes_of_classes_come_first_and_right_ones_not_at_all():
    output = [[4.0, 0, 0], [0, 2.0, 0], [0, 0, 9.0], [3.0, 0, 0]]
    sheet = judged(Multiclass(("y",), "accuracy", ("a", "b", "c")), output, [[1], [0], [2], [2]]).sheet()
    assert [tile.words[:18] for tile in sheet.tiles] == [
        "row 100: said a (0",
        "row 103: said a (0",
        "row 101: said b (0",
    ]
    assert [int(tile.pixels[0, 0, 0]) for tile in sheet.tiles] == [0, 3, 1]
    assert sheet.tiles[0].words == "row 100: said a (0.96), is b"


def test_false_alarms_and_misses_are_told_apart():
    sheet = judged(Binary(("y",), "roc_auc", ("well", "ill")), [[3.0], [-2.0], [1.0]], [[0], [1], [1]]).sheet()
    assert [tile.words for tile in sheet.tiles] == [
        "row 100: said ill (0.95), is well",
        "row 101: said well (0.88), is ill",
    ]
    several = Multilabel(("fur", "tail"), "average_precision")
    sheet = judged(several, [[3.0, -2.0], [-5.0, 5.0]], [[0, 1], [np.nan, 1]]).sheet()
    assert [tile.words for tile in sheet.tiles] == [
        "row 100: said fur (0.95), is not",
        "row 100: said no tail (0.88), is",
    ]


def test_quantities_are_told_in_their_unit():
    task = Regression(("age",), "r2", (50.0,), (10.0,))
    sheet = judged(task, [[0.0], [1.0]], [[2.0], [1.1]]).sheet()
    assert sheet.tiles[0].words == "row 100: said 50, is 70"


def test_only_images_that_are_kept_are_shown_and_the_note_says_so():
    kept = Thumbnails(np.array([101]), np.ones((1, 4, 4, 3), dtype=np.uint8))
    task = Multiclass(("y",), "accuracy", ("a", "b"))
    sheet = judged(task, [[4.0, 0], [3.0, 0], [0, 1]], [[1], [1], [1]], thumbnails=kept).sheet()
    assert [tile.words[:7] for tile in sheet.tiles] == ["row 101"]
    assert "1 of the 3 images" in sheet.note


def test_the_nearest_images_stand_beside_each_query_and_wrong_ones_come_first():
    angle = np.array([0.0, 0.1, 2.0, 2.3, 4.0])
    task = Embedding(("y",), "recall_at_1", ("a", "b"), d_embedding=2)
    output = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sheet = judged(task, output, np.array([[0], [0], [1], [0], [1]])).sheet()
    rows = [[int(tile.pixels[0, 0, 0]) for tile in sheet.tiles[i : i + 5]] for i in range(0, 25, 5)]
    assert sheet.n_columns == 5
    assert [row[0] for row in rows] == [2, 3, 4, 0, 1]
    assert rows[0][:2] == [2, 3]
    assert sheet.tiles[0].words == "row 102: b"
    assert sheet.tiles[1].words == "a, likeness 0.96"


@pytest.mark.parametrize("n", [8, 20_000])
def test_maps_stand_beside_the_truth(n):
    form = MapForm(4, 6, ("heat",), is_flat=True)
    kept = kept_places(n, form.n_places)
    y = np.broadcast_to(np.arange(24.0), (n, 24))[:, kept].reshape(-1, 1)
    output = y + np.repeat(np.arange(n), len(kept))[:, None] / n
    ids, thumbnails = np.repeat(np.arange(n), len(kept)), Thumbnails(np.arange(8), np.ones((8, 2, 2, 1), np.uint8))
    sheet = Judged(Regression(("heat",), "r2"), output, y, ids, thumbnails, form).sheet()
    assert [tile.words for tile in sheet.tiles[:3]] == ["row 7", "truth", "predicted"]
    truth = sheet.tiles[1].pixels[..., 0].ravel().astype(int)
    assert truth.reshape(4, 6).shape == (4, 6)
    low, high = kept.min(), kept.max()
    expected = np.rint(255 * (kept - low) / (high - low))
    np.testing.assert_array_equal(truth[kept], expected)
    assert ("are stored" in sheet.note) == (len(kept) < 24)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A study of classes and one of maps, in one database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('contact')}/studies.db"
    y = np.arange(60) % 2
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    same = {"storage": url, "settings": FEW}
    Study(pd.DataFrame({"y": y}), "y", images=pixels, name="classes", **same).tune(n_trials=1, references=False)
    heat = Maps.of(pixels / 1e4)
    Study(pd.DataFrame(index=range(60)), heat, images=pixels, name="maps", **same).tune(n_trials=1, references=False)
    return pixels, url


def test_a_study_shows_its_images_in_the_pages_and_the_report(studies):
    pixels, url = studies
    results = StoredResults("classes", storage=url)
    kept, page = kept_thumbnails(results.store, results.study_id), errors_page(results)
    np.testing.assert_array_equal(kept.pixels[..., 0], pixels[kept.row_ids])
    assert page.sheet.tiles
    sources = re.findall(r'<img src="data:image/png;base64,([^"]+)"', report_html(report(results)))
    assert len(sources) == len(page.sheet.tiles)
    with Image.open(io.BytesIO(base64.b64decode(sources[0]))) as shown:
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), page.sheet.tiles[0].pixels)


def test_a_decision_is_seen_with_its_images(studies, tmp_path):
    results = StoredResults("classes", storage=studies[1])
    results.see(results.decide()).save(tmp_path / "classes")
    assert (tmp_path / "classes" / "confusion.png").is_file()
    assert (tmp_path / "classes" / "images" / "sheet.png").is_file()
    results = StoredResults("maps", storage=studies[1])
    seen = results.see(results.decide())
    assert "Predicted maps" in seen.title
    seen.save(tmp_path / "maps.png")
