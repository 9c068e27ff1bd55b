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

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Real
from automl_nn.task.base import Family
from automl_nn.train.losses.asymmetric import asymmetric, sharpen_asymmetric
from automl_nn.train.losses.contrastive import contrastive
from automl_nn.train.losses.entropy import binary_cross_entropy, class_cross_entropy
from automl_nn.train.losses.focal import binary_focal, class_focal, sharpen_binary_focal, sharpen_class_focal
from automl_nn.train.losses.triplet import batch_hard, semi_hard, triplet_counts

MAX_WEIGHT = 100.0
"""The largest weight of a class: above it, a handful of rows would carry the gradient."""

COUNTED_MARGIN = 0.3
"""By how much the negative of a triplet is farther away for it to be called easy, where the loss has no margin."""

Entries = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True)
class Loss:
    """The loss of k networks.

    Args:
        entries: Output `(k, batch, d_out)` and labels `(k, batch, d_y)` to losses `(k, batch, d_y or 1)`.
        shift: What the weights add to an ideal output, `(k, d_out)`.
        sharpen: What an output must go through before the shift is taken off; the identity unless given.
        counts: What there is to count in a batch, `(k, n_counts)`, from outputs and labels; nothing unless given.
    """

    entries: Entries
    shift: Float[Tensor, "k d_out"]
    sharpen: Callable[[Tensor], Tensor] = lambda output: output
    counts: Entries | None = None

    def correct(self, output: Float[Tensor, "k rows d_out"]) -> Float[Tensor, "k rows d_out"]:
        """The output that the same network would ideally give had it been trained on plain cross-entropy."""
        return self.sharpen(output) - self.shift.unsqueeze(1)


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


def _label_asymmetric(
    *, gamma_positive: Tensor, gamma_negative: Tensor, margin: Tensor, tau: Tensor, share: Tensor
) -> Loss:
    knobs = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative, "margin": margin}
    own = {name: _per_entry(knob, share) for name, knob in knobs.items()}
    pos_weight = _tempered((1 - share) / share, tau)
    entries = functools.partial(asymmetric, pos_weight=pos_weight, **own)
    return Loss(entries, shift=pos_weight.log().squeeze(1), sharpen=functools.partial(sharpen_asymmetric, **own))


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


def _contrastive(*, temperature: Tensor, share: Tensor) -> Loss:
    margin = torch.full_like(_per_entry(temperature, share), COUNTED_MARGIN)
    return Loss(
        functools.partial(contrastive, temperature=_per_entry(temperature, share)),
        shift=share.new_zeros(1, len(share)),
        counts=functools.partial(triplet_counts, margin=margin),
    )


def _triplet(*, mining: Callable[..., Tensor], margin: Tensor, share: Tensor) -> Loss:
    own = {"margin": _per_entry(margin, share)}
    return Loss(
        functools.partial(mining, **own),
        shift=share.new_zeros(1, len(share)),
        counts=functools.partial(triplet_counts, **own),
    )


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
        "asymmetric": Option(
            _label_asymmetric,
            {
                "gamma_positive": Real(0.0, 2.0, default=0.0, valid=(0.0, 10.0)),
                "gamma_negative": Real(0.0, 4.0, default=2.0, valid=(0.0, 10.0)),
                "margin": Real(0.0, 0.2, default=0.05, valid=(0.0, 0.9)),
                "tau": _TAU,
            },
            source="arXiv:2009.14119",
        ),
    },
).search("cross_entropy", "focal")
"""Losses of yes-or-no labels: positives weigh `(n_negative / n_positive) ** tau`.

The asymmetric loss is drawn where a row has several labels, see the spaces of images; elsewhere it can be set.
"""

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

_MARGIN = {"margin": Real(0.1, 1.0, default=0.3, log=True, valid=(1e-3, 2.0))}

EMBEDDING_LOSSES: Options[Loss] = Options(
    "loss",
    {
        "semi_hard": Option(functools.partial(_triplet, mining=semi_hard), _MARGIN, source="arXiv:1503.03832"),
        "batch_hard": Option(functools.partial(_triplet, mining=batch_hard), _MARGIN, source="arXiv:1703.07737"),
        "contrastive": Option(
            _contrastive,
            {"temperature": Real(0.05, 0.5, default=0.1, log=True, valid=(1e-3, 10.0))},
            source="arXiv:2004.11362",
        ),
    },
)
"""Losses of embeddings: which triplets of a batch count, or all pairs at once."""

_TABLES: Mapping[Family, Options[Loss]] = {
    "labels": LABEL_LOSSES,
    "classes": CLASS_LOSSES,
    "values": VALUE_LOSSES,
    "embedding": EMBEDDING_LOSSES,
}


def losses_for(family: Family) -> Options[Loss]:
    """The losses that suit a family of tasks.

    Example:
        >>> list(losses_for("values"))
        ['mse', 'huber']
    """
    return _TABLES[family]
