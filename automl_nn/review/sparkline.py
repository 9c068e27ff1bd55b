"""A curve as a word: one character for each stretch of it."""

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
"""From low to high."""

PLAIN = "_.-~=+*#"
"""The same for where there are no blocks."""

WIDTH = 16
"""Characters of a long curve."""


def sparkline(values: Sequence[float | None], *, width: int = WIDTH, levels: str = BLOCKS) -> str:
    """The shape of a curve, from its own lowest to its own highest value; a blank where nothing finite is known.

    A curve of more values than characters shows the mean of each stretch.

    Args:
        values: The curve.
        width: Most characters.
        levels: The characters, from low to high.

    Example:
        >>> sparkline([0.5, 0.6, 0.7, None, 0.9])
        '▁▃▄ █'
        >>> sparkline([1.0, 1.0]), sparkline([])
        ('▁▁', '')
        >>> len(sparkline(range(1000)))
        16
    """
    means = [_mean(values[a:b]) for a, b in _stretches(len(values), width)]
    known = [mean for mean in means if mean is not None]
    if not known:
        return " " * len(means)
    low, span = min(known), max(known) - min(known)
    top = len(levels) - 1
    return "".join(" " if mean is None else levels[round((mean - low) / span * top) if span else 0] for mean in means)


def drawable(encoding: str | None) -> str:
    """The levels that a stream can show.

    Args:
        encoding: Of the stream.

    Example:
        >>> drawable("utf-8") == BLOCKS, drawable("ascii") == PLAIN
        (True, True)
    """
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def _stretches(n: int, width: int) -> list[tuple[int, int]]:
    n_parts = min(n, width)
    return [(i * n // n_parts, (i + 1) * n // n_parts) for i in range(n_parts)]


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None
