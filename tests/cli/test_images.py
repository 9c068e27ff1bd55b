"""`automl-nn` on folders of images: check, tune, decide, predict, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from automl_nn.cli import main
from automl_nn.estimator.image import ImageRegressor

QUICK = [
    *("--set", "train.n_epochs=2", "--set", "model.backbone.d_block=8", "--set", "model.backbone.n_blocks=2"),
    *("--set", "model.backbone.n_residual=0", "--n-trials", "1"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each of the digits 0, 1 and 2."""
    root = tmp_path_factory.mktemp("images") / "digits"
    data = load_digits(n_class=3)
    for number, (image, digit) in enumerate(zip(data.images[:150], data.target[:150], strict=True)):
        (root / f"of{digit}").mkdir(parents=True, exist_ok=True)
        Image.fromarray((15 * image).astype(np.uint8)).save(root / f"of{digit}" / f"{number:03}.png")
    return root


@pytest.fixture
def labels(folder, tmp_path):
    """A table of paths with two labels, one of which is missing here and there, and a group."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    frame = pd.DataFrame({"path": paths, "zero": [int("of0" in path) for path in paths]})
    frame["two"] = [None if number % 5 == 0 else int("of2" in path) for number, path in enumerate(paths)]
    frame.assign(writer=np.arange(len(paths)) % 30).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path / "labels.csv"


def test_a_folder_is_tuned_decided_and_predicted(folder, capsys):
    assert main(["tune", str(folder), *QUICK, "-f", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["study"] == "digits"
    assert report["task"] == "multiclass"
    assert main(["decide", "digits", "-o", "digits.nn"]) == 0
    assert main(["predict", "digits.nn", str(folder), "-o", "out.csv"]) == 0
    predicted = pd.read_csv("out.csv")
    assert predicted.columns.tolist() == ["path", "prediction", "proba_of0", "proba_of1", "proba_of2"]
    assert predicted["path"].tolist() == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    capsys.readouterr()
    assert main(["predict", "digits.nn", str(folder / predicted["path"][0])]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_table_of_labels_is_tuned_and_predicted_from_a_table(folder, labels, capsys):
    assert main(["tune", str(folder), "--labels", str(labels), "--group", "writer", *QUICK, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == ["zero", "two"]
    assert main(["decide", "digits", "-o", "digits.nn"]) == 0
    assert main(["predict", "digits.nn", str(labels), "--images", str(folder), "-o", "out.csv"]) == 0
    out = pd.read_csv("out.csv")
    assert out.columns.tolist()[:3] == ["path", "prediction_zero", "prediction_two"]
    assert out["path"].tolist() == pd.read_csv(labels)["path"].tolist()


def test_check_tells_what_is_there_without_training(folder, capsys):
    assert main(["check", str(folder), "--quick", "--image-size", "4x6", "-f", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"]["given"] == 150
    assert report["images"] == {"height": 4, "width": 6, "channels": 1, "values": "uint8 from 0 to 239"}
    assert any("all are scaled to 4 x 6" in finding["message"] for finding in report["findings"])


@pytest.mark.slow
def test_check_trains_on_images_too(folder, capsys):
    assert main(["check", str(folder), "-f", "json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["a small network"] > scores["guess"]
    assert "the same without scaling" in scores


def test_a_study_file_names_images(tmp_path, capsys):
    (tmp_path / "digits.py").write_text(
        "from sklearn.datasets import load_digits\n"
        "digits = load_digits(n_class=2)\n"
        "DATA = {'digit': digits.target}\n"
        "IMAGES = digits.images\n"
        "TASK = {'target': 'digit'}\n",
        encoding="utf-8",
    )
    assert main(["tune", str(tmp_path / "digits.py"), *QUICK, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "binary"


def test_a_study_file_names_a_folder_and_its_labels(folder, labels, tmp_path, capsys):
    text = f"DATA = {str(folder)!r}; TASK = {{'labels': 'labels.csv', 'target': 'zero', 'group': 'writer'}}"
    (tmp_path / "zero.py").write_text(text, encoding="utf-8")
    assert main(["check", str(tmp_path / "zero.py"), "--quick", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == ["zero"]


def _empty(root):
    return [str(root)]


def _one_class(root):
    return [_with(root, "cat")]


def _with(root, *classes, size=(8, 8)):
    for name in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            rng = np.random.default_rng(number)
            Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(root / name / f"{number}.png")
    return str(root)


def _truncated(root):
    _with(root, "cat", "dog", size=(64, 64))
    file = root / "dog" / "2.png"
    file.write_bytes(file.read_bytes()[:700])
    return [str(root)]


def _bomb(root):
    _with(root, "cat", "dog")
    Image.new("1", (20_000, 20_000)).save(root / "dog" / "2.png")
    return [str(root)]


def _no_image(root):
    (root / "labels.csv").write_text("path,y\nnowhere.png,1\n", encoding="utf-8")
    return [_with(root, "cat"), "--labels", str(root / "labels.csv")]


def _no_row(root):
    (root / "labels.csv").write_text("path,y\ncat/0.png,1\ncat/1.png,0\n", encoding="utf-8")
    return [_with(root, "cat"), "--labels", str(root / "labels.csv")]


def _no_labels(root):
    return [_with(root, "cat"), "--labels", "nowhere.csv"]


def _odd_size(root):
    return [_with(root, "cat", "dog"), "--image-size", "0x8"]


def _labels_of_a_table(root):
    (root / "table.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    return [str(root / "table.csv"), "--target", "y", "--labels", "labels.csv"]


BAD = {
    _empty: "holds no image files",
    _one_class: "images of one class alone, 'cat'",
    _truncated: "2.png' cannot be read",
    _bomb: "pixels",
    _no_image: "there is no such file",
    _no_row: "has no row for 'cat/2.png' and 1 more",
    _no_labels: "There is no file 'nowhere.csv'",
    _odd_size: "--image-size '0x8' is not possible",
    _labels_of_a_table: "--labels is for a folder of images",
}


@pytest.mark.parametrize("command", ["tune", "check"])
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_bad_images_are_refused_in_a_sentence_and_nothing_is_written(bad, command, tmp_path, capsys):
    (tmp_path / "root").mkdir()
    words = bad(tmp_path / "root")
    assert main([command, *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert BAD[bad] in captured.err
    assert not (tmp_path / "automl_nn.db").exists()


def test_bad_files_can_be_left_out(tmp_path, capsys):
    (words,) = _truncated(tmp_path / "root")
    assert main(["check", words, "--quick", "--skip-bad", "-f", "json"]) == 0
    assert "1 of 8 files cannot be read" in capsys.readouterr().out


def test_a_model_of_images_refuses_a_table(folder, tmp_path, capsys):
    assert main(["tune", str(folder), *QUICK]) == 0
    assert main(["decide", "digits", "-o", "digits.nn"]) == 0
    (tmp_path / "table.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", "digits.nn", "table.csv"]) == 2
    assert "No column says where the images lie" in capsys.readouterr().err


def test_maps_are_predicted_as_one_array(tmp_path, capsys):
    """A map is no column: once it was cut to its first pixel."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 6, 5), dtype=np.uint8)
    settings = {"train.n_epochs": 1, "model.backbone.d_block": 4}
    regressor = ImageRegressor(n_trials=1, settings=settings, random_state=0).fit(pixels, pixels / 255)
    regressor.predictor_.save(tmp_path / "maps.nn")
    np.save(tmp_path / "new.npy", pixels[:3])
    words = ["predict", str(tmp_path / "maps.nn"), str(tmp_path / "new.npy")]
    assert main([*words, "-o", str(tmp_path / "out.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), regressor.predict(pixels[:3]), rtol=1e-5)
    for refused in (words, [*words, "-o", str(tmp_path / "out.csv")]):
        capsys.readouterr()
        assert main(refused) == 2
        assert "which are no table" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_the_first_line_says_whether_networks_beat_simple_models(folder, capsys):
    assert main(["tune", str(folder), *QUICK]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("verdict")
    assert main(["decide", "digits", "--with-references", "-o", "digits.nn"]) == 0
    verdict = capsys.readouterr().out.splitlines()[0]
    assert "a linear model" in verdict or "untuned boosting" in verdict
    assert main(["predict", "digits.nn", str(folder), "-o", "out.csv"]) == 0
    predicted = pd.read_csv("out.csv", dtype=str)
    assert (predicted["path"].str.split("/").str[0] == predicted["prediction"]).mean() > 0.9
