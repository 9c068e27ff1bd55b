"""The options of `automl-nn decide --events`, and what they ask for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, final

import typer

from automl_nn.cli.arguments.flat import given_options
from automl_nn.cli.arguments.parse import parse_seconds
from automl_nn.cli.decide.asked import Asked
from automl_nn.errors import BudgetError, DecisionError


@final
@dataclass(frozen=True)
class Spans:
    """How alarms are to be, in the words of the command line: in steps, or as spans of time."""

    series_id: Annotated[
        str | None, typer.Option("--series-id", metavar="COL", help="With --events: the series that a step is of.")
    ] = None
    tolerance: Annotated[
        str | None,
        typer.Option(
            "--tolerance",
            metavar="STEPS|30s",
            help="With --events: how far from an event an alarm is right; half a usual event unless given.",
        ),
    ] = None
    min_duration: Annotated[
        str | None,
        typer.Option(
            "--min-duration", metavar="STEPS|30s", help="With --events: least duration of an alarm; or tuned."
        ),
    ] = None
    merge_gap: Annotated[
        str | None,
        typer.Option("--merge-gap", metavar="STEPS|30s", help="With --events: alarms so near are one; or tuned."),
    ] = None
    cool_down: Annotated[
        str | None,
        typer.Option("--cool-down", metavar="STEPS|30s", help="With --events: no alarm so soon behind another; 0."),
    ] = None
    output_events: Annotated[
        Path | None,
        typer.Option("--output-events", metavar="FILE.csv", help="With --events: write the alarms that were found."),
    ] = None

    def check(self, events: bool) -> None:
        """Refuse options that only events have where none are wanted.

        Args:
            events: Whether events are decided on.

        Raises:
            DecisionError: One is given.
        """
        names = given_options(self)
        if names and not events:
            verb = "needs" if len(names) == 1 else "need"
            raise DecisionError(f"{' and '.join(names)} {verb} --events: add that, or leave out what needs it.")

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
