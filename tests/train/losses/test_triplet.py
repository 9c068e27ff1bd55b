import itertools

import pytest
import torch
from torch import Tensor

from automl_nn.train.losses import triplet
from automl_nn.train.losses.triplet import batch_hard, distances, semi_hard, triplet_counts


def draw(*, k: int = 2, n_rows: int = 24, n_classes: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of k networks, classes, and margins that differ."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(k, n_rows, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(n_classes, (n_rows, 1), generator=generator).double().expand(k, -1, -1)
    return output, y, torch.linspace(0.2, 0.9, k, dtype=torch.float64).view(k, 1, 1)


def triplets(y: Tensor) -> list[tuple[int, int, int]]:
    """Every anchor, positive and negative."""
    codes = y[:, 0].tolist()
    rows = range(len(codes))
    return [
        (a, p, n)
        for a, p, n in itertools.product(rows, rows, rows)
        if a != p and codes[a] == codes[p] and codes[a] != codes[n]
    ]


def test_distances_are_those_of_torch():
    output, _, _ = draw()
    unit = output / output.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(distances(output), torch.cdist(unit, unit), atol=1e-6, rtol=0.0)


def test_counts_are_those_of_all_triplets_one_by_one():
    output, y, margin = draw()
    counts = triplet_counts(output, y, margin=margin)
    for i in range(len(output)):
        d = distances(output)[i]
        kinds = [
            "hard" if d[a, n] <= d[a, p] else "semi_hard" if d[a, n] < d[a, p] + margin[i, 0, 0] else "easy"
            for a, p, n in triplets(y[i])
        ]
        assert counts[i].tolist() == [kinds.count(ease) for ease in ("hard", "semi_hard", "easy")]


def test_batch_hard_costs_the_worst_triplet_of_each_anchor():
    output, y, margin = draw()
    costs = batch_hard(output, y, margin=margin)
    for i in range(len(output)):
        d = distances(output)[i]
        for anchor in range(output.shape[1]):
            own = [float(d[a, p] - d[a, n] + margin[i, 0, 0]) for a, p, n in triplets(y[i]) if a == anchor]
            assert float(costs[i, anchor, 0]) == pytest.approx(max([0.0, *own]))


def test_semi_hard_takes_for_each_positive_the_nearest_negative_beyond_it():
    output, y, margin = draw()
    costs = semi_hard(output, y, margin=margin)
    for i in range(len(output)):
        d, of_pair = distances(output)[i], {}
        for a, p, n in triplets(y[i]):
            of_pair.setdefault((a, p), []).append(float(d[a, n]))
        for anchor in range(output.shape[1]):
            own = []
            for (a, p), negatives in of_pair.items():
                if a == anchor:
                    beyond = [distance for distance in negatives if distance > d[a, p]]
                    chosen = min(beyond) if beyond else max(negatives)
                    own.append(max(0.0, float(d[a, p]) - chosen + float(margin[i, 0, 0])))
            assert float(costs[i, anchor, 0]) == pytest.approx(sum(own) / max(len(own), 1))


@pytest.mark.parametrize("loss", [batch_hard, semi_hard])
def test_networks_cost_in_a_stack_what_they_cost_alone(loss):
    output, y, margin = draw(k=3)
    alone = [loss(output[i : i + 1], y[i : i + 1], margin=margin[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(loss(output, y, margin=margin), torch.cat(alone))


@pytest.mark.parametrize("loss", [batch_hard, semi_hard])
def test_gradients_are_finite_for_equal_rows_and_for_a_single_class(loss):
    for y in (torch.zeros(1, 4, 1), torch.tensor([0.0, 0.0, 1.0, 1.0]).view(1, 4, 1)):
        output = torch.ones(1, 4, 2).requires_grad_()
        value = loss(output, y, margin=torch.full((1, 1, 1), 0.5)).mean()
        value.backward()
        assert value.isfinite()
        assert output.grad is not None
        assert output.grad.isfinite().all()


@pytest.mark.parametrize("loss", [batch_hard, semi_hard])
def test_many_rows_are_mined_in_parts(loss, monkeypatch):
    output, y, margin = draw()
    monkeypatch.setattr(triplet, "TRIPLET_ROWS", 12)
    parts = [loss(output[:, part::2], y[:, part::2], margin=margin) for part in range(2)]
    whole = loss(output, y, margin=margin)
    torch.testing.assert_close(whole[:, 0::2], parts[0])
    torch.testing.assert_close(whole[:, 1::2], parts[1])
