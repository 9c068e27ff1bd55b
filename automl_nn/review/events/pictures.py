"""Pictures of a decision on events: series with scores, thresholds, what happened and what was alarmed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from automl_nn.decide.events.trigger import Trigger
from automl_nn.review.events.alarms import FALSE, FOUND, MISSED, Watched
from automl_nn.review.seen import Panel, Seen
from automl_nn.task.events import Events

N_WORST = 3
"""False alarms, and misses, that are drawn."""

MIN_CONTEXT, PER_LENGTH, LONG = 40, 4, 400
"""Steps on either side of an error: so many at least, so many times its length, and of a first look."""


@final
@dataclass(frozen=True, eq=False)
class SeenEvents(Seen):
    """When to alarm: what was found, and the worst errors.

    Args:
        watched: Labelled series with alarms.
        goal: What the decision is for, in words.
        beside: What random scores would get, one row a metric; empty if nobody asked.
    """

    watched: Watched
    goal: str
    beside: pd.DataFrame

    @property
    def title(self) -> str:
        trigger = self.watched.choice.trigger
        found = self.watched.choice.metrics
        return (
            f"{self.goal}: alarm from {trigger.high:.3g} until below {trigger.low:.3g}; "
            f"{found['found']:g} events found, {found['missed']:g} missed, {found['false_alarms']:g} false alarms"
        )

    @cached_property
    def _worst(self) -> pd.DataFrame:
        return self.watched.worst()

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        tables = {"events": self.watched.table(), "worst": self._worst}
        return tables | ({"against_random": self.beside} if len(self.beside) else {})

    @property
    def panels(self) -> Mapping[str, Panel]:
        seen = self.watched.table()
        some = seen[seen["kind"] == FOUND]
        look = (some if len(some) else seen).head(1)
        panels = {} if look.empty else {"first_look": self._panel(look.iloc[0], context=LONG)}
        for kind, name in ((FALSE, "false_alarm"), (MISSED, "missed")):
            rows = self._worst[self._worst["kind"] == kind].head(N_WORST)
            panels |= {f"{name}_{i}": self._panel(row) for i, (_, row) in enumerate(rows.iterrows(), start=1)}
        return panels

    def _panel(self, row: "pd.Series[Any]", context: int | None = None) -> Panel:
        width = context or max(MIN_CONTEXT, PER_LENGTH * int(row["n_steps"]))
        table = self.watched.around(int(row["step"]), n_steps=int(row["n_steps"]), context=width)
        title = f"{row['kind']}, series {row['series']}" if context is None else f"series {row['series']}"
        return partial(draw_series, table, trigger=self.watched.choice.trigger, title=title)

    @property
    def panel_size(self) -> tuple[float, float]:
        return 5.0, 3.2

    @property
    def parts(self) -> Mapping[str, Seen]:
        return {}


def draw_series(table: pd.DataFrame, axes: Axes, *, trigger: Trigger, title: str = "") -> None:
    """A stretch of a series: its scores and thresholds, events as bands, alarms as bars on top.

    Args:
        table: What `Watched.around` returned.
        axes: Where to draw.
        trigger: Whose thresholds are drawn.
        title: What the stretch is.
    """
    at = np.arange(len(table))
    labels, alarm = table["label"].to_numpy(), Events.of(table["alarm"].to_numpy())
    for marked, colour, name in ((labels == 1, "C2", "event"), (np.isnan(labels), "0.8", "unknown")):
        _bands(axes, Events.of(marked), color=colour, label=name)
    axes.plot(at, table["score"], color="0.25", linewidth=0.9, label="score")
    axes.axhline(trigger.high, color="C3", linestyle="--", linewidth=1, label="alarm from")
    if trigger.low < trigger.high:
        axes.axhline(trigger.low, color="C1", linestyle=":", linewidth=1.2, label="until below")
    low, high = axes.get_ylim()
    top = high + 0.06 * (high - low)
    for i, (start, stop) in enumerate(zip(alarm.start, alarm.stop, strict=True)):
        axes.plot([start - 0.5, stop - 0.5], [top, top], color="C3", linewidth=5, solid_capstyle="butt")
        if not i:
            axes.lines[-1].set_label("alarm")
    axes.set(xlim=(-0.5, len(table) - 0.5), ylim=(low, high + 0.28 * (high - low)), ylabel="score", xlabel="time")
    axes.set_title(title, fontsize=10)
    shown = np.unique((np.array([0.1, 0.5, 0.9]) * (len(table) - 1)).astype(np.int64))
    axes.set_xticks(shown, _words(table["time"].to_numpy()[shown]), fontsize=8)
    axes.legend(loc="upper center", fontsize=6.5, ncols=6, frameon=False, columnspacing=1.0, handlelength=1.5)


def _bands(axes: Axes, events: Events, *, color: str, label: str) -> None:
    for i, (start, stop) in enumerate(zip(events.start, events.stop, strict=True)):
        axes.axvspan(start - 0.5, stop - 0.5, color=color, alpha=0.35, linewidth=0, label=None if i else label)


def _words(times: npt.NDArray[Any]) -> list[str]:
    """Times as short texts, two lines for dates."""
    if np.issubdtype(times.dtype, np.datetime64):
        return [str(pd.Timestamp(time).floor("s")).replace(" ", "\n") for time in times]
    return [f"{time:g}" if isinstance(time, int | float | np.number) else str(time) for time in times]
