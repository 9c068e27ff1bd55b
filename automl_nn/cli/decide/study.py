"""`automl-nn decide STUDY`: decide on what a study has stored."""

from typing import TYPE_CHECKING, Any

from automl_nn.cli.decide.asked import Asked, Columns, Extras
from automl_nn.cli.decide.scores import PERIODS, check_period, numbers
from automl_nn.errors import DecisionError

if TYPE_CHECKING:
    from automl_nn.results.results import Results

SECONDS_OF_A_DAY = 86_400.0


def decide_study(name: str, asked: Asked, *, columns: Columns, extras: Extras, storage: str) -> dict[str, Any]:
    """The report on a study; every decision is stored once all of them are found to be possible.

    Args:
        name: The study.
        asked: What the decision is for.
        columns: Where to find new scores.
        extras: What else is wanted.
        storage: URL of the database.

    Raises:
        InputError: The study or the goal cannot be used; nothing is stored then.
    """
    from automl_nn.cli.decide.goals import read_costs
    from automl_nn.decide.goal import Goal
    from automl_nn.results.stored import StoredResults
    from automl_nn.review.decision.numbers import compared, decision_report

    others = asked.others()
    check_files(extras)
    study = StoredResults(name, storage=storage)
    costs = None if asked.cost_matrix is None else read_costs(asked.cost_matrix, study.task.classes)
    goal = Goal.unless_empty(**asked.values(n_periods=_periods(study, asked), costs=costs))
    shift = _shift(study, columns, extras)
    members: Any = {"trial": extras.trial, "with_references": extras.with_references}
    decider = study.decider(**members)
    decisions = [decider.weigh(one, prevalence=shift.get("prevalence")) for one in (goal, *others)]
    for decision in decisions:
        study.keep(decision, decider, trial=extras.trial)
    first = decision_report(decisions[0])
    verdict = study.verdict(**members)
    report = {"verdict": verdict, "study": name, "trials": decider.made_from["members"], **first, **shift}
    if others:
        report["compare"] = compared({str(one["goal"]): one for one in map(decision_report, decisions)})
    if extras.picture is not None:
        study.see(decisions[0], **members).save(extras.picture)
        report["picture"] = str(extras.picture)
    if extras.output is not None:
        study.predictor(decisions[0], **members).save(extras.output)
        report["model"] = str(extras.output)
    return report


def check_files(extras: Extras) -> None:
    """Refuse what cannot be written before anything is.

    Raises:
        InputError: A picture or a model file cannot be written there.
    """
    if extras.picture is not None:
        from automl_nn.review.seen import check_picture

        check_picture(extras.picture)
    if extras.output is not None:
        from automl_nn.predict.archive import check_model_file

        check_model_file(extras.output)


def _periods(study: "Results", asked: Asked) -> float | None:
    """Periods that the rows that choose span: as given, or by the times that they were parted by."""
    import pandas as pd

    number, period = asked.alarms
    if number is None or not period or asked.periods is not None:
        return asked.periods
    check_period(period)
    if study.n_days is None:
        raise DecisionError(
            f"Alarms in a {period} need times, but {study.name!r} was not parted by a column of dates: give --periods."
        )
    return max(study.n_days * SECONDS_OF_A_DAY / pd.Timedelta(PERIODS[period]).total_seconds(), 1.0)


def _shift(study: "Results", columns: Columns, extras: Extras) -> dict[str, Any]:
    """The base rate that is given, or that of new scores and how far those have drifted."""
    if extras.unlabelled is None:
        return {} if extras.prevalence is None else {"prevalence": extras.prevalence}
    if study.task.kind != "binary":
        raise DecisionError(f"A {study.task.kind} task has no single base rate: leave --unlabelled out.")
    from automl_nn.data.read import read_frame
    from automl_nn.review.decision.numbers import drift_report

    new = numbers(read_frame(extras.unlabelled), columns.score or f"proba_{study.task.classes[1]}")
    rate, drift = study.decider(extras.trial, with_references=extras.with_references).look_at(new)
    return {"prevalence": rate.share, "prevalence_interval": list(rate.interval), "drift": drift_report(drift)}
