"""Maps, masks, several targets, columns beside images and embeddings, through the doors, as a user meets them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from automl_nn import DataError, ImageClassifier, ImageEmbedder, ImageRegressor, Predictor, Study, TargetError
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.maps import Maps
from automl_nn.search.problems.images import pose_images

SMALL = {"model.backbone.d_block": 8, "train.n_epochs": 20, "train.optimizer.lr": 5e-3}
CNN = SMALL | {"model.backbone.name": "cnn", "model.backbone.n_blocks": 1, "model.backbone.n_residual": 0}
N, SIDE = 64, 8


def spots(seed=0, n=N):
    """Images with a bright spot each, and heat of size 0.01 around it."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 50, (n, SIDE, SIDE), dtype=np.uint8)
    row, column = rng.integers(2, SIDE - 2, (2, n))
    y, x = np.mgrid[:SIDE, :SIDE]
    away = (y - row[:, None, None]) ** 2 + (x - column[:, None, None]) ** 2
    images[away <= 2] = 220
    return images, 0.01 * np.exp(-away / 4), np.stack([row, column], axis=1)


@pytest.fixture(scope="module")
def regressor():
    images, heat, _ = spots()
    settings = SMALL | {"model.recipe": "relu-he-batchnorm"}
    return ImageRegressor(n_trials=1, settings=settings, random_state=0).fit(images, heat)


def test_maps_of_tiny_targets_are_learned_with_batch_norm_and_come_back_in_their_unit(regressor):
    images, heat, _ = spots(seed=1)
    found = regressor.predict(images)
    assert found.shape == heat.shape
    assert np.corrcoef(found.ravel(), heat.ravel())[0, 1] > 0.9
    assert abs(found.max() - 0.01) < 0.005
    assert regressor.score(images, heat) > 0.8
    assert regressor.trials_["model.normalization.name"][0] == "batch"


def test_a_model_of_maps_survives_its_file(regressor, tmp_path):
    images, _, _ = spots(seed=1, n=5)
    regressor.predictor_.save(tmp_path / "heat.nn")
    again = Predictor.load(tmp_path / "heat.nn")
    np.testing.assert_allclose(again.predict(images), regressor.predict(images), atol=1e-7)
    np.testing.assert_allclose(again.predict(images[:1]), regressor.predict(images)[:1], atol=1e-6)
    with pytest.raises(DataError, match="A map is no column of a table"):
        again.predict_frame(images)
    with pytest.raises(DataError, match="8 x 9 pixels"):
        again.predict(np.zeros((1, 8, 9), dtype=np.uint8))


@pytest.mark.slow
def test_pixels_without_a_label_train_nothing_and_several_maps_keep_their_last_axis(tmp_path):
    images, heat, _ = spots()
    both = np.stack([heat, 1 - 50 * heat], axis=-1)
    both[np.random.default_rng(0).random(both.shape) < 0.5] = np.nan
    both[3] = np.nan
    study = Study(
        pd.DataFrame(index=range(N)),
        Maps.of(both),
        images=images,
        settings=SMALL | {"train.n_epochs": 8},
        storage=f"sqlite:///{tmp_path}/studies.db",
    )
    assert 3 not in [*study.problem.split.train, *study.problem.split.val]
    found = study.tune(n_trials=2).predictor().predict(images)
    assert found.shape == both.shape
    assert np.isfinite(found).all()
    _, val = study.validation()
    assert val.shape == (len(study.problem.split.val) * SIDE**2, 2)
    assert study.honest_score().best.score <= study.best_score + 1e-12
    assert {"val.correlation", "val.neg_mean_squared_error"} <= set(study.epochs().columns)


@pytest.mark.slow
def test_masks_have_thresholds_and_probabilities():
    images, heat, _ = spots()
    masks = heat[..., None] > 0.005
    classifier = ImageClassifier(n_trials=1, settings=SMALL, random_state=0).fit(images, masks)
    assert classifier.predict(images).shape == masks.shape
    assert (classifier.predict(images) == masks).mean() > 0.97
    probability = classifier.predict_proba(images)
    assert probability.shape == (N, SIDE, SIDE, 2)
    assert average_precision_score(masks.ravel(), probability[..., 1].ravel()) > 0.9


