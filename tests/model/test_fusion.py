from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import torch

from automl_nn.data.table import Table
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.fusion import Fusion
from automl_nn.model.backbones.mlp import MLP
from automl_nn.model.build import bucket, build
from automl_nn.model.encoders import ENCODERS
from automl_nn.model.images import PIXELS, ImageRows
from automl_nn.model.inputs import Inputs
from automl_nn.model.network import Network
from automl_nn.space.draw import defaults

N = 12
FRAME = pd.DataFrame({"size": [0.5, 7.0, 3.0] * 4, "colour": ["red", "green", "blue", "red"] * 3})
ENCODER = ENCODERS.make({"name": "robust", "max_one_hot": 16}, table=Table.from_frame(FRAME))
CONFIG: dict[str, Any] = {
    "encoder": {"name": "robust", "max_one_hot": 16},
    "embedding": {"name": "none"},
    "d_category": 8,
    "backbone": {"name": "cnn", "side": 64, "d_block": 8, "n_blocks": 1, "n_residual": 1, "views": "one"},
    "beside": {"name": "mlp", "n_blocks": 1, "d_block": 16},
    "fusion": {"n_joint": 1, "d_joint": 8},
    "normalization": {"name": "batch", "eps": 1e-5},
    "activation": {"name": "relu"},
    "initializer": {"name": "he_normal"},
    "dropout": {"name": "inverted", "rate": 0.0},
    "gain": 1.0,
    **defaults({"pixels": PIXELS}),
}


def read() -> Inputs:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (N, 1, 6, 6), dtype=torch.uint8, generator=generator)
    own = ENCODER.transform(Table.from_frame(FRAME))
    return Inputs(own.numbers, own.codes, flags=own.flags, images=ImageRows(pixels, torch.arange(N)))


def make(*configs: dict[str, Any], seeds: tuple[int, ...] = (0,)) -> Network:
    network = build(
        configs,
        read(),
        n_numeric=ENCODER.n_numeric,
        vocabularies=ENCODER.vocabularies,
        d_out=2,
        output_bias=torch.zeros(len(configs), 2),
        seeds=seeds,
    )
    torch.nn.init.normal_(network.head.linear.weight, generator=torch.Generator().manual_seed(1))
    return network


def test_neither_branch_drowns_the_other():
    parts = plain_parts(k=2, d_in=3)
    fusion = Fusion(d_image=6, table=MLP(d_in=3, n_blocks=0, d_block=4, parts=parts), n_joint=0, d_joint=8, parts=parts)
    image, features = torch.arange(60.0).view(2, 5, 6).sin() * 5, torch.arange(15.0).view(1, 5, 3)
    both = fusion(1000 * image, features)
    torch.testing.assert_close(both, fusion(image, features), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both.view(2, 5, 9)[..., :6].std(-1, correction=0), torch.ones(2, 5), atol=1e-3, rtol=0)
    torch.testing.assert_close(both.view(2, 5, 9)[..., 6:].std(-1, correction=0), torch.ones(2, 5), atol=1e-3, rtol=0)


def test_the_tables_branch_reads_one_hot_columns_as_they_are():
    network, seen = make(CONFIG), []
    assert network.fusion is not None
    network.fusion.table.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network.predict(read())
    torch.testing.assert_close(seen[0][0], read().dense)
    assert set(seen[0][0, :, ENCODER.n_numeric :].unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("n_joint", [0, 1])
@pytest.mark.parametrize("normalization", ["batch", "instance", "none"])
def test_both_branches_learn(n_joint, normalization):
    eps = {} if normalization == "none" else {"eps": 1e-5}
    config = CONFIG | {"fusion": {"n_joint": n_joint, "d_joint": 8}, "normalization": {"name": normalization, **eps}}
    network = make(config)
    network.read(read()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None or not parameter.numel(), name
    assert network.backbone.first.convolution.weight.grad.abs().max() > 0
    assert network.fusion.table.dense[0].weight.grad.abs().max() > 0


def test_fused_networks_are_in_a_stack_what_they_are_alone():
    stack = make(CONFIG, CONFIG, seeds=(3, 4)).predict(read())
    network = make(CONFIG, CONFIG, seeds=(3, 4))
    torch.testing.assert_close(network.select([1]).predict(read()), stack[1:])


def test_only_networks_of_one_fusion_are_stacked():
    other = CONFIG | {"fusion": {"n_joint": 0, "d_joint": 8}}
    assert bucket(CONFIG) == bucket(CONFIG | {"gain": 2.0})
    assert bucket(CONFIG) != bucket(other)
    assert bucket(CONFIG) != bucket(CONFIG | {"beside": {"name": "mlp", "n_blocks": 2, "d_block": 16}})


def test_a_blind_network_says_the_same_whatever_the_image():
    network = make(CONFIG | {"backbone": {"name": "blind"}})
    inputs = read()
    others = replace(inputs, images=ImageRows(255 - inputs.images.whole, inputs.images.rows))
    torch.testing.assert_close(network.predict(others), network.predict(inputs))
    assert len(network.predict(inputs)[0].unique(dim=0)) > 1
