"""Heads: from the last hidden units to outputs that start at the prior."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.stack import Linear


@final
class Head(nn.Module):
    """A dense layer whose weights start at zero and whose biases start at the prior.

    So the loss at step 0 is the entropy of the prior, and no step is spent on learning the share of positives.

    Args:
        k: Number of networks.
        d_in: Width of the last hidden layer.
        bias: The output of each network whose prediction is the prior.

    Source:
        Lin et al. (2017), arXiv:1708.02002, section 3.3; zero weights as in Holzmüller et al. (2024), arXiv:2407.04491.

    Example:
        >>> head = Head(2, 8, bias=torch.tensor([[-3.0], [0.5]]))
        >>> head(torch.randn(2, 4, 8))[:, 0, 0].tolist()
        [-3.0, 0.5]
    """

    def __init__(self, k: int, d_in: int, *, bias: Float[Tensor, "k d_out"]) -> None:
        super().__init__()
        self.linear = Linear(k, d_in, bias.shape[1], zero=True)
        self.linear.bias.data.copy_(bias)

    @torch.no_grad()
    def hand_on(self, shift: Float[Tensor, "k d_out"]) -> None:
        """Start by handing on hidden units, which are outputs already.

        Args:
            shift: What the loss of each network adds to an ideal output.
        """
        self.linear.weight.copy_(torch.eye(shift.shape[1]).expand_as(self.linear.weight))
        self.linear.bias.copy_(shift)

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        output: Tensor = self.linear(x)
        return output


@final
class MemberHead(nn.Module):
    """A head for each member of each network.

    Args:
        k: Number of networks.
        d_in: Width of the last hidden layer.
        n_members: Members of each network.
        bias: The output of each network whose prediction is the prior.

    Shape:
        Input `(k, n_members * batch, d_in)`, the rows of each member together; output `(k, batch, n_members * d_out)`,
        the outputs of each member together.

    Source:
        Gorishniy et al. (2025), arXiv:2410.24210, section 3.3; weights start at zero as in `Head`.

    Example:
        >>> head = MemberHead(2, 8, 3, bias=torch.tensor([[-3.0], [0.5]]))
        >>> head(torch.randn(2, 12, 8))[:, 0].tolist()
        [[-3.0, -3.0, -3.0], [0.5, 0.5, 0.5]]
    """

    def __init__(self, k: int, d_in: int, n_members: int, *, bias: Float[Tensor, "k d_out"]) -> None:
        super().__init__()
        self._d_in, self._d_out = d_in, bias.shape[1]
        self.weight = nn.Parameter(torch.zeros(k, n_members * d_in, bias.shape[1]))
        self.bias = nn.Parameter(bias.repeat(1, n_members))

    def forward(self, x: Float[Tensor, "k rows d_in"]) -> Float[Tensor, "k batch outputs"]:
        weight, bias = self.weight.view(-1, self._d_in, self._d_out), self.bias.view(-1, 1, self._d_out)
        output = torch.baddbmm(bias, x.reshape(len(weight), -1, self._d_in), weight)
        n_rows = output.shape[1]
        return output.view(len(x), -1, n_rows, self._d_out).transpose(1, 2).reshape(len(x), n_rows, -1)


@final
class MapHead(nn.Module):
    """A head that reads each pixel of a map by itself.

    Args:
        k: Number of networks.
        d_in: Width of the last map.
        bias: The output of each network whose prediction is the prior.

    Shape:
        Input `(k, batch, d_in, height, width)`; output `(k, batch, height * width * d_out)`, those of a pixel together.

    Example:
        >>> head = MapHead(2, 8, bias=torch.tensor([[-3.0, 1.0], [0.5, 2.0]]))
        >>> head(torch.randn(2, 4, 8, 3, 5))[1, 0, :4].tolist()
        [0.5, 2.0, 0.5, 2.0]
    """

    def __init__(self, k: int, d_in: int, *, bias: Float[Tensor, "k d_out"]) -> None:
        super().__init__()
        self.pixel = Head(k, d_in, bias=bias)

    def forward(self, x: Float[Tensor, "k batch d_in height width"]) -> Float[Tensor, "k batch outputs"]:
        pixels = x.permute(0, 1, 3, 4, 2).flatten(1, 3)
        output: Tensor = self.pixel(pixels).view(*x.shape[:2], -1)
        return output
