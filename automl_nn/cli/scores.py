"""`automl-nn decide SCORES.csv`: the scores of any model, without a study."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from automl_nn.errors import DataError, DecisionError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from automl_nn.decide.goal import Goal

PERIODS = {"hour": "1h", "day": "1D", "week": "7D"}
"""Periods in which alarms are counted."""

DEFAULT = "f1"
"""What is maximized if nothing is said."""


@final
@dataclass(frozen=True)
class Columns:
    """Names of the columns of a file of scores.

    Args:
        score: Probability of being positive.
        label: What was true.
        positive: The label that counts as positive; 1 unless given.
        weight: How many equal rows a row stands for.
        group: Rows that belong together.
        amount: What the cost of a miss is multiplied by.
        time: When the row was scored, for alarms in a period.
    """

    score: str
    label: str
    positive: str | None = None
    weight: str | None = None
    group: str | None = None
    amount: str | None = None
    time: str | None = None


def decide_on(
    frame: "pd.DataFrame",
    columns: Columns,
    goals: Iterable["Goal | None"],
    *,
    prevalence: float | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """The report of each goal's decision on scores, by the goal's words.

    Args:
        frame: One row for each score.
        columns: Where to find what.
        goals: What the decisions are for.
        prevalence: Share of positives where the thresholds will be used; None if it is that of the file.
        seed: Seed of the resamples.

    Raises:
        InputError: The scores or the goals cannot be used.
    """
    from automl_nn.decide.goal import Goal
    from automl_nn.decide.scores import decide_scores, positives
    from automl_nn.review.decisions import cut_report

    scores, y = _numbers(frame, columns.score), positives(_column(frame, columns.label), positive=columns.positive)
    given = {
        "weight": _numbers(frame, columns.weight),
        "groups": None if columns.group is None else _column(frame, columns.group).astype(str).to_numpy(),
        "amounts": _numbers(frame, columns.amount),
        "prevalence": prevalence,
        "label": columns.label,
        "seed": seed,
    }
    reports = {}
    for goal in (goal or Goal(DEFAULT) for goal in goals):
        cut = decide_scores(scores, y, goal=goal, **given)
        reports[goal.describe()] = {**cut_report(cut), "warnings": list(cut.warnings)}
    return reports


def _column(frame: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    if name not in frame:
        raise DataError(f"There is no column {name!r}. {did_you_mean(name, map(str, frame.columns))}")
    return frame[name]


def _numbers(frame: "pd.DataFrame", name: str | None) -> Any:
    if name is None:
        return None
    column = _column(frame, name)
    if not (column.dtype.kind in "iufb" or column.isna().all()):
        raise DataError(f"The column {name!r} holds {column.dtype}, not numbers: name another one.")
    return column.to_numpy(dtype=float, na_value=float("nan"))


def periods_in(frame: "pd.DataFrame", time: str | None, *, period: str) -> float:
    """How many periods the rows span, one at least.

    Args:
        frame: One row for each score.
        time: Name of the column of times.
        period: A name of `PERIODS`.

    Raises:
        InputError: There are no times, or the period is unknown.
    """
    import pandas as pd

    if period not in PERIODS:
        raise DecisionError(f"Unknown period {period!r}. {did_you_mean(period, PERIODS)}")
    if time is None:
        raise DecisionError(f"Alarms in a {period} need times: name their column by --time, or give --periods.")
    column = _column(frame, time)
    try:
        times = pd.to_datetime(column.astype(str), format="ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(f"The column {time!r} holds no times: name another one by --time.") from error
    return max(float((times.max() - times.min()) / pd.Timedelta(PERIODS[period])), 1.0)


def base_rate(frame: "pd.DataFrame", columns: Columns, prevalence: float | Path | None) -> dict[str, Any]:
    """The share of positives where the threshold will be used: as given, or estimated from new scores.

    Args:
        frame: Scores with labels.
        columns: Where to find what; the new file needs the column of scores only.
        prevalence: The share, a file of new scores, or None if nothing is shifted.

    Returns:
        `prevalence`, and for a file its `prevalence_interval`; empty if nothing is shifted.
    """
    if prevalence is None:
        return {}
    if not isinstance(prevalence, Path):
        return {"prevalence": prevalence}
    from automl_nn.data.read import read_frame
    from automl_nn.decide.scores import positives, rate_of_scores

    y = positives(_column(frame, columns.label), positive=columns.positive)
    new = _numbers(read_frame(prevalence), columns.score)
    rate = rate_of_scores(_numbers(frame, columns.score), y, new=new)
    return {"prevalence": rate.share, "prevalence_interval": list(rate.interval)}
