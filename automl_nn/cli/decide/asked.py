"""What is asked of `automl-nn decide`: each field is an option, whose help says what it is for."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from automl_nn.cli.arguments import options
from automl_nn.cli.arguments.parse import parse_cost
from automl_nn.errors import DecisionError

if TYPE_CHECKING:
    from automl_nn.decide.goal import Goal

Report = dict[str, Any]


@final
@dataclass(frozen=True)
class Asked:
    """What the decision is for, in the words of the command line.

    Raises:
        DecisionError: Costs, alarms or a further goal are not of the form that is asked for.
    """

    maximize: Annotated[
        str | None,
        typer.Option(
            "--maximize",
            metavar="NAME",
            help="f1, f2, fbeta@3, mcc, balanced_accuracy, net_benefit@0.1, ..., or a scorer of scikit-learn: jaccard.",
        ),
    ] = None
    cost: Annotated[
        str | None,
        typer.Option("--cost", metavar="fp=1,fn=50", help="What a false alarm and a miss cost, in one unit."),
    ] = None
    min_precision: Annotated[
        float | None,
        typer.Option("--min-precision", metavar="P", help="Least share of the marked rows that are right."),
    ] = None
    min_recall: Annotated[
        float | None, typer.Option("--min-recall", metavar="R", help="Least share of the positives that are marked.")
    ] = None
    max_fpr: Annotated[
        float | None, typer.Option("--max-fpr", metavar="F", help="Largest share of the negatives that are marked.")
    ] = None
    top_k: Annotated[
        int | None, typer.Option("--top-k", metavar="K", help="Mark at most so many of the validation rows.")
    ] = None
    max_alarms: Annotated[
        str | None,
        typer.Option(
            "--max-alarms", metavar="3/day", help="Mark at most so many rows in a period (--time, --periods)."
        ),
    ] = None
    periods: Annotated[
        float | None, typer.Option("--periods", metavar="N", help="With --max-alarms: periods that the rows span.")
    ] = None
    cost_matrix: Annotated[
        Path | None,
        typer.Option(
            "--cost-matrix",
            metavar="FILE.csv",
            help="Several classes: costs, a row for each class, a column an action.",
        ),
    ] = None
    reject: Annotated[
        float | None,
        typer.Option("--reject", metavar="COST", help="Several classes: what a row without an answer costs."),
    ] = None
    min_answered: Annotated[
        float | None,
        typer.Option("--min-answered", metavar="SHARE", help="Several classes: least share of rows with an answer."),
    ] = None
    one_vs_rest: Annotated[
        bool, typer.Option("--one-vs-rest", help="Several classes: a cut-off for each class against the rest.")
    ] = False
    compare: Annotated[
        list[str] | None,
        typer.Option("--compare", metavar="GOAL", help="Another goal beside it: f2, fp=1,fn=50, min_recall=0.9, ..."),
    ] = None
    events: Annotated[
        bool, typer.Option("--events", help="With a file of series, one row a step: decide on events, not on steps.")
    ] = False

    def __post_init__(self) -> None:
        _ = self.prices, self.alarms, self.others()  # what cannot be read is refused before anything is opened

    @property
    def prices(self) -> tuple[float, ...] | None:
        """What the outcomes cost."""
        return None if self.cost is None else parse_cost(self.cost)

    @property
    def alarms(self) -> tuple[float | None, str]:
        """Most alarms, and the period that they are counted in, empty if it is not named."""
        from automl_nn.cli.decide.goals import parse_alarms

        return (None, "") if self.max_alarms is None else parse_alarms(self.max_alarms)

    def values(self, *, n_periods: float | None, costs: tuple[tuple[float, ...], ...] | None = None) -> Report:
        """The arguments of `Goal` and of `Study.decide`.

        Args:
            n_periods: Periods that the rows span.
            costs: The cost matrix.
        """
        return {
            "maximize": self.maximize,
            "cost": self.prices,
            "min_precision": self.min_precision,
            "min_recall": self.min_recall,
            "max_fpr": self.max_fpr,
            "top_k": self.top_k,
            "max_alarms": self.alarms[0],
            "n_periods": n_periods,
            "costs": costs,
            "reject": self.reject,
            "min_answered": self.min_answered,
            "one_vs_rest": self.one_vs_rest or None,
        }

    def others(self) -> "list[Goal]":
        """The goals to compare with; of events, their utilities may be written without `event_`."""
        from automl_nn.cli.decide.goals import parse_goal

        texts = self.compare or ()
        return [parse_goal(text) for text in (goals_of_events(texts) if self.events else texts)]


def goals_of_events(texts: Iterable[str]) -> tuple[str, ...]:
    """Goals to compare with as they are written for rows: without `event_` before the names of utilities.

    Args:
        texts: As in `event_f2`, `fp=1,fn=20`, `event_recall,min_precision=0.8`.

    Example:
        >>> goals_of_events(["event_recall,min_precision=0.8", "fp=1,fn=20"])
        ('recall,min_precision=0.8', 'fp=1,fn=20')
    """
    return tuple(",".join(part.strip().removeprefix("event_") for part in text.split(",")) for text in texts)


@final
@dataclass(frozen=True)
class Columns:
    """Names of the columns of a file of scores."""

    score: Annotated[
        str | None,
        typer.Option(
            "--score", metavar="COL", help="With a file: the probability of being positive; of several labels, a,b."
        ),
    ] = None
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="COL", help="With a file: what was true, 0 or 1; of several labels, a,b."),
    ] = None
    positive: Annotated[
        str | None, typer.Option("--positive", metavar="NAME", help="With a file: the label that counts as 1.")
    ] = None
    weight: Annotated[
        str | None, typer.Option("--weight", metavar="COL", help="With a file: how many equal rows a row stands for.")
    ] = None
    group: Annotated[
        str | None, typer.Option("--group", metavar="COL", help="With a file: rows that belong together (patients).")
    ] = None
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="COL", help="With a file: multiplies the cost of a missed row.")
    ] = None
    time: Annotated[
        str | None, typer.Option("--time", metavar="COL", help="With a file: when a row was scored, for --max-alarms.")
    ] = None

    @property
    def are_of_a_file(self) -> bool:
        """Whether a column is named that only a file of scores has."""
        return any((self.label, self.positive, self.weight, self.group, self.amount, self.time))

    @property
    def are_several(self) -> bool:
        """Whether several labels are named, with commas between them."""
        return "," in (self.label or "") and "," in (self.score or "")


@final
@dataclass(frozen=True)
class Extras:
    """What else is wanted.

    Raises:
        DecisionError: Two base rates are given.
    """

    prevalence: Annotated[
        float | None,
        typer.Option("--prevalence", metavar="P", help="Share of positives where it will be used, if another one."),
    ] = None
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled",
            metavar="FILE",
            help="New scores without labels: their prevalence is estimated, and whether they drifted.",
        ),
    ] = None
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE.png|FOLDER",
            help="Draw the decision; a folder gets its tables, and the worst images, too.",
        ),
    ] = None
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Decide on this trial alone; on the ensemble unless given."),
    ] = None
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="MODEL.nn", help="Write the model with this decision.")
    ] = None
    with_references: options.WithReferences = False
    seed: options.Seed = 0

    def __post_init__(self) -> None:
        if self.prevalence is not None and self.unlabelled is not None:
            raise DecisionError(
                f"--prevalence {self.prevalence:g} and --unlabelled are two base rates: give one of them."
            )
