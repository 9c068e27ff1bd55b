"""How templates write numbers and draw charts."""

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from automl_nn.review.images.thumbnails import Pixels, png_of
from automl_nn.review.words import duration, number
from automl_nn.review.worth.choices import OptionWorth, Worth
from automl_nn.web.charts import Number
from automl_nn.web.svg import interval_svg, sparkline_svg, svg

SHORT_SECONDS = 10.0
"""Shorter spans are told with a digit behind the point."""


TINY_SECONDS = 0.1


def span(seconds: float) -> str:
    """A time span, with a digit behind the point where it is short.

    Example:
        >>> span(0.44), span(75), span(0.0)
        ('0.4 s', '1 min 15 s', '< 0.1 s')
    """
    if seconds < TINY_SECONDS:
        return f"< {TINY_SECONDS} s"
    return f"{seconds:.1f} s" if seconds < SHORT_SECONDS else duration(seconds)


def percent(share: float) -> str:
    """A share in percent.

    Example:
        >>> [percent(share) for share in (0.0, 0.004, 0.12, 1.0)]
        ['0 %', '0.4 %', '12 %', '100 %']
    """
    return f"{100 * share:.1f} %" if 0 < abs(share) < 0.01 else f"{100 * share:.0f} %"


def inline(pixels: Pixels) -> str:
    """A picture as an address that holds all of it.

    Example:
        >>> inline(np.zeros((2, 2, 3), dtype=np.uint8))[:27]
        'data:image/png;base64,iVBOR'
    """
    return "data:image/png;base64," + base64.b64encode(png_of(pixels)).decode()


def signed(value: float) -> str:
    """A difference, always with its sign.

    Example:
        >>> signed(0.01234), signed(-2.0)
        ('+0.0123', '-2')
    """
    return f"{value:+.3g}"


def reach(worth: Worth) -> float | None:
    """How far the effects of a study reach from zero; None if there are none."""
    ends = [abs(end) for knob in worth.knobs for option in knob.options for end in option.interval or ()]
    return max(ends, default=0.0) or None


def interval(option: OptionWorth, width: float, is_clear: bool) -> Markup:
    """The effect of an option with its interval, coloured if it is clear; nothing if it is unknown."""
    if option.effect is None or option.interval is None:
        return Markup("")
    return interval_svg(option.effect, *option.interval, reach=width, is_clear=is_clear)


def spark(values: Sequence[Number]) -> Markup:
    """A small curve."""
    return sparkline_svg(values)


def heads(frame: pd.DataFrame) -> list[tuple[str, bool]]:
    """The columns of a table: their names, and whether they hold numbers."""
    return [(str(name), pd.api.types.is_numeric_dtype(frame[name])) for name in frame]


def cells(frame: pd.DataFrame) -> list[list[str]]:
    """The rows of a table as text; missing values are dashes.

    Example:
        >>> cells(pd.DataFrame({"class": ["a", None], "rows": [1200, 3], "share": [0.123456, float("nan")]}))
        [['a', '1,200', '0.1235'], ['-', '3', '-']]
    """
    return [[_cell(value) for value in row] for row in frame.astype(object).itertuples(index=False)]


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    return number(float(value)) if isinstance(value, float | np.floating) else str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (number, duration, svg, span, percent, signed, reach, interval, spark, heads, cells, inline)
}
"""What stands behind a `|` in a template, by its name."""
