"""What fixed features of windows were found to be, kept so that a training computes them once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

MOST = 100_000
"""Windows that are kept, of all networks together."""


@final
class Memory:
    """Features by network and window.

    Windows are known by what they hold and networks by a number of their own, so copies of a network, and its place in
    a stack, may change: all of them share one memory. It learns only while it is open; what predicts new windows later
    keeps nothing.

    Example:
        >>> memory, n_computed = Memory(), []
        >>> def double(windows):
        ...     n_computed.append(len(windows))
        ...     return 2 * windows
        >>> with memory.open():
        ...     _ = memory.of(torch.tensor([[1.0], [2.0]]), network=7, compute=double)
        >>> memory.of(torch.tensor([[2.0], [3.0], [1.0]]), network=7, compute=double).flatten().tolist()
        [4.0, 6.0, 2.0]
        >>> n_computed
        [2, 1]
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], Tensor] = {}
        self._is_open = False

    def __deepcopy__(self, copies: dict[int, Any]) -> "Memory":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Memory, ()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep what is computed inside the block."""
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False

    def learn(self, other: "Memory") -> None:
        """Keep what another one knows, too."""
        self._known |= other._known

    def of(
        self,
        windows: Float[Tensor, "n_windows ..."],
        *,
        network: int,
        compute: Callable[[Tensor], Float[Tensor, "n d"]],
    ) -> Float[Tensor, "n_windows d"]:
        """The features of windows; those that are not known are computed.

        Args:
            windows: What the features are of.
            network: The number of the network whose features they are.
            compute: Computes the features of some of the windows.
        """
        if not (self._known or self._is_open):
            return compute(windows)
        names = [(network, blake2b(window, digest_size=16).digest()) for window in windows.detach().cpu().numpy()]
        found = [self._known.get(name) for name in names]
        missing = [place for place, features in enumerate(found) if features is None]
        if missing:
            for place, features in zip(missing, compute(windows[missing]), strict=True):
                found[place] = features
                if self._is_open and len(self._known) < MOST:
                    self._known[names[place]] = features
        return torch.stack([features for features in found if features is not None])
