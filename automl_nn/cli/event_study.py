"""`automl-nn decide STUDY --events`: when to alarm in series whose steps a study has scored."""

from typing import Any

from automl_nn.cli.asked import Asked, Columns, Extras
from automl_nn.cli.event_options import Spans
from automl_nn.errors import DecisionError


def decide_event_study(
    name: str, asked: Asked, *, columns: Columns, extras: Extras, spans: Spans, storage: str
) -> dict[str, Any]:
    """The report on a study whose rows are steps; the decision is stored.

    Args:
        name: The study.
        asked: What the decision is for; alarms are counted by `--periods`.
        columns: None may be given.
        extras: A trial, and the seed.
        spans: How alarms are to be, in steps.
        storage: URL of the database.

    Raises:
        InputError: The study or the goal cannot be used; nothing is stored then.
    """
    from automl_nn.cli.event_scores import asked_goal, half_a_usual_event
    from automl_nn.decide.stored_events import offsets_of_groups, weigh_events
    from automl_nn.results import StoredResults
    from automl_nn.review.decisions import decision_report

    _check(columns, extras=extras, spans=spans)
    study = StoredResults(name, storage=storage)
    decider = study.decider(extras.trial, with_references=extras.with_references)
    if decider.groups is None:
        raise DecisionError(f"The rows of {name!r} are no steps of series: tune with --per-step and --series-id first.")
    steps = {
        name: spans.in_steps(name)
        for name in ("tolerance", "min_duration", "merge_gap", "cool_down")
        if getattr(spans, name) is not None
    }
    given = {"tolerance": half_a_usual_event(decider.y[:, 0], offsets_of_groups(decider.groups)), **steps}
    decision = weigh_events(decider, goal=asked_goal(asked, n_periods=asked.periods), **given)
    study.keep(decision, decider, trial=extras.trial)
    return {"study": name, "trials": decider.made_from["members"], **decision_report(decision)}


def _check(columns: Columns, *, extras: Extras, spans: Spans) -> None:
    if columns.are_of_a_file or columns.score is not None or spans.series_id is not None or spans.output is not None:
        raise DecisionError("The columns of a study are known: leave the options of a file of scores out.")
    if extras.output is not None or extras.picture is not None or extras.unlabelled is not None:
        raise DecisionError(
            "Events of a study have no model, no picture and no new scores yet: leave those options out."
        )
