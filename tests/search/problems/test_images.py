"""Problems whose rows are images: their parts, their space, their batches, their scale."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.images.arrays import Images
from automl_nn.errors import DataError, SplitError, TargetError
from automl_nn.model.images import ImageRows, PixelScale
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.images import pose_images
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.study_spec import probed, spec_of
from automl_nn.search.sharing import Shelf, get, put
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.search.spaces.images import QUICK_EPOCHS
from automl_nn.search.spaces.portfolio import first_trials, portfolio_for
from automl_nn.space.draw import defaults
from automl_nn.space.ranges import Choice
from automl_nn.study import Study
from automl_nn.train.batches.images import ImageBatches
from automl_nn.train.batches.rows import Batches
from automl_nn.train.losses.stack_loss import Targets


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (60, 6, 5), dtype=np.uint8)


def posed(pixels, y=None, **asked):
    return pose_images(pd.DataFrame({"y": [0, 0, 1] * 20 if y is None else y}), ["y"], Images.of(pixels), **asked)


def test_copies_of_an_image_are_never_on_both_sides(pixels):
    pixels[30:] = pixels[:30]
    problem = posed(pixels)
    train, val = (set(problem.images.hashes[rows]) for rows in (problem.split.train, problem.split.val))
    assert not train & val
    assert len(problem.split.train) + len(problem.split.val) == 60
    assert "copies are kept in one part" in problem.findings[0].message


def test_copies_are_kept_together_in_every_fold(pixels):
    pixels[30:] = pixels[:30]
    problem = posed(pixels, parting=Parting(folds=3))
    assert sorted(np.concatenate([fold.val for fold in problem.folds]).tolist()) == list(range(60))
    for fold in problem.folds:
        hashes = problem.images.hashes
        assert not set(hashes[fold.train]) & set(hashes[fold.val])


def test_groups_are_not_parted(pixels):
    frame = pd.DataFrame({"y": [0, 0, 1] * 20, "patient": np.arange(60) // 6})
    problem = pose_images(frame, ["y"], Images.of(pixels), parting=Parting(group="patient"))
    assert not set(problem.groups[problem.split.train]) & set(problem.groups[problem.split.val])
    assert problem.table.used == ()


def test_images_without_a_label_are_in_no_part(pixels):
    problem = posed(pixels, y=[0.0, np.nan, 1.0] * 20, kind="binary")
    assert not set(range(1, 60, 3)) & {*problem.split.train, *problem.split.val}


def test_other_pixels_are_other_data(pixels):
    before = posed(pixels).fingerprint
    pixels[7, 0, 0] += 1
    assert posed(pixels).fingerprint != before


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        ([0, 1] * 20, DataError, "There are 60 images, but 40 rows of labels"),
        ([1] * 60, TargetError, "1"),
        ([0] * 59 + [1], SplitError, "class 1"),
    ],
)
def test_labels_that_do_not_fit_are_refused(pixels, y, error, sentence):
    with pytest.raises(error, match=sentence):
        posed(pixels, y=y)


def test_a_spec_brings_back_the_first_images_that_choose(pixels):
    problem = posed(pixels)
    table, images = probed(spec_of(problem))
    assert table.n_rows == 4
    assert (images.pixels == problem.images.pixels[problem.split.val[:4]]).all()


@pytest.mark.parametrize("n", [12, 60])
def test_the_space_fits_to_the_number_of_images(n):
    images = np.random.default_rng(0).integers(0, 256, (n, 6, 5), dtype=np.uint8)
    problem = posed(images, y=[0, 0, 1] * (n // 3))
    config = defaults(space_for(problem))
    assert config["train"]["batch_size"] <= n
    assert config["search"]["cohort"] == 8
    assert len(first_trials(space_for(problem), portfolio_for(problem, space_for(problem)))) >= 5


def test_networks_of_larger_images_are_trained_one_at_a_time():
    images = np.random.default_rng(0).integers(0, 256, (60, 11, 10), dtype=np.uint8)
    assert defaults(space_for(posed(images)))["search"]["cohort"] == 1


def test_encoded_rows_see_their_own_images_without_copying_them(pixels):
    problem = posed(pixels)
    (encoded,) = Encodings(problem).of(defaults(space_for(problem))["model"]["encoder"])
    seen = encoded.fold.val.inputs
    assert (seen.pixels[:, 0].numpy() == pixels[problem.split.val]).all()
    assert seen.images.whole.data_ptr() == problem.images.pixels.ctypes.data


def test_processes_share_images_through_one_file(pixels, tmp_path):
    problem = posed(pixels)
    put(problem, tmp_path / "problem")
    found = get(tmp_path / "problem")
    shelf = Shelf(tmp_path, _NoLock())
    (encoded,) = Encodings(found, shelf).of(defaults(space_for(problem))["model"]["encoder"])
    assert (encoded.fold.train.inputs.pixels[:, 0].numpy() == pixels[problem.split.train]).all()
    assert sum(file.stat().st_size for file in tmp_path.iterdir() if file.name != "problem") < pixels.nbytes + 20_000


class _NoLock:
    def acquire(self, timeout):
        return True

    def release(self):
        pass


@pytest.fixture
def rows(pixels):
    problem = posed(pixels)
    (encoded,) = Encodings(problem).of(defaults(space_for(problem))["model"]["encoder"])
    return encoded.fold.train


def test_batches_of_images_are_those_of_rows_with_their_images(rows):
    targets, told = Targets(rows.y), {"batch_size": 8, "seeds": [0, 1], "sizes": [len(rows)]}
    batches = ImageBatches(rows, targets, **told)
    for plain, batch in zip(Batches(rows.inputs, targets, **told).epoch(), batches.epoch(), strict=True):
        assert torch.equal(plain.targets.y, batch.targets.y)
    seen = batches.rows(1, batches.n_steps - 1)
    assert torch.equal(batch.pixels[1], rows.inputs.images[seen].gathered())
    assert batch.pixels.dtype == torch.uint8


def test_a_network_sees_the_same_images_in_a_stack_as_alone(rows):
    told = {"batch_size": 8, "sizes": [len(rows)], "augment": _noise}
    both = ImageBatches(rows, Targets(rows.y), seeds=[5, 6], **told)
    alone = ImageBatches(rows, Targets(rows.y), seeds=[6], **told)
    for two, one in zip(both.epoch(), alone.epoch(), strict=True):
        assert torch.equal(two.pixels[1], one.pixels[0])
    both.keep([1])
    for two, one in zip(both.epoch(), alone.epoch(), strict=True):
        assert torch.equal(two.pixels, one.pixels)


def _noise(images, targets, generator):
    return images + torch.rand(images.shape, generator=generator), targets


def test_the_scale_brings_training_images_to_mean_0_and_deviation_1_channel_by_channel():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3)) * np.array([1, 0.5, 0.01]) + np.array([0, 3, 9])
    images = ImageRows.of(Images.of(pixels))
    scaled = PixelScale(2, images)(images.gathered()[None])
    assert scaled.shape == (2, 50, 3, 4, 4)
    assert torch.allclose(scaled.mean((1, 3, 4)), torch.zeros(2, 3), atol=1e-4)
    assert torch.allclose(scaled.std((1, 3, 4), correction=0), torch.ones(2, 3), atol=1e-4)


def test_a_channel_of_one_value_becomes_zero_and_nothing_else():
    images = ImageRows.of(Images.of(np.full((3, 4, 4), 7, dtype=np.uint8)))
    assert not PixelScale(1, images)(images.gathered()[None]).any()


def test_the_scale_is_that_of_the_images_given_whatever_their_unit(pixels):
    of_bytes, of_shares = (ImageRows.of(Images.of(x)) for x in (pixels, pixels / 255))
    scaled = [PixelScale(1, images)(images.gathered()[None]) for images in (of_bytes, of_shares)]
    assert torch.allclose(*scaled, atol=1e-4)


@pytest.mark.parametrize("order", ["first", "last"])
def test_images_are_read_in_the_memory_that_they_were_given_in(order):
    given = np.random.default_rng(0).integers(0, 256, (8, 5, 6, 3), dtype=np.uint8)
    given = given if order == "last" else np.ascontiguousarray(given.transpose(0, 3, 1, 2))
    given.flags.writeable = False
    images = Images.of(given)
    rows = ImageRows.of(images, torch.tensor([3, 1]))
    assert np.shares_memory(rows.whole.numpy(), given)
    assert (rows.gathered().numpy() == images.pixels[[3, 1]]).all()
    assert (pickle.loads(pickle.dumps(images)).pixels == images.pixels).all()


def test_images_in_an_odd_order_of_memory_are_read_too():
    given = np.random.default_rng(0).integers(0, 256, (8, 5, 6, 3), dtype=np.uint8)[::-1, :, ::2]
    assert (ImageRows.of(Images.of(given)).gathered().numpy() == given.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize(
    ("longest", "sides"), [(8, (32,)), (32, (32,)), (33, (32, 64)), (64, (32, 64)), (200, (32, 64))]
)
def test_no_side_is_searched_that_changes_nothing(longest, sides):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, longest), dtype=np.uint8)
    space = space_for(posed(images, y=[0, 0, 1] * 4))
    assert space["model"]["backbone"]["cnn"].space["side"].values == sides


def test_the_first_trials_differ_in_what_they_train(pixels):
    problem = posed(pixels)
    configs = first_trials(space_for(problem), portfolio_for(problem, space_for(problem)))
    assert len({tuple(sorted(config.items())) for config in configs}) == len(configs) >= 5


@pytest.mark.parametrize(("y", "shifts"), [([0, 0, 1] * 20, {0.08}), (list(np.linspace(0, 1, 60)), {0.08, 0.0})])
def test_images_of_quantities_stay_in_place_in_one_of_the_first_trials(pixels, y, shifts):
    assert {trial["train.augmentation.shift"] for trial in started(posed(pixels, y=y), {})} == shifts


def test_the_first_trial_is_a_quick_one(pixels, tmp_path):
    told = {"images": pixels, "storage": f"sqlite:///{tmp_path}/s.db", "settings": {"train.patience": 1}}
    study = Study(pd.DataFrame({"y": [0, 0, 1] * 20}), "y", **told).tune(n_trials=1)
    config = study.leaderboard().iloc[0]
    assert (config["train.n_epochs"], config["model.backbone.d_block"]) == (QUICK_EPOCHS, 8)


def started(problem, settings):
    """The first trials of a search with these settings."""
    space = edit_space(space_for(problem), settings)
    return first_trials(space, portfolio_for(problem, space))


@pytest.mark.parametrize("setting", [2, Choice((2, 4))])
def test_small_batches_start_without_batch_norm(setting):
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 6, 5), dtype=np.uint8)
    problem = posed(pixels, y=[0, 0, 1] * 400)
    usual = started(problem, {})
    assert "batch" in {trial["model.normalization.name"] for trial in usual}
    small = started(problem, {"train.batch_size": setting})
    assert len(small) > 3
    assert {trial["model.normalization.name"] for trial in small} == {"group", "layer"}


def test_what_somebody_set_is_kept_in_the_first_trials(pixels):
    held = {
        "model.backbone.d_block": 11,
        "model.recipe": "relu-he-batchnorm",
        "train.batch_size": 2,
        "train.optimizer.lr": 1e-3,
        "train.n_epochs": 7,
    }
    trials = started(posed(pixels), held)
    assert len(trials) > 1
    assert all({path: trial[path] for path in held} == held for trial in trials)


@pytest.mark.parametrize(("kind", "expected"), [("regression", "batch"), ("binary", "group")])
def test_batches_of_eight_images_keep_batch_norm_where_a_quantity_is_asked_for(pixels, kind, expected):
    """Group normalization takes off how much of something an image shows."""
    problem = pose_images(pd.DataFrame({"y": np.arange(len(pixels)) % 2}), ["y"], Images.of(pixels), kind=kind)
    assert started(problem, {"train.batch_size": 8})[0]["model.recipe"] == f"relu-he-{expected}norm"
