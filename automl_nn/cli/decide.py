"""`automl-nn decide`: choose where to cut the scores, and write the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from automl_nn.cli import options
from automl_nn.cli.output import Format, show
from automl_nn.cli.parse import parse_cost
from automl_nn.errors import DecisionError


def decide(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|SCORES.csv", help="Name of a study, or a file of any model's scores.")
    ],
    *,
    maximize: Annotated[
        str | None,
        typer.Option("--maximize", metavar="NAME", help="f1, f2, mcc, balanced_accuracy, net_benefit@0.1, ..."),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option("--cost", metavar="fp=1,fn=50", help="What a false alarm and a miss cost, in one unit."),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option("--min-precision", metavar="P", help="Least share of the marked rows that are right."),
    ] = None,
    min_recall: Annotated[
        float | None, typer.Option("--min-recall", metavar="R", help="Least share of the positives that are marked.")
    ] = None,
    max_fpr: Annotated[
        float | None, typer.Option("--max-fpr", metavar="F", help="Largest share of the negatives that are marked.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", metavar="K", help="Mark at most so many of the validation rows.")
    ] = None,
    max_alarms: Annotated[
        str | None,
        typer.Option(
            "--max-alarms", metavar="3/day", help="Mark at most so many rows in a period (--time, --periods)."
        ),
    ] = None,
    periods: Annotated[
        float | None, typer.Option("--periods", metavar="N", help="With --max-alarms: periods that the rows span.")
    ] = None,
    cost_matrix: Annotated[
        Path | None,
        typer.Option(
            "--cost-matrix",
            metavar="FILE.csv",
            help="Several classes: costs, a row for each class, a column an action.",
        ),
    ] = None,
    reject: Annotated[
        float | None,
        typer.Option("--reject", metavar="COST", help="Several classes: what a row without an answer costs."),
    ] = None,
    min_answered: Annotated[
        float | None,
        typer.Option("--min-answered", metavar="SHARE", help="Several classes: least share of rows with an answer."),
    ] = None,
    one_vs_rest: Annotated[
        bool, typer.Option("--one-vs-rest", help="Several classes: a cut-off for each class against the rest.")
    ] = False,
    prevalence: Annotated[
        float | None,
        typer.Option("--prevalence", metavar="P", help="Share of positives where it will be used, if another one."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option("--compare", metavar="GOAL", help="Another goal beside it: f2, fp=1,fn=50, min_recall=0.9, ..."),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Decide on this trial alone; on the ensemble unless given."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="MODEL.nn", help="Write the model with this decision.")
    ] = None,
    score: Annotated[
        str | None, typer.Option("--score", metavar="COL", help="With a file: the probability of being positive.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", metavar="COL", help="With a file: what was true, 0 or 1.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option("--positive", metavar="NAME", help="With a file: the label that counts as 1.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option("--weight", metavar="COL", help="With a file: how many equal rows a row stands for.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="COL", help="With a file: rows that belong together (patients).")
    ] = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="COL", help="With a file: multiplies the cost of a missed row.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            "--unlabelled", metavar="FILE", help="With a file: new scores, to estimate their prevalence from."
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="COL", help="With a file: when a row was scored, for --max-alarms.")
    ] = None,
    seed: options.Seed = 0,
    storage: options.Storage = options.STORAGE,
    form: options.Format = Format.table,
) -> None:
    """Choose the threshold from stored predictions. It takes seconds and no training; change your mind at will."""
    wanted: dict[str, Any] = {
        "maximize": maximize,
        "cost": None if cost is None else parse_cost(cost),
        "min_precision": min_precision,
        "min_recall": min_recall,
        "max_fpr": max_fpr,
        "top_k": top_k,
        "n_periods": periods,
        "reject": reject,
        "min_answered": min_answered,
        "one_vs_rest": one_vs_rest or None,
    }
    columns = {"score": score, "label": label, "positive": positive, "weight": weight, "group": group}
    columns |= {"amount": amount, "time": time}
    if any(name is not None for name in columns.values()) or Path(study).is_file():
        _refuse_study_options(trial, output, cost_matrix)
        new = prevalence if unlabelled is None else unlabelled
        report = _of_file(
            Path(study), columns, wanted, max_alarms=max_alarms, compare=compare or [], prevalence=new, seed=seed
        )
    else:
        report = _of_study(
            study,
            wanted,
            max_alarms=max_alarms,
            cost_matrix=cost_matrix,
            compare=compare or [],
            prevalence=prevalence,
            trial=trial,
            output=output,
            storage=storage,
        )
    show(report, form)


def _refuse_study_options(trial: int | None, output: Path | None, cost_matrix: Path | None) -> None:
    if trial is not None or output is not None:
        raise DecisionError("A file of scores has no trials and no model: leave --trial and --output out.")
    if cost_matrix is not None:
        raise DecisionError("A file of scores has one label, not several classes: give --cost fp=1,fn=50.")


def _of_file(
    file: Path,
    columns: Mapping[str, str | None],
    wanted: dict[str, Any],
    *,
    max_alarms: str | None,
    compare: list[str],
    prevalence: float | Path | None,
    seed: int,
) -> dict[str, Any]:
    """The report on a file of scores; nothing is stored."""
    from automl_nn.cli.goals import parse_alarms, parse_goal
    from automl_nn.cli.scores import Columns, base_rate, decide_on, periods_in
    from automl_nn.data.read import read_frame
    from automl_nn.decide.goal import Goal
    from automl_nn.review.decisions import compared

    if columns["score"] is None or columns["label"] is None:
        raise DecisionError("A file of scores needs --score COL and --label COL: name the columns.")
    others = [parse_goal(text) for text in compare]
    frame = read_frame(file)
    if max_alarms is not None:
        number, period = parse_alarms(max_alarms)
        if period and wanted["n_periods"] is None:
            wanted["n_periods"] = periods_in(frame, columns["time"], period=period)
        wanted["max_alarms"] = number
    named = Columns(**columns)  # type: ignore[arg-type]
    shift = base_rate(frame, named, prevalence)
    goals = [Goal.unless_empty(**wanted), *others]
    reports = decide_on(frame, named, goals, prevalence=shift.get("prevalence"), seed=seed)
    goal, first = next(iter(reports.items()))
    report = {"scores": str(file), "goal": goal, **first, **shift}
    return report | ({"compare": compared(reports)} if others else {})


def _of_study(
    name: str,
    wanted: dict[str, Any],
    *,
    max_alarms: str | None,
    cost_matrix: Path | None,
    compare: list[str],
    prevalence: float | None,
    trial: int | None,
    output: Path | None,
    storage: str,
) -> dict[str, Any]:
    """The report on a study; every decision is stored."""
    from automl_nn.cli.goals import parse_alarms, parse_goal, read_costs
    from automl_nn.review.decisions import compared, decision_report
    from automl_nn.study import Study

    others = [parse_goal(text) for text in compare]
    if max_alarms is not None:
        wanted["max_alarms"] = parse_alarms(max_alarms)[0]
    loaded = Study.load(name, storage=storage)
    if cost_matrix is not None:
        wanted["costs"] = read_costs(cost_matrix, loaded.task.classes)
    decision = loaded.decide(**wanted, prevalence=prevalence, trial=trial)
    first = decision_report(decision)
    weights = loaded.ensemble() if trial is None else {trial: 1.0}
    report = {"study": name, "trials": {str(k): w for k, w in weights.items()}, **first}
    if others:
        asked: dict[str, Any] = {"prevalence": prevalence, "trial": trial}
        reports = {goal.describe(): decision_report(loaded.decide(**goal.given(), **asked)) for goal in others}
        report["compare"] = compared({str(first["goal"]): first, **reports})
    if output is not None:
        loaded.predictor(decision, trial=trial).save(output)
        report["model"] = str(output)
    return report
