"""`automl-nn decide SCORES.csv`: the scores of any model, without a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from automl_nn.cli.decide.asked import Asked, Columns, Extras
from automl_nn.errors import DataError, DecisionError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from automl_nn.decide.cut import Cut
    from automl_nn.decide.goal import Goal
    from automl_nn.review.seen import Seen

PERIODS = {"hour": "1h", "day": "1D", "week": "7D"}
"""Periods in which alarms are counted."""

DEFAULT = "f1"
"""What is maximized if nothing is said."""


def decide_file(file: Path, asked: Asked, *, columns: Columns, extras: Extras) -> dict[str, Any]:
    """The report on a file of scores; nothing is written but the picture.

    Args:
        file: One row for each score.
        asked: What the decision is for.
        columns: Where to find what.
        extras: What else is wanted.

    Raises:
        InputError: The file or the goal cannot be used.
    """
    from automl_nn.review.decision.numbers import compared, cut_report

    _check_file(file, columns)
    check_options(asked, columns, extras)
    scores = Scores.read(file, columns)
    goals = goals_of(asked, scores.frame, time=columns.time)
    shift = {} if extras.prevalence is None else {"prevalence": extras.prevalence}
    if extras.unlabelled is not None:
        shift = scores.look_at(extras.unlabelled)
    prevalence = shift.get("prevalence")
    cuts = [scores.decide(goal, prevalence=prevalence, seed=extras.seed) for goal in goals]
    reports = [{**cut_report(cut), "warnings": list(cut.warnings)} for cut in cuts]
    report = {"scores": str(file), "goal": goals[0].describe(), **reports[0], **shift}
    if extras.picture is not None:
        scores.see(cuts[0], goals[0], prevalence=prevalence).save(extras.picture)
        report["picture"] = str(extras.picture)
    named = {goal.describe(): one for goal, one in zip(goals, reports, strict=True)}
    return report | ({"compare": compared(named)} if len(goals) > 1 else {})


def goals_of(asked: Asked, frame: "pd.DataFrame", *, time: str | None) -> "list[Goal]":
    """What is maximized, first, and what it is compared with.

    Args:
        asked: What the decision is for.
        frame: One row for each score.
        time: Name of the column of times.

    Raises:
        InputError: A goal is impossible, or alarms are counted in periods and there are no times.
    """
    from automl_nn.decide.goal import Goal

    n_periods, period = asked.periods, asked.alarms[1]
    if period and n_periods is None:
        n_periods = periods_in(frame, time, period=period)
    return [Goal.unless_empty(**asked.values(n_periods=n_periods)) or Goal(DEFAULT), *asked.others()]


def _check_file(file: Path, columns: Columns) -> None:
    """Refuse a study that is asked for what only a file of scores has."""
    if not file.is_file() and (columns.score is None or columns.label is None):
        raise DecisionError(
            f"There is no file {str(file)!r}, and a study takes no --label, --positive, --weight, --group, --amount or "
            "--time: leave them out, or name a file with --score and --label."
        )


def check_options(asked: Asked, columns: Columns, extras: Extras) -> None:
    """Refuse what a file of scores cannot be asked for.

    Raises:
        InputError: The options contradict each other or the file.
    """
    if extras.trial is not None or extras.output is not None:
        raise DecisionError("A file of scores has no trials and no model: leave --trial and --output out.")
    if asked.cost_matrix is not None:
        raise DecisionError("A file of scores has one label, not several classes: give --cost fp=1,fn=50.")
    if columns.score is None or columns.label is None:
        raise DecisionError("A file of scores needs --score COL and --label COL: name the columns.")
    if extras.picture is not None:
        from automl_nn.review.seen import check_picture

        check_picture(extras.picture)
        if columns.amount is not None:
            raise DecisionError("Costs that differ from row to row have no curve: leave --picture or --amount out.")


@final
@dataclass(frozen=True)
class Scores:
    """A file of scores.

    Args:
        frame: One row for each score.
        columns: Where to find what.
        p: Probabilities of being positive, (n_rows,).
        y: Labels in {0, 1}, NaN where missing, (n_rows,).
    """

    frame: "pd.DataFrame"
    columns: Columns
    p: Any
    y: Any

    @staticmethod
    def read(file: Path, columns: Columns) -> "Scores":
        """Read a file of scores.

        Args:
            file: CSV or Parquet.
            columns: Where to find what; the columns of scores and of labels are named.

        Raises:
            InputError: It cannot be read, or a column is absent or of another kind.
        """
        from automl_nn.data.read import read_frame
        from automl_nn.decide.scores import positives

        frame = read_frame(file)
        p = numbers(frame, str(columns.score))
        return Scores(frame, columns, p, positives(column_of(frame, str(columns.label)), positive=columns.positive))

    @property
    def groups(self) -> Any:
        """Rows that belong together, as text (n_rows,); None if nothing is said."""
        return groups_of(self.frame, self.columns)

    @property
    def weight(self) -> Any:
        """Weight of each row (n_rows,); None if nothing is said."""
        return None if self.columns.weight is None else numbers(self.frame, self.columns.weight)

    def decide(self, goal: "Goal", *, prevalence: float | None, seed: int) -> "Cut":
        """The threshold that is best for a goal.

        Args:
            goal: What it is for.
            prevalence: Share of positives where it will be used; None if it is that of the file.
            seed: Seed of the resamples.
        """
        from automl_nn.decide.scores import decide_scores

        return decide_scores(
            self.p,
            self.y,
            goal=goal,
            weight=self.weight,
            groups=self.groups,
            amounts=None if self.columns.amount is None else numbers(self.frame, self.columns.amount),
            prevalence=prevalence,
            label=str(self.columns.label),
            seed=seed,
        )

    def look_at(self, file: Path) -> dict[str, Any]:
        """The share of positives among new scores, and how far they drifted.

        Args:
            file: New scores, in a column of the same name.
        """
        from automl_nn.data.read import read_frame
        from automl_nn.decide.scores import drift_of_scores, rate_of_scores
        from automl_nn.review.decision.numbers import drift_report

        new = numbers(read_frame(file), str(self.columns.score))
        rate = rate_of_scores(self.p, self.y, new=new, weight=self.weight)
        found = drift_of_scores(self.p[self.y == self.y], new=new, label=str(self.columns.score))
        return {"prevalence": rate.share, "prevalence_interval": list(rate.interval), "drift": drift_report(found)}

    def see(self, cut: "Cut", goal: "Goal", *, prevalence: float | None) -> "Seen":
        """A decision as tables and pictures.

        Args:
            cut: The threshold.
            goal: What it is for.
            prevalence: Share of positives where it will be used.
        """
        from automl_nn.decide.scores import logit_of
        from automl_nn.review.decision.curves import Scored
        from automl_nn.review.decision.pictures import see_cut

        rows = Scored(self.y, logit_of(self.p), weight=self.weight, groups=self.groups, prevalence=prevalence)
        return see_cut(cut, rows, goal=goal)


def column_of(frame: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    """A column of a file.

    Raises:
        DataError: There is none of this name.
    """
    if name not in frame:
        raise DataError(f"There is no column {name!r}. {did_you_mean(name, map(str, frame.columns))}")
    return frame[name]


def groups_of(frame: "pd.DataFrame", columns: Columns) -> Any:
    """Rows that belong together, as text (n_rows,); None if nothing is said.

    Raises:
        DataError: There is no such column.
    """
    return None if columns.group is None else column_of(frame, columns.group).astype(str).to_numpy()


def numbers(frame: "pd.DataFrame", name: str) -> Any:
    """A column of numbers, (n_rows,).

    Raises:
        DataError: There is none of this name, or it holds something else.
    """
    column = column_of(frame, name)
    if not (column.dtype.kind in "iufb" or column.isna().all()):
        raise DataError(f"The column {name!r} holds {column.dtype}, not numbers: name another one.")
    return column.to_numpy(dtype=float, na_value=float("nan"))


def check_period(period: str) -> None:
    """Refuse an unknown period.

    Raises:
        DecisionError: It is none of `PERIODS`.

    Example:
        >>> check_period("day")
    """
    if period not in PERIODS:
        raise DecisionError(f"Unknown period {period!r}. {did_you_mean(period, PERIODS)}")


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

    check_period(period)
    if time is None:
        raise DecisionError(f"Alarms in a {period} need times: name their column by --time, or give --periods.")
    column = column_of(frame, time)
    try:
        times = pd.to_datetime(column.astype(str), format="ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(f"The column {time!r} holds no times: name another one by --time.") from error
    return max(float((times.max() - times.min()) / pd.Timedelta(PERIODS[period])), 1.0)
