"""The head: from the last hidden units to outputs that start at the prior."""

from typing import final

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
        >>> import torch
        >>> head = Head(2, 8, bias=torch.tensor([[-3.0], [0.5]]))
        >>> head(torch.randn(2, 4, 8))[:, 0, 0].tolist()
        [-3.0, 0.5]
    """

    def __init__(self, k: int, d_in: int, *, bias: Float[Tensor, "k d_out"]) -> None:
        super().__init__()
        self.linear = Linear(k, d_in, bias.shape[1], zero=True)
        self.linear.bias.data.copy_(bias)

    def forward(self, x: Float[Tensor, "#k batch d_in"]) -> Float[Tensor, "k batch d_out"]:
        output: Tensor = self.linear(x)
        return output
