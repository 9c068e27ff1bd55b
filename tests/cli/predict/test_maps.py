"""`automl-nn` on images with a map each: check, tune, decide, predict, and what it refuses."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_nn.cli import main
from automl_nn.cli.predict.maps import source_of

QUICK = [
    *("--set", "train.n_epochs=2", "--set", "model.backbone.d_block=8", "--set", "model.backbone.n_levels=2"),
    *("--n-trials", "1"),
]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Images of 16 x 12 pixels with a bright square, its mask, and a tiny heat map."""
    root, rng = tmp_path_factory.mktemp("cells"), np.random.default_rng(0)
    for name in ("images/a", "masks/a", "heat/a"):
        (root / name).mkdir(parents=True)
    for number in range(30):
        mask = np.zeros((16, 12), dtype=bool)
        top, left = rng.integers(0, 10), rng.integers(0, 7)
        mask[top : top + 6, left : left + 5] = True
        pixels = (rng.integers(0, 100, (16, 12)) + 120 * mask).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"images/a/{number:02}.png")
        Image.fromarray(255 * mask.astype(np.uint8)).save(root / f"masks/a/{number:02}.png")
        Image.fromarray((1e-2 * mask).astype(np.float32)).save(root / f"heat/a/{number:02}.tif")
    return root


def run(*words):
    return main([str(word) for word in words])


def test_masks_are_checked_tuned_decided_and_written_as_images_with_their_probabilities(cells, capsys):
    asked = (cells / "images", "--maps", cells / "masks", "--image-size", "8x6")
    assert run("check", *asked, "--quick", "-f", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["labels"][0]["train"] + report["labels"][1]["train"] == 24 * 48
    assert run("tune", *asked, *QUICK, "--metric", "jaccard", "-f", "json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["metric"] == "jaccard"
    assert "batch norm" not in told.err
    assert run("decide", "images", "--maximize", "f1", "-o", "masks.nn") == 0
    assert run("predict", "masks.nn", cells / "images", "-o", "out") == 0
    mask, proba = (np.asarray(Image.open(f"out/a/03{ending}")) for ending in (".png", "_proba.tif"))
    assert mask.shape == proba.shape == (16, 12)  # as the image, not as the network reads it
    assert set(np.unique(mask)) <= {0, 255}
    assert 0 <= proba.min() < proba.max() <= 1
    assert run("predict", "masks.nn", cells / "images/a/03.png", "-o", "out.npy") == 0
    array, probas = np.load("out.npy"), np.load("out_proba.npy")
    assert array.shape == probas.shape == (1, 8, 6)
    assert probas[array == 1].min() >= probas[array == 0].max()
    np.testing.assert_array_equal(mask[1::2, 1::2] > 0, array[0] == 1)


def test_quantities_are_written_in_their_unit(cells, capsys):
    assert run("tune", cells / "images", "--maps", cells / "heat", *QUICK, "-f", "json") == 0
    assert json.loads(capsys.readouterr().out)["task"] == "regression"
    assert run("decide", "images", "-o", "heat.nn") == 0
    assert run("predict", "heat.nn", cells / "images/a/03.png", "-o", "one") == 0
    heat = np.asarray(Image.open("one/03.tif"))
    assert heat.shape == (16, 12)
    assert 1e-4 < np.abs(heat).max() < 0.1
    capsys.readouterr()
    assert run("predict", "heat.nn", cells / "images", "-o", "out.csv") == 2
    assert "name an array or a folder" in capsys.readouterr().err


def test_a_study_file_gives_maps_as_arrays(tmp_path, capsys):
    text = "import numpy as np\nIMAGES = np.random.default_rng(0).random((20, 6, 5))\nMAPS = IMAGES * 1e-3\n"
    (tmp_path / "heat.py").write_text(text, encoding="utf-8")
    assert run("check", tmp_path / "heat.py", "--quick", "-f", "json") == 0
    assert json.loads(capsys.readouterr().out)["task"] == "regression"


def test_images_that_differ_in_their_suffix_have_maps_of_their_own(tmp_path):
    predictor = SimpleNamespace(images=SimpleNamespace(column=None))
    rows = pd.DataFrame({"path": ["a/1.png", "a/1.jpg", "a/2.png"]})
    source = source_of(predictor, rows, tmp_path, folder=None)
    assert [name.stem for name in source.names] == ["1.png", "1.jpg", "2.png"]
    assert source.paths[1] == tmp_path / "a/1.jpg"
    alone = source_of(predictor, rows[1:], tmp_path, folder=None)
    assert [name.stem for name in alone.names] == ["1", "2"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--maps", "nowhere"], "There is no folder 'nowhere'"),
        (["--maps", "masks", "--target", "y"], "but there is a target 'y'"),
        (["--maps", "masks", "--task", "multiclass"], "Maps are no multiclass task"),
        (["--maps", "other"], "is 7 x 12 pixels, but its image '00.png' is 16 x 12"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence_and_nothing_is_written(cells, words, sentence, capsys, tmp_path):
    if "other" in words:
        (cells / "other/a").mkdir(parents=True, exist_ok=True)
        for path in (cells / "masks/a").iterdir():
            Image.new("L", (12, 7)).save(cells / "other/a" / path.name)
    asked = [cells / word if word in ("masks", "other") else word for word in words]
    assert run("tune", cells / "images", *asked, *QUICK) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert sentence in told.err
    assert len(told.err.splitlines()) == 1
    assert not (tmp_path / "automl_nn.db").exists()
