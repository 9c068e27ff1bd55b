import pytest
import torch
from torch.nn import functional

from automl_nn.model.backbones.tabm import Members


def own(network, name, member, n_members=3):
    """The part of a parameter that belongs to one member of the only network."""
    return network.get_parameter(name)[0].view(n_members, -1)[member]


def of_member(network, x, member, *, mini):
    """The formula of the paper, for one member."""
    x = x * own(network, "backbone.first.factor", member)
    for block in range(2):
        if block and not mini:
            x = x * own(network, f"backbone.entering.{block - 1}.factor", member)
        dense = network.backbone.dense[block]
        x = x @ dense.weight[0] + dense.bias[0]
        if not mini:
            factor, shift = (own(network, f"backbone.leaving.{block}.{name}", member) for name in ("factor", "shift"))
            x = x * factor + shift
        x = functional.relu(x)
    weight = network.head.weight[0].view(3, 8, 2)[member]
    return x @ weight + own(network, "head.bias", member)


@pytest.mark.parametrize("backbone", ["tabm", "tabm_mini"])
def test_each_member_follows_the_formula_of_the_paper(backbone, config, make, inputs):
    network = make([config(backbone__name=backbone, recipe="relu-he")], [3])
    x = network.features(inputs.dense[None], inputs.codes[None])[0]
    found = network.predict(inputs)[0].view(len(inputs), 3, 2)
    for member in range(3):
        expected = of_member(network, x, member, mini=backbone == "tabm_mini")
        torch.testing.assert_close(found[:, member], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("backbone", ["tabm", "tabm_mini"])
def test_members_share_their_matrices(backbone, config, make):
    network = make([config(backbone__name=backbone, backbone__d_block=64, backbone__n_members=16)], [0])
    plain = make([config(backbone__name="mlp", backbone__d_block=64)], [0])
    counts = [sum(p.numel() for p in each.backbone.parameters() if p.dim() > 2) for each in (network, plain)]
    assert counts[0] == counts[1]


def test_members_of_plain_columns_differ_by_signs_at_first():
    members = Members(2, 50, 4, chunks=(1, 1, 1, 1))
    members.draw(1, gain=1.0, generator=torch.Generator().manual_seed(0))
    assert torch.equal(members.factor[0], torch.ones(200))
    assert members.factor[1].unique().tolist() == [-1.0, 1.0]


def test_the_columns_of_an_embedded_feature_start_with_one_factor():
    members = Members(1, 3, 6, chunks=(4, 1, 1))
    members.draw(0, gain=1.0, generator=torch.Generator().manual_seed(0))
    factors = members.factor.view(3, 6)
    assert torch.equal(factors[:, :1].expand(-1, 4), factors[:, :4])
    assert len(factors.unique()) == 9


def test_features_are_chunks_as_wide_as_they_are_embedded(config, make):
    network = make([config(backbone__name="tabm_mini", embedding__name="piecewise", d_category=5)], [0], moved=False)
    factors = network.backbone.first.factor[0].view(3, -1)[0]
    assert torch.unique_consecutive(factors, return_counts=True)[1].tolist() == [8, 8, 8, 1, 1, 5, 5]
