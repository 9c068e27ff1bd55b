import pytest
import torch
from torch.nn import functional

from automl_nn.train.losses.contrastive import contrastive


def draw():
    """Embeddings of two networks, classes one of which has a single row, and temperatures."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3]).double().view(1, -1, 1).expand(2, -1, -1)
    return output, y, torch.tensor([0.1, 0.7], dtype=torch.float64).view(2, 1, 1)


def test_a_row_costs_the_mean_cross_entropy_of_finding_its_own_class():
    output, y, temperature = draw()
    costs = contrastive(output, y, temperature=temperature)
    for i in range(2):
        unit = functional.normalize(output[i], dim=1)
        for anchor in range(9):
            others = [row for row in range(9) if row != anchor]
            log_p = (unit[others] @ unit[anchor] / temperature[i, 0, 0]).log_softmax(0)
            own = [float(-log_p[place]) for place, row in enumerate(others) if y[i, row] == y[i, anchor]]
            assert float(costs[i, anchor, 0]) == pytest.approx(sum(own) / len(own) if own else 0.0)


def test_with_one_positive_and_one_negative_it_is_a_triplet_loss_with_a_soft_margin():
    output, temperature = draw()[0][:1, :3], torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    y = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(1, 3, 1)
    likeness = functional.normalize(output[0], dim=1) @ functional.normalize(output[0], dim=1).T
    expected = functional.softplus((likeness[0, 2] - likeness[0, 1]) / 0.3)
    torch.testing.assert_close(contrastive(output, y, temperature=temperature)[0, 0, 0], expected)


def test_gradients_are_finite_for_equal_rows_and_for_a_single_class():
    for y in (torch.zeros(1, 4, 1), torch.arange(4.0).view(1, 4, 1)):
        output = torch.ones(1, 4, 3, requires_grad=True)
        contrastive(output, y, temperature=torch.full((1, 1, 1), 0.05)).mean().backward()
        assert output.grad.isfinite().all()
