"""The space that is searched for images, and the trials to begin with."""

from collections.abc import Mapping
from typing import Any

from automl_nn.model.backbones import IMAGES, Backbone
from automl_nn.model.build import model_space
from automl_nn.model.encoders import ENCODERS
from automl_nn.model.images import PIXELS
from automl_nn.model.numeric import NUMERIC_EMBEDDINGS
from automl_nn.model.readings import READINGS
from automl_nn.model.recipes import IMAGE_RECIPES, MIN_BATCH_NORM_ROWS
from automl_nn.search.problems.problem import Problem
from automl_nn.search.spaces.image_tasks import suited
from automl_nn.space.edit import narrow
from automl_nn.space.options import Bundles, Options, Space
from automl_nn.space.ranges import Choice, Held, Integer, Real, Value
from automl_nn.train.augmentation.augment import AUGMENTATION
from automl_nn.train.clipping import CLIPS
from automl_nn.train.optimizers import OPTIMIZERS
from automl_nn.train.schedules import SCHEDULES
from automl_nn.train.space import train_space

SIDES = (32, 64)
"""Longest sides, in pixels, that networks may see."""

D_BLOCK = Integer(8, 32, default=16, log=True, valid=(1, 1024))
"""Width of the first convolution: twice as wide takes three times as long, which few searches have."""

BATCH_SIZES = (4, 8, 16, 32, 64, 128)

MIN_BATCH_NORM_IMAGES = 16
"""Under so many images a batch, group normalization comes first: Wu and He (2018), arXiv:1803.08494, Fig. 1."""

MIN_BATCH_NORM_QUANTITIES = 8
"""The same where quantities are asked for: group normalization takes off how much of something an image shows."""

WITHOUT_BATCH_NORM = {"relu-he-batchnorm": "relu-he-groupnorm", "gelu-he-batchnorm": "gelu-he-layernorm"}
"""Recipes for small batches in place of others."""

N_STEPS = 3000
"""Optimizer steps of a full training, within 12 to 120 epochs."""

QUICK_EPOCHS = 5
"""Epochs of the first trial, and the fewest that are searched."""

IMAGE_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.d_block": 8, "model.backbone.side": 32, "train.n_epochs": QUICK_EPOCHS},
    {"model.backbone.side": 32},
    {},
    {"model.backbone.side": 32, "train.augmentation.turn": 10.0, "train.augmentation.zoom": 0.1},
    {"model.recipe": "gelu-he-batchnorm", "train.augmentation.flip": "left_right", "model.dropout.rate": 0.3},
    {"model.backbone.d_block": 32, "train.optimizer.lr": 2e-3},
    {"model.recipe": "relu-he-groupnorm"},
)
"""What the first trials change of the defaults, by path: a small and quick one first."""

PRETRAINED_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.frozen": 1.0, "model.backbone.d_head": 0},
    {"model.backbone.frozen": 1.0, "model.backbone.d_head": 128},
    {"model.backbone.frozen": 0.8, "train.n_epochs": 10},
    {"model.backbone.frozen": 0.0, "model.backbone.lr_decay": 0.65, "train.n_epochs": 10},
)
"""The same where weights are given: a linear head on frozen features first, whose features serve the second, too."""


def for_batches(entry: Mapping[str, Value], space: Space, *, least: int) -> Mapping[str, Value]:
    """A first trial that suits the batches that are searched: small ones get no batch norm.

    A recipe that somebody set stays as it is.

    Args:
        entry: What the trial changes of the defaults, by path.
        space: What is searched.
        least: Images that a batch must have for batch normalization; see `least_for_statistics`.

    Source:
        Wu and He (2018), arXiv:1803.08494, Fig. 1.

    Example:
        >>> small = {"model": {"recipe": IMAGE_RECIPES}, "train": {"batch_size": Choice((4,))}}
        >>> for_batches({}, small, least=16)
        {'model.recipe': 'relu-he-groupnorm'}
    """
    if space["train"]["batch_size"].start >= least:
        return entry
    recipe = str(entry.get("model.recipe", IMAGE_RECIPES.default))
    instead = WITHOUT_BATCH_NORM.get(recipe, recipe)
    return {**entry, "model.recipe": instead} if instead in space["model"]["recipe"].bundles else entry


