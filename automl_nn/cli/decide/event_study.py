"""`automl-nn decide STUDY --events`: when to alarm in series whose steps a study has scored."""

from typing import Any

from automl_nn.cli.decide.asked import Asked, Columns, Extras
from automl_nn.cli.decide.event_options import Spans, refuse_options
from automl_nn.cli.decide.study import check_files
from automl_nn.errors import DecisionError

SPANS = ("tolerance", "min_duration", "merge_gap", "cool_down")
"""What is given in steps, or as a span of time."""


def decide_event_study(
    name: str, asked: Asked, *, columns: Columns, extras: Extras, spans: Spans, storage: str
) -> dict[str, Any]:
    """The report on a study whose rows are steps; every decision is stored once all of them are found to be possible.

    Args:
        name: The study.
        asked: What the decision is for.
        columns: None may be given.
        extras: A trial, the seed, and what is to be written.
        spans: How alarms are to be.
        storage: URL of the database.

    Raises:
        InputError: The study or the goal cannot be used; nothing is stored then.
    """
    from automl_nn.cli.decide.event_scores import asked_goal, count_periods
    from automl_nn.decide.events.stored import weigh_events
    from automl_nn.results.stored import StoredResults
    from automl_nn.review.decision.numbers import decision_report
    from automl_nn.review.events.alarms import beside_random, compared_events, in_time, watch

    _check(asked, columns=columns, extras=extras, spans=spans)
    study = StoredResults(name, storage=storage)
    members: Any = {"trial": extras.trial, "with_references": extras.with_references}
    decider, seconds = study.step_decider(**members), study.step_seconds
    given = {span: spans.in_steps(span, step_seconds=seconds) for span in SPANS if getattr(spans, span) is not None}
    known = int((decider.y == decider.y).sum())
    goals = [asked_goal(asked, n_periods=count_periods(asked, n_steps=known, step_seconds=seconds)), *asked.others()]
    decisions = [weigh_events(decider, goal=goal, **given) for goal in goals]
    watched = watch(decisions[0], decider, names=study.step_names)
    beside = beside_random(watched, seed=extras.seed)
    for decision in decisions:
        study.keep(decision, decider, trial=extras.trial)
    reports = [decision_report(decision) for decision in decisions]
    report = {"study": name, "trials": decider.made_from["members"], **reports[0]}
    report |= {"time": in_time(decisions[0].choice, seconds)} if seconds else {}
    report |= {"against_random": beside.to_dict("records")}
    if len(reports) > 1:
        report["compare"] = compared_events({str(one["goal"]): one for one in reports})
    if extras.picture is not None:
        from automl_nn.review.events.pictures import SeenEvents

        seen = SeenEvents(watched, str(report["goal"]), beside)
        report["pictures"] = [str(path) for path in seen.save(extras.picture)]
    if extras.output is not None:
        study.predictor(decisions[0], **members).save(extras.output)
        report["model"] = str(extras.output)
    return report


def _check(asked: Asked, *, columns: Columns, extras: Extras, spans: Spans) -> None:
    if (
        columns.are_of_a_file
        or columns.score is not None
        or spans.series_id is not None
        or spans.output_events is not None
    ):
        raise DecisionError("The columns of a study are known: leave the options of a file of scores out.")
    refuse_options(asked, {"--prevalence": extras.prevalence, "--unlabelled": extras.unlabelled})
    check_files(extras)
