"""Backbones: the hidden layers of a network, one file each."""

from automl_nn.model.backbones import (
    ft_transformer,
    inception,
    lstm,
    minirocket,
    mlp,
    realmlp,
    resnet,
    tabm,
    tcn,
    unet,
    whole,
)
from automl_nn.model.backbones.base import Backbone, Drawn, Fitted, Parts
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

SEQUENCES: Options[Backbone] = Options("backbone", {"unet": unet.OPTION, "tcn": tcn.OPTION, "lstm": lstm.OPTION})
"""Hidden layers that read the steps of a window together; made as those of `BACKBONES`."""

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

ALL_BACKBONES: Options[Backbone] = Options("backbone", {**BACKBONES, **SEQUENCES, **WHOLE})
"""All tables: a stored network is made from any."""

__all__ = ["ALL_BACKBONES", "BACKBONES", "SEQUENCES", "WHOLE", "Backbone", "Drawn", "Fitted", "Parts"]
