"""Backbones: the hidden layers of a network, one file each."""

from automl_nn.model.backbones import (
    cnn,
    convnext,
    ft_transformer,
    fusion,
    inception,
    lstm,
    map_unet,
    minirocket,
    mlp,
    pretrained,
    realmlp,
    resnet,
    surroundings,
    tabm,
    tcn,
    told,
    unet,
    whole,
)
from automl_nn.model.backbones.base import Answering, Backbone, Drawn, Fitted, Parts
from automl_nn.space.options import Options

BACKBONES: Options[Backbone] = Options(
    "backbone",
    {
        "mlp": mlp.OPTION,
        "resnet": resnet.OPTION,
        "realmlp": realmlp.OPTION,
        "tabm_mini": tabm.MINI,
        "tabm": tabm.OPTION,
        "ft_transformer": ft_transformer.OPTION,
    },
).search("tabm_mini", "realmlp", "mlp", "resnet")
"""Hidden layers: made from their knobs, the input's width `d_in` and the `parts` between dense layers."""

SEQUENCES: Options[Backbone] = Options(
    "backbone",
    {"unet": unet.OPTION, "tcn": tcn.OPTION, "lstm": lstm.OPTION, "surroundings": surroundings.OPTION},
)
"""Hidden layers that read the steps of a window together; made as those of `BACKBONES`."""

TOLD: Options[Backbone] = Options("backbone", {"step_mlp": told.MLP, "step_tabm_mini": told.TABM_MINI})
"""Hidden layers that read one step, and what it is told of its series; made as those of `BACKBONES`."""

WHOLE: Options[Backbone] = Options(
    "backbone",
    {
        "inception": inception.OPTION,
        "minirocket": minirocket.OPTION,
        "whole_tcn": whole.TCN_WHOLE,
        "whole_lstm": whole.LSTM_WHOLE,
    },
)
"""Hidden layers that say one thing about a whole window; made as those of `SEQUENCES`."""

IMAGES: Options[Backbone] = Options(
    "backbone", {"cnn": cnn.OPTION, "convnext": convnext.OPTION, "pretrained": pretrained.OPTION}
).search("cnn", "convnext")
"""Hidden layers that say one thing about a whole image: made from their knobs, the `shape` of images and `parts`."""

MAPS: Options[Backbone] = Options("backbone", {"map_unet": map_unet.OPTION})
"""Hidden layers that say one thing about each pixel of an image; made as those of `IMAGES`."""

ALL_IMAGES: Options[Backbone] = Options("backbone", {**IMAGES, **MAPS, "blind": fusion.BLIND})
"""Both tables of images, and what looks at none: a stored network of images is made from any."""

ALL_BACKBONES: Options[Backbone] = Options("backbone", {**BACKBONES, **SEQUENCES, **TOLD, **WHOLE})
"""All tables of rows and steps: a stored network is made from any."""

__all__ = [
    "ALL_BACKBONES",
    "ALL_IMAGES",
    "BACKBONES",
    "IMAGES",
    "MAPS",
    "SEQUENCES",
    "TOLD",
    "WHOLE",
    "Answering",
    "Backbone",
    "Drawn",
    "Fitted",
    "Parts",
]
