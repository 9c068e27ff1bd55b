"""The numbers of a decision: dictionaries of plain values with keys that stay."""

from collections.abc import Mapping, Sequence
from typing import Any

from automl_nn.decide.classes.decisions import Costs, Offsets, OneVsRest
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import Decision
from automl_nn.decide.drift import Drift
from automl_nn.decide.events.decision import EventCuts
from automl_nn.decide.label_decision import Cuts
from automl_nn.review.events.alarms import alarms_report

Report = dict[str, Any]
"""Plain values, lists and dictionaries of them."""


def decision_report(decision: Decision) -> Report:
    """What was decided, how sure that is, and what it gives beside the usual cut."""
    goal = None if decision.goal is None else decision.goal.describe()
    return {"task": decision.kind, "goal": goal, **_chosen(decision)}


def _chosen(decision: Decision) -> Report:
    if isinstance(decision, EventCuts):
        return alarms_report(decision)
    if isinstance(decision, Offsets):
        return _offsets(decision)
    if isinstance(decision, OneVsRest):
        return _one_vs_rest(decision)
    if isinstance(decision, Costs):
        return _costs(decision)
    if not isinstance(decision, Cuts):
        return {"warnings": []}
    warnings = list(decision.warnings)
    if decision.kind == "binary":
        return {**cut_report(decision.cuts[0]), "warnings": warnings}
    labels = [{"label": cut.label, **cut_report(cut)} for cut in decision.cuts]
    return {
        **_by_name(decision.cuts),
        "utility": decision.utility,
        "rule": "one threshold a label",
        "labels": labels,
        "warnings": warnings,
    }


def _by_name(cuts: Sequence[Cut]) -> Report:
    """The thresholds of several labels or classes and their intervals."""
    return {
        "threshold": {cut.label: cut.threshold for cut in cuts},
        "interval": {cut.label: list(cut.interval) for cut in cuts},
    }


def cut_report(cut: Cut) -> Report:
    """A threshold: where it lies, what it is worth, and how sure both are."""
    return {
        "threshold": cut.threshold,
        "interval": list(cut.interval),
        "utility": cut.utility,
        "utility_interval": list(cut.utility_interval),
        "optimism": cut.optimism,
        "rule": cut.rule,
        "n_rows": cut.n_rows,
        "n_positives": cut.n_positives,
        "out_of_bag": dict(cut.out_of_bag),
        "reliability": dict(cut.reliability),
        **({} if cut.theory is None else {"theory": cut.theory}),
        "metrics": {"at_threshold": dict(cut.metrics), "at_half": dict(cut.metrics_at_half)},
    }


def _offsets(decision: Offsets) -> Report:
    choice = decision.choice
    classes = [histogram.label for histogram in decision.histograms] or range(len(choice.offsets))
    return {
        "strength": choice.strength,
        "interval": list(choice.interval),
        "offsets": {str(name): offset for name, offset in zip(classes, choice.offsets, strict=True)},
        "utility": choice.utility,
        "utility_interval": list(choice.utility_interval),
        "rule": choice.rule,
        "n_rows": choice.n_rows,
        "metrics": {"with_offsets": dict(choice.metrics), "at_argmax": dict(choice.metrics_at_argmax)},
        "warnings": list(choice.warnings),
    }


def _one_vs_rest(decision: OneVsRest) -> Report:
    return {
        **_by_name(decision.cuts),
        "utility": decision.utility,
        "optimism": decision.optimism,
        "rule": "one cut-off a class",
        "classes": [{"class": cut.label, **cut_report(cut)} for cut in decision.cuts],
        "metrics": {"with_cuts": dict(decision.metrics), "at_argmax": dict(decision.metrics_at_argmax)},
        "warnings": list(decision.warnings),
    }


def _costs(decision: Costs) -> Report:
    choice = decision.choice
    return {
        "costs": [list(row) for row in choice.costs],
        "limit": choice.limit,
        "reject": choice.reject,
        "utility": choice.utility,
        "utility_interval": list(choice.utility_interval),
        "rule": choice.rule,
        "n_rows": choice.n_rows,
        "metrics": {"by_cost": dict(choice.metrics), "at_argmax": dict(choice.metrics_at_argmax)},
        "warnings": list(choice.warnings),
    }


def drift_report(drift: Drift) -> Report:
    """How far new scores lie from those that the decision was made on.

    Example:
        >>> drift_report(Drift("ill", 0.3, (0.2, 0.4), 0.01, 500))["level"]
        'major'
    """
    return {
        "level": drift.level,
        "psi": drift.psi,
        "interval": list(drift.interval),
        "by_chance_below": drift.limit,
        "n_rows": drift.n_rows,
    }


def compared(reports: Mapping[str, Report]) -> list[Report]:
    """Decisions side by side, one row each, of what their reports have in common.

    Args:
        reports: From a goal in words to the report of its decision.

    Example:
        >>> compared({"f1": {"threshold": 0.2, "utility": 0.5, "metrics": {"at_threshold": {"recall": 0.9}}}})
        [{'goal': 'f1', 'threshold': 0.2, 'utility': 0.5, 'recall': 0.9}]
    """
    return [{"goal": goal, **_row(report)} for goal, report in reports.items()]


def brief(report: Report) -> Report:
    """The report for people: a label, a class and a goal to compare with have one line each, with what fits on it.

    Example:
        >>> cut = {"label": "a", "threshold": 0.2, "metrics": {"at_threshold": {"recall": 0.9}}, "out_of_bag": {}}
        >>> brief({"goal": "f1", "threshold": {"a": 0.2}, "labels": [cut]})
        {'goal': 'f1', 'labels': [{'label': 'a', 'threshold': 0.2, 'recall': 0.9}]}
    """
    lines = {
        part: [{name: row[name], **_row(row)} for row in report[part]]
        for part, name in (("labels", "label"), ("classes", "class"))
        if part in report
    }
    if "compare" in report:
        lines["compare"] = [_without_groups(row) for row in report["compare"]]
    return _without_groups(report) | lines


def _without_groups(report: Report) -> Report:
    """Without the thresholds of several labels or classes, which have lines of their own."""
    groups = [name for name in ("threshold", "interval") if isinstance(report.get(name), Mapping)]
    return {name: value for name, value in report.items() if name not in groups}


def _row(report: Report) -> Report:
    names = ("threshold", "interval", "strength", "utility", "utility_interval", "rule", "warnings")
    first: Report = next(iter(report.get("metrics", {}).values()), {})
    shown = ("precision", "recall", "f1", "tp", "fp", "fn", "tn")
    return {name: report[name] for name in names if name in report} | {n: first[n] for n in shown if n in first}
