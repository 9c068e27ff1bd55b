"""A map is a table of pixels: losses, shifts and scores are those of its pixels as rows."""

import numpy as np
import pytest
import torch
from torch import Tensor

from automl_nn.data.images import maps
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.image import ImageShape
from automl_nn.model.backbones.map_unet import MapUNet
from automl_nn.model.heads import MapHead
from automl_nn.model.images import ImageRows
from automl_nn.model.inputs import Inputs
from automl_nn.model.network import Network
from automl_nn.task.tasks import Regression
from automl_nn.train.batches.rows import Rows
from automl_nn.train.judge import Judge
from automl_nn.train.losses.options import LABEL_LOSSES, VALUE_LOSSES
from automl_nn.train.losses.stack_loss import StackLoss, Targets, by_place

N, N_PLACES, D_OUT = 5, 6, 2
KNOBS = {"tau": 0.7, "gamma": 1.5, "label_smoothing": 0.1, "delta": 0.8}
KNOBS |= {"gamma_positive": 0.5, "gamma_negative": 2.5, "margin": 0.05}
TABLES = {"labels": LABEL_LOSSES, "values": VALUE_LOSSES}
CASES = [pytest.param(family, name, id=f"{family}-{name}") for family, table in TABLES.items() for name in table]


def draw(family: str) -> tuple[Tensor, Tensor]:
    """Outputs of two networks for the places of some rows, and their labels, of which some are missing."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(2, N, N_PLACES * D_OUT, generator=generator)
    y = torch.randn(N, N_PLACES * D_OUT, generator=generator)
    y = (y > 0.5).float() if family == "labels" else y
    return output, torch.where(torch.rand(y.shape, generator=generator) < 0.2, torch.nan, y)


@pytest.mark.parametrize(("family", "name"), CASES)
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])])
def test_a_map_costs_what_its_pixels_cost_as_rows(family, name, weight):
    output, y = draw(family)
    config = {"name": name} | {knob: KNOBS[knob] for knob in TABLES[family][name].space}
    of_maps = Targets.of(y, weight, family=family)
    of_pixels = Targets.of(
        y.view(-1, D_OUT), None if weight is None else weight.repeat_interleave(N_PLACES), family=family
    )
    ours = StackLoss([config] * 2, of_maps, family=family, d_out=D_OUT)
    rows = StackLoss([config] * 2, of_pixels, family=family, d_out=D_OUT)
    as_rows = output.view(2, -1, D_OUT)
    torch.testing.assert_close(ours(output, of_maps), rows(as_rows, of_pixels))
    torch.testing.assert_close(ours.shift, rows.shift)
    torch.testing.assert_close(ours.correct(output), rows.correct(as_rows))


def test_the_labels_of_a_pixel_stay_together():
    y = torch.arange(12.0).view(2, 6)
    assert by_place(y, d_out=2, family="values")[:2].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert by_place(y, d_out=6, family="values").shape == (2, 6)
    assert by_place(y[:, :1], d_out=9, family="classes").tolist() == [[0.0], [6.0]]


@pytest.mark.parametrize("most", [10**6, 15])
def test_scores_are_those_of_the_pixels_that_are_compared(monkeypatch, most):
    monkeypatch.setattr(maps, "MOST_KEPT", most)
    output, y = draw("values")
    task = Regression(("a", "b"), "correlation")
    inputs = Inputs(torch.zeros(N, 0), torch.zeros(N, 0, dtype=torch.int64))
    rows = Rows(inputs, y, None, torch.arange(N))
    loss = StackLoss([{"name": "mse"}] * 2, Targets.of(y, family="values"), family="values", d_out=D_OUT)
    monkeypatch.setattr(Network, "predict", lambda self, inputs: output)
    verdict = Judge([rows], task=task)([Network.__new__(Network)], [loss])
    kept = maps.kept_places(N, N_PLACES)
    expected = y.view(N, N_PLACES, D_OUT)[:, kept].reshape(-1, D_OUT).numpy()
    assert verdict.output.shape == (2, N * len(kept), D_OUT)
    for i in range(2):
        own = output[i].view(N, N_PLACES, D_OUT)[:, kept].reshape(-1, D_OUT).numpy()
        np.testing.assert_array_equal(verdict.output[i], own)
        assert verdict.scores["correlation"][i] == task.score(expected, own)


def test_correlation_is_numpy_s():
    output, y = (part.numpy().reshape(-1) for part in draw("values"))
    known = np.isfinite(y)
    task = Regression(("a",), "correlation")
    expected = np.corrcoef(y[known], output[: len(y)][known])[0, 1]
    assert task.score(y[:, None], output[: len(y), None]) == pytest.approx(expected)
    assert task.score(y[:, None], np.ones((len(y), 1))) == 0.0


def test_a_map_head_reads_each_pixel_by_itself_and_starts_at_the_prior():
    shape = ImageShape(1, 6, 4)
    unet = MapUNet(shape=shape, side=64, patch=2, n_levels=2, d_block=8, parts=plain_parts(k=1, d_in=1))
    head = MapHead(1, unet.d_out, bias=torch.tensor([[-2.0, 3.0]]))
    images = ImageRows(torch.randint(256, (3, 1, 6, 4), dtype=torch.uint8), torch.arange(3))
    hidden = unet(images.gathered()[None].float())
    assert head(hidden).view(3, 24, 2).unique(dim=1).squeeze().tolist() == [[-2.0, 3.0]] * 3
    torch.nn.init.normal_(head.pixel.linear.weight)
    alone = head.pixel(hidden[:, 1, :, 3, 2].unsqueeze(1))
    torch.testing.assert_close(head(hidden).view(1, 3, 24, 2)[:, 1, 3 * 4 + 2], alone[:, 0])
