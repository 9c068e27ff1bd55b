"""The first trials of a study: configurations that differ from each other and have done well before."""

from collections.abc import Mapping, Sequence

from automl_nn.errors import SpaceError
from automl_nn.search.problem import Problem
from automl_nn.search.series_spaces import STEP_PORTFOLIO, WHOLE_PORTFOLIO
from automl_nn.search.spaces import edit_space
from automl_nn.space.draw import defaults, flatten
from automl_nn.space.options import Space
from automl_nn.space.ranges import Value

PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    {},
    {
        "model.backbone.name": "tabm_mini",
        "model.embedding.name": "periodic",
        "model.embedding.sigma": 0.3,
        "model.recipe": "mish-spread",
        "train.optimizer.lr": 8e-3,
    },
    {
        "model.backbone.name": "tabm_mini",
        "model.backbone.d_block": 192,
        "model.embedding.name": "piecewise",
        "model.recipe": "silu-lsuv",
        "train.optimizer.lr": 1.2e-2,
    },
    {
        "model.backbone.name": "tabm_mini",
        "model.backbone.d_block": 64,
        "model.embedding.name": "piecewise",
        "model.dropout.rate": 0.3,
        "train.optimizer.weight_decay": 0.3,
    },
    {
        "model.backbone.name": "tabm_mini",
        "model.embedding.name": "none",
        "model.dropout.rate": 0.3,
        "train.optimizer.lr": 2e-3,
    },
    {
        "model.backbone.name": "realmlp",
        "model.backbone.d_block": 256,
        "model.backbone.n_blocks": 3,
        "model.embedding.name": "piecewise",
        "model.recipe": "mish-spread",
        "model.dropout.rate": 0.15,
        "train.optimizer.weight_decay": 0.1,
    },
    {
        "model.backbone.name": "realmlp",
        "model.backbone.d_block": 256,
        "model.backbone.n_blocks": 3,
        "model.embedding.name": "periodic",
        "model.recipe": "mish-spread",
        "model.dropout.rate": 0.3,
        "train.optimizer.lr": 8e-3,
        "train.optimizer.weight_decay": 0.1,
    },
    {
        "model.backbone.name": "mlp",
        "model.backbone.d_block": 256,
        "model.backbone.n_blocks": 3,
        "model.encoder.name": "standard",
        "model.embedding.name": "periodic",
        "model.recipe": "silu-lsuv",
    },
    {
        "model.backbone.name": "resnet",
        "model.embedding.name": "none",
        "model.recipe": "gelu-he-layernorm",
    },
)
"""What each of them changes of the defaults, by path."""


def portfolio_for(problem: Problem) -> Sequence[Mapping[str, Value]]:
    """What the first trials change of the defaults: for tables, or for steps of series.

    Args:
        problem: What is given.
    """
    if problem.steps is None:
        return PORTFOLIO
    return STEP_PORTFOLIO if problem.steps.columns.per_step else WHOLE_PORTFOLIO


def first_trials(space: Space, portfolio: Sequence[Mapping[str, Value]] = PORTFOLIO) -> list[dict[str, Value]]:
    """The portfolio within a space: a full config for each entry that the space allows, by path, each only once.

    Args:
        space: What is searched; knobs that somebody set keep their values.
        portfolio: What each of them changes of the defaults, by path.

    Example:
        >>> from automl_nn.space.ranges import Choice
        >>> first_trials({"train": {"batch_size": Choice((64, 256))}})
        [{'train.batch_size': 64}]
    """
    configs: list[dict[str, Value]] = []
    for entry in portfolio:
        try:
            config = flatten(defaults(edit_space(space, entry)))
        except SpaceError:
            continue
        if config not in configs:
            configs.append(config)
    return configs
