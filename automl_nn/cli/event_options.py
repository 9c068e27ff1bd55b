"""The options of `automl-nn decide --events`, and what they ask for."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, final

import typer

from automl_nn.cli.asked import Asked
from automl_nn.cli.parse import parse_seconds
from automl_nn.errors import BudgetError, DecisionError

IsEvents = Annotated[
    bool, typer.Option("--events", help="With a file of series, one row a step: decide on events, not on steps.")
]
SeriesId = Annotated[
    str | None, typer.Option("--series-id", metavar="COL", help="With --events: the series that a step is of.")
]
Tolerance = Annotated[
    str | None,
    typer.Option(
        "--tolerance",
        metavar="STEPS|30s",
        help="With --events: how far from an event an alarm is right; half a usual event unless given.",
    ),
]
MinDuration = Annotated[
    str | None,
    typer.Option("--min-duration", metavar="STEPS|30s", help="With --events: least duration of an alarm; or tuned."),
]
MergeGap = Annotated[
    str | None,
    typer.Option("--merge-gap", metavar="STEPS|30s", help="With --events: alarms so near are one; or tuned."),
]
CoolDown = Annotated[
    str | None,
    typer.Option("--cool-down", metavar="STEPS|30s", help="With --events: no alarm so soon behind another; 0."),
]
OutputEvents = Annotated[
    Path | None,
    typer.Option("--output-events", metavar="FILE.csv", help="With --events: write the alarms that were found."),
]


@final
@dataclass(frozen=True)
class Spans:
    """How alarms are to be, in the words of the command line: in steps, or as spans of time.

    Args:
        series_id: Column of the series.
        tolerance: How far from an event an alarm is right.
        min_duration: Least duration of an alarm.
        merge_gap: Alarms so near are one.
        cool_down: No alarm so soon behind another.
        output_events: Where to write the alarms.
    """

    series_id: str | None = None
    tolerance: str | None = None
    min_duration: str | None = None
    merge_gap: str | None = None
    cool_down: str | None = None
    output_events: Path | None = None

    def check(self, events: bool) -> None:
        """Refuse options that only events have where none are wanted.

        Args:
            events: Whether events are decided on.

        Raises:
            DecisionError: One is given.
        """
        given: dict[str, str | Path | None] = {"--series-id": self.series_id, "--tolerance": self.tolerance}
        given |= {"--min-duration": self.min_duration}
        given |= {"--merge-gap": self.merge_gap, "--cool-down": self.cool_down, "--output-events": self.output_events}
        names = [name for name, value in given.items() if value is not None]
        if names and not events:
            raise DecisionError(f"{' and '.join(names)} need --events: add it, or leave them out.")

    def in_steps(self, name: str, *, step_seconds: float | None = None) -> int:
        """A span in steps, rounded up.

        Args:
            name: A field that is given.
            step_seconds: Seconds between two steps; None if they are not known.

        Raises:
            DecisionError: It is neither a number of steps nor a span of time, or the steps have no times.
        """
        text, option = str(getattr(self, name)), f"--{name.replace('_', '-')}"
        try:
            if text.strip().isdigit():
                return int(text)
            seconds = parse_seconds(text)
        except BudgetError as error:
            raise DecisionError(
                f"{option} {text!r} is not possible: write a number of steps, or a span of time such as 30s or 5m."
            ) from error
        if step_seconds is None:
            raise DecisionError(
                f"{option} {text!r} is a span of time: name the column of times by --time, or give a number of steps."
            )
        return math.ceil(seconds / step_seconds - 1e-9)


def refuse_options(asked: Asked, others: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing where events are decided on.

    Args:
        asked: What the decision is for.
        others: Further such options, by name; None where one is not given.

    Raises:
        DecisionError: One is given.
    """
    not_of_events = {
        **others,
        "--cost-matrix": asked.cost_matrix,
        "--max-fpr": asked.max_fpr,
        "--reject": asked.reject,
        "--min-answered": asked.min_answered,
        "--one-vs-rest": asked.one_vs_rest or None,
    }
    names = [name for name, value in not_of_events.items() if value is not None]
    if names:
        raise DecisionError(f"{' and '.join(names)} have no meaning for events: leave them out, or leave out --events.")


def goals_of_events(texts: Iterable[str]) -> tuple[str, ...]:
    """Goals to compare with as they are written for rows: without `event_` before the names of utilities.

    Args:
        texts: As in `event_f2`, `fp=1,fn=20`, `event_recall,min_precision=0.8`.

    Example:
        >>> goals_of_events(["event_recall,min_precision=0.8", "fp=1,fn=20"])
        ('recall,min_precision=0.8', 'fp=1,fn=20')
    """
    return tuple(",".join(part.strip().removeprefix("event_") for part in text.split(",")) for text in texts)
