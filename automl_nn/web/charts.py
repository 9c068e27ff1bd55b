"""Charts as numbers, and what plotly needs to draw them; `svg` draws the same without any script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from automl_nn.review.words import number

Kind = Literal["line", "step", "points", "bars"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colours, which people with any colour vision can tell apart, on light and on dark ground."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "x", "cross")
GREY = "#808890"

DECADES, FEW_WHOLE = 100.0, 8
"""A logarithmic axis over so much has a tick for each power of ten; so few whole numbers have one each."""

MOST_ROWS = 60
"""Rows of the table under a chart; of more points, every second, third, ... is shown."""

Number = float | None


@final
@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Args:
        name: What they are, for the legend.
        x: Where they are, (n_points,).
        y: Their values, None where there is none, (n_points,).
        kind: How they are drawn.
        low: Lower end of a band around them, (n_points,); none if empty.
        high: Upper end of the band, (n_points,).
        labels: What is said of each point, (n_points,); nothing but its numbers if empty.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[Number, ...]
    kind: Kind = "line"
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()
    labels: tuple[str, ...] = ()

    @staticmethod
    def of(
        name: str,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        kind: Kind = "line",
        *,
        band: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        labels: Sequence[str] = (),
    ) -> "Series":
        """A series from arrays; what is not finite is left out.

        Example:
            >>> Series.of("loss", [1, 2], [0.5, float("nan")]).y
            (0.5, None)
        """
        low, high = ((), ()) if band is None else (_numbers(band[0]), _numbers(band[1]))
        places = tuple(float(place) for place in np.asarray(x, dtype=np.float64))
        return Series(name, places, _numbers(y), kind, low, high, tuple(labels))


@final
@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with.

    Args:
        name: What it stands for.
        value: Where it is.
    """

    name: str
    value: float


@final
@dataclass(frozen=True)
class Mark:
    """A vertical line.

    Args:
        name: What it stands for.
        at: Where it is.
    """

    name: str
    at: float


