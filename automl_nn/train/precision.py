"""In which precision a stack is trained."""

from typing import Literal, get_args

import torch
from torch import nn

from automl_nn.model.stack import LEAST_ROUNDED

Precision = Literal["auto", "float32", "bfloat16", "float64"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def set_precision(network: nn.Module, precision: Precision) -> torch.dtype:
    """Let a network train in a precision.

    In bfloat16, large products of dense layers round what they read while training. So do convolutions, which also
    round what they tell, and on a processor layers of an LSTM, which round their cells, too. Weights, sums, other
    elementwise operations, losses, optimizers and evaluation stay in float32, so that what is scored is what will
    predict. On a GPU the products are in TF32 instead; a processor that cannot multiply in bfloat16 goes on in float32.
    `auto` is float32 until somebody has measured what is faster.

    Args:
        network: Changed in place.
        precision: Its name.

    Returns:
        The floating type of inputs, weights and losses.

    Source:
        Kalamkar et al. (2019), arXiv:1905.12322, section 3: master weights and sums in float32.

    Example:
        >>> set_precision(nn.Identity(), "bfloat16"), set_precision(nn.Identity(), "float64")
        (torch.float32, torch.float64)
    """
    for module in network.modules():
        if hasattr(module, "rounds"):
            module.rounds = precision == "bfloat16"  # type: ignore[assignment]
    dtype = torch.float64 if precision == "float64" else torch.float32
    network.to(dtype)
    return dtype


def may_round(network: nn.Module, *, n_rows: int) -> bool:
    """Whether a network has products that are large enough to be rounded.

    Args:
        network: The stack.
        n_rows: Rows that its layers read in a step.

    Example:
        >>> from automl_nn.model.stack import Linear
        >>> may_round(Linear(2, 64, 64), n_rows=256), may_round(Linear(2, 256, 256), n_rows=256)
        (False, True)
    """
    weights = [module.weight for module in network.modules() if hasattr(module, "rounds")]
    return any(n_rows * weight[0].numel() >= LEAST_ROUNDED for weight in weights if isinstance(weight, torch.Tensor))
