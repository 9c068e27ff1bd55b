import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from automl_nn.data.images.arrays import Images
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import defaults
from automl_nn.train.losses.stack_loss import Targets
from automl_nn.train.naming import Names

QUICK = {
    "model.backbone.name": "cnn",
    "model.backbone.d_block": 8,
    "model.backbone.n_blocks": 1,
    "model.backbone.n_residual": 0,
    "train.n_epochs": 2,
}


@pytest.fixture(scope="module")
def problem():
    """Images of three brightnesses, each of which is a class."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    pixels = rng.integers(0, 60, (60, 6, 6)) + 60 * y[:, None, None]
    return pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(pixels.astype(np.uint8)), kind="embedding")


def trained(problem, **settings):
    config = defaults(edit_space(space_for(problem), QUICK | settings))
    attempt = Attempt(Encodings(problem), [config], seeds=[0])
    return attempt, [progress.row for (progress,) in attempt.epochs(seconds=60.0)]


def test_it_is_cross_entropy_of_a_linear_layer_for_each_network():
    output, y = torch.randn(2, 5, 3), torch.tensor([0.0, 1.0, 1.0, 3.0, 2.0]).view(1, 5, 1).expand(2, -1, -1)
    names = Names([0.5, 2.0], d_embedding=3, n_classes=4, like=output)
    names.layer.weight.data.normal_()
    logits = names.layer(output)
    expected = [functional.cross_entropy(logits[i], y[i, :, 0].long()) for i in range(2)]
    torch.testing.assert_close(names.loss(output, Targets(y)), torch.stack(expected) * torch.tensor([0.5, 2.0]))
    names.keep([1])
    torch.testing.assert_close(names.loss(output[1:], Targets(y[1:])), 2 * expected[1].unsqueeze(0))


def test_rows_that_weigh_nothing_are_not_named():
    output, y = torch.randn(1, 4, 3), torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 4, 1)
    names = Names([1.0], d_embedding=3, n_classes=2, like=output)
    names.layer.weight.data.normal_()
    weight = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 4, 1)
    torch.testing.assert_close(names.loss(output, Targets(y, weight)), names.loss(output[:, :2], Targets(y[:, :2])))


def test_naming_changes_the_embeddings_and_its_layer_stays_behind(problem):
    named, rows = trained(problem)
    plain, others = trained(problem, **{"train.naming.name": "none"})
    assert named._training._stepper._names is not None
    assert plain._training._stepper._names is None
    assert rows[-1].val_loss != others[-1].val_loss
    states = [attempt.trained(0)[0].state for attempt in (named, plain)]
    assert states[0].keys() == states[1].keys()


@pytest.mark.parametrize(
    "settings", [{"train.naming.weight": 0.2}, {"train.loss.name": "contrastive", "train.loss.temperature": 0.5}]
)
def test_another_value_of_a_knob_is_another_training(problem, settings):
    names = {path: value for path, value in settings.items() if path.endswith(".name")}
    losses = [[row.val_loss for row in trained(problem, **own)[1]] for own in (names, settings)]
    assert losses[0] != losses[1]
