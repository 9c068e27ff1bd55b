"""The space that is searched where rows are steps of series, and the trials to begin with."""

from collections.abc import Mapping
from typing import Any

from automl_nn.data.series.steps import Steps
from automl_nn.model.backbones import SEQUENCES, TOLD, WHOLE, Backbone
from automl_nn.model.backbones.sequence import MAX_LENGTH
from automl_nn.model.build import model_space
from automl_nn.model.numeric import NUMERIC_EMBEDDINGS
from automl_nn.model.recipes import RECIPES
from automl_nn.search.problems.problem import Problem
from automl_nn.search.spaces.windows import longest_window, window_lengths
from automl_nn.space.edit import fix, narrow
from automl_nn.space.options import Bundles, Options, Space
from automl_nn.space.ranges import Choice, Held, Integer, Real, Value
from automl_nn.train.batches.sampling import SAMPLINGS
from automl_nn.train.clipping import CLIPS
from automl_nn.train.optimizers import OPTIMIZERS
from automl_nn.train.schedules import SCHEDULES
from automl_nn.train.space import train_space

RECIPE_NAMES = ("gelu-he-layernorm", "relu-he-batchnorm", "silu-he-rmsnorm", "relu-he")
"""Recipes whose normalization does without a whole batch, but for one."""

N_STEPS = 2000
"""Optimizer steps of a full training, within 10 to 60 epochs, or 150 of whole series."""

FEW_WINDOWS, MANY_WINDOWS = 256, 4096
"""Least and, unless the part that chooses is larger still, most windows of an epoch."""

FEW_SERIES = 64
"""Least windows of an epoch where each is a whole series: few, since networks soon know them by heart."""

MOST_TOLD = 4_000_000
"""Most values of channels where steps are told 15 or 18 numbers for each, in 4 bytes, by each encoder and direction."""

STEP_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {},
    {"model.backbone.name": "surroundings"},
    {"model.backbone.name": "step_mlp"},
    {"model.backbone.name": "lstm", "model.backbone.d_block": 64},
    {"model.backbone.name": "step_tabm_mini"},
    {"model.backbone.name": "tcn"},
    {
        "model.backbone.name": "surroundings",
        "model.backbone.d_block": 256,
        "model.dropout.rate": 0.3,
        "train.optimizer.weight_decay": 0.3,
    },
    {"model.backbone.name": "unet", "model.backbone.d_block": 64, "train.loss.tau": 0.5, "train.sampling.share": 0.5},
    {
        "model.backbone.name": "lstm",
        "model.backbone.n_layers": 2,
        "model.dropout.rate": 0.2,
        "train.optimizer.lr": 1e-3,
    },
    {"model.backbone.name": "tcn", "model.recipe": "relu-he-batchnorm", "train.sampling.name": "natural"},
)
"""What the first trials change of the defaults, by path."""


WHOLE_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.name": "minirocket", "train.optimizer.lr": 3e-4},
    {},
    {"model.backbone.name": "whole_lstm"},
    {"model.backbone.name": "inception", "model.backbone.n_taps": 19, "model.dropout.rate": 0.3},
    {"model.backbone.name": "whole_tcn"},
    {"model.backbone.name": "inception", "model.backbone.n_blocks": 3, "model.recipe": "gelu-he-layernorm"},
)
"""The same for labels of whole series."""


def step_space(problem: Problem) -> Space:
    """All that may be searched for labels, classes or values of steps.

    Args:
        problem: A problem whose rows are steps.

    Returns:
        The groups `model` and `train`.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> from automl_nn.search.problems.series import pose_steps
        >>> from automl_nn.space.draw import defaults
        >>> pulse = np.tile([0.0, 0.1, 3.0, 0.2], 400)
        >>> frame = pd.DataFrame({"s": np.repeat(range(8), 200), "x": pulse, "y": pulse > 1})
        >>> config = defaults(step_space(pose_steps(frame, ["y"], SeriesColumns("s"))))
        >>> config["model"]["backbone"]["name"], config["model"]["backbone"]["length"], config["train"]["n_windows"]
        ('unet', 64, 256)
    """
    return {"model": _model(problem), "train": _train(problem)}


