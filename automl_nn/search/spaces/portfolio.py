"""The first trials of a study: configurations that differ from each other and have done well before."""

from collections.abc import Mapping, Sequence

from automl_nn.data.table import Table
from automl_nn.errors import SpaceError
from automl_nn.search.problems.problem import Problem, has_gaps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.image_tasks import FUSION_PORTFOLIO, GAPS_TRIAL, MAP_PORTFOLIO, PSEUDO_TRIAL, STILL_TRIAL
from automl_nn.search.spaces.images import IMAGE_PORTFOLIO, PRETRAINED_PORTFOLIO, for_batches, least_for_statistics
from automl_nn.search.spaces.series import STEP_PORTFOLIO, WHOLE_PORTFOLIO
from automl_nn.space.draw import defaults, flatten
from automl_nn.space.edit import is_settled
from automl_nn.space.options import Space
from automl_nn.space.ranges import Value

_PERCEPTRON: Mapping[str, Value] = {"model.backbone.name": "mlp"}
_REALMLP: Mapping[str, Value] = {"model.backbone.name": "realmlp"}
_WIDE_REALMLP: Mapping[str, Value] = {**_REALMLP, "model.backbone.d_block": 256, "model.backbone.n_blocks": 3}

_SLOWER: tuple[Mapping[str, Value], ...] = (
    {"model.backbone.name": "tabm_mini", "model.embedding.name": "piecewise", "train.optimizer.lr": 8e-3},
    {
        **_PERCEPTRON,
        "model.backbone.d_block": 256,
        "model.backbone.n_blocks": 3,
        "model.encoder.name": "standard",
        "model.embedding.name": "periodic",
        "model.recipe": "silu-lsuv",
    },
    {
        "model.backbone.name": "tabm_mini",
        "model.embedding.name": "periodic",
        "model.embedding.sigma": 0.3,
        "model.recipe": "mish-spread",
        "train.optimizer.lr": 8e-3,
    },
    {
        **_WIDE_REALMLP,
        "model.embedding.name": "piecewise",
        "model.recipe": "mish-spread",
        "model.dropout.rate": 0.15,
        "train.optimizer.weight_decay": 0.1,
    },
    {
        "model.backbone.name": "tabm_mini",
        "model.backbone.d_block": 192,
        "model.embedding.name": "piecewise",
        "model.recipe": "silu-lsuv",
        "train.optimizer.lr": 1.2e-2,
    },
    {
        **_WIDE_REALMLP,
        "model.embedding.name": "periodic",
        "model.recipe": "mish-spread",
        "model.dropout.rate": 0.3,
        "train.optimizer.lr": 8e-3,
        "train.optimizer.weight_decay": 0.1,
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
        "model.backbone.name": "resnet",
        "model.embedding.name": "none",
        "model.recipe": "gelu-he-layernorm",
    },
    {},
)

PORTFOLIO: tuple[Mapping[str, Value], ...] = (_PERCEPTRON, _REALMLP, *_SLOWER)
"""What each of them changes of the defaults, by path.

Two networks come before TabM-mini, since an epoch of theirs takes a third of its time: in a minute on a table of
thousands of rows they are trained to their end, and TabM-mini, which is better then, is not. Kinds take turns after
that, since an ensemble gains most from networks that differ. The defaults as they are come last, and first where a
space allows nothing else.
"""

WIDE_PORTFOLIO: tuple[Mapping[str, Value], ...] = (
    _PERCEPTRON,
    {**_PERCEPTRON, "model.backbone.d_block": 256},
    _REALMLP,
    {**_PERCEPTRON, "model.d_category": 16, "model.backbone.n_blocks": 1},
    *_SLOWER,
)
"""The same where most columns are categories of many levels: plain perceptrons first, which train four times as fast
and generalize better from vectors of levels that few rows have."""

MANY_LEVELS = 100
"""A category of more levels is a wide one."""


def is_wide(table: Table) -> bool:
    """Whether half of a table's columns, or more, are categories of many levels.

    Args:
        table: The features.

    Example:
        >>> is_wide(Table.from_frame({"user": [f"u{i % 300}" for i in range(900)]}))
        True
    """
    categories = (table.whole[column.name].cat.categories for column in table.used if column.role == "category")
    return 2 * sum(len(levels) > MANY_LEVELS for levels in categories) >= len(table.used)


def portfolio_for(problem: Problem, space: Space) -> Sequence[Mapping[str, Value]]:
    """What the first trials change of the defaults: for tables, for steps of series, or for images.

    Args:
        problem: What is given.
        space: What is searched.
    """
    if problem.images is not None:
        if tuple(space["model"]["backbone"]) == ("pretrained",):
            return PRETRAINED_PORTFOLIO
        if problem.maps is not None:
            return MAP_PORTFOLIO
        whole = FUSION_PORTFOLIO if problem.table.used else IMAGE_PORTFOLIO
        if problem.task.family == "values":
            whole = (*whole[:1], STILL_TRIAL, *whole[1:])
        if "pseudo" in space["train"]:
            whole = (*whole[:2], GAPS_TRIAL if has_gaps(problem) else PSEUDO_TRIAL, *whole[2:])
        return [for_batches(entry, space, least=least_for_statistics(problem)) for entry in whole]
    if problem.steps is None:
        return WIDE_PORTFOLIO if is_wide(problem.table) else PORTFOLIO
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
            free = {path: value for path, value in entry.items() if not is_settled(space, path)}
            config = flatten(defaults(edit_space(space, free)))
        except SpaceError:
            continue
        if config not in configs:
            configs.append(config)
    return configs