def image_space(problem: Problem) -> Space:
    """All that may be searched for images.

    Args:
        problem: A problem with images.

    Returns:
        The groups `model` and `train`.
    """
    return suited({"model": _model(problem), "train": _train(problem)}, problem)


def _model(problem: Problem) -> Space:
    assert problem.images is not None
    return {
        **model_space(),
        "encoder": ENCODERS.only("robust"),
        "embedding": NUMERIC_EMBEDDINGS.only("none"),
        "pixels": PIXELS,
        "readings": READINGS,
        "backbone": _backbones(max(problem.images.shape[1:])),
        "recipe": _recipes(problem),
    }


def _recipes(problem: Problem) -> Bundles:
    """Recipes, first the one that suits the size of batches: batch normalization needs some images, or maps of them."""
    few = _batch_size(problem) < least_for_statistics(problem)
    return Bundles(IMAGE_RECIPES.bundles, default="relu-he-groupnorm" if few else IMAGE_RECIPES.default)


def least_for_statistics(problem: Problem) -> int:
    """Rows that a batch must have for batch normalization: each pixel counts, and even one image has many for a map.

    Args:
        problem: What is asked.
    """
    if problem.images is None:
        return MIN_BATCH_NORM_ROWS
    if problem.maps is not None:
        return 1
    return MIN_BATCH_NORM_QUANTITIES if problem.task.family == "values" else MIN_BATCH_NORM_IMAGES


def _backbones(longest: int) -> Options[Backbone]:
    """Networks that shrink images to a side that is searched, where it is not longer than theirs."""
    sides = SIDES[: 1 + sum(side < longest for side in SIDES)]
    side = Choice(sides, default=sides[-1], also=Integer(4, 1024, default=sides[-1]))
    spaces: dict[str, Space] = {name: option.space for name, option in IMAGES.items()}
    spaces |= {name: {**spaces[name], "side": side} for name in IMAGES.searched}  # others come with a side of their own
    spaces["cnn"] = {**spaces["cnn"], "d_block": D_BLOCK}
    return IMAGES.with_spaces(spaces).search(*IMAGES.searched)


def _batch_sizes(problem: Problem) -> tuple[int, ...]:
    """The three largest sizes of which there are enough batches."""
    return tuple(size for size in BATCH_SIZES if size <= max(8, len(problem.split.train) // 16))[-3:]


def _batch_size(problem: Problem) -> int:
    """The size to start from."""
    return min(_batch_sizes(problem)[-1], 64)


def _train(problem: Problem) -> Space:
    n_rows, batch_size = len(problem.split.train), _batch_size(problem)
    n_epochs = min(120, max(12, N_STEPS * batch_size // n_rows))
    return {
        **train_space(problem.task.family, n_rows=n_rows),
        "batch_size": Choice(_batch_sizes(problem), default=batch_size, also=Integer(1, 4096, default=64)),
        "n_epochs": Integer(QUICK_EPOCHS, n_epochs, default=n_epochs, log=True, valid=(1, 1_000_000)),
        "patience": Held(Integer(1, 200, default=max(6, n_epochs // 2), log=True, valid=(1, 1_000_000))),
        "optimizer": _adamw(),
        "schedule": SCHEDULES.search("cosine", "one_cycle"),
        "clip": CLIPS.search(*CLIPS.searched, default="norm"),
        "augmentation": AUGMENTATION,
    }


def _adamw() -> Options[Any]:
    space = {"optimizer": OPTIMIZERS.only("adamw")}
    found = narrow(space, "optimizer.lr", Real(3e-4, 1e-2, default=3e-3, log=True, valid=(0.0, 10.0)))["optimizer"]
    assert isinstance(found, Options)
    return found
