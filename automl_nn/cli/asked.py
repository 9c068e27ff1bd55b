"""What is asked of `automl-nn decide`, in the words of its options."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from automl_nn.cli.parse import parse_cost
from automl_nn.errors import DecisionError

if TYPE_CHECKING:
    from automl_nn.decide.goal import Goal

Report = dict[str, Any]


@final
@dataclass(frozen=True)
class Asked:
    """What the decision is for, in the words of the command line.

    Args:
        maximize: Name of a utility.
        cost: As in `fp=1,fn=50`.
        min_precision: Precision to keep.
        min_recall: Recall to keep.
        max_fpr: Largest share of the negatives to mark.
        top_k: Most rows to mark.
        max_alarms: As in `3/day`.
        periods: Periods that the rows span.
        cost_matrix: File of the costs between classes.
        reject: What a row without an answer costs.
        min_answered: Least share of the rows to answer.
        one_vs_rest: Whether each class has a cut-off.
        compare: Further goals.

    Raises:
        DecisionError: Costs, alarms or a further goal are not of the form that is asked for.
    """

    maximize: str | None = None
    cost: str | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    max_fpr: float | None = None
    top_k: int | None = None
    max_alarms: str | None = None
    periods: float | None = None
    cost_matrix: Path | None = None
    reject: float | None = None
    min_answered: float | None = None
    one_vs_rest: bool = False
    compare: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self.prices, self.alarms, self.others()  # what cannot be read is refused before anything is opened

    @property
    def prices(self) -> tuple[float, ...] | None:
        """What the outcomes cost."""
        return None if self.cost is None else parse_cost(self.cost)

    @property
    def alarms(self) -> tuple[float | None, str]:
        """Most alarms, and the period that they are counted in, empty if it is not named."""
        from automl_nn.cli.goals import parse_alarms

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
        """The goals to compare with."""
        from automl_nn.cli.goals import parse_goal

        return [parse_goal(text) for text in self.compare]


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

    score: str | None
    label: str | None
    positive: str | None = None
    weight: str | None = None
    group: str | None = None
    amount: str | None = None
    time: str | None = None

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

    Args:
        prevalence: Share of positives where the decision will be used.
        unlabelled: File of new scores.
        picture: Where to draw the decision.
        trial: The trial to decide on.
        output: Where to write the model.
        with_references: Whether the references may join the ensemble.
        seed: Seed of the resamples.
    """

    prevalence: float | None = None
    unlabelled: Path | None = None
    picture: Path | None = None
    trial: int | None = None
    output: Path | None = None
    with_references: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.prevalence is not None and self.unlabelled is not None:
            raise DecisionError(
                f"--prevalence {self.prevalence:g} and --unlabelled are two base rates: give one of them."
            )
