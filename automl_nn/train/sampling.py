"""Which windows of a series an epoch trains on, and what each of them counts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Real


@final
@dataclass(frozen=True)
class Drawn:
    """The windows of an epoch, batch by batch.

    Args:
        windows: Their numbers.
        weight: What each of them counts in the loss, 1 on average over all windows that could have been drawn.
    """

    windows: Int[Tensor, "n_steps batch"]
    weight: Float[Tensor, "n_steps batch"]


class Sampling(ABC):
    """Abstract: how windows are drawn. The expected loss of a batch is that of all windows, whatever is drawn more."""

    @abstractmethod
    def draw(
        self, has_event: Bool[Tensor, " n_windows"], *, n_steps: int, batch: int, generator: torch.Generator
    ) -> Drawn:
        """Draw the windows of an epoch.

        Args:
            has_event: Which windows hold a positive step; at least one window.
            n_steps: Batches of the epoch.
            batch: Windows of each batch.
            generator: Source of randomness.
        """


@final
class Natural(Sampling):
    """Windows as often as they are: each once before any of them again.

    Example:
        >>> drawn = Natural().draw(torch.zeros(6, dtype=torch.bool), n_steps=3, batch=2, generator=torch.Generator())
        >>> drawn.windows.flatten().sort().values.tolist()
        [0, 1, 2, 3, 4, 5]
    """

    def draw(
        self, has_event: Bool[Tensor, " n_windows"], *, n_steps: int, batch: int, generator: torch.Generator
    ) -> Drawn:
        windows = _shuffled(torch.arange(len(has_event)), n_steps * batch, generator).view(n_steps, batch)
        return Drawn(windows, torch.ones(n_steps, batch))


@final
class EventCentred(Sampling):
    """A share of each batch are windows that hold a positive step; the others are drawn anew each epoch.

    A window counts by the share of its kind in the data over that in the batch. So the expected loss is the natural one
    and its minimum the true probability of each step, with no shift to undo; what changes is how often a batch has
    anything to say about positives. How much they count is the loss's `tau`.

    Args:
        share: Share of windows with a positive step in each batch; where there are more anyway, the natural share.

    Source:
        Importance sampling, as Katharopoulos and Fleuret (2018), arXiv:1803.00942, Eq. 5, by two strata.

    Example:
        >>> has_event = torch.arange(100) < 4
        >>> drawn = EventCentred(share=0.5).draw(has_event, n_steps=3, batch=8, generator=torch.Generator())
        >>> has_event[drawn.windows].sum(1).tolist(), [round(w, 2) for w in drawn.weight[0, [0, -1]].tolist()]
        ([4, 4, 4], [0.08, 1.92])
    """

    def __init__(self, *, share: float) -> None:
        self._share = share

    def draw(
        self, has_event: Bool[Tensor, " n_windows"], *, n_steps: int, batch: int, generator: torch.Generator
    ) -> Drawn:
        natural = float(has_event.float().mean())
        n_events = min(max(round(self._share * batch), 1), batch - 1)
        if not 0 < natural < n_events / batch:
            return Natural().draw(has_event, n_steps=n_steps, batch=batch, generator=generator)
        strata = ((has_event, n_events, natural), (~has_event, batch - n_events, 1 - natural))
        windows = [
            _shuffled(kind.nonzero().squeeze(1), n_steps * n, generator).view(n_steps, n) for kind, n, _ in strata
        ]
        weight = [torch.full((n_steps, n), share * batch / n) for _, n, share in strata]
        return Drawn(torch.cat(windows, dim=1), torch.cat(weight, dim=1))


def _shuffled(windows: Int[Tensor, " n"], n_drawn: int, generator: torch.Generator) -> Int[Tensor, " n_drawn"]:
    """So many of these windows at random, each of them once before any of them again."""
    rounds = [windows[torch.randperm(len(windows), generator=generator)] for _ in range(-(-n_drawn // len(windows)))]
    return torch.cat(rounds)[:n_drawn]


SAMPLINGS: Options[Sampling] = Options(
    "sampling",
    {
        "events": Option(
            EventCentred, {"share": Choice((0.25, 0.5), also=Real(0.01, 0.99, default=0.25))}, source="arXiv:1803.00942"
        ),
        "natural": Option(Natural, source="all windows alike"),
    },
)
"""Which windows an epoch trains on."""