def test_maps_that_do_not_fit_are_refused():
    images, heat, _ = spots(n=8)
    regressor = ImageRegressor(n_trials=1)
    with pytest.raises(TargetError, match="There are 8 images, but 7 maps"):
        regressor.fit(images, heat[:7])
    with pytest.raises(TargetError, match="The maps are 4 x 4 pixels, but their images are 8 x 8"):
        regressor.fit(images, heat[:, ::2, ::2])
    with pytest.raises(DataError, match="there is a column 'a' beside them"):
        regressor.fit(images, heat, table=pd.DataFrame({"a": range(8)}))
    with pytest.raises(DataError, match="Maps belong to images, but none are given"):
        Study(pd.DataFrame({"a": range(8)}), Maps.of(heat))


def test_several_targets_are_learned_in_their_own_units():
    images, _, place = spots()
    y = place * [1e-3, 1e3]
    settings = CNN | {"train.n_epochs": 30}
    regressor = ImageRegressor(n_trials=1, settings=settings, random_state=0).fit(images, y)
    assert regressor.predict(images).shape == y.shape
    assert regressor.score(images, y) > 0.5


@pytest.mark.slow
def test_fusion_knows_what_neither_the_image_nor_its_row_knows_alone():
    images, _, _ = spots()
    rng = np.random.default_rng(0)
    bright, flag = rng.integers(0, 2, N), rng.integers(0, 2, N)
    images = images // 2 + (100 * bright).astype(np.uint8)[:, None, None]
    y = np.where(bright == flag, "same", "other")
    table = pd.DataFrame({"flag": np.where(flag, "up", "down"), "noise": rng.normal(size=N)})
    settings = CNN | {"model.fusion.n_joint": 1, "train.n_epochs": 40}
    fused = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(images, y, table=table)
    alone = ImageClassifier(n_trials=1, settings=CNN, random_state=0).fit(images, y)
    assert np.mean(fused.predict(images, table=table) == y) > 0.95
    assert np.mean(alone.predict(images) == y) < 0.8


def test_the_first_trial_beside_a_table_looks_at_no_image():
    images, _, _ = spots()
    y, table = np.arange(N) % 2, pd.DataFrame({"a": (np.arange(N) % 2) + 0.1 * np.random.default_rng(0).normal(size=N)})
    classifier = ImageClassifier(n_trials=1, settings={"train.n_epochs": 5}, random_state=0)
    trials = classifier.fit(images, y, table=table).trials_
    assert trials["model.backbone.name"][0] == "blind"
    probability = classifier.predict_proba(images, table=table)
    np.testing.assert_allclose(classifier.predict_proba(255 - images, table=table), probability, atol=1e-6)


def test_labels_may_be_missing_and_do_not_count():
    images, _, place = spots()
    y = (place > SIDE / 2).astype(float)
    hidden = np.where(np.random.default_rng(0).random(y.shape) < 0.4, np.nan, y)
    settings = CNN | {"train.n_epochs": 30}
    found = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(images, hidden)
    coded = ImageClassifier(n_trials=1, settings=settings, random_state=0).fit(images, np.nan_to_num(hidden, nan=-1))
    probability = found.predict_proba(images)
    np.testing.assert_allclose(coded.predict_proba(images), probability, atol=1e-6)
    assert average_precision_score(y, probability) > 0.9


@pytest.mark.parametrize("loss", ["semi_hard", "batch_hard", "contrastive"])
def test_embeddings_bring_a_class_together_and_count_triplets(loss, tmp_path):
    images, _, place = spots()
    y = np.array(["left", "right"])[(place[:, 1] > SIDE / 2).astype(int)]
    settings = CNN | {"train.loss.name": loss, "train.n_epochs": 12}
    embedder = ImageEmbedder(
        n_trials=1, settings=settings, storage=f"sqlite:///{tmp_path}/studies.db", random_state=0
    ).fit(images, y)
    vectors = embedder.transform(images)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert embedder.score(images, y) > 0.9
    epochs = embedder.study_.epochs()
    counts = epochs[[f"val.{ease}_triplets" for ease in ("hard", "semi_hard", "easy")]]
    n_val = pd.Series(y[embedder_val(embedder)]).value_counts()
    assert (counts.sum(axis=1) == sum(n * (n - 1) * (n_val.sum() - n) for n in n_val)).all()


def test_classes_of_embeddings_are_told_by_their_names():
    images, y = spots()[0], pd.DataFrame({"y": ["often"] * (N - 9) + ["rare"] * 9})
    (found,) = (f for f in pose_images(y, ["y"], Images.of(images), kind="embedding").findings if f.kind == "classes")
    assert found.message.startswith("The rarest of 2 classes is rare with 9 of 64 rows")


def embedder_val(embedder):
    """The rows that chose."""
    return embedder.study_.store.targets(embedder.study_.store.study_id("study"))[0]
