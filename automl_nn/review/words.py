"""How numbers are written for people."""

import math


def number(value: float | None) -> str:
    """A number with about four digits behind the point that matter; a dash for none.

    Example:
        >>> [number(value) for value in (0.81234, -1234567.0, 0.00001234, 12, None)]
        ['0.8123', '-1.235e+06', '1.234e-05', '12', '-']
    """
    if value is None or math.isnan(value):
        return "-"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:.4f}" if 1e-2 <= abs(value) < 1e3 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A time span in its two largest units.

    Args:
        seconds: Length in seconds.

    Example:
        >>> [duration(seconds) for seconds in (0.4, 75, 4000, 100000)]
        ['0 s', '1 min 15 s', '1 h 6 min', '1 d 3 h']
    """
    left = round(seconds)
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if left >= size:
            rest = left % size // below
            return f"{left // size} {unit} {rest} {small}" if rest else f"{left // size} {unit}"
    return f"{left} s"
