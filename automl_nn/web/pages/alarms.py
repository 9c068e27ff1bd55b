"""Drawings of a decision on events: series with their scores, thresholds, events and alarms."""

from typing import Any

import numpy as np
import pandas as pd

from automl_nn.review.events.alarms import FOUND, Watched
from automl_nn.web.charts import Chart, Level, Series

N_WORST = 2
"""False alarms, and misses, that are drawn."""

CONTEXT = 60
"""Steps on either side of an alarm or an event."""

TOP = 1.06
"""Where alarms are drawn, above all probabilities."""


def alarm_charts(watched: Watched) -> tuple[Chart, ...]:
    """An event that was found, then the worst false alarms and misses.

    Args:
        watched: Labelled series with the alarms of a decision.
    """
    table = watched.table()
    found = table[table["kind"] == FOUND].head(1)
    rows = pd.concat([found, watched.worst(N_WORST)], ignore_index=True)
    return tuple(_chart(watched, row) for row in rows.itertuples())


def _chart(watched: Watched, row: Any) -> Chart:
    table = watched.around(int(row.step), n_steps=int(row.n_steps), context=CONTEXT)
    trigger, steps = watched.choice.trigger, table["time"]
    levels = (Level("alarm from", trigger.high), Level("until below", trigger.low))
    return Chart(
        f"Series {row.series}, {row.kind} at step {row.start}",
        "step",
        "probability",
        (
            Series.of("probability", steps, table["score"]),
            Series.of("event", steps, table["label"], "step"),
            Series.of("alarm", steps, np.where(table["alarm"] == 1, TOP, np.nan), "points"),
        ),
        levels=levels if trigger.low < trigger.high else levels[:1],
    )
