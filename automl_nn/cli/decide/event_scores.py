"""`automl-nn decide SCORES.csv --events`: when to alarm in series whose steps any model has scored."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from automl_nn.cli.decide.asked import Asked, Columns, Extras
from automl_nn.cli.decide.event_options import Spans, refuse_options
from automl_nn.errors import DataError, DecisionError
from automl_nn.review.writing import written_whole

if TYPE_CHECKING:
    from automl_nn.data.series.steps import Steps
    from automl_nn.decide.events.choose import EventChoice
    from automl_nn.decide.goal import Goal
    from automl_nn.review.events.alarms import Watched

SECONDS = {"hour": 3600.0, "day": 86400.0, "week": 604800.0}
"""Length of the periods in which alarms are counted."""


def decide_event_file(file: Path, asked: Asked, *, columns: Columns, extras: Extras, spans: Spans) -> dict[str, Any]:
    """The report on a file of scored series; nothing is written but alarms and picture.

    Args:
        file: One row for each step.
        asked: What the decision is for.
        columns: Where to find what.
        extras: What else is wanted.
        spans: How alarms are to be.

    Raises:
        InputError: The file or the goal cannot be used.
    """
    from automl_nn.decide.events.goals import describe_events
    from automl_nn.review.events.alarms import beside_random, compared_events, event_report, in_time

    _check_options(asked, columns, extras)
    if spans.output_events is not None:
        _check_output(spans.output_events)
    series = ScoredSeries.read(file, columns, spans)
    goals = [series.goal(asked), *asked.others()]
    choices = [series.decide(goal, seed=extras.seed) for goal in goals]
    watched = series.watch(choices[0])
    beside = beside_random(watched, seed=extras.seed)
    report = {"scores": str(file), "goal": describe_events(goals[0]), **event_report(choices[0])}
    report |= {"time": in_time(choices[0], series.step_seconds)} if series.step_seconds else {}
    report |= {"against_random": beside.to_dict("records")}
    if len(goals) > 1:
        names = map(describe_events, goals)
        report["compare"] = compared_events(dict(zip(names, map(event_report, choices), strict=True)))
    if spans.output_events is not None:
        report["events"] = str(_write(watched, series.steps.columns.series or "series", spans.output_events))
    if extras.picture is not None:
        from automl_nn.review.events.pictures import SeenEvents

        seen = SeenEvents(watched, report["goal"], beside)
        report["pictures"] = [str(path) for path in seen.save(extras.picture)]
    return report


def _check_options(asked: Asked, columns: Columns, extras: Extras) -> None:
    if columns.score is None or columns.label is None:
        raise DecisionError("A file of scores needs --score COL and --label COL: name the columns.")
    refuse_options(
        asked,
        {
            "--trial": extras.trial,
            "--output": extras.output,
            "--prevalence": extras.prevalence,
            "--unlabelled": extras.unlabelled,
            "--weight": columns.weight,
            "--amount": columns.amount,
        },
    )
    if extras.picture is not None:
        from automl_nn.review.seen import check_picture

        check_picture(extras.picture)


def _check_output(path: Path) -> None:
    if path.suffix != ".csv":
        raise DataError(f"--output-events {str(path)!r} is no CSV file: name a file that ends in .csv.")
    if not path.parent.is_dir():
        raise DataError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}, so make it first.")


def _write(watched: "Watched", name: str, path: Path) -> Path:
    table = watched.table()
    alarms = table[table["kind"] != "missed"].drop(columns="step")
    shown = alarms[["series", "start", "end", "n_steps", "peak", "kind"]].rename(columns={"series": name})
    with written_whole(path) as partial:
        shown.to_csv(partial, index=False)
    return path


@final
@dataclass(frozen=True, eq=False)
class ScoredSeries:
    """A file of scored series, its steps series by series.

    Args:
        steps: Which row is which step of which series.
        p: Probabilities of being positive, (n_steps,).
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        times: When each step was, (n_steps,); None if the file does not say.
        groups: What each series belongs to, (n_series,); None if nothing is said.
        spans: How alarms are to be.
    """

    steps: "Steps"
    p: Any
    y: Any
    times: Any
    groups: Any
    spans: Spans

    @staticmethod
    def read(file: Path, columns: Columns, spans: Spans) -> "ScoredSeries":
        """Read a file.

        Args:
            file: CSV or Parquet, the steps of a series in their order.
            columns: Where to find what; the columns of scores and of labels are named.
            spans: How alarms are to be.

        Raises:
            InputError: It cannot be read, a column is absent or of another kind, a score is no probability, or times
                are not in order.
        """
        from automl_nn.cli.decide.scores import Scores
        from automl_nn.data.roles import convert
        from automl_nn.data.series.steps import SeriesColumns, Steps
        from automl_nn.decide.scores import check_probabilities

        scores = Scores.read(file, columns)
        check_probabilities(scores.p, scores.y)
        steps = Steps.of(scores.frame, SeriesColumns(spans.series_id, columns.time))
        times: Any = None
        if columns.time is not None:
            column = scores.frame[columns.time]
            moments = column if column.dtype.kind in "iuf" else convert(column, "datetime")
            times = moments.to_numpy()[steps.order]
        groups = None if scores.groups is None else _of_series(scores.groups[steps.order], steps, str(columns.group))
        return ScoredSeries(steps, scores.p[steps.order], scores.y[steps.order], times, groups, spans)

    @property
    def offsets(self) -> Any:
        """First step of each series, and the number of all steps, (n_series + 1,)."""
        return self.steps.offsets

    @property
    def step_seconds(self) -> float | None:
        """Usual distance between two steps of a series, in seconds; None if times are numbers, or not given."""
        return self.steps.seconds

    @cached_property
    def tolerance(self) -> int:
        """Steps on either side of an event that still count as it: as given, or half a usual event."""
        from automl_nn.decide.events.stored import half_a_usual_event

        return half_a_usual_event(self.y, self.offsets) if self.spans.tolerance is None else self._steps("tolerance")

    def _steps(self, name: str) -> int:
        return self.spans.in_steps(name, step_seconds=self.step_seconds)

    def goal(self, asked: Asked) -> "Goal":
        """What the decision is for, event_f1 unless something is asked.

        Raises:
            DecisionError: It does not suit events, or the period of alarms cannot be told.
        """
        return asked_goal(asked, n_periods=self._periods(asked))

    def _periods(self, asked: Asked) -> float | None:
        return count_periods(asked, n_steps=int((self.y == self.y).sum()), step_seconds=self.step_seconds)

    def decide(self, goal: "Goal", *, seed: int) -> "EventChoice":
        """When to alarm.

        Args:
            goal: What it is for.
            seed: Seed of the resamples.
        """
        from automl_nn.decide.events.choose import choose_events

        spans = self.spans
        return choose_events(
            self.p,
            self.y,
            goal=goal,
            tolerance=self.tolerance,
            offsets=self.offsets,
            groups=self.groups,
            min_duration=None if spans.min_duration is None else self._steps("min_duration"),
            merge_gap=None if spans.merge_gap is None else self._steps("merge_gap"),
            cool_down=0 if spans.cool_down is None else self._steps("cool_down"),
            seed=seed,
        )

    def watch(self, choice: "EventChoice") -> "Watched":
        """The alarms of a trigger beside the events."""
        from automl_nn.review.events.alarms import Watched

        return Watched.of(self.p, self.y, choice, offsets=self.offsets, names=self.steps.names, times=self.times)


def _of_series(groups: Any, steps: "Steps", name: str) -> Any:
    """The group of each series."""
    first = groups[steps.starts]
    if (groups != first[steps.numbers]).any():
        raise DecisionError(f"A series has steps of more than one {name!r}: give groups that hold whole series.")
    return first


def count_periods(asked: Asked, *, n_steps: int, step_seconds: float | None) -> float | None:
    """Periods of `--max-alarms` that all labelled steps span together; None if no alarms are counted.

    Args:
        asked: What the decision is for.
        n_steps: Number of labelled steps.
        step_seconds: Seconds between two steps; None if they are not known.

    Raises:
        DecisionError: The period is not named or not known, or the steps have no times.

    Example:
        >>> count_periods(Asked(max_alarms="3/day"), n_steps=2880, step_seconds=60.0)
        2.0
    """
    from automl_nn.cli.decide.scores import check_period

    number, period = asked.alarms
    if number is None or asked.periods is not None:
        return asked.periods
    if not period:
        raise DecisionError(f"--max-alarms {asked.max_alarms} needs a period: write {number:g}/day, or --periods.")
    check_period(period)
    if step_seconds is None:
        raise DecisionError(
            f"Alarms in a {period} need times: name a column of dates by --time (of a study: when it is tuned), or "
            "give --periods."
        )
    return n_steps * step_seconds / SECONDS[period]


def asked_goal(asked: Asked, *, n_periods: float | None) -> "Goal":
    """What a decision on events is for, event_f1 unless something is asked.

    Args:
        asked: In the words of the command line.
        n_periods: Periods that all labelled steps span together.

    Raises:
        DecisionError: It does not suit events.
    """
    from automl_nn.decide.events.goals import event_goal
    from automl_nn.decide.goal import Goal

    maximize = None if asked.maximize is None else event_goal(asked.maximize).maximize
    return Goal.unless_empty(**replace(asked, maximize=maximize).values(n_periods=n_periods)) or Goal("f1")
