"""How long a step of training takes, as a few of them tell."""

import time
from collections.abc import Iterator

import numpy as np

N_WARM_STEPS = 3
"""First steps that are left out of a measurement: memory is claimed and kernels are chosen in them."""

LONG_PROBE, LONGEST_PROBE = 4, 16
"""So many times as long as it should take, a measurement ends after two steps, or after one."""


def seconds_per_step(steps: Iterator[object], *, seconds: float, n_warm: int = N_WARM_STEPS) -> float:
    """The median wall time of a step, in seconds.

    Args:
        steps: Takes a step each time it is asked; asked until enough is known, or until it ends.
        seconds: About how long to measure; a few steps in any case, or one if they are very long.
        n_warm: First steps that are left out, if there are others.

    Example:
        >>> import itertools, time
        >>> 0.009 < seconds_per_step((time.sleep(0.01) for _ in itertools.count()), seconds=0.1) < 1
        True
    """
    begun = time.perf_counter()
    ends = [begun]
    for _ in steps:
        ends.append(time.perf_counter())
        if _is_measured(len(ends) - 1, ends[-1] - begun, seconds=seconds, n_warm=n_warm):
            break
    taken = np.diff(ends)
    return float(np.median(taken[min(n_warm, len(taken) - 1) :]))


def _is_measured(n_steps: int, taken: float, *, seconds: float, n_warm: int) -> bool:
    """Whether the steps so far tell how fast they are, as well as the time allows."""
    least = 2 * n_warm if taken < LONG_PROBE * seconds else 2 if taken < LONGEST_PROBE * seconds else 1
    return taken >= seconds and n_steps >= least
