"""What steps are called by those who gave them: the name of their series, and their number in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from automl_nn.data.series.steps import Steps

SERIES_IDS = "series_ids"
"""Under which a study keeps the names of its series."""

SERIES_GROUPS = "series_groups"
"""Under which it keeps the number of the group of each series, where series were parted by group."""

MANY_SERIES = 100_000
"""With more series their numbers are told, so that the study stays small."""


@final
@dataclass(frozen=True)
class StepNames:
    """Names of the series of a study, and where each of them begins.

    Args:
        names: Name of each series.
        starts: Number of the first step of each, ascending from 0.

    Example:
        >>> StepNames(("north", "south"), (0, 100)).places([3, 120])
        ['north at 3', 'south at 20']
    """

    names: tuple[str | int, ...]
    starts: tuple[int, ...]

    @staticmethod
    def of(steps: Steps) -> "StepNames | None":
        """Those of a problem; None of very many series, or of a single one that nobody named."""
        if steps.columns.series is None or len(steps.starts) > MANY_SERIES:
            return None
        names = tuple(name if isinstance(name, int | str) else str(name) for name in steps.names.tolist())
        return StepNames(names, tuple(steps.starts.tolist()))

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> "StepNames | None":
        """Those that a study keeps; None if it keeps none."""
        return (
            StepNames(tuple(spec[SERIES_IDS]["names"]), tuple(spec[SERIES_IDS]["starts"]))
            if SERIES_IDS in spec
            else None
        )

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {"names": list(self.names), "starts": list(self.starts)}

    def called(self, numbers: npt.ArrayLike) -> npt.NDArray[Any]:
        """The names of series by their numbers."""
        names = np.empty(len(self.names), dtype=object)
        names[:] = self.names
        return np.asarray(names[np.asarray(numbers, dtype=np.int64)])

    def places(self, steps: Sequence[int]) -> list[str]:
        """In words, where steps are that are counted over all series."""
        owners = np.searchsorted(self.starts, np.asarray(steps, dtype=np.int64), side="right") - 1
        return [
            f"{self.names[owner]} at {step - self.starts[owner]}"
            for owner, step in zip(owners.tolist(), steps, strict=True)
        ]
