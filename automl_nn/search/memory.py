"""How much memory a stretch of work has needed."""

import resource
from pathlib import Path
from typing import final

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@final
class PeakMemory:
    """The largest memory use of this process since this object was made.

    Where the system cannot start its record anew (elsewhere than on Linux), since the process began.

    Example:
        >>> PeakMemory().mb > 0
        True
    """

    def __init__(self) -> None:
        try:
            _CLEAR.write_text("5")
            self._is_reset = True
        except OSError:
            self._is_reset = False

    @property
    def mb(self) -> float:
        """In MiB, what the process held before included."""
        if self._is_reset:
            lines = (line.split() for line in _STATUS.read_text().splitlines())
            return next(int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
