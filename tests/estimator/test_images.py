"""Images through the doors: estimators, studies, predictors."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits

from automl_nn.errors import DataError, ModelFileError
from automl_nn.estimator import ImageClassifier, ImageEmbedder, ImageRegressor
from automl_nn.predict.predictor import Predictor
from automl_nn.study import Study

QUICK = {"train.n_epochs": 1, "model.backbone.d_block": 8, "model.backbone.n_blocks": 2, "model.backbone.n_residual": 0}


@pytest.fixture(scope="module")
def digits():
    """Images of 8 x 8 pixels from 0 to 16, and their digits."""
    data = load_digits()
    return data.images[:200].astype(np.uint8), data.target[:200]


def classifier(**told):
    return ImageClassifier(n_trials=1, random_state=0, **{"settings": QUICK, **told})


@pytest.fixture(scope="module")
def fitted(digits):
    X, y = digits
    return classifier(settings={**QUICK, "train.n_epochs": 8}).fit(X, y)


def test_digits_are_told_apart(fitted, digits):
    X, y = digits
    assert fitted.score(X, y) > 0.8
    assert fitted.image_shape_ == (1, 8, 8)
    assert np.allclose(fitted.predict_proba(X).sum(1), 1)


def test_the_order_of_axes_does_not_matter(fitted, digits):
    X, _ = digits
    assert np.allclose(fitted.predict_proba(X), fitted.predict_proba(X[..., None]))
    assert np.allclose(fitted.predict_proba(X), fitted.predict_proba(X[:, None]))


def test_one_image_is_predicted_as_among_many(fitted, digits):
    X, _ = digits
    one_by_one = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(20)])
    assert np.allclose(one_by_one, fitted.predict_proba(X)[:20], atol=1e-5)


def test_images_in_another_unit_or_size_are_refused(fitted, digits):
    X, _ = digits
    with pytest.raises(DataError, match="give them as they were in training"):
        fitted.predict(X / 16)
    with pytest.raises(DataError, match="trained on 8 x 8 pixels with 1 channel"):
        fitted.predict(X[:, :7])


def test_a_saved_model_predicts_the_same_and_holds_no_code(fitted, digits, tmp_path):
    X, _ = digits
    fitted.predictor_.save(tmp_path / "digits.nn")
    loaded = Predictor.load(tmp_path / "digits.nn")
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    with zipfile.ZipFile(tmp_path / "digits.nn") as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "safetensors"}


def test_a_changed_model_file_is_refused(fitted, tmp_path):
    fitted.predictor_.save(tmp_path / "digits.nn")
    raw = bytearray((tmp_path / "digits.nn").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "digits.nn").write_bytes(bytes(raw))
    with pytest.raises(ModelFileError):
        Predictor.load(tmp_path / "digits.nn")


def test_the_same_seed_gives_the_same_model(digits):
    X, y = digits
    first, second = (classifier().fit(X, y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)


def test_scaled_images_train_the_same_model(digits):
    X, y = digits
    plain, scaled = (classifier().fit(x, y).predict_proba(x) for x in (X, X / 16))
    assert np.abs(plain - scaled).max() < 0.01


def test_labels_may_be_missing_as_nan_or_as_minus_one(digits):
    X, y = digits
    labels = np.stack([y % 2, y > 4, y == 0], axis=1).astype(float)
    hidden = np.random.default_rng(0).random(labels.shape) < 0.3
    ways = [np.where(hidden, np.nan, labels), np.where(hidden, -1, labels).astype(int)]
    first, second = (classifier().fit(X, y_).predict_proba(X) for y_ in ways)
    assert first.shape == (200, 3)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("gap", [None, np.nan])
def test_images_without_a_class_count_in_no_score_and_change_nothing_unless_they_take_part(digits, gap):
    X, y = digits
    words = np.array([f"of {digit}" for digit in y], dtype=object) if gap is None else y.astype(float)
    known = np.arange(200) % 5 > 0
    partly = words.copy()
    partly[~known] = gap
    model, alone = classifier().fit(X, partly), classifier().fit(X[known], words[known])
    assert model.classes_.tolist() == sorted(set(words.tolist()))
    assert np.array_equal(model.predict_proba(X), alone.predict_proba(X))
    told = classifier(settings={**QUICK, "train.pseudo.name": "confident", "train.pseudo.start": 0.0}).fit(X, partly)
    assert set(told.predict(X)) <= set(words.tolist())


def test_images_without_a_quantity_change_nothing(digits):
    X, y = digits
    known = np.arange(200) % 5 > 0
    partly = np.where(known, y, np.nan)
    settings = {"n_trials": 1, "settings": QUICK, "random_state": 0}
    told, alone = ImageRegressor(**settings).fit(X, partly), ImageRegressor(**settings).fit(X[known], partly[known])
    assert np.array_equal(told.predict(X), alone.predict(X))


def test_images_without_a_class_change_no_embedding(digits):
    X, y = digits
    known = np.arange(200) % 5 > 0
    words = np.array([f"of {digit}" for digit in y], dtype=object)
    partly = np.where(known, words, None)
    settings = {"n_trials": 1, "settings": QUICK, "random_state": 0}
    told, alone = ImageEmbedder(**settings).fit(X, partly), ImageEmbedder(**settings).fit(X[known], words[known])
    assert np.array_equal(told.transform(X), alone.transform(X))


def test_files_are_as_good_as_arrays(digits, tmp_path):
    X, y = digits
    paths = [tmp_path / f"{i}.png" for i in range(len(X))]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    of_files = classifier().fit([str(path) for path in paths], y)
    of_arrays = classifier().fit(X, y)
    assert np.allclose(of_files.predict_proba(paths), of_arrays.predict_proba(X))


def test_quantities_are_predicted_in_their_unit(digits):
    X, _ = digits
    y = np.stack([X.mean((1, 2)) * 1e-6, 1e4 + X.max((1, 2))], axis=1)
    regressor = ImageRegressor(n_trials=1, settings={**QUICK, "train.n_epochs": 10}, random_state=0).fit(X, y)
    predicted = regressor.predict(X)
    assert predicted.shape == y.shape
    assert (np.abs(predicted.mean(0) / y.mean(0) - 1) < 0.05).all()
    assert np.corrcoef(predicted[:, 0], y[:, 0])[0, 1] > 0.5


def test_groups_are_kept_together_and_are_no_feature(digits):
    X, y = digits
    model = classifier().fit(X, y, groups=np.arange(len(y)) // 10)
    assert model.predictor_.schema == ()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier().fit(X, y, groups=[1, 2])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda X, y: (X[:10], y), "inconsistent numbers of samples"),
        (lambda X, y: (X, np.ones_like(y)), "one class alone, 1, but 2 are needed"),
        (lambda X, y: (X.astype(float) * np.nan, y), "not finite"),
        (lambda X, y: (X[:, 0, 0], y), "Images come as numbers"),
        (lambda X, y: ([*X[:-1], X[-1][:4]], y), r"Image 199 has shape \(4, 8\)"),
        (lambda X, y: (["nowhere.png"] * 200, y), "no such file"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(digits, spoil, sentence):
    with pytest.raises(ValueError, match=sentence):
        classifier().fit(*spoil(*digits))


def test_estimators_are_cloned_with_their_parameters():
    assert clone(classifier()).get_params()["settings"] == QUICK


def test_a_study_goes_on_where_it_stopped_and_refuses_other_images(digits, tmp_path):
    X, y = digits
    told = {"settings": QUICK, "storage": f"sqlite:///{tmp_path}/s.db", "seed": 1}
    Study(pd.DataFrame({"y": y}), "y", images=X, **told).tune(n_trials=1)
    study = Study(pd.DataFrame({"y": y}), "y", images=X, **told).tune(n_trials=2)
    assert len(study.leaderboard()) == 2
    X = X.copy()
    X[0, 0, 0] += 1
    with pytest.raises(ValueError, match=r"was begun with something else: data.fingerprint"):
        Study(pd.DataFrame({"y": y}), "y", images=X, **told).tune(n_trials=2)


def test_folds_and_refits_read_images_too(digits, tmp_path):
    from automl_nn.search.problems.parting import Parting

    X, y = digits
    told = {"settings": QUICK, "storage": f"sqlite:///{tmp_path}/s.db", "parting": Parting(folds=2)}
    study = Study(pd.DataFrame({"y": y}), "y", images=X, **told).tune(n_trials=1)
    assert study.predictor().predict_proba(X[:3]).shape == (3, 10)
    assert study.refit(n_seeds=2).predictor().predict_proba(X[:3]).shape == (3, 10)
    told["storage"] = f"sqlite:///{tmp_path}/one.db"
    alone = Study(pd.DataFrame({"y": y}), "y", images=X, **{**told, "parting": None}).tune(n_trials=1).refit(n_seeds=1)
    assert len(alone.predictor().networks) == 2  # that of the search, too, and both are checked


@pytest.mark.slow
def test_two_workers_read_the_same_images(digits, tmp_path):
    X, y = digits
    study = Study(pd.DataFrame({"y": y}), "y", images=X, settings=QUICK, storage=f"sqlite:///{tmp_path}/s.db")
    study.tune(n_trials=4, n_workers=2)
    assert (study.leaderboard()["state"] == "complete").sum() == 4
