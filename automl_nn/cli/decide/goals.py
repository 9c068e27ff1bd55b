"""From options to goals: what a decision is for, and what it is compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automl_nn.cli.arguments.parse import parse_cost
from automl_nn.decide.goal import Goal
from automl_nn.errors import DecisionError, did_you_mean, preview

COSTS = ("fp", "fn", "tp", "tn")
BOUNDS = ("min_precision", "min_recall", "max_fpr", "top_k")


def parse_alarms(text: str) -> tuple[float, str]:
    """A number of alarms and the period that they are counted in, empty if it is not named.

    Args:
        text: As in `3/day` or `3`.

    Raises:
        DecisionError: It is not of that form.

    Example:
        >>> parse_alarms("3/day")
        (3.0, 'day')
    """
    number, _, period = text.partition("/")
    try:
        return float(number), period.strip().lower()
    except ValueError as error:
        raise DecisionError(f"--max-alarms {text!r} is not possible: write 3/day, or 3 with --periods.") from error


def parse_goal(text: str) -> Goal:
    """A goal in one word.

    Args:
        text: Parts with commas between them: a utility, costs (`fp=1,fn=50`), bounds (`min_recall=0.9`).

    Raises:
        DecisionError: A part is not known, or the goal is impossible.

    Example:
        >>> parse_goal("precision,min_recall=0.9").describe()
        'precision with recall >= 0.9'
    """
    values: dict[str, Any] = {}
    costs: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        name, is_bound, value = (word.strip() for word in part.partition("="))
        if not is_bound:
            values["maximize"] = part
        elif name in COSTS:
            costs.append(part)
        elif name in BOUNDS:
            values[name] = _number(name, value)
        else:
            raise DecisionError(f"Unknown part {name!r} of a goal. {did_you_mean(name, COSTS + BOUNDS)}")
    if costs:
        values["cost"] = parse_cost(",".join(costs))
    return Goal(**values)


def read_costs(path: Path, classes: Sequence[object]) -> tuple[tuple[float, ...], ...]:
    """The cost matrix of a file, in the order of the classes.

    The first column names the actual class of each row, the header the action of each other column.

    Args:
        path: A table such as a CSV file.
        classes: Names of the task's classes.

    Raises:
        InputError: The file cannot be read, a class is absent, or a cost is no number.
    """
    from automl_nn.data.read import read_frame

    frame, names = read_frame(path), [str(name) for name in classes]
    table = frame.set_axis(frame.iloc[:, 0].astype(str), axis=0).iloc[:, 1:]
    for words, found in (("row", list(map(str, table.index))), ("column", list(map(str, table.columns)))):
        if sorted(found) != sorted(names):
            raise DecisionError(
                f"{str(path)!r} must have one {words} for each of the {len(names)} classes {preview(names)}, "
                f"but it has {len(found)}: {preview(found)}."
            )
    table.columns = table.columns.astype(str)
    try:
        return tuple(map(tuple, table.loc[names, names].to_numpy(dtype=float).tolist()))
    except (TypeError, ValueError) as error:
        raise DecisionError(f"A cost in {str(path)!r} is no number ({error}): correct it.") from error


def _number(name: str, value: str) -> float:
    try:
        return int(value) if name == "top_k" else float(value)
    except ValueError as error:
        raise DecisionError(f"{name}={value} is no number: write {name}=0.9 or the like.") from error
