import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from automl_nn.model.numeric import NUMERIC_EMBEDDINGS, Periodic, PiecewiseLinear, borders, numeric_embeddings


def test_periodic_embeddings_follow_their_formula():
    embedding = Periodic(k=2, n_numeric=3, n_frequencies=5, d_embedding=4)
    for i in range(2):
        embedding.reset(i, sigma=0.5, generator=torch.Generator().manual_seed(i))
    x = torch.randn(1, 6, 3)
    for i in range(2):
        w, b = embedding.frequency[i].view(3, 5), embedding.phase[i].view(3, 5)
        waves = torch.cos(2 * math.pi * x[0, :, :, None] * w + b)
        expected = torch.einsum("bnf,nfe->bne", waves, embedding.weight[i]) + embedding.bias[i].view(3, 3)
        expected = torch.cat([x[0, :, :, None], expected], dim=-1).flatten(1)
        torch.testing.assert_close(embedding(x)[i], expected)


def test_sigma_is_the_deviation_of_the_frequencies():
    embedding = Periodic(k=1, n_numeric=50, n_frequencies=50, d_embedding=4)
    embedding.reset(0, sigma=0.3, generator=torch.Generator().manual_seed(0))
    assert abs(embedding.frequency.std().item() - 0.3) < 0.02


def places(x, borders):
    """Equation 1 of arXiv:2203.05556, with the open ends cut off after one more width."""
    place = np.zeros((len(x), len(borders) - 1))
    for row, value in enumerate(x):
        for t, (low, high) in enumerate(pairwise(borders)):
            if value < low and t > 0:
                place[row, t] = 0
            elif value >= high and t < len(borders) - 2:
                place[row, t] = 1
            else:
                place[row, t] = np.clip((value - low) / (high - low), -1, 2)
    return place


def test_piecewise_linear_embeddings_follow_their_formula():
    rng = np.random.default_rng(0)
    train, new = rng.lognormal(size=(200, 2)), rng.lognormal(size=(30, 2)) - 0.5
    embedding = PiecewiseLinear(k=2, x=torch.tensor(train).float(), n_bins=6, d_embedding=4)
    for parameter in embedding.parameters():
        torch.nn.init.normal_(parameter)
    found = embedding(torch.tensor(new).float()[None]).view(2, 30, 2, 4)
    for network in range(2):
        for column in range(2):
            borders = np.quantile(train[:, column], np.linspace(0, 1, 7))
            bent = places(new[:, column], borders) @ embedding.weight[network, column].detach().double().numpy()
            slope, bias = (p[network].view(2, 4)[column].detach().numpy() for p in (embedding.slopes, embedding.bias))
            expected = bias + new[:, column, None] * slope + bent
            np.testing.assert_allclose(found[network, :, column].detach(), expected, atol=1e-4)


@pytest.mark.parametrize("values", [[2.0] * 50, [0.0] * 45 + [1.0] * 5, []], ids=["constant", "repeated", "no rows"])
def test_columns_with_few_values_have_few_bins(values):
    x = torch.tensor(values).unsqueeze(1)
    embedding = PiecewiseLinear(k=1, x=x, n_bins=8, d_embedding=3)
    n_bins = int((embedding.slope != 0).sum())
    assert n_bins == (1 if len(set(values)) == 2 else 0)
    assert embedding.places(torch.tensor([[[-1e30], [0.5], [1e30]]])).isfinite().all()


def test_the_bins_of_a_network_are_stored_with_it(config, make, inputs):
    network = make([config(embedding__name="piecewise")], [0])
    stored = {name for name in network.network_state(0) if name.startswith("embedding.")}
    assert {"embedding.lower", "embedding.slope", "embedding.floor", "embedding.ceiling"} < stored


@pytest.mark.parametrize("name", NUMERIC_EMBEDDINGS)
def test_without_numeric_columns_nothing_is_embedded(name):
    knobs = {knob: node.start for knob, node in NUMERIC_EMBEDDINGS[name].space.items()}
    embedding = NUMERIC_EMBEDDINGS.make({"name": name, **knobs}, k=2, x=torch.zeros(9, 0))
    assert (embedding.d_out, embedding(torch.zeros(1, 5, 0)).shape) == (0, (1, 5, 0))


def test_a_value_that_fills_many_bins_leaves_the_others_to_the_other_values():
    rare = np.linspace(1, 2, 50)
    found = borders(np.concatenate([np.zeros(950), rare]), 10)
    assert (found == 0).sum() <= 7
    assert len(np.unique(found[found > 0])) >= 3


def test_values_that_do_not_repeat_are_parted_at_their_quantiles():
    values = np.random.default_rng(0).normal(size=501)
    np.testing.assert_allclose(borders(values, 12), np.quantile(values, np.linspace(0, 1, 13)))


@pytest.mark.parametrize(
    ("n_rows", "n_numeric", "n_bins"),
    [(0, 0, 32), (3_000, 5, 32), (13_000, 8, 65), (1_000_000, 8, 256), (1_000_000, 32, 64), (1_000_000, 500, 32)],
)
def test_more_rows_have_finer_bins_and_wide_tables_fewer(n_rows, n_numeric, n_bins):
    space = numeric_embeddings(n_rows=n_rows, n_numeric=n_numeric)["piecewise"].space
    assert (space["n_bins"].start, space["n_bins"].high) == (n_bins, 2 * n_bins)
