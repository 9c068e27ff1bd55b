"""Optimizers: how one network of a stack follows its gradient.

Torch's optimizers take one learning rate for all that they own. Here each network has its own: its slices of the
stacked parameters are updated by torch's fused kernels, which also divide the gradient (clipping) and leave out a step.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Held, Real
from automl_nn.train.gradients import Slices

EPSILON = 1e-8
"""Added to the root of the second moment, as in torch."""


@final
@dataclass(frozen=True)
class RowRule:
    """How the rows of an embedding table follow the optimizer that the rest of the network uses.

    Args:
        momentum: Decay of the first moment.
        second: Decay of the second moment; None for plain momentum, which has none.
    """

    momentum: float
    second: float | None = None


class Optimizer(ABC):
    """Abstract: the optimizer of one network.

    Args:
        slices: What the network owns.
        lr: Learning rate.
        weight_decay: Strength of the decay of weights; biases, scales and shifts do not decay.
    """

    def __init__(self, slices: Sequence[Slices], *, lr: float, weight_decay: float) -> None:
        self.lr = lr
        self._slices, self._weight_decay = tuple(slices), weight_decay
        self._first = [[torch.zeros_like(value) for value in part.values] for part in slices]

    def move_to(self, slices: Sequence[Slices]) -> None:
        """Go on with copies of the same parameters, which stand elsewhere now; moments stay."""
        self._slices = tuple(slices)

    @property
    @abstractmethod
    def row_rule(self) -> RowRule:
        """How the network's embedding rows are updated."""

    @abstractmethod
    def step(
        self, rate: Float[Tensor, ""], *, divisor: Float[Tensor, ""], skip: Float[Tensor, ""], decay: float = 1.0
    ) -> None:
        """Move the parameters.

        Args:
            rate: Learning rate of this step.
            divisor: What the gradient is divided by, float32.
            skip: 1 leaves parameters and state as they are; 0 otherwise; float32.
            decay: Factor on the weight decay of this step.
        """

    def _decay(self, part: Slices, factor: float) -> float:
        return self._weight_decay * factor if part.decays else 0.0


@final
class AdamW(Optimizer):
    """Adam with decoupled weight decay, as `torch.optim.AdamW`.

    Args:
        slices: What the network owns.
        lr: Learning rate.
        weight_decay: Share of each weight that is lost per step, in units of the learning rate.
        beta1: Decay of the mean of gradients.
        beta2: Decay of the mean of squared gradients.

    Source:
        Loshchilov and Hutter (2019), arXiv:1711.05101, Algorithm 2.

    Example:
        >>> weight, gradient = torch.ones(2, 2), torch.ones(2, 2)
        >>> adamw = AdamW([Slices([weight], [gradient])], lr=0.1, weight_decay=0.0, beta1=0.9, beta2=0.999)
        >>> adamw.step(torch.tensor(0.1), divisor=torch.tensor(1.0), skip=torch.tensor(0.0))
        >>> bool(weight.isclose(torch.tensor(0.9)).all())
        True
    """

    def __init__(self, slices: Sequence[Slices], *, lr: float, weight_decay: float, beta1: float, beta2: float) -> None:
        super().__init__(slices, lr=lr, weight_decay=weight_decay)
        self._second = [[torch.zeros_like(moment) for moment in moments] for moments in self._first]
        self._n_steps = torch.zeros((), device=slices[0].values[0].device)
        self._betas = beta1, beta2

    @property
    def row_rule(self) -> RowRule:
        return RowRule(*self._betas)

    def step(
        self, rate: Float[Tensor, ""], *, divisor: Float[Tensor, ""], skip: Float[Tensor, ""], decay: float = 1.0
    ) -> None:
        self._n_steps += 1 - skip
        for part, first, second in zip(self._slices, self._first, self._second, strict=True):
            torch._fused_adamw_(
                part.values,
                part.gradients,
                first,
                second,
                [],
                [self._n_steps] * len(first),
                lr=rate * part.lr_factor,
                beta1=self._betas[0],
                beta2=self._betas[1],
                weight_decay=self._decay(part, decay),
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
                grad_scale=divisor,
                found_inf=skip,
            )


@final
class SGD(Optimizer):
    """Gradient descent with Nesterov momentum, as `torch.optim.SGD(nesterov=True)`.

    Args:
        slices: What the network owns.
        lr: Learning rate.
        momentum: Decay of the sum of gradients; 0 is plain gradient descent.
        weight_decay: Factor of the weights that is added to their gradient.

    Source:
        Sutskever et al. (2013), On the importance of initialization and momentum in deep learning; in torch's form.

    Example:
        >>> weight, gradient = torch.ones(2, 2), torch.ones(2, 2)
        >>> sgd = SGD([Slices([weight], [gradient])], lr=0.5, momentum=0.0, weight_decay=0.0)
        >>> sgd.step(torch.tensor(0.5), divisor=torch.tensor(1.0), skip=torch.tensor(0.0))
        >>> weight.tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, slices: Sequence[Slices], *, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(slices, lr=lr, weight_decay=weight_decay)
        self._momentum = momentum

    @property
    def row_rule(self) -> RowRule:
        return RowRule(self._momentum)

    def step(
        self, rate: Float[Tensor, ""], *, divisor: Float[Tensor, ""], skip: Float[Tensor, ""], decay: float = 1.0
    ) -> None:
        for part, first in zip(self._slices, self._first, strict=True):
            torch._fused_sgd_(
                part.values,
                part.gradients,
                first if self._momentum else [],
                weight_decay=self._decay(part, decay),
                momentum=self._momentum,
                lr=rate * part.lr_factor,
                dampening=0.0,
                nesterov=self._momentum > 0,
                maximize=False,
                is_first_step=False,
                grad_scale=divisor,
                found_inf=skip,
            )


OPTIMIZERS: Options[Optimizer] = Options(
    "optimizer",
    {
        "adamw": Option(
            AdamW,
            {
                "lr": Real(1e-4, 3e-2, default=4e-3, log=True, valid=(0.0, 10.0)),
                "weight_decay": Real(1e-5, 1.0, default=1e-2, log=True, valid=(0.0, 10.0)),
                "beta1": Held(Real(0.8, 0.99, default=0.9, valid=(0.0, 0.9999))),
                "beta2": Held(Real(0.9, 0.999, default=0.99, valid=(0.0, 0.99999))),
            },
            source="arXiv:1711.05101; ranges cover those of arXiv:2407.04491 and arXiv:2410.24210",
        ),
        "sgd": Option(
            SGD,
            {
                "lr": Real(1e-3, 1.0, default=5e-2, log=True, valid=(0.0, 100.0)),
                "momentum": Real(0.0, 0.99, default=0.9, valid=(0.0, 0.9999)),
                "weight_decay": Real(1e-7, 1e-2, default=1e-5, log=True, valid=(0.0, 1.0)),
            },
            source="Sutskever et al. (2013)",
        ),
    },
)
"""Optimizers of one network."""
