"""Charts as pictures inside a page, drawn without any script; their colours follow the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import final

from markupsafe import Markup

from automl_nn.review.words import number
from automl_nn.web.charts import COLOURS, GREY, Chart, Number, Series

WIDTH, HEIGHT = 600, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 12, 46
LETTER = 6.6
"""Width of a letter, in the unit of the picture."""

DASHES = ("", "7 4", "2 3", "8 3 2 3", "12 4", "12 3 2 3")


@final
@dataclass(frozen=True)
class Scale:
    """From values to places in a picture.

    Args:
        low: Smallest value.
        high: Largest value.
        start: Place of the smallest one.
        end: Place of the largest one.
        is_log: Whether the scale is logarithmic.

    Example:
        >>> Scale(0.0, 10.0, 0.0, 100.0).at(2.5)
        25.0
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    @staticmethod
    def over(values: Sequence[float], start: float, end: float, *, is_log: bool, room: float) -> "Scale":
        """A scale that holds these values, with some room around them, as a share of their range."""
        own = [value for value in values if not is_log or value > 0] or [1.0]
        low, high = (math.log10(min(own)), math.log10(max(own))) if is_log else (min(own), max(own))
        pad = room * (high - low) or (0.5 if is_log else abs(high) * 0.1 or 1.0)
        low, high = (10 ** (low - pad), 10 ** (high + pad)) if is_log else (low - pad, high + pad)
        return Scale(low, high, start, end, is_log)

    def at(self, value: float) -> float:
        """The place of a value."""
        if self.is_log:
            share = math.log10(value / self.low) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: Number) -> bool:
        """Whether the value has a place."""
        return value is not None and (not self.is_log or value > 0)

    def ticks(self) -> list[float]:
        """About five round values.

        Example:
            >>> Scale(0.0, 1.0, 0.0, 100.0).ticks()
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
            >>> Scale(0.5, 2000.0, 0.0, 100.0, is_log=True).ticks()
            [1.0, 10.0, 100.0, 1000.0]
        """
        return self._decades() if self.is_log else self._round()

    def _round(self) -> list[float]:
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{step * i:.10g}") for i in range(first, last + 1)]

    def _decades(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        sizes = (1, 2, 5) if last - first <= 2 else (1,)
        every = -(-(last - first) // 6)
        found = [size * 10.0**power for power in range(first, last + 1, every) for size in sizes]
        return [value for value in found if self.low <= value <= self.high]


def svg(chart: Chart) -> Markup:
    """A chart as one SVG element.

    Args:
        chart: The numbers.

    Example:
        >>> from automl_nn.web.charts import Series
        >>> svg(Chart("Loss", "epoch", "loss", (Series.of("train", [1, 2], [0.5, 0.3]),)))[:26]
        Markup('<svg class="still" viewBox')
    """
    legend, top = _legend(chart)
    x, y = _scales(chart, top)
    drawn = [line for i, series in enumerate(chart.series) for line in _series(series, i, x, y)]
    label = escape(f"{chart.title}: {chart.y_label} by {chart.x_label}")
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMinYMid"'
    head = f'<svg class="still" {box} role="img" aria-label="{label}">'
    return Markup("".join([head, *legend, *_grid(x, y, chart), *drawn, *_lines(chart, x, y), "</svg>"]))


def _scales(chart: Chart, top: float) -> tuple[Scale, Scale]:
    xs = [*(at for series in chart.series for at in series.x), *(mark.at for mark in chart.marks)]
    shown = (value for series in chart.series for value in (*series.y, *series.low, *series.high))
    ys = [*(value for value in shown if value is not None), *(level.value for level in chart.levels)]
    if not chart.log_y and any(series.kind == "bars" for series in chart.series):
        ys.append(0.0)
    return (
        Scale.over(xs or [0.0], LEFT, WIDTH - RIGHT, is_log=chart.log_x, room=0.02),
        Scale.over(ys or [0.0], HEIGHT - BOTTOM, top, is_log=chart.log_y, room=0.06),
    )


def _legend(chart: Chart) -> tuple[list[str], float]:
    """The names of the series over the chart, and where the chart begins below them."""
    if len(chart.series) < 2:
        return [], TOP
    parts, x, y = [], float(LEFT), 14.0
    for i, series in enumerate(chart.series):
        width = 30 + LETTER * len(series.name)
        if x + width > WIDTH - RIGHT and x > LEFT:
            x, y = float(LEFT), y + 18
        sample = _mark(x + 9, y - 4, i) if series.kind == "points" else _stroke(f"M{x:.0f} {y - 4:.0f}h18", i)
        parts.append(f'{sample}<text x="{x + 24:.0f}" y="{y:.0f}">{escape(series.name)}</text>')
        x += width + 14
    return parts, y + 14


def _grid(x: Scale, y: Scale, chart: Chart) -> Iterator[str]:
    middle = (y.start + y.end) / 2
    for value in y.ticks():
        at = y.at(value)
        yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="soft" x="{LEFT - 7}" y="{at + 4:.1f}" text-anchor="end">{_tick(value)}</text>'
    for value in x.ticks():
        at = x.at(value)
        yield f'<path class="grid" d="M{at:.1f} {y.start:.1f}v5"/>'
        yield f'<text class="soft" x="{at:.1f}" y="{y.start + 18:.0f}" text-anchor="middle">{_tick(value)}</text>'
    below = f'x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}"'
    beside = f'x="13" y="{middle:.0f}" transform="rotate(-90 13 {middle:.0f})"'
    for place, label in ((below, chart.x_label), (beside, chart.y_label)):
        yield f'<text {place} text-anchor="middle">{escape(label)}</text>'


def _tick(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e5 else number(value)


def _lines(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    dashed = f'stroke="{GREY}" stroke-width="1.5" stroke-dasharray="6 4"'
    for level in (level for level in chart.levels if y.holds(level.value)):
        at = y.at(level.value)
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" {dashed}/>'
        yield f'<text class="over" x="{WIDTH - RIGHT}" y="{at - 5:.1f}" text-anchor="end">{escape(level.name)}</text>'
    for mark in (mark for mark in chart.marks if x.holds(mark.at)):
        at, is_right = x.at(mark.at), x.at(mark.at) > WIDTH * 0.7
        yield f'<path d="M{at:.1f} {y.end:.1f}V{y.start:.1f}" {dashed}/>'
        side = f'x="{at - 5:.1f}" text-anchor="end"' if is_right else f'x="{at + 5:.1f}"'
        yield f'<text class="over" {side} y="{y.end + 12:.1f}">{escape(mark.name)}</text>'


def _series(series: Series, place: int, x: Scale, y: Scale) -> Iterator[str]:
    if series.low:
        yield _area(series, place, x, y)
    if series.kind == "bars":
        yield from _bars(series, place, x, y)
    elif series.kind == "points":
        yield "".join(_mark(x.at(at), y.at(value), place) for at, value in _held(series, x, y))
    else:
        yield _stroke(_path(series, x, y), place)


def _held(series: Series, x: Scale, y: Scale) -> Iterator[tuple[float, float]]:
    for at, value in zip(series.x, series.y, strict=True):
        if value is not None and y.holds(value) and x.holds(at):
            yield at, value


def _path(series: Series, x: Scale, y: Scale) -> str:
    parts: list[str] = []
    is_open = False
    for at, value in zip(series.x, series.y, strict=True):
        if value is None or not y.holds(value) or not x.holds(at):
            is_open = False
            continue
        right, up = f"{x.at(at):.1f}", f"{y.at(value):.1f}"
        if not is_open:
            parts.append(f"M{right} {up}")
        else:
            parts.append(f"H{right}V{up}" if series.kind == "step" else f"L{right} {up}")
        is_open = True
    return "".join(parts)


def _stroke(path: str, place: int) -> str:
    dash = DASHES[place % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="{COLOURS[place % len(COLOURS)]}" stroke-width="2"{dashed}/>'


def _mark(x: float, y: float, place: int) -> str:
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"',
        f'<path d="M{x - 3:.1f} {y - 3:.1f}h6v6h-6z"',
        f'<path d="M{x:.1f} {y - 4:.1f}l4 7h-8z"',
        f'<path d="M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z"',
    )
    return f'{shapes[place % len(shapes)]} fill="{COLOURS[place % len(COLOURS)]}" fill-opacity=".7"/>'


def _area(series: Series, place: int, x: Scale, y: Scale) -> str:
    rows = [(x.at(at), low, high) for at, low, high in zip(series.x, series.low, series.high, strict=True)]
    known = [(at, low, high) for at, low, high in rows if low is not None and high is not None]
    there = [f"{at:.1f} {y.at(high):.1f}" for at, _, high in known if y.holds(high)]
    back = [f"{at:.1f} {y.at(low):.1f}" for at, low, _ in reversed(known) if y.holds(low)]
    return f'<path d="M{"L".join([*there, *back])}Z" fill="{COLOURS[place % len(COLOURS)]}" fill-opacity=".18"/>'


def _bars(series: Series, place: int, x: Scale, y: Scale) -> Iterator[str]:
    gaps = [after - before for before, after in zip(series.x, series.x[1:], strict=False)]
    width = 0.8 * (x.at(x.low + min(gaps, default=1.0)) - x.start)
    floor = y.start if y.is_log else y.at(0.0)
    for at, value in _held(series, x, y):
        up, down = sorted((y.at(value), floor))
        box = f'x="{x.at(at) - width / 2:.1f}" y="{up:.1f}" width="{width:.1f}" height="{max(down - up, 0.5):.1f}"'
        yield f'<rect {box} fill="{COLOURS[place % len(COLOURS)]}" fill-opacity=".85"/>'


def interval_svg(value: float, low: float, high: float, *, reach: float, is_clear: bool = True) -> Markup:
    """A value with its interval on a line through zero, for a cell of a table.

    Args:
        value: The value.
        low: Where the interval begins.
        high: Where it ends.
        reach: The line goes from minus this to this.
        is_clear: Whether an interval apart from zero may be coloured.

    Example:
        >>> "<circle" in interval_svg(0.1, -0.1, 0.3, reach=0.5)
        True
    """
    scale = Scale(-reach, reach, 4.0, 156.0)
    left, dot, right = (scale.at(min(max(end, -reach), reach)) for end in (low, value, high))
    colour = GREY if not is_clear or low <= 0 <= high else COLOURS[2] if low > 0 else COLOURS[1]
    return Markup(
        '<svg class="interval" viewBox="0 0 160 18" width="160" height="18" aria-hidden="true">'
        f'<path class="grid" d="M80 1v16"/><path d="M{left:.1f} 9H{right:.1f}" stroke="{colour}" stroke-width="3" '
        f'stroke-linecap="round"/><circle cx="{dot:.1f}" cy="9" r="4.5" fill="{colour}"/></svg>'
    )


def sparkline_svg(values: Sequence[Number]) -> Markup:
    """A small curve without axes, for a cell of a table.

    Args:
        values: From left to right; None leaves a gap.

    Example:
        >>> sparkline_svg([0.1, 0.2]).count("<path")
        1
    """
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    x = Scale(0.0, max(len(values) - 1.0, 1.0), 2.0, 78.0)
    y = Scale.over(known, 17.0, 3.0, is_log=False, room=0.0)
    path = _path(Series("", tuple(map(float, range(len(values)))), tuple(values)), x, y)
    return Markup(
        '<svg class="spark" viewBox="0 0 80 20" width="80" height="20" aria-hidden="true">'
        f'<path d="{path}" fill="none" stroke="{COLOURS[0]}" stroke-width="1.5"/></svg>'
    )
