"""`automl-nn decide SCORES.csv --events`: when to alarm in series whose steps any model has scored."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from automl_nn.cli.asked import Asked, Columns, Extras
from automl_nn.cli.event_options import Spans
from automl_nn.errors import DataError, DecisionError

if TYPE_CHECKING:
    from automl_nn.data.series import Steps
    from automl_nn.decide.events import EventChoice
    from automl_nn.decide.goal import Goal
    from automl_nn.review.events import Watched

SECONDS = {"hour": 3600.0, "day": 86400.0, "week": 604800.0}
"""Length of the periods in which alarms are counted."""

FEW_DRAWS, MANY_STEPS = 1, 1_000_000
"""Random scores that are drawn beside the true ones where there are many steps; 5 otherwise."""


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
    from automl_nn.decide.events import describe_events
    from automl_nn.review.events import event_report

    _check_options(asked, columns, extras)
    if spans.output is not None:
        _check_output(spans.output)
    series = ScoredSeries.read(file, columns, spans)
    goals = [series.goal(asked), *asked.others()]
    choices = [series.decide(goal, seed=extras.seed) for goal in goals]
    watched = series.watch(choices[0])
    beside = series.beside(choices[0], seed=extras.seed)
    report = {"scores": str(file), "goal": describe_events(goals[0]), **event_report(choices[0])}
    report |= {"time": series.in_time(choices[0])} if series.step_seconds else {}
    report |= {"against_random": beside.to_dict("records")}
    if len(goals) > 1:
        report["compare"] = [
            {"goal": describe_events(goal), **_row(event_report(choice))}
            for goal, choice in zip(goals, choices, strict=True)
        ]
    if spans.output is not None:
        report["events"] = str(_write(watched, series.steps.columns.series or "series", spans.output))
    if extras.picture is not None:
        from automl_nn.review.event_pictures import SeenEvents

        seen = SeenEvents(watched, report["goal"], beside)
        report["pictures"] = [str(path) for path in seen.save(extras.picture)]
    return report


def _row(report: dict[str, Any]) -> dict[str, Any]:
    names = ("threshold", "threshold_low", "min_duration", "merge_gap", "utility", "utility_interval", "rule")
    found = ("precision", "recall", "f1", "found", "missed", "false_alarms")
    return {name: report[name] for name in names} | {name: report["metrics"]["with_trigger"][name] for name in found}


def _check_options(asked: Asked, columns: Columns, extras: Extras) -> None:
    if columns.score is None or columns.label is None:
        raise DecisionError("A file of scores needs --score COL and --label COL: name the columns.")
    not_of_events = {
        "--trial": extras.trial,
        "--output": extras.output,
        "--prevalence": extras.prevalence,
        "--unlabelled": extras.unlabelled,
        "--weight": columns.weight,
        "--amount": columns.amount,
        "--cost-matrix": asked.cost_matrix,
        "--max-fpr": asked.max_fpr,
        "--reject": asked.reject,
        "--min-answered": asked.min_answered,
        "--one-vs-rest": asked.one_vs_rest or None,
    }
    names = [name for name, value in not_of_events.items() if value is not None]
    if names:
        raise DecisionError(f"{' and '.join(names)} have no meaning for events: leave them out, or leave out --events.")
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
    try:
        alarms[["series", "start", "end", "n_steps", "peak", "kind"]].rename(columns={"series": name}).to_csv(
            path, index=False
        )
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
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
        from automl_nn.cli.scores import Scores
        from automl_nn.data.roles import convert
        from automl_nn.data.series import SeriesColumns, Steps
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

    @cached_property
    def offsets(self) -> Any:
        """First step of each series, and the number of all steps, (n_series + 1,)."""
        import numpy as np

        return np.append(self.steps.starts, len(self.p))

    @cached_property
    def step_seconds(self) -> float | None:
        """Usual distance between two steps of a series, in seconds; None if times are numbers, or not given."""
        import numpy as np

        if self.times is None or self.times.dtype.kind != "M":
            return None
        within = np.diff(self.steps.numbers) == 0
        return float(np.median(np.diff(self.times)[within] / np.timedelta64(1, "s"))) if within.any() else None

    @cached_property
    def tolerance(self) -> int:
        """Steps on either side of an event that still count as it: as given, or half a usual event."""
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
        """Periods that all labelled steps span together."""
        from automl_nn.cli.scores import check_period

        number, period = asked.alarms
        if number is None or asked.periods is not None:
            return asked.periods
        if not period:
            raise DecisionError(f"--max-alarms {asked.max_alarms} needs a period: write {number:g}/day, or --periods.")
        check_period(period)
        if self.step_seconds is None:
            raise DecisionError(f"Alarms in a {period} need times: name their column by --time, or give --periods.")
        return float((self.y == self.y).sum() * self.step_seconds / SECONDS[period])

    def decide(self, goal: "Goal", *, seed: int) -> "EventChoice":
        """When to alarm.

        Args:
            goal: What it is for.
            seed: Seed of the resamples.
        """
        from automl_nn.decide.events import choose_events

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
        from automl_nn.review.events import Watched

        return Watched.of(self.p, self.y, choice, offsets=self.offsets, names=self.steps.names, times=self.times)

    def beside(self, choice: "EventChoice", *, seed: int) -> Any:
        """What random scores would get, one row a metric."""
        import numpy as np

        from automl_nn.task.random_scores import against_random

        return against_random(
            self.y,
            self.p,
            find=lambda scores: choice.trigger.find(scores, offsets=self.offsets),
            tolerance=choice.tolerance,
            rng=np.random.default_rng(seed),
            n_draws=FEW_DRAWS if len(self.p) > MANY_STEPS else 5,
        )

    def in_time(self, choice: "EventChoice") -> dict[str, float]:
        """Figures per day and in seconds."""
        seconds = float(self.step_seconds or 0.0)
        return {
            "step_seconds": seconds,
            "false_alarms_per_day": choice.metrics["false_alarms_per_1000_steps"] * 86.4 / seconds,
            "mean_delay_seconds": choice.metrics["mean_delay"] * seconds,
        }


def _of_series(groups: Any, steps: "Steps", name: str) -> Any:
    """The group of each series."""
    first = groups[steps.starts]
    if (groups != first[steps.numbers]).any():
        raise DecisionError(f"A series has steps of more than one {name!r}: give groups that hold whole series.")
    return first


def asked_goal(asked: Asked, *, n_periods: float | None) -> "Goal":
    """What a decision on events is for, event_f1 unless something is asked.

    Args:
        asked: In the words of the command line.
        n_periods: Periods that all labelled steps span together.

    Raises:
        DecisionError: It does not suit events.
    """
    from automl_nn.decide.events import event_goal
    from automl_nn.decide.goal import Goal

    maximize = None if asked.maximize is None else event_goal(asked.maximize).maximize
    return Goal.unless_empty(**replace(asked, maximize=maximize).values(n_periods=n_periods)) or Goal("f1")


def half_a_usual_event(y: Any, offsets: Any) -> int:
    """A tolerance: half the median length of the events, in steps.

    Args:
        y: Labels in {0, 1}, NaN where unknown, (n_steps,).
        offsets: First step of each series, and the number of all steps, (n_series + 1,).

    Example:
        >>> half_a_usual_event([0, 1, 1, 1, 1, 0], [0, 6])
        2
    """
    import numpy as np

    from automl_nn.task.events import Events

    lengths = Events.of(y, offsets=offsets).length
    return max(1, round(float(np.median(lengths)) / 2)) if len(lengths) else 0
