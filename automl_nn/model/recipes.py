"""Recipes: activation, initializer, normalization and dropout known to work together, and what is known not to."""

from collections.abc import Mapping
from typing import Any

from automl_nn.model.activations import ACTIVATIONS
from automl_nn.model.dropout import DROPOUTS
from automl_nn.model.image_normalizations import IMAGE_NORMALIZATIONS
from automl_nn.model.initializers import INITIALIZERS
from automl_nn.model.normalizations import NORMALIZATIONS
from automl_nn.space.options import Bundles, Space

MIN_BATCH_NORM_ROWS = 32
"""Batches under this size have statistics too noisy to normalize by (Wu and He, 2018, arXiv:1803.08494, Fig. 1)."""


def _recipe(activation: str, initializer: str, normalization: str = "none", dropout: str = "inverted") -> Space:
    return {
        "activation": ACTIVATIONS.only(activation),
        "initializer": INITIALIZERS.only(initializer),
        "normalization": NORMALIZATIONS.only(normalization),
        "dropout": DROPOUTS.only(dropout),
    }


def _image_recipe(activation: str, initializer: str, normalization: str, dropout: str = "inverted") -> Space:
    parts = _recipe(activation, initializer, dropout=dropout)
    return {**parts, "normalization": IMAGE_NORMALIZATIONS.only(normalization)}


RECIPES = Bundles(
    {
        "mish-lsuv": _recipe("mish", "data_driven"),
        "mish-spread": _recipe("mish", "data_driven_spread"),
        "silu-lsuv": _recipe("silu", "data_driven"),
        "relu-he": _recipe("relu", "he_normal"),
        "relu-he-batchnorm": _recipe("relu", "he_normal", "batch"),
        "relu-he-layernorm": _recipe("relu", "he_normal", "layer"),
        "selu-lecun-alphadrop": _recipe("selu", "lecun_normal", dropout="alpha"),
        "gelu-he-layernorm": _recipe("gelu", "he_normal", "layer"),
        "silu-he-rmsnorm": _recipe("silu", "he_normal", "rms"),
        "tanh-glorot": _recipe("tanh", "glorot_normal"),
        "free": {
            "activation": ACTIVATIONS,
            "initializer": INITIALIZERS,
            "normalization": NORMALIZATIONS,
            "dropout": DROPOUTS,
        },
    },
    default="mish-lsuv",
)
"""Sets of parts that are known to be right together; `free` draws each part on its own."""

IMAGE_RECIPES = Bundles(
    {
        "relu-he-batchnorm": _image_recipe("relu", "he_normal", "batch"),
        "relu-he-groupnorm": _image_recipe("relu", "he_normal", "group"),
        "gelu-he-batchnorm": _image_recipe("gelu", "he_normal", "batch"),
        "gelu-he-layernorm": _image_recipe("gelu", "he_normal", "layer"),
        "relu-he-instancenorm": _image_recipe("relu", "he_normal", "instance"),
        "silu-lsuv": _image_recipe("silu", "data_driven", "none"),
        "selu-lecun-alphadrop": _image_recipe("selu", "lecun_normal", "none", dropout="alpha"),
        "free": {
            "activation": ACTIVATIONS,
            "initializer": INITIALIZERS,
            "normalization": IMAGE_NORMALIZATIONS,
            "dropout": DROPOUTS,
        },
    },
    default="relu-he-batchnorm",
)
"""The same for images; `free` draws each part on its own."""


def conflicts(config: Mapping[str, Any], *, batch_size: int, least: int = MIN_BATCH_NORM_ROWS) -> list[str]:
    """What in a model config is known to work against itself, each with the reason.

    Args:
        config: A model config.
        batch_size: Rows of a training batch.
        least: Rows of which batch normalization needs so many; fewer where rows are images.

    Example:
        >>> parts = {"activation": "selu", "initializer": "lecun_normal", "normalization": "batch", "dropout": "none"}
        >>> [problem] = conflicts({key: {"name": name} for key, name in parts.items()}, batch_size=256)
        >>> problem
        'selu with batch norm: SELU normalizes by itself, and batch norm undoes the fixed point it relies on.'
    """
    parts = ("activation", "initializer", "normalization", "dropout")
    activation, initializer, normalization, dropout = (config[part]["name"] for part in parts)
    drops = config["dropout"].get("rate", 0.0) > 0
    known = {
        f"selu with {normalization} norm: SELU normalizes by itself, and {normalization} norm undoes the fixed point "
        "it relies on.": activation == "selu" and normalization != "none",
        f"selu with {initializer}: SELU keeps variance 1 only if the weights have variance 1 / d_in (lecun).": (
            activation == "selu" and not initializer.startswith(("lecun", "data_driven"))
        ),
        "selu with inverted dropout: zeros are no limit of SELU, so mean and variance drift; use alpha dropout.": (
            activation == "selu" and dropout == "inverted" and drops
        ),
        f"alpha dropout with {activation}: it keeps mean and variance of SELU only.": (
            activation != "selu" and dropout == "alpha" and drops
        ),
        f"sigmoid with {initializer}: He's gain is for rectifiers and saturates a sigmoid; use glorot.": (
            activation == "sigmoid" and initializer.startswith("he_")
        ),
        f"batch norm with batches of {batch_size} rows: under {least} the statistics are too noisy; "
        "use layer or group norm.": normalization == "batch" and batch_size < least,
    }
    return [problem for problem, applies in known.items() if applies]
