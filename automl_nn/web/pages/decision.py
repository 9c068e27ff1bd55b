"""The page of decisions: where to cut the scores, what that costs, and which cuts were saved."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import pandas as pd

from automl_nn.decide.by_hand import set_by_hand
from automl_nn.decide.decider import Decider
from automl_nn.decide.decision import Decision
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.events.stored import weigh_events
from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.errors import DecisionError, NoTrialError, StorageError
from automl_nn.results.results import Results
from automl_nn.review.decision.curves import Scored, class_confusions, label_table
from automl_nn.review.decision.numbers import decision_report
from automl_nn.review.events.alarms import watch
from automl_nn.search.defaults import STORAGE
from automl_nn.store.looks import runs
from automl_nn.task.base import Task
from automl_nn.web.charts import Chart
from automl_nn.web.pages.alarms import alarm_charts
from automl_nn.web.pages.asked import BOUNDS, COST, EVENTS, LIMITS, Asked, aims
from automl_nn.web.pages.saved import Saved, saved_decisions
from automl_nn.web.pages.threshold import ThresholdView, threshold_view

N_TRIALS = 30
"""Trials that the form offers."""


@final
@dataclass(frozen=True)
class Form:
    """What can be asked for.

    Args:
        asked: What was.
        aims: What can be reached for, by name, in words.
        bounds: The limits that can be set, by name, in words.
        trials: Trials that can be decided for, best first.
        labels: Labels that can be looked at; empty if there is one.
        has_events: Whether alarms and events can be counted rather than steps.
    """

    asked: Asked
    aims: Mapping[str, str]
    bounds: Mapping[str, str]
    trials: tuple[int, ...]
    labels: tuple[str, ...]
    has_events: bool


@final
@dataclass(frozen=True, eq=False)
class Weighed:
    """The best decision for what was asked, which is not saved.

    Args:
        decision: The decision.
        report: Its numbers.
        members: Who predicts, with their weights.
        threshold: The thresholds of one label; None where there are none.
        labels: One row a label, of several.
        confusion: How often each class got which action, by `at`, actual class and action.
        alarms: Series with what was alarmed, of a decision on events.
        command: The line that repeats it and writes the model.
    """

    decision: Decision
    report: Mapping[str, Any]
    members: Mapping[str, float]
    threshold: ThresholdView | None
    labels: pd.DataFrame | None
    confusion: Mapping[str, pd.DataFrame]
    alarms: tuple[Chart, ...]
    command: str

    @property
    def is_movable(self) -> bool:
        """Whether its threshold can be set by hand and saved."""
        return isinstance(self.decision, Cuts) and len(self.decision.cuts) == 1


@final
@dataclass(frozen=True, eq=False)
class DecisionPage:
    """Decisions on one study.

    Args:
        kind: The task's kind.
        form: What can be asked for.
        weighed: What came of it; None if nothing did.
        refusal: Why nothing did; empty if something did.
        is_wrong: Whether what was asked for is impossible, rather than the study not ready.
        saved: The saved decisions, the newest first.
        deploy: The line that writes the model with the newest of them; empty if there is none.
    """

    kind: str
    form: Form
    weighed: Weighed | None
    refusal: str
    is_wrong: bool
    saved: tuple[Saved, ...]
    deploy: str


def decision_page(
    results: Results, asked: Asked | None = None, *, read: Callable[[int | None], Decider] | None = None
) -> DecisionPage:
    """The page of decisions on a study.

    Args:
        results: The study.
        asked: What is asked for; the task's default unless given.
        read: Gives the stored outputs of a trial, or of the ensemble; `results.decider` unless given.
    """
    asked = asked or Asked()
    saved, weighed, refusal, is_wrong = saved_decisions(results.store.decisions(results.study_id)), None, "", False
    try:
        if results.task.family == "values":
            refusal = "There is nothing to decide: the values that the networks predict are used as they are."
        else:
            weighed = _weighed(results, asked, (read or results.decider)(asked.number), saved)
    except NoTrialError as error:
        refusal = str(error)
    except (DecisionError, StorageError) as error:
        refusal, is_wrong = str(error), asked != Asked()
    deploy = _deploying(results, saved[0].number) if saved else ""
    return DecisionPage(results.task.kind, _form(results, asked), weighed, refusal, is_wrong, saved, deploy)


def weigh(results: Results, asked: Asked, decider: Decider, *, logit: float | None = None) -> Decision:
    """The best decision for what is asked, or one whose threshold was set by hand.

    Args:
        results: The study.
        asked: What is asked for.
        decider: Stored outputs.
        logit: The threshold that was set by hand, as a calibrated logit.

    Raises:
        DecisionError: The goal is impossible, or the stored rows do not carry it.
    """
    goal = asked.goal(n_days=results.n_days if asked.max_alarms else None)
    if asked.unit == EVENTS:
        return weigh_events(decider, goal=goal)
    decision = decider.weigh(goal)
    if logit is None:
        return decision
    if not isinstance(decision, Cuts):
        raise DecisionError(f"A {decision.kind} task has no single threshold to set by hand: save the best one.")
    if logit == decision.cuts[0].logit and len(decision.cuts) == 1:
        return decision
    return set_by_hand(decision, decider.output, decider.y, logit=logit, groups=decider.groups, seed=decider.seed)


def _form(results: Results, asked: Asked) -> Form:
    task = results.task
    board = results.store.read(lambda connection: runs(connection, results.study_id))
    known = aims(task, unit=asked.unit)
    aim = asked.aim or next(iter(known), "")
    is_dated = task.kind == "binary" and results.n_days is not None
    bounds = BOUNDS if task.family == "labels" else {}
    complete = board[board["state"] == "complete"].sort_values("score", ascending=False, kind="stable")
    return Form(
        asked=replace(asked, aim=aim),
        aims=known,
        bounds={name: words for name, words in bounds.items() if is_dated or name != "max_alarms"},
        trials=tuple(map(int, complete["number"].head(N_TRIALS))),
        labels=tuple(map(str, task.targets)) if task.kind == "multilabel" else (),
        has_events=results.has_events,
    )


def _weighed(results: Results, asked: Asked, decider: Decider, saved: tuple[Saved, ...]) -> Weighed:
    decision = weigh(results, asked, decider)
    is_binary = isinstance(decision, Cuts)
    return Weighed(
        decision=decision,
        report=decision_report(decision),
        members=decider.made_from["members"],
        threshold=_threshold(results, asked, decider, decision, saved) if isinstance(decision, Cuts) else None,
        labels=label_table(decision.cuts) if isinstance(decision, Cuts) and len(decision.cuts) > 1 else None,
        confusion={} if is_binary or asked.unit == EVENTS else _confusions(decision, decider, results.task),
        alarms=_alarms(decision, decider, results) if isinstance(decision, EventCuts) else (),
        command=_command(results, asked),
    )


def _alarms(decision: EventCuts, decider: Decider, results: Results) -> tuple[Chart, ...]:
    return alarm_charts(watch(decision, decider, names=results.step_names))


def _threshold(
    results: Results, asked: Asked, decider: Decider, decision: Cuts, saved: tuple[Saved, ...]
) -> ThresholdView:
    names = [cut.label for cut in decision.cuts]
    if asked.label and asked.label not in names:
        raise DecisionError(f"There is no label {asked.label!r}: choose one of the list.")
    at = names.index(asked.label) if asked.label else 0
    logits = decision.calibration.apply(decider.output)[:, at]
    places = {f"{one.number}: {one.goal}, {one.on}": one.place for one in saved}
    return threshold_view(
        decision.cuts[at],
        Scored(decider.y[:, at], logits, groups=decider.groups),
        name=str(results.task.classes[1]) if decision.kind == "binary" else names[at],
        goal=_goal(decision),
        costs=asked.costs,
        n_days=results.n_days,
        saved={words: place for words, place in places.items() if place is not None},
    )


def _goal(decision: Decision) -> Goal:
    if decision.goal is None:
        raise DecisionError(f"A {decision.kind} task has nothing to decide.")
    return decision.goal


def _confusions(decision: Decision, decider: Decider, task: Task) -> dict[str, pd.DataFrame]:
    """How often each class got which action: rows are actual classes, columns are actions."""
    names = [str(name) for name in task.classes]
    table = class_confusions(decision, decider.output, decider.y, names=names)
    actions = list(dict.fromkeys(table["action"]))
    return {
        str(at): rows.pivot(index="actual", columns="action", values="n_rows").loc[names, actions]
        for at, rows in table.groupby("at", sort=False)
    }


def _command(results: Results, asked: Asked) -> str:
    """The line that repeats the decision, and writes the model."""
    words = ["automl-nn", "decide", results.name]
    if asked.unit == EVENTS:
        words.append("--events")
    if asked.aim == COST:
        words += ["--cost", "fp={:g},fn={:g}".format(*asked.costs)]
    elif asked.aim not in ("", LIMITS):
        words += ["--maximize", asked.aim]
    for name in (name for name in BOUNDS if getattr(asked, name)):
        value = getattr(asked, name)
        words += [f"--{name.replace('_', '-')}", f"{value}/day" if name == "max_alarms" else value]
    words += ["--trial", asked.trial] if asked.trial else []
    return shlex.join([*words, *_written(results)])


def _deploying(results: Results, number: int) -> str:
    """The line that writes the model with a saved decision, one that was set by hand among them."""
    return shlex.join(["automl-nn", "decide", results.name, "--saved", str(number), *_written(results)])


def _written(results: Results) -> list[str]:
    """Where the model is written to, and where the study is kept."""
    storage = results.storage.replace(":***@", "@")
    file = f"{results.name.replace('/', '_')}.nn"
    return ["-o", file, *([] if storage == STORAGE else ["--storage", storage])]
