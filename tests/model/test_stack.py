import pytest
import torch
from torch import nn

from automl_nn.model.stack import Activations, Linear, Noise, select


def test_a_stacked_layer_equals_the_layers_of_torch():
    stack, x = Linear(3, 4, 5), torch.randn(3, 6, 4)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.normal_()
    for i in range(3):
        expected = nn.functional.linear(x[i], stack.weight[i].T, stack.bias[i])
        torch.testing.assert_close(stack(x)[i], expected)
        torch.testing.assert_close(stack(x[i : i + 1])[i], expected)


def test_neighbours_with_the_same_activation_share_a_call():
    calls = []

    def counted(x):
        calls.append(len(x))
        return x.relu()

    stack = Activations([counted, counted, torch.tanh, counted])
    x = torch.randn(4, 2, 3)
    torch.testing.assert_close(stack(x), torch.cat([x[:2].relu(), x[2:3].tanh(), x[3:].relu()]))
    assert calls == [2, 1]
    stack.keep([0, 1, 3])
    stack(x[:3])
    assert calls == [2, 1, 3]


@pytest.mark.parametrize("indices", [[0], [2, 0], [1, 1]])
def test_selection_copies(indices):
    stack = Linear(3, 4, 5)
    chosen = select(stack, indices, k=3)
    with torch.no_grad():
        chosen.weight += 1
    assert (stack.weight == 0).all()
    assert chosen.weight.shape == (len(indices), 4, 5)


def test_selected_networks_draw_on_from_where_they_were_without_moving_the_old_ones():
    noise, x = Noise([torch.Generator().manual_seed(seed) for seed in range(3)]), torch.empty(3, 4, 5)
    noise.bits(x)
    chosen = select(nn.Sequential(noise), [2], k=3)[0]
    drawn = chosen.bits(x[:1])
    torch.testing.assert_close(noise.bits(x)[2:], drawn)
