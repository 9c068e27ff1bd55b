"""A study as one file to mail: what its pages show, with pictures that need no script and nothing from elsewhere."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

import pandas as pd
from markupsafe import Markup

import automl_nn
from automl_nn.results.results import Results
from automl_nn.store.schema import utc_now
from automl_nn.web.files import dashboards, render
from automl_nn.web.pages.asked import BOUNDS, COST, EVENTS, LIMITS, Asked
from automl_nn.web.pages.data import DataPage, data_page
from automl_nn.web.pages.decision import DecisionPage, decision_page
from automl_nn.web.pages.errors import ErrorsPage, errors_page
from automl_nn.web.pages.spikes import StudySpikes, study_spikes
from automl_nn.web.pages.study import StudyPage, study_page
from automl_nn.web.pages.trial import TrialPage, trial_page

_NAMED = re.compile(r' (id|for|aria-labelledby|aria-describedby)="([^"]+)"')


@final
@dataclass(frozen=True, eq=False)
class Report:
    """What a report shows.

    Args:
        verdict: The networks beside simple models, in a sentence, by rows that did not choose them; empty without a
            complete trial.
        study: The study.
        trials: The best trials, or the last one that failed where none is complete.
        decision: Where to cut the scores: for the goal of the decision that was saved last, else for the usual one.
        data: The data.
        errors: What the best trial is wrong about.
        spikes: Where the training of all trials was thrown off.
        made: When the numbers were read, UTC.
    """

    verdict: str
    study: StudyPage
    trials: tuple[TrialPage, ...]
    decision: DecisionPage
    data: DataPage
    errors: ErrorsPage
    spikes: StudySpikes
    made: datetime


def report(results: Results, *, n_best: int = 1) -> Report:
    """Read what a report shows.

    Args:
        results: The study.
        n_best: Best trials to show in full.
    """
    study = study_page(results)
    return Report(
        verdict=study.verdict,
        study=study,
        trials=tuple(trial_page(results, number) for number in _shown(results, n_best)),
        decision=decision_page(results, _asked_last(results)),
        data=data_page(results),
        errors=errors_page(results),
        spikes=study_spikes(results),
        made=utc_now(),
    )


def report_html(shown: Report) -> str:
    """A report as a page that is complete in itself: no script, no picture, font or style from elsewhere.

    Args:
        shown: What `report` returned.
    """
    parts = [{"key": key, "title": title, "body": Markup(_own_names(body, key))} for key, title, body in _parts(shown)]
    folder = dashboards() / "static"
    style = "".join((folder / name).read_text(encoding="utf-8") for name in ("style.css", "report.css"))
    values = {"parts": parts, "style": Markup(style), "version": automl_nn.__version__}
    return render("report.html", report=shown, **values)


def _parts(shown: Report) -> Iterator[tuple[str, str, str]]:
    """Name, title and body of each part."""
    yield "study", "The search", _body("_study.html", shown.study)
    for trial in shown.trials:
        what = "Best trial" if trial is shown.trials[0] and trial.state == "complete" else "Trial"
        yield f"trial-{trial.number}", f"{what}: {trial.number}", _body("_trial.html", trial)
    if shown.decision.refusal:
        yield "decision", "Decision", render("_refused.html", message=shown.decision.refusal)
    else:
        both = _body("_decision.html", shown.decision) + _body("_saved.html", shown.decision)
        yield "decision", "Decision", both
    yield "errors", "Errors", _body("_errors.html", shown.errors)
    if shown.spikes.charts:
        yield "spikes", "Spikes", _body("_spikes.html", shown.spikes)
    yield "data", "Data", _body("_data.html", shown.data)


def _body(template: str, page: Any) -> str:
    return render(template, page=page, still=True)


def _own_names(body: str, key: str) -> str:
    """The body with names of its parts that no other body has; what users named is escaped, so it is left alone."""
    return _NAMED.sub(lambda found: f' {found[1]}="{key}-{found[2]}"', body)


def _shown(results: Results, n_best: int) -> list[int]:
    board = results.leaderboard()
    complete = board[board["state"] == "complete"]
    failed = board[board["state"] == "failed"].sort_values("number").tail(1)
    return [int(number) for number in (failed if complete.empty else complete.head(n_best))["number"]]


def _asked_last(results: Results) -> Asked:
    """What the decision that was saved last was for; the task's default without one."""
    saved = results.store.decisions(results.study_id)
    if saved.empty:
        return Asked()
    last = saved.iloc[-1]
    asked = asked_for(last["spec"])
    trial = "" if pd.isna(last["trial"]) else str(last["trial"])
    is_of_events = last["result"].get("family") == "events"
    return Asked(**{**asked, "trial": trial, "unit": EVENTS if is_of_events else ""})


def asked_for(goal: Mapping[str, Any]) -> dict[str, str]:
    """The fields of the form that ask for a stored goal; none for a goal that the form has no fields for.

    Args:
        goal: What `Goal.to_json` wrote.

    Example:
        >>> asked_for({"cost": [1.0, 50.0], "maximize": None, "min_recall": 0.5})
        {'min_recall': '0.5', 'aim': 'cost', 'fp': '1', 'fn': '50'}
        >>> asked_for({"maximize": "f1"})
        {'aim': 'f1'}
    """
    bounds = {name: f"{goal[name]:.17g}" for name in BOUNDS if goal.get(name) is not None}
    cost, maximize = goal.get("cost"), goal.get("maximize")
    if goal.get("costs") is not None or (cost is not None and len(cost) != 2):
        return {}
    if cost is not None:
        return bounds | {"aim": COST, "fp": f"{cost[0]:.17g}", "fn": f"{cost[1]:.17g}"}
    if maximize is not None:
        return bounds | {"aim": str(maximize)}
    return bounds | ({"aim": LIMITS} if bounds else {})
