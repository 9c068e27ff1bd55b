"""What a score that knows nothing would get: beside it a flattering metric shows."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import DataError
from automl_nn.task.event_metrics import Column, average_precision, count_events, judged, known_steps
from automl_nn.task.events import Events, match, offsets_of
from automl_nn.task.range_metrics import range_precision, range_recall, vus_pr

SHUFFLED, ROTATED = "shuffled", "rotated"

MAX_BUFFER = 100
"""Largest buffer of VUS-PR; the volume changes little beyond it, and its cost grows."""


def against_random(
    y: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    find: Callable[[Column], Events],
    tolerance: int,
    rng: np.random.Generator,
    n_draws: int = 5,
) -> pd.DataFrame:
    """Every metric of events, beside what it is for scores that know nothing.

    Two kinds of them have the same values as the scores, so that thresholds mean the same: shuffled ones, and ones that
    are turned round within each series by a random number of steps, which keep how values follow each other.

    Args:
        y: Labels, NaN where not known, (n_steps,).
        scores: Greater is more positive, (n_steps,).
        find: From scores to alarms; its events say where the series begin.
        tolerance: Steps on either side of an event that still count as it.
        rng: Randomness of the shuffled and turned scores.
        n_draws: How many of each are averaged.

    Returns:
        One row for each `metric` with its `value`, and the mean of the `shuffled` and `rotated` scores.

    Raises:
        DataError: The labels and scores do not fit each other, or no step is positive.

    Example:
        >>> y = np.tile(np.repeat([0, 1], [90, 10]), 20)
        >>> scores = y + np.random.default_rng(0).normal(0, 0.2, size=2000)
        >>> find = lambda scores: Events.of(scores >= 0.5)
        >>> table = against_random(y, scores, find=find, tolerance=2, rng=np.random.default_rng(0))
        >>> bool((table.value > 4 * table.shuffled)[table.metric == "event_f1"].all())
        True
    """
    labels, values = known_steps(y, scores)
    if not (labels == 1).any():
        raise DataError("No step is positive, so no metric of events is defined: give labels with an event.")
    offsets = find(values).offsets
    own = _metrics(labels, values, find=find, tolerance=tolerance)
    columns = {"value": own}
    for name, draw in ((SHUFFLED, rng.permutation), (ROTATED, lambda scores: rotate(scores, offsets, rng=rng))):
        drawn = [_metrics(labels, draw(values), find=find, tolerance=tolerance) for _ in range(n_draws)]
        columns[name] = dict(pd.DataFrame(drawn).mean())  # of the draws that have the metric
    return pd.DataFrame(columns).rename_axis("metric").reset_index()


def rotate(scores: Column, offsets: npt.ArrayLike, *, rng: np.random.Generator) -> Column:
    """The scores of each series, turned round by a random number of steps.

    Example:
        >>> turned = rotate(np.arange(5.0), [0, 3, 5], rng=np.random.default_rng(0))
        >>> sorted(turned[:3].tolist()), sorted(turned[3:].tolist())
        ([0.0, 1.0, 2.0], [3.0, 4.0])
    """
    parts = offsets_of(offsets, n_steps=len(scores))
    turned = scores.copy()
    for first, last in pairwise(parts):
        turned[first:last] = np.roll(scores[first:last], int(rng.integers(max(last - first, 1))))
    return turned


def _metrics(y: Column, scores: Column, *, find: Callable[[Column], Events], tolerance: int) -> dict[str, float]:
    alarms = find(scores)
    true = Events.of(y, offsets=alarms.offsets)
    counts = count_events(alarms, y, tolerance=tolerance)
    shown = _counted(alarms, true, y=y, tolerance=tolerance)
    buffer = max(int(np.median(true.length)), 2 * tolerance)
    return {
        "average_precision": average_precision(y, scores),
        "vus_pr": vus_pr(y, scores, max_buffer=min(buffer, MAX_BUFFER), offsets=alarms.offsets),
        "range_precision": range_precision(shown, true),
        "range_recall": range_recall(shown, true),
        "event_precision": counts.precision,
        "event_recall": counts.recall,
        "event_f1": counts.f1,
        "false_alarms_per_1000_steps": counts.false_alarms_per(1000),
        "mean_delay": counts.mean_delay,
    }


def _counted(alarms: Events, true: Events, *, y: Column, tolerance: int) -> Events:
    """The alarms that count: those mostly on unknown steps say nothing."""
    unknown = Events.of(np.isnan(y), offsets=alarms.offsets)
    known = judged(alarms.start, alarms.stop, unknown=unknown)
    return alarms.take(known | (match(alarms, true, tolerance=tolerance) >= 0))
