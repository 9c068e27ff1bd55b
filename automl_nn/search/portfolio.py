"""The first trials of a study: configurations that differ from each other and have done well before."""

from collections.abc import Mapping

from automl_nn.errors import SpaceError
from automl_nn.search.spaces import edit_space
from automl_nn.space.draw import defaults, flatten
from automl_nn.space.options import Space
from automl_nn.space.ranges import Value

PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {},
    {
        "model.encoder.name": "standard",
        "model.embedding.name": "periodic",
        "model.recipe": "silu-lsuv",
    },
    {
        "model.backbone.d_block": 128,
        "model.backbone.n_blocks": 2,
        "model.dropout.rate": 0.0,
        "train.optimizer.lr": 1e-2,
    },
    {
        "model.embedding.name": "periodic",
        "model.dropout.rate": 0.3,
        "train.optimizer.weight_decay": 0.1,
        "train.schedule.name": "cosine",
    },
    {
        "model.backbone.name": "resnet",
        "model.backbone.d_block": 128,
        "model.backbone.n_blocks": 2,
        "model.recipe": "gelu-he-layernorm",
    },
    {
        "model.encoder.name": "quantile",
        "model.recipe": "relu-he",
        "model.dropout.rate": 0.2,
        "train.optimizer.lr": 1e-3,
    },
)
"""What each of them changes of the defaults, by path."""


def first_trials(space: Space) -> list[dict[str, Value]]:
    """The portfolio within a space: a full config for each entry that the space allows, by path, each only once.

    Args:
        space: What is searched; knobs that somebody set keep their values.

    Example:
        >>> from automl_nn.space.ranges import Choice
        >>> first_trials({"train": {"batch_size": Choice((64, 256))}})
        [{'train.batch_size': 64}]
    """
    configs: list[dict[str, Value]] = []
    for entry in PORTFOLIO:
        try:
            config = flatten(defaults(edit_space(space, entry)))
        except SpaceError:
            continue
        if config not in configs:
            configs.append(config)
    return configs
