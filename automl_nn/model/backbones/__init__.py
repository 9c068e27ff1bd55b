"""Backbones: the hidden layers of a network, one file each."""

from automl_nn.model.backbones import mlp, resnet
from automl_nn.model.backbones.base import Backbone, Parts
from automl_nn.space.options import Options

BACKBONES: Options[Backbone] = Options("backbone", {"mlp": mlp.OPTION, "resnet": resnet.OPTION})
"""Hidden layers: made from their knobs, the input's width `d_in` and the `parts` between dense layers."""

__all__ = ["BACKBONES", "Backbone", "Parts"]