def _model(problem: Problem) -> Space:
    assert problem.steps is not None
    table: Options[Backbone] = SEQUENCES if problem.steps.columns.per_step else WHOLE
    if problem.task.family == "embedding":
        table = table.only(*(name for name in table if name != "minirocket"))  # answers are not known
    if problem.looks_back:
        table = SEQUENCES.only("lstm", "surroundings", "tcn")
    lengths = window_lengths(problem)
    middle = lengths[min(1, len(lengths) - 1)]
    longest = min(MAX_LENGTH, max(*lengths, longest_window(problem)))
    length = Choice(lengths, default=middle, also=Integer(8, longest, default=middle))
    table = table.with_spaces({name: {**option.space, "length": length} for name, option in table.items()})
    if _can_be_told(problem):
        table = Options("backbone", {**table, **TOLD}, default=table.default)
    backbone = {"backbone": table}
    return {
        **model_space(),
        "embedding": NUMERIC_EMBEDDINGS.only("none"),
        **(fix(backbone, "backbone.direction", "forward") if problem.looks_back else backbone),
        "recipe": _recipes(problem.steps),
    }


def _can_be_told(problem: Problem) -> bool:
    """Whether there are numbers to take statistics of, and few enough to keep those of each step."""
    assert problem.steps is not None
    columns = problem.table.used
    has_numbers = any(column.role != "category" for column in columns)
    return problem.steps.columns.per_step and has_numbers and problem.steps.n_steps * len(columns) <= MOST_TOLD


def _recipes(steps: Steps) -> Bundles:
    """Recipes in the order to try: batch norm first where a batch holds many whole series."""
    names = RECIPE_NAMES if steps.columns.per_step else sorted(RECIPE_NAMES, key="relu-he-batchnorm".__ne__)
    return RECIPES.keep({name: RECIPES.bundles[name] for name in names})


def _train(problem: Problem) -> Space:
    lengths = window_lengths(problem)
    length = lengths[min(1, len(lengths) - 1)]
    n_all = len(problem.split.train) // length
    assert problem.steps is not None
    few, most, patience = (FEW_WINDOWS, 60, 8) if problem.steps.columns.per_step else (FEW_SERIES, 150, 24)
    n_windows = max(few, min(n_all, max(MANY_WINDOWS, 2 * len(problem.split.val) // length)))
    batch_size = 32 if n_all >= 16 * 32 else 16
    n_epochs = min(most, max(10, N_STEPS * batch_size // n_windows))
    return {
        **train_space(problem.task.family, n_rows=n_windows),
        "batch_size": Choice(
            (batch_size // 2, batch_size, 2 * batch_size), default=batch_size, also=Integer(1, 4096, default=32)
        ),
        "n_windows": Held(Integer(16, 65_536, default=n_windows, log=True, valid=(1, 10_000_000))),
        "n_epochs": Held(Integer(1, 1000, default=n_epochs, log=True, valid=(1, 1_000_000))),
        "patience": Held(Integer(1, 200, default=patience, log=True, valid=(1, 1_000_000))),
        "sampling": SAMPLINGS if problem.task.family == "labels" else SAMPLINGS.only("natural"),
        "optimizer": _adamw(),
        "schedule": SCHEDULES.search("cosine", "one_cycle"),
        "clip": CLIPS.search(*CLIPS, default="norm"),
    }


def _adamw() -> Options[Any]:
    space = {"optimizer": OPTIMIZERS.only("adamw")}
    found = narrow(space, "optimizer.lr", Real(3e-4, 2e-2, default=3e-3, log=True, valid=(0.0, 10.0)))["optimizer"]
    assert isinstance(found, Options)
    return found
