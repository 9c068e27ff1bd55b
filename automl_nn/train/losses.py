"""Losses: what each row and label costs, for a stack of networks whose knobs may differ.

A loss returns one *entry* for each label (`labels`, `values`) or row (`classes`); the stack averages them per network.
Weights move the minimum away from the true probability. Each loss knows by how much, and `Loss.correct` undoes it, so
that scores, calibration and decisions always read outputs whose sigmoid or softmax is meant as a probability.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real
from automl_nn.task.base import Family

MAX_WEIGHT = 100.0
"""The largest weight of a class: above it, a handful of rows would carry the gradient."""

Entries = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True)
class Loss:
    """The loss of k networks.

    Args:
        entries: Output `(k, batch, d_out)` and labels `(k, batch, d_y)` to losses `(k, batch, d_y or 1)`.
        shift: What the weights add to an ideal output, `(k, d_out)`.
        sharpen: What an output must go through before the shift is taken off; the identity unless given.
    """

    entries: Entries
    shift: Float[Tensor, "k d_out"]
    sharpen: Callable[[Tensor], Tensor] = lambda output: output

    def correct(self, output: Float[Tensor, "k rows d_out"]) -> Float[Tensor, "k rows d_out"]:
        """The output that the same network would ideally give had it been trained on plain cross-entropy."""
        return self.sharpen(output) - self.shift.unsqueeze(1)


def binary_cross_entropy(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_out"],
    *,
    pos_weight: Float[Tensor, "k 1 d_out"],
    label_smoothing: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch d_out"]:
    """Cross-entropy of each label, positives counted `pos_weight` times.

    Args:
        output: Log-odds.
        y: Labels in [0, 1].
        pos_weight: Weight of a positive.
        label_smoothing: Share of each label that is replaced by one half.

    Example:
        >>> zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> bool(binary_cross_entropy(zero, one, pos_weight=one, label_smoothing=zero).isclose(torch.tensor(2.0).log()))
        True
    """
    smooth = torch.lerp(y, torch.full_like(y, 0.5), label_smoothing.expand_as(y))
    return functional.binary_cross_entropy_with_logits(output, smooth, pos_weight=pos_weight, reduction="none")


def binary_focal(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_out"],
    *,
    pos_weight: Float[Tensor, "k 1 d_out"],
    gamma: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch d_out"]:
    """Cross-entropy of each label, weighted by `(1 - p_t) ** gamma`: rows that are already right count less.

    Args:
        output: Log-odds.
        y: Labels, 0 or 1.
        pos_weight: Weight of a positive.
        gamma: Focusing strength, 0 or more; 0 gives cross-entropy.

    Source:
        Lin et al. (2017), arXiv:1708.02002, Eq. 4. The balance is `pos_weight` rather than alpha; both factors are
        computed from one log-sigmoid, so that no power of zero is ever differentiated.

    Example:
        >>> zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> bool(binary_focal(zero, one, pos_weight=one, gamma=2 * one).isclose(torch.tensor(2.0).log() / 4))
        True
    """
    margin = output * (2 * y - 1)
    log_p = functional.logsigmoid(margin)
    return -log_p * torch.exp(gamma * (log_p - margin)) * (1 + (pos_weight - 1) * y)


def class_cross_entropy(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_y"],
    *,
    weight: Float[Tensor, "k 1 d_out"],
    label_smoothing: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch 1"]:
    """Cross-entropy of each row, the terms of class c counted `weight[c]` times.

    Args:
        output: Log-probabilities up to a constant.
        y: Class index (`d_y = 1`) or a probability for each class.
        weight: Weight of each class.
        label_smoothing: Share of each row's probability that is spread over all classes.

    Example:
        >>> one, zero = torch.ones(1, 1, 3), torch.zeros(1, 1, 1)
        >>> loss = class_cross_entropy(torch.zeros(1, 1, 3), zero, weight=one, label_smoothing=zero)
        >>> bool(loss.isclose(torch.tensor(3.0).log()))
        True
    """
    share = class_shares(y, d_out=output.shape[-1])
    smooth = torch.lerp(share, torch.full_like(share, 1 / output.shape[-1]), label_smoothing.expand_as(share))
    return -(weight * smooth * output.log_softmax(-1)).sum(-1, keepdim=True)


def class_focal(
    output: Float[Tensor, "k batch d_out"],
    y: Float[Tensor, "k batch d_y"],
    *,
    weight: Float[Tensor, "k 1 d_out"],
    gamma: Float[Tensor, "k 1 1"],
) -> Float[Tensor, "k batch 1"]:
    """Cross-entropy of each row, its terms weighted by `(1 - p_c) ** gamma`.

    Args:
        output: Log-probabilities up to a constant.
        y: Class index (`d_y = 1`) or a probability for each class.
        weight: Weight of each class.
        gamma: Focusing strength, 0 or more; 0 gives cross-entropy.

    Source:
        Lin et al. (2017), arXiv:1708.02002, Eq. 4, with a softmax.

    Example:
        >>> one, zero = torch.ones(1, 1, 2), torch.zeros(1, 1, 1)
        >>> loss = class_focal(torch.zeros(1, 1, 2), zero, weight=one, gamma=torch.full((1, 1, 1), 2.0))
        >>> bool(loss.isclose(torch.tensor(2.0).log() / 4))
        True
    """
    log_p = output.log_softmax(-1)
    focus = torch.exp(gamma * _log_one_minus(log_p))
    return -(weight * focus * class_shares(y, d_out=output.shape[-1]) * log_p).sum(-1, keepdim=True)


def huber(
    output: Float[Tensor, "k batch d_out"], y: Float[Tensor, "k batch d_out"], *, delta: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k batch d_out"]:
    """Half the squared error up to `delta`, linear beyond: outliers pull with bounded force.

    Args:
        output: Predicted values.
        y: True values.
        delta: Where the loss becomes linear, in standard deviations of the target.

    Source:
        Huber (1964), doi:10.1214/aoms/1177703732.

    Example:
        >>> y, delta = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
        >>> [float(huber(torch.full((1, 1, 1), error), y, delta=delta)) for error in (1.0, 3.0)]
        [0.5, 2.5]
    """
    error = (output - y).abs()
    near = torch.minimum(error, delta)
    return near * (error - 0.5 * near)


def mean_squared_error(
    output: Float[Tensor, "k batch d_out"], y: Float[Tensor, "k batch d_out"]
) -> Float[Tensor, "k batch d_out"]:
    """The squared error: 1 on average where the prediction is the mean of a standardized target.

    Example:
        >>> float(mean_squared_error(torch.full((1, 1, 1), 3.0), torch.ones(1, 1, 1)))
        4.0
    """
    return (output - y).square()


def class_shares(y: Float[Tensor, "*rows d_y"], *, d_out: int) -> Float[Tensor, "*rows d_out"]:
    """A probability for each class: the labels themselves, or one-hot rows of class indices.

    Example:
        >>> class_shares(torch.tensor([[1.0]]), d_out=3).tolist()
        [[0.0, 1.0, 0.0]]
    """
    if y.shape[-1] == d_out:
        return y
    return (y == torch.arange(d_out, device=y.device, dtype=y.dtype)).to(y.dtype)


def sharpen_binary_focal(
    output: Float[Tensor, "k rows d_out"], *, gamma: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k rows d_out"]:
    """Log-odds of the true probability, from the log-odds that minimize the focal loss.

    The focal loss is smallest at a probability nearer to one half than the true one; this inverts the map exactly.

    Source:
        Charoenphakdee et al. (2021), arXiv:2011.09172, Theorem 11, for two classes and in log-odds.

    Example:
        >>> focal = torch.tensor([[[-1.0], [0.0], [1.0]]])
        >>> [round(z, 2) for z in sharpen_binary_focal(focal, gamma=torch.full((1, 1, 1), 2.0)).flatten().tolist()]
        [-2.68, 0.0, 2.68]
    """
    near = output.clamp(-80.0, 80.0)
    up = torch.sigmoid(near) * -functional.logsigmoid(near) / torch.sigmoid(-near)
    down = torch.sigmoid(-near) * -functional.logsigmoid(-near) / torch.sigmoid(near)
    return (1 + gamma) * output + torch.log1p(gamma * down) - torch.log1p(gamma * up)


def sharpen_class_focal(
    output: Float[Tensor, "k rows d_out"], *, gamma: Float[Tensor, "k 1 1"]
) -> Float[Tensor, "k rows d_out"]:
    """Log-probabilities up to a constant, from the output that minimizes the focal loss of several classes.

    Source:
        Charoenphakdee et al. (2021), arXiv:2011.09172, Theorem 11.

    Example:
        >>> even = torch.zeros(1, 1, 3)
        >>> sharpen_class_focal(even, gamma=torch.full((1, 1, 1), 2.0)).softmax(-1).flatten().tolist()
        [0.3333333432674408, 0.3333333432674408, 0.3333333432674408]
    """
    log_p = output.log_softmax(-1).clamp_max(-1e-12)
    log_rest = _log_one_minus(log_p)
    return output - gamma * log_rest - torch.log1p(gamma * -log_p * torch.exp(log_p - log_rest))


def _log_one_minus(log_p: Tensor) -> Tensor:
    """`log(1 - p)`, with a floor that keeps its gradient finite where p rounds to 1."""
    return (-torch.expm1(log_p.clamp_max(-1e-12))).log()


def _tempered(ratio: Tensor, tau: Tensor) -> Tensor:
    """`ratio ** tau` as weights `(k, 1, d_out)`, none of them above `MAX_WEIGHT` or below its inverse."""
    return (ratio ** tau.to(ratio.dtype).reshape(-1, 1, 1)).clamp(1 / MAX_WEIGHT, MAX_WEIGHT)


def _per_entry(knob: Tensor, share: Tensor) -> Tensor:
    return knob.to(share.dtype).reshape(-1, 1, 1)


def _label_cross_entropy(*, tau: Tensor, label_smoothing: Tensor, share: Tensor) -> Loss:
    pos_weight = _tempered((1 - share) / share, tau)
    entries = functools.partial(
        binary_cross_entropy, pos_weight=pos_weight, label_smoothing=_per_entry(label_smoothing, share)
    )
    return Loss(entries, shift=pos_weight.log().squeeze(1))


def _label_focal(*, gamma: Tensor, tau: Tensor, share: Tensor) -> Loss:
    pos_weight, gamma = _tempered((1 - share) / share, tau), _per_entry(gamma, share)
    entries = functools.partial(binary_focal, pos_weight=pos_weight, gamma=gamma)
    return Loss(
        entries, shift=pos_weight.log().squeeze(1), sharpen=functools.partial(sharpen_binary_focal, gamma=gamma)
    )


def _class_cross_entropy(*, tau: Tensor, label_smoothing: Tensor, share: Tensor) -> Loss:
    weight = _tempered(1 / (len(share) * share), tau)
    entries = functools.partial(class_cross_entropy, weight=weight, label_smoothing=_per_entry(label_smoothing, share))
    return Loss(entries, shift=weight.log().squeeze(1))


def _class_focal(*, gamma: Tensor, tau: Tensor, share: Tensor) -> Loss:
    weight, gamma = _tempered(1 / (len(share) * share), tau), _per_entry(gamma, share)
    entries = functools.partial(class_focal, weight=weight, gamma=gamma)
    return Loss(entries, shift=weight.log().squeeze(1), sharpen=functools.partial(sharpen_class_focal, gamma=gamma))


def _mse(*, share: Tensor) -> Loss:
    return Loss(mean_squared_error, shift=share.new_zeros(1, len(share)))


def _huber(*, delta: Tensor, share: Tensor) -> Loss:
    return Loss(functools.partial(huber, delta=_per_entry(delta, share)), shift=share.new_zeros(1, len(share)))


_TAU = Real(0.0, 1.0, default=0.0)
_GAMMA = Real(0.0, 3.0, default=2.0, valid=(0.0, 10.0))
_SMOOTHING = Real(0.0, 0.2, default=0.0, valid=(0.0, 0.9))

_ELKAN = "Elkan (2001), The foundations of cost-sensitive learning"
_FOCAL = "arXiv:1708.02002; its minimum arXiv:2011.09172"

LABEL_LOSSES: Options[Loss] = Options(
    "loss",
    {
        "cross_entropy": Option(_label_cross_entropy, {"tau": _TAU, "label_smoothing": _SMOOTHING}, source=_ELKAN),
        "focal": Option(_label_focal, {"gamma": _GAMMA, "tau": _TAU}, source=_FOCAL),
    },
)
"""Losses of yes-or-no labels: positives weigh `(n_negative / n_positive) ** tau`."""

CLASS_LOSSES: Options[Loss] = Options(
    "loss",
    {
        "cross_entropy": Option(_class_cross_entropy, {"tau": _TAU, "label_smoothing": _SMOOTHING}, source=_ELKAN),
        "focal": Option(_class_focal, {"gamma": _GAMMA, "tau": _TAU}, source=_FOCAL),
    },
)
"""Losses of one class among several: class c weighs `(mean count / n_c) ** tau`.

The logit-adjusted loss (arXiv:2007.07314, Eq. 10) is not among them: it adds a constant to the outputs, so once
training starts at the prior and the constant is taken off again, every step equals one of plain cross-entropy. Its
effect on actions is a decision's: the class offsets of `automl_nn.decide`.
"""

VALUE_LOSSES: Options[Loss] = Options(
    "loss",
    {
        "mse": Option(_mse, source="least squares"),
        "huber": Option(
            _huber,
            {"delta": Real(0.1, 3.0, default=1.0, log=True, valid=(1e-3, 1e3))},
            source="doi:10.1214/aoms/1177703732",
        ),
    },
)
"""Losses of standardized values."""

_TABLES: Mapping[Family, Options[Loss]] = {"labels": LABEL_LOSSES, "classes": CLASS_LOSSES, "values": VALUE_LOSSES}


def losses_for(family: Family) -> Options[Loss]:
    """The losses that suit a family of tasks.

    Example:
        >>> list(losses_for("values"))
        ['mse', 'huber']
    """
    return _TABLES[family]
