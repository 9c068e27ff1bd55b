from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification, make_regression

from automl_nn.model.build import build, model_space
from automl_nn.model.encoders import Inputs
from automl_nn.model.network import Network
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix
from automl_nn.task.base import Task
from automl_nn.task.tasks import Binary, Multiclass, Regression
from automl_nn.train.batches.rows import Rows
from automl_nn.train.epoch import Epoch
from automl_nn.train.loop import fit, stack_loss
from automl_nn.train.space import train_space

Config = dict[str, Any]

TASKS: dict[str, Task] = {
    "labels": Binary(("y",), "average_precision", (0, 1)),
    "classes": Multiclass(("y",), "neg_log_loss", (0, 1, 2)),
    "values": Regression(("y",), "neg_root_mean_squared_error"),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let torch draw the same numbers in a test, whatever ran before it."""
    torch.manual_seed(0)


def part(x: np.ndarray, y: np.ndarray, *, first_id: int = 0) -> Rows:
    inputs = Inputs(torch.tensor(x, dtype=torch.float32), torch.zeros(len(x), 0, dtype=torch.int64))
    labels = torch.tensor(y, dtype=torch.float32).reshape(len(y), -1)
    return Rows(inputs, labels, None, first_id + torch.arange(len(x)))


@dataclass(frozen=True)
class Setting:
    """A small problem, and what is needed to train networks on it."""

    task: Task
    train: Rows
    val: Rows

    def config(self, **changes: Any) -> Config:
        space = train_space(self.task.family, n_rows=len(self.train))
        config = {**defaults(space), "batch_size": 16, "n_epochs": 3}
        return {**config, **changes}

    def model_config(self, *, dropout: float = 0.0, **fixed: Any) -> Config:
        space = fix(fix(model_space(), "backbone.name", "mlp"), "embedding.name", "none")
        small = {"backbone.d_block": 16, "backbone.n_blocks": 1, "recipe": "relu-he"}
        for path, value in {**small, **fixed}.items():
            space = fix(space, path.replace("__", "."), value)
        return {**defaults(space), "dropout": {"name": "inverted", "rate": dropout} if dropout else {"name": "none"}}

    def network(self, configs: Sequence[Config], *, seeds: Sequence[int], **fixed: Any) -> Network:
        shift = stack_loss(self.train, configs, task=self.task).shift
        prior = torch.tensor(self.task.prior_output(self.train.y.numpy()), dtype=torch.float32)
        return build(
            [self.model_config(**fixed)] * len(configs),
            self.train.inputs,
            n_numeric=self.train.inputs.dense.shape[1],
            vocabularies=(),
            d_out=self.task.d_out,
            output_bias=prior + shift,
            seeds=seeds,
        )

    def fit(self, configs: Sequence[Config], *, seeds: Sequence[int] | None = None) -> list[Epoch]:
        seeds = seeds or list(range(len(configs)))
        network = self.network(configs, seeds=seeds)
        return list(fit(network, self.train, self.val, configs, task=self.task, seeds=seeds))

    def with_train(self, **changes: Any) -> "Setting":
        return replace(self, train=replace(self.train, **changes))


def make_setting(family: str, *, n_rows: int = 150) -> Setting:
    if family == "values":
        x, y = make_regression(n_rows, 6, noise=1.0, random_state=0)
        y = (y - y.mean()) / y.std()
    else:
        n_classes = {"labels": 2, "classes": 3}[family]
        weights = [0.7] if n_classes == 2 else [0.6, 0.3]
        x, y = make_classification(
            n_rows, 6, n_informative=4, n_redundant=0, n_classes=n_classes, weights=weights, random_state=0
        )
    n_train = 2 * n_rows // 3
    return Setting(TASKS[family], part(x[:n_train], y[:n_train], first_id=1000), part(x[n_train:], y[n_train:]))


@pytest.fixture
def setting() -> Setting:
    return make_setting("labels")


@pytest.fixture
def settings() -> Callable[[str], Setting]:
    return make_setting


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