@final
@dataclass(frozen=True)
class Chart:
    """The numbers of one chart.

    Args:
        title: What it shows.
        x_label: What runs to the right.
        y_label: What runs upwards.
        series: What is drawn.
        levels: Horizontal lines.
        marks: Vertical lines.
        log_x: Whether x is on a logarithmic scale.
        log_y: Whether y is on a logarithmic scale.
        note: What to know about it, in a sentence.

    Example:
        >>> chart = Chart("Loss", "epoch", "loss", (Series.of("train", [1, 2], [0.5, 0.3]),))
        >>> figure(chart)["data"][0]["y"]
        [0.5, 0.3]
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    log_x: bool = False
    log_y: bool = False
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no point to draw."""
        return not any(value is not None for series in self.series for value in series.y)

    @property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """The numbers as text, the heads first, a row for each x."""
        places = sorted({place for series in self.series for place in series.x})
        every = -(-len(places) // MOST_ROWS) or 1
        known = [dict(zip(series.x, series.y, strict=True)) for series in self.series]
        rows = [(number(at), *(number(values.get(at)) for values in known)) for at in places[::every]]
        return ((self.x_label, *(series.name for series in self.series)), *rows)


def _numbers(values: npt.ArrayLike) -> tuple[Number, ...]:
    array = np.asarray(values, dtype=np.float64)
    return tuple(float(value) if math.isfinite(value) else None for value in array)


def figure(chart: Chart) -> dict[str, Any]:
    """What `Plotly.newPlot` takes; the page adds the colours of text and grid.

    Args:
        chart: The numbers.

    Returns:
        `data`, `layout` and `config`, plain values without NaN.
    """
    levels = tuple(level for level in chart.levels if level.value > 0 or not chart.log_y)
    marks = tuple(mark for mark in chart.marks if mark.at > 0 or not chart.log_x)
    traces = [trace for place, series in enumerate(chart.series) for trace in _traces(series, place)]
    return {
        "data": traces,
        "layout": _layout(replace(chart, levels=levels, marks=marks)),
        "config": {"responsive": True, "displaylogo": False},
    }


def _traces(series: Series, place: int) -> list[dict[str, Any]]:
    return [*_band(series, place), _trace(series, place)]


def _trace(series: Series, place: int) -> dict[str, Any]:
    colour = COLOURS[place % len(COLOURS)]
    trace: dict[str, Any] = {"name": _plain(series.name), "x": list(series.x), "y": list(series.y)}
    if series.labels:
        trace |= {"text": [*map(_plain, series.labels)], "hovertemplate": "%{text}<extra></extra>"}
    if series.kind == "bars":
        return trace | {"type": "bar", "marker": {"color": colour}}
    if series.kind == "points":
        marker = {"color": colour, "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 6, "opacity": 0.75}
        return trace | {"type": "scatter", "mode": "markers", "marker": marker}
    line = {"color": colour, "width": 2, "dash": DASHES[place % len(DASHES)]}
    shape = {"shape": "hv"} if series.kind == "step" else {}
    return trace | {"type": "scatter", "mode": "lines", "line": line | shape}


def _band(series: Series, place: int) -> list[dict[str, Any]]:
    if not series.low:
        return []
    shared = {"x": list(series.x), "type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    tint = {"fill": "tonexty", "fillcolor": f"{COLOURS[place % len(COLOURS)]}33"}
    hidden = {"showlegend": False, "name": _plain(series.name)}
    return [shared | hidden | {"y": list(series.low)}, shared | hidden | tint | {"y": list(series.high)}]


def _layout(chart: Chart) -> dict[str, Any]:
    return {
        "margin": {"l": 64, "r": 16, "t": 8, "b": 48},
        "height": 320,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "showlegend": len(chart.series) > 1,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": _axis(chart.x_label, is_log=chart.log_x) | _ticks(_all_x(chart), is_log=chart.log_x),
        "yaxis": _axis(chart.y_label, is_log=chart.log_y) | _ticks(_all_y(chart), is_log=chart.log_y) | _range(chart),
        "shapes": [
            *(_line(y0=_at(level.value, chart.log_y)) for level in chart.levels),
            *(_line(x0=_at(mark.at, chart.log_x)) for mark in chart.marks),
        ],
        "annotations": [_level_words(level, chart.log_y) for level in chart.levels]
        + [_mark_words(mark, chart.log_x) for mark in chart.marks],
    }


def _axis(label: str, *, is_log: bool) -> dict[str, Any]:
    axis = {"title": {"text": _plain(label), "font": {"size": 13}}, "automargin": True, "zeroline": False}
    return axis | ({"type": "log", "exponentformat": "power"} if is_log else {})


def _all_x(chart: Chart) -> set[float]:
    return {place for series in chart.series for place in series.x} | {mark.at for mark in chart.marks}


def _all_y(chart: Chart) -> set[float]:
    shown = {value for series in chart.series for value in series.y if value is not None}
    return shown | {level.value for level in chart.levels}


def _ticks(values: set[float], *, is_log: bool) -> dict[str, Any]:
    """Fewer ticks than plotly sets on a logarithmic axis, and none between whole numbers that are few."""
    if is_log:
        positive = [value for value in values if value > 0] or [1.0]
        return {"dtick": 1 if max(positive) >= DECADES * min(positive) else "D2"}
    are_whole = all(value == int(value) for value in values)
    return {"dtick": 1} if values and are_whole and max(values) - min(values) <= FEW_WHOLE else {}


def _range(chart: Chart) -> dict[str, Any]:
    """Around a single value, which plotly would show as one of many sizes."""
    values = _all_y(chart)
    if len(values) != 1 or chart.log_y or any(series.kind == "bars" for series in chart.series):
        return {}
    (value,) = values
    room = 0.1 * abs(value) or 1.0
    return {"range": [value - room, value + room]}


def _at(value: float, is_log: bool) -> float:
    """A place as plotly wants it in shapes: of a logarithmic axis the exponent."""
    return math.log10(value) if is_log else value


def _line(*, x0: float | None = None, y0: float | None = None) -> dict[str, Any]:
    line = {"type": "line", "line": {"color": GREY, "width": 1.5, "dash": "dash"}, "layer": "below"}
    if y0 is not None:
        return line | {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": y0, "y1": y0}
    return line | {"yref": "paper", "y0": 0, "y1": 1, "xref": "x", "x0": x0, "x1": x0}


def _level_words(level: Level, is_log: bool) -> dict[str, Any]:
    place = {"xref": "paper", "x": 1, "xanchor": "right", "yref": "y", "y": _at(level.value, is_log)}
    return place | {"text": _plain(level.name), "yanchor": "bottom", "showarrow": False}


def _mark_words(mark: Mark, is_log: bool) -> dict[str, Any]:
    place = {"yref": "paper", "y": 1, "yanchor": "top", "xref": "x", "x": _at(mark.at, is_log)}
    return place | {"text": _plain(mark.name), "xanchor": "left", "showarrow": False}


def _plain(text: str) -> str:
    """A text that plotly shows as it is: it would read `<b>` as a command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
