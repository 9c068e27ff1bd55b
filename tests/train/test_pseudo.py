from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.images.arrays import Images
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import defaults
from automl_nn.train.pseudo import Pseudo, PseudoRows

QUICK = {
    "model.backbone.name": "cnn",
    "model.backbone.d_block": 8,
    "model.backbone.n_blocks": 1,
    "model.backbone.n_residual": 0,
    "train.n_epochs": 4,
}
SURE = Pseudo(threshold=0.8, weight=0.5, start=0.5, n_each=2)


@pytest.fixture(scope="module")
def problem():
    """Bright and dark images, two thirds of them without a label."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    pixels = rng.integers(0, 100, (120, 6, 6)) + 80 * y[:, None, None]
    labels = pd.Series(np.where(y == 0, "dark", "bright")).where(np.arange(120) < 40)
    return pose_images(pd.DataFrame({"y": labels}), ["y"], Images.of(pixels.astype(np.uint8)))


def curve(problem, **settings):
    config = defaults(edit_space(space_for(problem), QUICK | settings))
    attempt = Attempt(Encodings(problem), [config], seeds=[0])
    return attempt, [progress.row for (progress,) in attempt.epochs(seconds=60.0)]


def test_rows_without_a_label_are_in_no_part_that_is_scored(problem):
    assert set(problem.unlabelled) == set(range(40, 120))
    assert not set(problem.unlabelled) & {*problem.split.train, *problem.split.val}
    (encoded,) = Encodings(problem).of({"name": "robust", "max_one_hot": 16})
    assert encoded.fold.unlabelled.ids.tolist() == list(range(40, 120))
    assert len(encoded.fold.train) + len(encoded.fold.val) == 40


def test_without_pseudo_labels_they_change_nothing(problem):
    keep = problem.split
    fewer = replace(problem, y=np.where(np.isnan(problem.y), 0.0, problem.y).astype(np.float32), split=keep)
    assert len(fewer.unlabelled) == 0
    losses = [[row.train_loss for row in curve(given)[1]] for given in (problem, fewer)]
    assert losses[0] == losses[1]


def test_with_them_training_reads_more_rows_and_ends_elsewhere(problem):
    settings = {"train.pseudo.name": "confident", "train.pseudo.threshold": 0.5, "train.pseudo.start": 0.1}
    attempt, rows = curve(problem, **settings)
    plain, plain_rows = curve(problem)
    assert attempt._training._batches.n_steps > plain._training._batches.n_steps
    assert [row.val_loss for row in rows] != [row.val_loss for row in plain_rows]
    targets = attempt._training._pseudo.targets
    n_labelled = len(problem.split.train)
    assert set(targets.weight[n_labelled:].unique().tolist()) <= {0.0, 0.5}
    assert bool((targets.weight[n_labelled:] == 0.5).all())
    assert bool((targets.weight[:n_labelled] == 1).all())


@pytest.mark.parametrize(("knob", "value"), [("threshold", 0.9), ("weight", 0.2), ("start", 0.9), ("n_each", 1)])
def test_another_value_of_a_knob_is_another_training(problem, knob, value):
    usual = {"name": "confident", "threshold": 0.5, "weight": 0.5, "start": 0.1, "n_each": 2}
    losses = [
        [row.val_loss for row in curve(problem, **{f"train.pseudo.{path}": one for path, one in own.items()})[1]]
        for own in (usual, usual | {knob: value})
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("family", ["classes", "labels"])
def test_only_what_is_sure_counts(family):
    output = torch.tensor([[[5.0, -5.0], [0.2, 0.0]]])
    told = SURE.labels(output, family=family)
    assert told.y[0].tolist() == ([0.0] if family == "classes" else [1.0, 0.0])
    assert told.weight[0].tolist() == [0.5] * len(told.y[0])
    assert told.weight[1].sum() == 0


def test_an_epoch_reads_every_labelled_row_and_some_others():
    order = SURE.order(5, 100, generator=torch.Generator().manual_seed(0))
    assert sorted(order[order < 5].tolist()) == [0, 1, 2, 3, 4]
    assert len(order) == len(order.unique()) == 15
    assert len(SURE.order(5, 3, generator=torch.Generator())) == 8


def test_labels_are_renewed_behind_the_true_ones_once_training_is_on_its_way(problem):
    (encoded,) = Encodings(problem).of({"name": "robust", "max_one_hot": 16})
    rows = PseudoRows(replace(SURE, threshold=0.5), encoded.fold.train, encoded.fold.unlabelled, family="labels")
    attempt, _ = curve(problem)
    network, loss = attempt._training.network, attempt._training._losses[0]
    before = rows.targets.y.clone()
    rows.renew(network, loss, progress=0.25)
    assert bool((rows.targets.weight[len(encoded.fold.train) :] == 0).all())
    torch.testing.assert_close(rows.targets.y, before)
    rows.renew(network, loss, progress=0.75)
    torch.testing.assert_close(rows.targets.y[: len(encoded.fold.train)], before[: len(encoded.fold.train)])
    assert bool((rows.targets.weight[len(encoded.fold.train) :] == 0.5).all())


def gapped(*, weight=None):
    """Images with two labels, a third of which are missing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (90, 2)).astype(float)
    pixels = rng.integers(0, 80, (90, 6, 6)) + (80 * y[:, :1] + 40 * y[:, 1:])[:, None]
    hidden = np.where(rng.random(y.shape) < 1 / 3, np.nan, y)
    frame = pd.DataFrame(hidden, columns=["a", "b"])
    return pose_images(frame, ["a", "b"], Images.of(pixels.astype(np.uint8)), kind="multilabel", weight=weight)


def test_gaps_between_labels_are_filled_and_known_labels_stay():
    problem = gapped()
    settings = {"train.pseudo.threshold": 0.5, "train.pseudo.weight": 0.5, "train.pseudo.start": 0.1}
    attempt, _ = curve(problem, **settings)
    rows = attempt._training._pseudo
    known = rows.rows.y.isfinite()
    assert not known.all()
    torch.testing.assert_close(rows.targets.y[known], rows.rows.y[known])
    assert bool((rows.targets.weight[known] == 1).all())
    assert bool((rows.targets.weight[~known] == 0.5).all())


def test_gaps_of_a_row_that_weighs_nothing_stay_open():
    problem = gapped(weight=np.where(np.arange(90) % 2, 1.0, 0.0))
    attempt, _ = curve(problem, **{"train.pseudo.threshold": 0.5})
    rows = attempt._training._pseudo
    assert bool((rows.targets.weight[rows.rows.weight == 0] == 0).all())
    assert bool((rows.targets.weight[rows.rows.weight == 1] > 0).all())


def test_missing_labels_may_take_part_where_there_are_enough_of_them(problem):
    assert defaults(space_for(gapped()))["train"]["pseudo"]["name"] == "confident"
    assert defaults(space_for(problem))["train"]["pseudo"]["name"] == "none"
    whole = replace(problem, y=np.nan_to_num(problem.y))
    assert "pseudo" not in space_for(whole)["train"]
