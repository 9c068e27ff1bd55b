"""Which windows of a series an epoch trains on, and what each of them counts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Real

HARDEST = 10
"""One of so many windows without a positive step is a hard one."""


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


@final
@dataclass(frozen=True)
class Candidates:
    """What is known of the windows that may be drawn.

    Args:
        has_event: Which of them hold a positive step.
        hardness: The greatest score of a negative step of each when it was last read, minus infinity where that is
            unknown; None where nobody asks.

    Example:
        >>> hardness = torch.tensor([9.0, 1.0, 3.0, -torch.inf])
        >>> Candidates(torch.tensor([True, False, False, False]), hardness).hardest().tolist()
        [False, False, True, False]
    """

    has_event: Bool[Tensor, " n_windows"]
    hardness: Float[Tensor, " n_windows"] | None = None

    def __len__(self) -> int:
        return len(self.has_event)

    def hardest(self) -> Bool[Tensor, " n_windows"]:
        """The hardest tenth of the windows without a positive step, among those that were read."""
        chosen = torch.zeros_like(self.has_event)
        if self.hardness is not None:
            known = (self.hardness.isfinite() & ~self.has_event).nonzero().squeeze(1)
            order = self.hardness[known].argsort(descending=True)
            chosen[known[order[: -(-len(known) // HARDEST)]]] = True
        return chosen


class Sampling(ABC):
    """Abstract: how windows are drawn. The expected loss of a batch is that of all windows, whatever is drawn more."""

    @property
    @abstractmethod
    def asks_hardness(self) -> bool:
        """Whether it draws by how hard windows are."""

    @abstractmethod
    def draw(self, windows: Candidates, *, n_steps: int, batch: int, generator: torch.Generator) -> Drawn:
        """Draw the windows of an epoch.

        Args:
            windows: What is known of those that may be drawn; at least one.
            n_steps: Batches of the epoch.
            batch: Windows of each batch.
            generator: Source of randomness.
        """


@final
class Natural(Sampling):
    """Windows as often as they are: each once before any of them again.

    Example:
        >>> windows = Candidates(torch.zeros(6, dtype=torch.bool))
        >>> drawn = Natural().draw(windows, n_steps=3, batch=2, generator=torch.Generator())
        >>> drawn.windows.flatten().sort().values.tolist()
        [0, 1, 2, 3, 4, 5]
    """

    asks_hardness = False

    def draw(self, windows: Candidates, *, n_steps: int, batch: int, generator: torch.Generator) -> Drawn:
        drawn = _shuffled(torch.arange(len(windows)), n_steps * batch, generator).view(n_steps, batch)
        return Drawn(drawn, torch.ones(n_steps, batch))


@final
class EventCentred(Sampling):
    """A share of each batch are windows that hold a positive step; the others are drawn anew each epoch.

    A further share may be hard windows: the tenth of those without a positive step in which a step came nearest to
    being taken for one, when they were last read. A window counts by the share of its kind in the data over that in the
    batch. So the expected loss is the natural one and its minimum the true probability of each step, with no shift to
    undo; what changes is how often a batch has anything to say about positives. How much they count is the loss's
    `tau`.

    Args:
        share: Share of windows with a positive step in each batch; where there are more anyway, the natural share.
        hard: Share of hard windows in each batch; 0 for none.

    Source:
        Importance sampling, as Katharopoulos and Fleuret (2018), arXiv:1803.00942, Eq. 5, by strata; hard negatives:
        Shrivastava et al. (2016), arXiv:1604.03540, whose weights are left natural here.

    Example:
        >>> windows = Candidates(torch.arange(100) < 4)
        >>> drawn = EventCentred(share=0.5, hard=0.0).draw(windows, n_steps=3, batch=8, generator=torch.Generator())
        >>> windows.has_event[drawn.windows].sum(1).tolist(), [round(w, 2) for w in drawn.weight[0, [0, -1]].tolist()]
        ([4, 4, 4], [0.08, 1.92])
    """

    def __init__(self, *, share: float, hard: float) -> None:
        self._share, self._hard = share, hard

    @property
    def asks_hardness(self) -> bool:
        return self._hard > 0

    def draw(self, windows: Candidates, *, n_steps: int, batch: int, generator: torch.Generator) -> Drawn:
        rest, strata = torch.ones(len(windows), dtype=torch.bool), []
        n_left = batch - 1
        for kind, share in ((windows.has_event, self._share), (windows.hardest(), self._hard)):
            natural, n = float(kind.float().mean()), min(max(round(share * batch), 1), n_left)
            if share and 0 < natural < n / batch:
                rest, n_left = rest & ~kind, n_left - n
                strata.append((kind, n))
        strata.append((rest, n_left + 1))
        drawn = [_shuffled(kind.nonzero().squeeze(1), n_steps * n, generator).view(n_steps, n) for kind, n in strata]
        weight = [torch.full((n_steps, n), float(kind.float().mean()) * batch / n) for kind, n in strata]
        return Drawn(torch.cat(drawn, dim=1), torch.cat(weight, dim=1))


def _shuffled(windows: Int[Tensor, " n"], n_drawn: int, generator: torch.Generator) -> Int[Tensor, " n_drawn"]:
    """So many of these windows at random, each of them once before any of them again."""
    rounds = [windows[torch.randperm(len(windows), generator=generator)] for _ in range(-(-n_drawn // len(windows)))]
    return torch.cat(rounds)[:n_drawn]


SAMPLINGS: Options[Sampling] = Options(
    "sampling",
    {
        "events": Option(
            EventCentred,
            {
                "share": Choice((0.25, 0.5), also=Real(0.01, 0.99, default=0.25)),
                "hard": Choice((0.0, 0.25), also=Real(0.0, 0.9, default=0.0)),
            },
            source="arXiv:1803.00942",
        ),
        "natural": Option(Natural, source="all windows alike"),
    },
)
"""Which windows an epoch trains on."""
