from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris

from automl_nn.errors import ModelFileError
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.space.draw import defaults
from automl_nn.train.trained import Trained

IRIS = load_iris(as_frame=True).frame


def train(settings):
    problem = pose(IRIS, ["target"])
    space = edit_space(
        default_space(problem.task, n_rows=120), {"train.n_epochs": 3, "model.backbone.d_block": 16} | settings
    )
    attempt = Attempt(Encodings(problem), [defaults(space)], seeds=[0])
    list(attempt.epochs(seconds=1e9))
    return problem, attempt


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"train.loss.name": "focal", "train.loss.tau": 0.7},
        {"train.loss.tau": 1.0},
        {"train.precision": "float64"},
        {"model.recipe": "relu-he-batchnorm", "train.batch_size": 32},
        {"model.embedding.name": "periodic", "model.backbone.name": "resnet"},
        {"model.embedding.name": "piecewise", "model.backbone.name": "tabm_mini", "train.loss.tau": 1.0},
        {"model.backbone.name": "realmlp", "train.fade.name": "flat_cos"},
    ],
    ids=["defaults", "focal", "weighted", "float64", "batch norm", "resnet", "tabm", "realmlp"],
)
def test_a_network_read_back_gives_the_outputs_of_its_best_epoch(settings):
    problem, attempt = train(settings)
    stored = attempt.outcome(0, "complete", stopped=None).output
    (network,) = attempt.trained(0)
    read = Trained.from_bytes(network.to_bytes())
    np.testing.assert_allclose(read.output(problem.table.take(problem.split.val)), stored, atol=1e-5)


def test_other_bytes_are_refused():
    _, attempt = train({})
    blob = attempt.trained(0)[0].to_bytes()
    for wrong in (b"", b"hello", blob[: len(blob) // 2]):
        with pytest.raises(ModelFileError):
            Trained.from_bytes(wrong)


def test_weights_of_another_build_are_refused():
    problem, attempt = train({})
    (network,) = attempt.trained(0)
    first, *others = network.state.items()
    for state in (dict(others), {**network.state, first[0]: first[1][:, :1]}):
        with pytest.raises(ModelFileError, match="The weights of a stored tabm_mini do not fit"):
            replace(network, state=state).output(problem.table)
