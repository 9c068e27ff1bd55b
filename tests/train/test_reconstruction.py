import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.images.arrays import Images
from automl_nn.model.backbones.pretrained import Pretrained
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import defaults

QUICK = {
    "model.backbone.name": "cnn",
    "model.backbone.d_block": 8,
    "model.backbone.n_blocks": 1,
    "model.backbone.n_residual": 0,
    "model.recipe": "relu-he-groupnorm",
    "model.dropout.rate": 0.0,
    "train.n_epochs": 3,
    "train.clip.name": "none",
}
DRAWN = {"train.reconstruction.name": "decoder"}


def posed(pixels, *, n_labelled=60, kind=None):
    labels = pd.Series(np.arange(len(pixels)) % 2).where(np.arange(len(pixels)) < n_labelled)
    return pose_images(pd.DataFrame({"y": labels}), ["y"], Images.of(pixels), kind=kind)


@pytest.fixture(scope="module")
def pixels():
    """Images with a bright bar that stands or lies; the first of every two stands."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (140, 9, 7))
    for number, place in enumerate(rng.integers(0, 7, 140)):
        images[number][(slice(None), place) if number % 2 else (place, slice(None))] += 180
    return images.astype(np.uint8)


def trained(problem, *, seeds=(0,), **settings):
    config = defaults(edit_space(space_for(problem), QUICK | settings))
    attempt = Attempt(Encodings(problem), [config] * len(seeds), seeds=list(seeds))
    return attempt, [[progress.row for progress in some] for some in attempt.epochs(seconds=60.0)]


def losses(rows, place=0):
    return [(row[place].train_loss, row[place].val_loss) for row in rows]


def test_a_weight_of_zero_is_as_good_as_no_decoder(pixels):
    plain = trained(posed(pixels))[1]
    without = trained(posed(pixels), **DRAWN, **{"train.reconstruction.weight": 0.0})[1]
    np.testing.assert_allclose(losses(without), losses(plain), rtol=1e-5)


def test_images_without_a_label_change_the_training_where_they_are_drawn_and_only_there(pixels):
    """The other images have other pixels, but the same number."""
    other = pixels.copy()
    other[60:] = 255 - other[60:]
    drawn, drawn_other = (trained(posed(images), **DRAWN)[1] for images in (pixels, other))
    plain, plain_other = (trained(posed(images))[1] for images in (pixels, other))
    assert losses(plain) == losses(plain_other)
    assert losses(drawn) != losses(drawn_other)


@pytest.mark.parametrize(("knob", "value"), [("weight", 0.1), ("side", 4), ("d_block", 4)])
def test_another_value_of_a_knob_is_another_training(pixels, knob, value):
    settings = DRAWN | {"train.n_epochs": 2}
    usual, other = (
        trained(posed(pixels), **own)[1] for own in (settings, settings | {f"train.reconstruction.{knob}": value})
    )
    assert losses(usual) != losses(other)


def test_scores_are_those_of_labelled_rows(pixels):
    problem = posed(pixels)
    attempt, rows = trained(problem, **DRAWN)
    assert len(attempt.outcome(0, "complete", stopped=None).output) == len(problem.split.val)
    assert set(problem.split.val) < set(range(60))
    assert rows[0][0].metrics["val"].keys() == trained(problem)[1][0][0].metrics["val"].keys()


def test_a_decoder_learns_to_draw_and_is_not_kept():
    """Images of one brightness each, which hidden units can tell at once."""
    flat = np.random.default_rng(0).integers(0, 256, (140, 1, 1)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    settings = {"train.reconstruction.weight": 1.0, "train.n_epochs": 8, "train.optimizer.lr": 0.01}
    attempt, _ = trained(posed(flat), **DRAWN, **settings)
    branch = attempt._training._stepper._branch
    with torch.no_grad():
        assert float(branch.loss(attempt._training.network)) < 0.7  # the mean image has 1
    assert not any("decoder" in name for name in attempt.trained(0)[0].state)


def test_networks_in_a_stack_draw_as_alone_also_when_others_leave(pixels):
    problem = posed(pixels)
    alone = losses(trained(problem, seeds=[5], **DRAWN)[1])
    config = defaults(edit_space(space_for(problem), QUICK | DRAWN))
    attempt = Attempt(Encodings(problem), [config] * 2, seeds=[3, 5])
    epochs = attempt.epochs(seconds=60.0)
    first = next(epochs)[1].row
    attempt.keep([1])
    (second,) = next(epochs)
    rows = [[first], [second.row]]
    np.testing.assert_allclose(losses(rows), alone[:2], rtol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "regression", "embedding"])
def test_any_question_about_whole_images_may_be_helped(pixels, kind):
    space = space_for(posed(pixels, kind=kind))
    assert "reconstruction" in space["train"]
    assert ("pseudo" in space["train"]) == (kind == "binary")
    rows = trained(posed(pixels, kind=kind), **DRAWN, **{"train.n_epochs": 1})[1]
    assert np.isfinite(losses(rows)).all()


def test_few_images_without_a_label_are_not_worth_a_decoder(pixels):
    assert "reconstruction" not in space_for(posed(pixels, n_labelled=130))["train"]


def test_networks_beside_columns_draw_too(pixels):
    """Those that look at no image have nothing to draw from, and are no worse for it."""
    y = pd.Series(np.arange(140) % 2).where(np.arange(140) < 60)
    problem = pose_images(pd.DataFrame({"x": np.sin(np.arange(140.0)), "y": y}), ["y"], Images.of(pixels))
    for name, own in (("cnn", QUICK), ("blind", {"train.n_epochs": 1})):
        config = defaults(edit_space(space_for(problem), own | DRAWN | {"model.backbone.name": name}))
        rows = [row for (row,) in Attempt(Encodings(problem), [config], seeds=[0]).epochs(seconds=60.0)]
        assert np.isfinite(rows[-1].row.val_loss)


def test_frozen_features_are_computed_once_and_the_head_above_them_learns_to_draw(pixels, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4], depths=[1], layer_type="basic")
    transformers.ResNetModel(config).save_pretrained(tmp_path / "tiny")
    n_seen = []
    compute = Pretrained._computed
    monkeypatch.setattr(Pretrained, "_computed", lambda self, x, i: n_seen.append(len(x)) or compute(self, x, i))
    own = {"weights": str(tmp_path / "tiny"), "side": 16, "d_head": 4}
    settings = {f"model.backbone.{knob}": value for knob, value in own.items()} | {"train.n_epochs": 2}
    problem = posed(pixels)
    every = []
    for drawn in ({"train.reconstruction.name": "none"}, DRAWN):
        config = defaults(edit_space(space_for(problem), settings | drawn))
        attempt = Attempt(Encodings(problem), [config], seeds=[0])
        every.append(losses([[progress.row for progress in some] for some in attempt.epochs(seconds=60.0)]))
    assert every[0] != every[1]
    assert sum(n_seen) == len(pixels)
