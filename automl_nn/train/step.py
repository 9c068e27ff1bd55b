"""One training step of a stack: forward, backward, clip, update, each network by its own knobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automl_nn.model.network import Network
from automl_nn.train.batches.rows import Batch
from automl_nn.train.clipping import CLIPS
from automl_nn.train.gradients import Gradients
from automl_nn.train.groups import Groups
from automl_nn.train.losses.stack_loss import FoldLosses, StackLoss
from automl_nn.train.naming import Names
from automl_nn.train.optimizers import OPTIMIZERS
from automl_nn.train.reconstruction import Branch
from automl_nn.train.schedules import FADES, SCHEDULES
from automl_nn.train.stability import Skips
from automl_nn.train.tables import RowUpdater

N_STAGES = 64
"""Equal parts of a training; dropout and weight decay change between them."""


@final
@dataclass(frozen=True)
class Step:
    """What one step did to each network.

    Args:
        loss: Training loss of the batch.
        norm: Gradient norm before clipping.
        divisor: What the gradient was divided by; 1 if it was not clipped.
        skip: 1 if the network stayed where it was.
        rate: Learning rate.
    """

    loss: Float[Tensor, " k"]
    norm: Float[Tensor, " k"]
    divisor: Float[Tensor, " k"]
    skip: Float[Tensor, " k"]
    rate: Float[Tensor, " k"]


@final
class Stepper:
    """Trains a stack step by step; nothing leaves the device.

    Args:
        network: The stack.
        configs: A train config for each network.
        loss: The loss of each network.
        n_steps: Number of steps of the whole training: what schedules count.
        branch: What else is learned by the layers that read images, if anything.
        names: What names the classes of embeddings, if anything.

    Attributes:
        output: What the networks said of the batch of the last step, (k, batch, outputs).
    """

    def __init__(
        self,
        network: Network,
        configs: Sequence[Mapping[str, Any]],
        *,
        loss: StackLoss | FoldLosses,
        n_steps: int,
        branch: Branch | None = None,
        names: Names | None = None,
    ) -> None:
        device = next(network.parameters()).device
        self._network, self._loss, self._branch, self._names = network, loss, branch, names
        self._gradients = self._own_gradients()
        self._optimizers = [
            OPTIMIZERS.make(config["optimizer"], slices=self._gradients.slices(i)) for i, config in enumerate(configs)
        ]
        rules = [optimizer.row_rule for optimizer in self._optimizers]
        tables, factors = self._gradients.tables, self._gradients.table_factors
        self._rows = RowUpdater(tables, rules, lr_factors=factors) if tables else None
        clips = [config["clip"] for config in configs]
        self._clips = None if all(clip["name"] == "none" for clip in clips) else Groups(CLIPS, clips, device=device)
        self._schedules = [config["schedule"] for config in configs]
        self._rates = self._planned_rates(n_steps).to(device)
        self._unclipped = torch.full((network.k,), torch.inf, device=device)
        self._skips = Skips(network.k, device=device)
        self._fades = _fades(configs)
        self._n_done, self._n_steps, self._stage = 0, n_steps, 0
        self.output = torch.empty(network.k, 0, 0, device=device)

    def _planned_rates(self, n_steps: int) -> Float[Tensor, "n_steps k"]:
        progress = (torch.arange(n_steps, dtype=torch.float64) + 0.5) / n_steps
        schedules = Groups(SCHEDULES, self._schedules, context={"progress": progress})
        lr = torch.tensor([optimizer.lr for optimizer in self._optimizers], dtype=torch.float64)
        rates = schedules.map(lambda curve, own: curve * own.unsqueeze(1), lr)
        return rates.T.to(torch.float32).contiguous()

    def plan_steps(self, n_steps: int) -> None:
        """Let the schedules end after so many steps in all, those that are done included."""
        self._n_steps = n_steps
        self._rates = self._planned_rates(n_steps).to(self._rates.device)

    def kill(self, i: int) -> None:
        """Leave out every further step of a network."""
        self._skips.dead[i] = True

    def keep(self, indices: Sequence[int], network: Network, *, loss: StackLoss | FoldLosses) -> None:
        """Go on with these networks only; each keeps its moments and its history.

        Args:
            indices: Which networks.
            network: The stack of these networks.
            loss: Their losses.
        """
        k = self._network.k
        self._network, self._loss = network, loss
        if self._branch is not None:
            self._branch.keep(indices)
        if self._names is not None:
            self._names.keep(indices)
        self._gradients = self._own_gradients()
        self._optimizers = [self._optimizers[i] for i in indices]
        self._schedules = [self._schedules[i] for i in indices]
        for i, optimizer in enumerate(self._optimizers):
            optimizer.move_to(self._gradients.slices(i))
        if self._rows is not None:
            self._rows.keep(indices, self._gradients.tables, k=k)
        if self._clips is not None:
            self._clips.keep(indices, lambda rule, own: rule.keep(own))
        self._skips.keep(indices)
        self._fades = [[factors[i] for i in indices] for factors in self._fades]
        self._rates, self._unclipped = self._rates[:, list(indices)].contiguous(), self._unclipped[list(indices)]

    def step(self, batch: Batch) -> Step:
        """Forward, backward, clip and update."""
        self._fade()
        output = self._network(batch.dense, batch.codes, batch.pixels)
        self.output = output.detach()
        loss = self._loss(output, batch.targets)
        if self._names is not None:
            loss = loss + self._names.loss(output, batch.targets)
        if self._branch is not None:
            loss = loss + self._branch.loss(self._network)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        norm = self._gradients.collect()
        limit = self._limit(norm)
        skip = self._skips.update(loss.detach(), norm, left_out=limit == 0)
        rate = self._rates[self._n_done] * self._skips.slowdown
        divisor = (norm / limit.masked_fill(limit == 0, torch.inf)).clamp(min=1.0).to(torch.float32)
        self._update(rate, divisor, skip)
        self._n_done += 1
        return Step(loss.detach(), norm, divisor, skip, rate)

    def _own_gradients(self) -> Gradients:
        beside: list[nn.Module] = [] if self._branch is None else [self._branch.decoder]
        beside += [] if self._names is None else [self._names.layer]
        return Gradients(nn.ModuleList([self._network, *beside]), k=self._network.k)

    def _fade(self) -> None:
        """Let dropout and weight decay follow the progress."""
        before, self._stage = self._stage, self._n_done * N_STAGES // self._n_steps
        if self._stage != before:
            self._network.reach(self._stage / N_STAGES)
        if self._fades[self._stage] != self._fades[before]:
            self._network.fade(self._fades[self._stage])

    def _limit(self, norm: Tensor) -> Tensor:
        """The largest norm that each network may have; 0 where the step is left out."""
        return self._unclipped if self._clips is None else self._clips.map(lambda rule, norms: rule.limit(norms), norm)

    def _update(self, rate: Tensor, divisor: Tensor, skip: Tensor) -> None:
        decays = self._fades[self._stage]
        own = zip(self._optimizers, rate.unbind(), divisor.unbind(), skip.unbind(), decays, strict=True)
        for optimizer, own_rate, own_divisor, own_skip, decay in own:
            optimizer.step(own_rate, divisor=own_divisor, skip=own_skip, decay=decay)
        if self._rows is not None:
            self._rows.step(self._gradients.touched, rate, divisor=divisor, skip=skip)


def _fades(configs: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Multiples of dropout and weight decay, for each stage of the training and each network."""
    progress = torch.arange(N_STAGES) / N_STAGES
    curves = [FADES.make(config["fade"], progress=progress)[0] for config in configs]
    factors: list[list[float]] = torch.stack(curves, dim=1).tolist()
    return factors
