"""Outputs of the members inside a network: as rows of their own while training, as one prediction afterwards."""

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from automl_nn.task.base import Family


def as_rows(output: Float[Tensor, "k rows outputs"], *, d_out: int) -> Float[Tensor, "k member_rows d_out"]:
    """Outputs of members that stand side by side, as neighbouring rows.

    Args:
        output: `d_out` columns for each member.
        d_out: Outputs of one member.

    Example:
        >>> import torch
        >>> as_rows(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), d_out=1).flatten().tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    return output.reshape(len(output), -1, d_out)


def pooled(
    output: Float[Tensor, "k member_rows d_out"], *, n_rows: int, family: Family
) -> Float[Tensor, "k n_rows d_out"]:
    """One output for each row, whose prediction is the mean of the members' predictions.

    Probabilities are averaged, and the mean is brought back to a log-odds or a log-probability; values are averaged as
    they are.

    Args:
        output: Outputs of the members of a row, as neighbouring rows.
        n_rows: Number of rows.
        family: How the task reads outputs.

    Source:
        Gorishniy et al. (2025), arXiv:2410.24210, section 3.2.

    Example:
        >>> import torch
        >>> output = pooled(torch.tensor([[[0.0], [2.0]]]), n_rows=1, family="labels")
        >>> bool(output.sigmoid().isclose((torch.tensor(0.5) + torch.tensor(2.0).sigmoid()) / 2))
        True
    """
    n_members = output.shape[1] // max(n_rows, 1)
    if n_members <= 1:
        return output
    members = output.reshape(len(output), n_rows, n_members, -1)
    if family == "values":
        return members.mean(2)
    if family == "classes":
        return members.log_softmax(-1).logsumexp(2) - math.log(n_members)
    return F.logsigmoid(members).logsumexp(2) - F.logsigmoid(-members).logsumexp(2)
