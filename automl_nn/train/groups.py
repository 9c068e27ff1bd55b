"""Parts of a stack whose networks may use different alternatives of one table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, final

import torch
from torch import Tensor

from automl_nn.space.options import Options

T = TypeVar("T")


def _stacked_knobs(configs: Sequence[Mapping[str, Any]], device: torch.device) -> dict[str, Any]:
    """One config for all: the same name, each knob a float64 tensor of length `len(configs)`."""
    first = configs[0]
    knobs = {
        knob: torch.tensor([config[knob] for config in configs], dtype=torch.float64, device=device)
        for knob in first
        if knob != "name"
    }
    return {"name": first["name"], **knobs}


@final
class Groups(Generic[T]):
    """The k networks of a stack, grouped by the alternative that each of them uses.

    Each alternative is made once for all its networks, with knobs that are tensors of their number.

    Args:
        table: Where the alternatives come from.
        configs: One config of this table for each network.
        device: Where the knobs live.
        context: What every alternative needs besides its knobs.

    Example:
        >>> from automl_nn.space.options import Option
        >>> from automl_nn.space.ranges import Real
        >>> table = Options("slope", {"up": Option(lambda by: by, {"by": Real(0, 9, default=1)}), "flat": Option(list)})
        >>> groups = Groups(table, [{"name": "up", "by": 2}, {"name": "flat"}, {"name": "up", "by": 4}])
        >>> groups.parts[0].tolist()
        [2.0, 4.0]
    """

    def __init__(
        self,
        table: Options[T],
        configs: Sequence[Mapping[str, Any]],
        *,
        device: torch.device = torch.device("cpu"),  # noqa: B008 - a constant
        context: Mapping[str, Any] | None = None,
    ) -> None:
        names = dict.fromkeys(config["name"] for config in configs)
        members = [[i for i, config in enumerate(configs) if config["name"] == name] for name in names]
        self.parts = [
            table.make(_stacked_knobs([configs[i] for i in group], device), **(context or {})) for group in members
        ]
        self.members = tuple(torch.tensor(group, device=device) for group in members)
        self._place = torch.cat(self.members).argsort()

    def keep(self, indices: Sequence[int], cut: Callable[[T, list[int]], None]) -> None:
        """Go on with these networks only.

        Args:
            indices: Which networks.
            cut: Lets a part go on with these of its own networks only.
        """
        new = {old: place for place, old in enumerate(indices)}
        kept = []
        for part, members in zip(self.parts, self.members, strict=True):
            own = [i for i, old in enumerate(members.tolist()) if old in new]
            if own:
                cut(part, own)
                kept.append((part, members.new_tensor([new[int(members[i])] for i in own])))
        self.parts = [part for part, _ in kept]
        self.members = tuple(members for _, members in kept)
        self._place = torch.cat(self.members).argsort()

    def map(self, function: Callable[..., Tensor], *stacked: Tensor) -> Tensor:
        """`function(part, *slices)` for every part, each result at the place of its networks.

        Args:
            function: Takes a part and the slices of its networks.
            stacked: Tensors whose first dimension is k.
        """
        if len(self.parts) == 1:
            return function(self.parts[0], *stacked)
        results = [
            function(part, *(tensor.index_select(0, members) for tensor in stacked))
            for part, members in zip(self.parts, self.members, strict=True)
        ]
        return torch.cat(results).index_select(0, self._place)
