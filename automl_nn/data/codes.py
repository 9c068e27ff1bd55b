"""Whole numbers that are names of things rather than quantities: told by how often they repeat."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MIN_ROWS = 200
"""Under this many rows, nothing is told from repetitions."""

MAX_ROWS = 100_000
"""Of more rows, evenly spaced ones are looked at."""

MIN_LEVELS = 20
"""Fewer distinct numbers are as easily read as quantities."""

REPEATED = 0.3
"""Of the distinct numbers that a quantity of the same spread would have, codes have at most this share."""

IRREGULAR = 0.5
"""Gaps between codes vary by more than this, in units of their mean; those of a scale vary by less."""

ROUND = 0.3
"""If a larger share of the distinct numbers end in the same digit, they are rounded quantities or prices."""

USUAL = 3.0
"""If the smallest number is the most frequent one, and more often there than this many times the mean, it is a zero."""

_MIDDLE = (0.1, 0.9)


def are_codes(values: "pd.Series[Any]") -> bool:
    """Whether whole numbers look like codes: of persons, places, products.

    Quantities that spread as widely would take many more different values, as birthdays show: n of them that fall into
    a range of w whole numbers hit about `w * (1 - exp(-n / w))` of these. Codes are few, and each comes back. Numbers
    on a scale with regular gaps, rounded ones, and those whose smallest value is by far the most frequent one, as
    counts and amounts have it, are quantities all the same.

    Args:
        values: A column of numbers.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> codes = rng.choice(rng.integers(100_000, size=300), size=5_000)
        >>> ages = rng.integers(18, 90, size=5_000)
        >>> are_codes(pd.Series(codes)), are_codes(pd.Series(ages))
        (True, False)
    """
    present = values.iloc[:: -(-max(len(values), 1) // MAX_ROWS)].dropna()
    if len(present) < MIN_ROWS or not pd.api.types.is_numeric_dtype(present):
        return False
    numbers = present.to_numpy(np.float64)
    if numbers.min() < 0 or numbers.max() > 2**53 or (numbers != np.rint(numbers)).any():
        return False
    levels, counts = np.unique(numbers.astype(np.int64), return_counts=True)
    if not MIN_LEVELS <= len(levels) <= len(numbers) / 2 or _begin_at_a_zero(counts):
        return False
    return _repeat(levels, counts) and not _are_on_a_scale(levels)


def _begin_at_a_zero(counts: NDArray[np.int64]) -> bool:
    """Whether the first number is the most frequent one, clearly more often than one of a few codes is by chance."""
    return bool(counts.argmax() == 0 and counts[0] > USUAL * counts.mean())


def _repeat(levels: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """Whether the numbers between the first and the last tenth of the rows take far fewer values than they might."""
    share = counts.cumsum() / counts.sum()
    first, last = np.searchsorted(share, _MIDDLE)
    step = int(np.gcd.reduce(np.diff(levels)))
    width = (levels[last] - levels[first]) / step + 1
    n_rows = counts[first : last + 1].sum()
    return bool(last - first + 1 < REPEATED * width * -np.expm1(-n_rows / width))


def _are_on_a_scale(levels: NDArray[np.int64]) -> bool:
    gaps = np.diff(levels)
    if gaps.std() < IRREGULAR * gaps.mean():
        return True
    digits = np.bincount(levels % 10, minlength=10)
    return bool(digits.max() > ROUND * len(levels))
